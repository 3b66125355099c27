#!/usr/bin/env python3
"""How many images a second PyTorch's DataLoader makes ready: OpenCV, albumentations, the same work as bench_loader.

    loader_torch.py WORKSPACE [--npy] [--workers 2] [--batch 8] [--seconds 10]

--npy reads the decoded images from one mapped file, as the packed cache does; it is made in the workspace's folder.
"""
import argparse
import csv
import os
import resource
import time

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A
import albumentations.pytorch
import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Cases(Dataset):
    def __init__(self, workspace, mapped):
        with open(os.path.join(workspace, "cases.csv"), newline="") as table:
            rows = [r for r in csv.DictReader(table) if r["part"] == "train" and r["status"] == "ok"]
        self.paths = [[os.path.join(workspace, k, r["ImageId"] + ".png") for k in ("images", "masks")] for r in rows]
        self.mapped = self.map_images(workspace) if mapped else None
        self.transform = A.Compose([
            A.HorizontalFlip(p=0.5),
            A.Rotate(limit=10, p=0.5, border_mode=cv2.BORDER_REFLECT_101),
            A.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            A.pytorch.ToTensorV2(),
        ])

    def map_images(self, workspace):
        path = os.path.join(workspace, "bench.npy")
        np.save(path, np.stack([[cv2.imread(p, cv2.IMREAD_GRAYSCALE) for p in pair] for pair in self.paths]))
        return np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        if self.mapped is not None:
            image, mask = cv2.cvtColor(self.mapped[index, 0], cv2.COLOR_GRAY2BGR), self.mapped[index, 1]
        else:
            image, mask = cv2.imread(self.paths[index][0]), cv2.imread(self.paths[index][1], cv2.IMREAD_GRAYSCALE)
        done = self.transform(image=image, mask=mask)
        return done["image"], (done["mask"] > 127).float()[None]


def processor_seconds():
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace")
    parser.add_argument("--npy", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    a = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    data = Cases(a.workspace, a.npy)
    loader = DataLoader(data, a.batch, shuffle=True, num_workers=a.workers, drop_last=True, persistent_workers=True)
    for image, mask in loader:
        assert image.dtype == torch.float32 and image.shape[1:] == (3, 512, 512) and mask.shape[1:] == (1, 512, 512)
    # Workers count as children only when they have ended, so they are asked by their ids.
    ticks = os.sysconf("SC_CLK_TCK")

    def used():
        seconds = processor_seconds()
        for worker in loader._iterator._workers:
            with open(f"/proc/{worker.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            seconds += (int(fields[11]) + int(fields[12])) / ticks
        return seconds

    start, before, images = time.monotonic(), used(), 0
    while time.monotonic() - start < a.seconds:
        images += sum(len(image) for image, _ in loader)
    took, spent = time.monotonic() - start, used() - before
    print(f"{images / took:.1f} images a second, {images / spent:.1f} a second of processor time")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Prepares images and masks by the library calls of the competition winner's prepare_png.py.

    prepare_png.py IMAGES RLE_CSV OUT SIZE

IMAGES holds *.dcm at any depth. Writes OUT/images/ID.png and OUT/masks/ID.png of SIZE x SIZE pixels and prints how many
images a second of wall and of processor time that took, imports and the table not counted. The calls are
pydicom.dcmread().pixel_array, skimage.transform.resize with its defaults, * 255, cv2.imwrite (which rounds and
saturates); masks are float64 sums of 0/255 rows that are resized and written without * 255. Debian 12: python3-pydicom,
python3-skimage, python3-opencv, python3-pil.
"""
import csv
import pathlib
import sys
import time

import cv2
import numpy as np
import pydicom
from skimage.transform import resize


def decode_row(text, width, height):
    """One row of run lengths: column by column, each gap counted from the end of the run before."""
    flat = np.zeros(width * height)
    values = [int(word) for word in text.split()]
    if values in ([], [-1]):
        return flat.reshape(width, height)
    at = 0
    for gap, length in zip(values[0::2], values[1::2]):
        at += gap
        flat[at:at + length] = 255
        at += length
    return flat.reshape(width, height)


def sum_of_rows(rows, width, height):
    total = np.zeros((width, height))
    for text in rows:
        total += decode_row(text, width, height)
    return total.T


def read_rows(path):
    rows = {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        for fields in csv.reader(file):
            if len(fields) >= 2 and fields[0] != "ImageId":
                rows.setdefault(fields[0], []).append(fields[1])
    return rows


def main():
    images, table, out, size = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4])
    rows = read_rows(table)
    files = sorted(pathlib.Path(images).rglob("*.dcm"))
    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    wall, processor = time.perf_counter(), time.process_time()
    for file in files:
        image = pydicom.dcmread(file).pixel_array
        mask = sum_of_rows(rows.get(file.stem, []), image.shape[1], image.shape[0])
        cv2.imwrite(str(out / "images" / (file.stem + ".png")), resize(image, (size, size)) * 255)
        cv2.imwrite(str(out / "masks" / (file.stem + ".png")), resize(mask, (size, size)))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{len(files)} images, {len(files) / wall:.2f} a second, {len(files) / processor:.2f} a second of processor")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes tests/golden/torch_files: files of torch.save in both forms, what is in them as safetensors (by numpy alone),
and files that would run code.

Usage: make_torch_files.py FOLDER. Needs PyTorch and numpy; only tests of the reader use what it wrote.
"""
import argparse
import collections
import json
import os
import pickle
import struct
import sys

import numpy as np
import torch


def tensors():
    """name -> (tensor, the same as a numpy array of the type that safetensors gets; None where it is left out)"""
    base = torch.arange(24, dtype=torch.float32) * 0.25 - 1
    half = torch.tensor([1, -2, 6e-8, 65504, float("inf"), -0.0, 3e-5], dtype=torch.float16)
    brain = torch.tensor([1, -3.140625, 1e30], dtype=torch.bfloat16)
    double = torch.tensor([0.1, -1e-300], dtype=torch.float64)
    rows = collections.OrderedDict()
    rows["conv.weight"] = base.reshape(2, 3, 2, 2), np.float32
    rows["conv.turned"] = base[2:14].reshape(3, 4).t(), np.float32  # the same storage, other strides
    rows["norm.num_batches_tracked"] = torch.tensor(1234567890123, dtype=torch.int64), np.int64
    rows["half"] = half, np.float32
    rows["brain"] = brain, np.float32
    rows["double"] = double, np.float64
    rows["int"] = torch.tensor([-2147483648, 7, -1], dtype=torch.int32), np.int64
    rows["short"] = torch.tensor([-32768, 5], dtype=torch.int16), np.int64
    rows["char"] = torch.tensor([-128, 127], dtype=torch.int8), np.int64
    rows["byte"] = torch.tensor([0, 255, 3], dtype=torch.uint8), np.uint8
    rows["flag"] = torch.tensor([True, False, True]), np.int64
    rows["empty"] = torch.zeros(0, 3), np.float32
    rows["deep"] = torch.zeros(1, 1, 1, 1, 2), None
    rows["parameter"] = torch.nn.Parameter(torch.tensor([[1.5, 2.5]])), np.float32
    return rows


def safetensors(rows):
    names = {np.float32: "F32", np.float64: "F64", np.int64: "I64", np.uint8: "U8"}
    header, data = {}, b""
    for name, (tensor, dtype) in rows.items():
        if dtype is None:
            continue
        plain = tensor.detach()
        array = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy().astype(dtype)
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[dtype], "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never be run",)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    rows = tensors()
    with open(os.path.join(folder, "expected.safetensors"), "wb") as file:
        file.write(safetensors(rows))
    state = collections.OrderedDict(("module." + name, tensor) for name, (tensor, _) in rows.items())
    checkpoint = {"epoch": 3, "loss": 0.5, "args": argparse.Namespace(lr=1e-4), "best": np.float64(0.5), "state_dict": state}
    # What training checkpoints have beside the network: tensors that are not asked for.
    checkpoint["optimizer"] = {"state": {0: {"exp_avg": torch.full((3,), 7.0, dtype=torch.float64)}}}
    plain = collections.OrderedDict((name, tensor) for name, (tensor, _) in rows.items())
    for form, zipped in (("zip", True), ("legacy", False)):
        torch.save(checkpoint, os.path.join(folder, f"checkpoint-{form}.pth"), _use_new_zipfile_serialization=zipped)
        torch.save(plain, os.path.join(folder, f"plain-{form}.pth"), _use_new_zipfile_serialization=zipped)
        evil = {"a": torch.ones(2), "b": Evil()}
        torch.save(evil, os.path.join(folder, f"evil-{form}.pth"), _use_new_zipfile_serialization=zipped)
    torch.save(torch.nn.Linear(2, 1), os.path.join(folder, "model-zip.pth"))
    with open(os.path.join(folder, "numbers.pth"), "wb") as file:
        pickle.dump([1, 2, 3], file, protocol=2)


if __name__ == "__main__":
    main()

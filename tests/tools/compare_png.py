#!/usr/bin/python3
"""Compares two folders of grey PNG files, name by name.

    compare_png.py EXPECTED FOUND

Prints how many pixels are equal and the largest difference; ends with 1 when a picture is missing or of another size, a
pixel differs by more than 1, or fewer than 99.5 % are equal. Masks that EXPECTED has and FOUND lacks must be empty:
pleura writes none for an image without a row. Needs python3-opencv.
"""
import pathlib
import sys

import cv2
import numpy as np


def main():
    expected, found = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    names = sorted(path.name for path in expected.glob("*.png"))
    pixels = equal = largest = grey = worst = 0
    failed = not names
    for name in names:
        a = cv2.imread(str(expected / name), cv2.IMREAD_UNCHANGED)
        b = cv2.imread(str(found / name), cv2.IMREAD_UNCHANGED) if (found / name).exists() else None
        if b is None and not a.any():
            b = a
        if b is None or a.dtype != b.dtype or a.shape != b.shape:
            print(f"{name}: {'missing' if b is None else f'{b.shape}, not {a.shape}'}")
            failed = True
            continue
        difference = np.abs(a.astype(int) - b.astype(int))
        pixels += difference.size
        equal += int((difference == 0).sum())
        grey += int(((a > 0) & (a < 255)).sum())
        largest = max(largest, int(difference.max()))
        worst = max(worst, int((difference != 0).sum()))
    share = equal / pixels if pixels else 0
    print(f"{len(names)} pictures, {pixels} pixels, {pixels - equal} differ ({100 * share:.5f} % equal), "
          f"at most by {largest}, at most {worst} in one picture; {grey} are neither 0 nor 255")
    sys.exit(failed or largest > 1 or share < 0.995)


if __name__ == "__main__":
    main()

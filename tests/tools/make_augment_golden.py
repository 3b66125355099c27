#!/usr/bin/env python3
"""Makes tests/golden/data/augment.txt: what OpenCV and albumentations do to a small picture.

    python3 -m venv V && V/bin/pip install opencv-python-headless albumentations
    V/bin/python tests/tools/make_augment_golden.py >tests/golden/data/augment.txt

The maps are those of albumentations 0.3.1, which the competition's winner used: hflip, rotate and shift_scale_rotate
of augmentations/functional.py, with cv2.warpAffine and BORDER_REFLECT_101. The normalisation is that of the installed
albumentations.
"""
import albumentations
import cv2
import numpy as np

WIDTH, HEIGHT = 45, 37


def picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = 128 + 70 * np.sin(x / 4) * np.cos(y / 5) + 50 * np.sin((x + 2 * y) / 7)
    mask = ((x - 20) ** 2 + (y - 15) ** 2 * 2 < 180) * 255
    return image.astype(np.uint8), mask.astype(np.uint8)


def warp(plane, degrees, scale, dx, dy, interpolation):
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, scale)
    matrix[0, 2] += dx * WIDTH
    matrix[1, 2] += dy * HEIGHT
    return cv2.warpAffine(plane, matrix, (WIDTH, HEIGHT), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101)


def main():
    print(f"# make_augment_golden.py: OpenCV {cv2.__version__}, albumentations {albumentations.__version__}")
    print("# case FLIP DEGREES SCALE DX DY, then the picture's bytes, then the mask's; the first one is the source")
    print(f"size {WIDTH} {HEIGHT}")
    image, mask = picture()
    for flip, degrees, scale, dx, dy in [
        (0, 0, 1, 0, 0), (1, 0, 1, 0, 0), (0, 10, 1, 0, 0), (0, -7.25, 1, 0, 0), (1, 3.5, 1, 0, 0),
        (0, 38, 0.93, 0.05, -0.0625), (1, -45, 1.1, -0.03, 0.06),
    ]:
        a, b = (cv2.flip(image, 1), cv2.flip(mask, 1)) if flip else (image, mask)
        a = warp(a, degrees, scale, dx, dy, cv2.INTER_LINEAR)
        b = warp(b, degrees, scale, dx, dy, cv2.INTER_NEAREST)
        print(f"case {flip} {degrees} {scale} {dx} {dy} {a.tobytes().hex()} {b.tobytes().hex()}")
    print("# level, then what the normalisation by the ImageNet means makes of it in the three channels")
    normalise = albumentations.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    for level in (0, 1, 51, 128, 200, 255):
        red, green, blue = normalise(image=np.full((1, 1, 3), level, np.uint8))["image"][0, 0]
        print(f"level {level} {red:.6f} {green:.6f} {blue:.6f}")


if __name__ == "__main__":
    main()

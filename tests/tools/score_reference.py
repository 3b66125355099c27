#!/usr/bin/python3
"""Scores, thresholds and submissions worked out once more, independently of pleura, with numpy alone.

    score_reference.py random OUT_RLE OUT_SUBMISSION SIDE CASES SEED   writes two tables of random masks
    score_reference.py jitter RLE OUT_SUBMISSION SEED      a submission from labels: masks moved, dropped, left out
    score_reference.py score SUBMISSION RLE SIDE           prints the scores as JSON
    score_reference.py maps FOLDER RLE SIDE TOP,AREA,BOTTOM   scores maps of probabilities as the winner would
    score_reference.py masks FOLDER SIDE TOP,AREA,BOTTOM OUT_SUBMISSION SAMPLE   writes the winner's submission of maps
    score_reference.py mean OUT_FOLDER FOLDER...           the mean of maps (his average of checkpoints and flips)
    score_reference.py mirror FOLDER OUT_FOLDER DEPTH      pictures mirrored left to right
    score_reference.py close FOLDER FOLDER [MOST]          the largest difference of two folders of maps is at most that

The algorithms are those published with the competition: mask_functions.py (the codes), dice with 1 for two empty masks,
and the winner's triplet (unet_pipeline/Evaluate/MaskBinarizers.py).
"""
import csv
import json
import pathlib
import random
import struct
import sys
import zlib

import numpy as np


def read_table(path):
    """[(id, codes)] in the order of the file."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [(row[0].strip(), row[1].strip()) for row in csv.reader(file) if row]
    return rows[1:] if rows and rows[0][0].lower() == "imageid" else rows


def decode(codes, side):
    """mask_functions.rle2mask, with a column-major plane."""
    flat = np.zeros(side * side, dtype=bool)
    if codes in ("-1", ""):
        return flat.reshape(side, side).T
    numbers = [int(x) for x in codes.split()]
    at = 0
    for gap, length in zip(numbers[0::2], numbers[1::2]):
        at += gap
        flat[at:at + length] = True
        at += length
    return flat.reshape(side, side).T


def encode(mask):
    flat = np.concatenate([[0], mask.T.astype(np.int8).ravel(), [0]])
    change = np.flatnonzero(np.diff(flat))
    starts, ends = change[0::2], change[1::2]
    if len(starts) == 0:
        return "-1"
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(f"{g} {n}" for g, n in zip(gaps, ends - starts))


def unite(rows, side):
    masks = {}
    for name, codes in rows:
        masks[name] = masks.get(name, False) | decode(codes, side)
    return masks


def dice(truth, predicted):
    total = int(truth.sum()) + int(predicted.sum())
    return 1.0 if total == 0 else 2.0 * int((truth & predicted).sum()) / total


def scores(pairs):
    """pairs: [(truth, predicted)]"""
    each = [dice(t, p) for t, p in pairs]
    has = [bool(t.any()) for t, _ in pairs]
    said = [bool(p.any()) for _, p in pairs]
    both = sum(h and s for h, s in zip(has, said))

    def mean(values):
        return sum(values) / len(values) if values else None

    return {
        "images": len(pairs),
        "positives": sum(has),
        "dice": mean(each),
        "dice_pos": mean([d for d, h in zip(each, has) if h]),
        "dice_neg": mean([d for d, h in zip(each, has) if not h]),
        "nothing": mean([float(not h) for h in has]),
        "precision": both / sum(said) if any(said) else None,
        "recall": both / sum(has) if any(has) else None,
    }


def read_png(path, depth):
    """A grey PNG of that many bits without interlacing, which is what pleura writes."""
    data, at, packed, size = path.read_bytes(), 8, b"", depth // 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, colour = struct.unpack(">IIBB", body[:10])
            assert (bits, colour) == (depth, 0), f"{path}: {bits} bits, colour type {colour}"
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw = np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(height, 1 + size * width)
    out = np.zeros((height, size * width), dtype=np.int64)
    before = np.zeros(size * width, dtype=np.int64)
    for y in range(height):
        kind, line = raw[y, 0], raw[y, 1:].astype(np.int64)
        if kind == 2:
            line = (line + before) & 255
        elif kind != 0:
            line = line.copy()
            for x in range(size * width):
                left = line[x - size] if x >= size else 0
                up, corner = before[x], before[x - size] if x >= size else 0
                if kind == 1:
                    add = left
                elif kind == 3:
                    add = (left + up) // 2
                else:
                    guess = left + up - corner
                    add = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
                line[x] = (line[x] + add) & 255
        out[y] = before = line
    if depth == 16:
        out = out[:, 0::2] * 256 + out[:, 1::2]
    return out.astype(np.uint32)


def read_png16(path):
    return read_png(path, 16)


def write_png(path, values, depth):
    height, width = values.shape
    raw = np.zeros((height, 1 + width * depth // 8), dtype=np.uint8)
    if depth == 16:
        raw[:, 1::2], raw[:, 2::2] = values >> 8, values & 255
    else:
        raw[:, 1:] = values

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(raw.tobytes())) + chunk(b"IEND", b""))


def resize(values, side):
    """OpenCV's INTER_LINEAR of a square map of 16 bits to side x side, rounded to 16 bits; for growing."""
    size = values.shape[0]
    if size == side:
        return values
    at = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
    low = np.minimum(np.floor(at).astype(int), size - 1)
    high, share = np.minimum(low + 1, size - 1), at - low
    rows = values[low] * (1 - share)[:, None] + values[high] * share[:, None]
    both = rows[:, low] * (1 - share) + rows[:, high] * share
    return np.floor(both + 0.5 + 1e-9).astype(np.uint32)


def winner(values, triplet):
    """MaskBinarizers.TripletMaskBinarization.transform"""
    top, area, bottom = triplet
    p = values / 65535.0
    clf_mask = p > top
    pred_mask = p > bottom
    if clf_mask.sum() < area:
        pred_mask[:] = False
    return pred_mask


def triplet_of(text):
    top, area, bottom = text.split(",")
    return float(top), int(area), float(bottom)


def random_mask(draw, side):
    kind = draw.randrange(8)
    mask = np.zeros((side, side), dtype=bool)
    if kind == 0:
        return mask
    if kind == 1:
        mask[:] = True
    elif kind == 2:
        mask[-1, -1] = True
    elif kind == 3:
        mask[:, -1] = True
    elif kind == 4:
        mask[0, 0] = mask[-1, 0] = mask[0, -1] = True
    else:
        for _ in range(draw.randrange(1, 4)):
            x, y, w, h = (draw.randrange(side) for _ in range(4))
            mask[y:y + h + 1, x:x + w + 1] ^= True
    return mask


def write_table(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write("ImageId,EncodedPixels\n" + "".join(f"{name},{codes}\n" for name, codes in rows))


def make_random(out_rle, out_submission, side, cases, seed):
    draw = random.Random(seed)
    labels, answers = [], []
    for i in range(cases):
        truth = random_mask(draw, side)
        answer = truth if draw.random() < 0.3 else random_mask(draw, side)
        name = f"case-{i:04d}"
        if truth.any() and draw.random() < 0.4:  # two rows that overlap
            part = truth & (np.arange(side) < side // 2)
            labels.append((name, encode(part)))
        labels.append((name, encode(truth)))
        if i % 17 != 5:
            answers.append((name, encode(answer)))
    answers += [("somebody-else", "-1"), ("and-another", "0 1")]
    draw.shuffle(answers)
    write_table(out_rle, labels)
    write_table(out_submission, answers)


def make_jitter(rle, out_submission, seed):
    draw = random.Random(seed)
    answers, seen = [], set()
    for name, codes in read_table(rle):
        if name in seen:
            continue
        seen.add(name)
        if codes != "-1":
            numbers = codes.split()
            numbers[0] = str(max(0, int(numbers[0]) - draw.randrange(1, 4000)))
            codes = "-1" if draw.random() < 0.2 else " ".join(numbers)
        elif draw.random() < 0.05:
            codes = f"{draw.randrange(1000000)} {draw.randrange(1, 900)}"
        if draw.random() < 0.98:
            answers.append((name, codes))
    write_table(out_submission, answers)


def main():
    command, *a = sys.argv[1:]
    if command == "random":
        make_random(a[0], a[1], int(a[2]), int(a[3]), int(a[4]))
    elif command == "jitter":
        make_jitter(a[0], a[1], int(a[2]))
    elif command == "score":
        side, answers, labels = int(a[2]), {}, {}
        for name, codes in read_table(a[0]):
            answers.setdefault(name, []).append((name, codes))
        for name, codes in read_table(a[1]):
            labels.setdefault(name, []).append((name, codes))
        pairs = []
        for name in sorted(labels):
            if name in answers:
                pairs.append((unite(labels[name], side)[name], unite(answers[name], side)[name]))
        print(json.dumps(scores(pairs)))
    elif command == "maps":
        folder, side, triplet = pathlib.Path(a[0]), int(a[2]), triplet_of(a[3])
        truths = unite(read_table(a[1]), side)
        names = sorted(p.stem for p in folder.glob("*.png") if p.stem in truths)
        pairs = [(truths[n], winner(resize(read_png16(folder / f"{n}.png"), side), triplet)) for n in names]
        print(json.dumps(scores(pairs)))
    elif command == "masks":
        folder, side, triplet = pathlib.Path(a[0]), int(a[1]), triplet_of(a[2])
        rows = []
        for name, _ in read_table(a[4]):
            rows.append((name, encode(winner(resize(read_png16(folder / f"{name}.png"), side), triplet))))
        write_table(a[3], rows)
    elif command == "mean":
        out, folders = pathlib.Path(a[0]), [pathlib.Path(f) for f in a[1:]]
        out.mkdir(exist_ok=True)
        for path in sorted(folders[0].glob("*.png")):
            total = sum(read_png16(f / path.name).astype(np.float64) for f in folders)
            write_png(out / path.name, np.floor(total / len(folders) + 0.5).astype(np.uint32), 16)
    elif command == "mirror":
        out, depth = pathlib.Path(a[1]), int(a[2])
        out.mkdir(exist_ok=True)
        for path in sorted(pathlib.Path(a[0]).glob("*.png")):
            write_png(out / path.name, read_png(path, depth)[:, ::-1], depth)
    elif command == "close":
        worst, names = 0, sorted(p.name for p in pathlib.Path(a[0]).glob("*.png"))
        for name in names:
            one, two = (read_png16(pathlib.Path(f) / name).astype(np.int64) for f in a[:2])
            worst = max(worst, int(np.abs(one - two).max()))
        print(f"{len(names)} maps, the largest difference is {worst} of 65535")
        sys.exit(0 if names and worst <= int(a[2]) else 1)
    else:
        sys.exit(f"what is {command}?")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tables for tests/gpu.sh: compare.py ROWS.jsonl... puts pleura beside each PyTorch row of the same name, as a ratio of
medians (below 1: pleura is faster); compare.py --losses OURS THEIRS compares losses, 1e-3 apart at most."""
import json, sys


def compare_losses(ours, theirs):
    a, b = ([float(line) for line in open(name)] for name in (ours, theirs))
    apart = max(abs(x - y) / abs(y) for x, y in zip(a, b))
    for step, (x, y) in enumerate(zip(a, b)):
        print(f"step {step}: {x:.7g} and {y:.7g}")
    print(f"losses: {len(a)} and {len(b)} steps, {apart:.2e} apart at most")
    return 0 if len(a) == len(b) > 0 and apart <= 1e-3 else 1


def main(files):
    rows = {}
    for line in (line for name in files for line in open(name)):
        row = json.loads(line)
        rows.setdefault(row["name"], {})[row["backend"]] = row
    # "Eager" is the fastest of both half precisions.
    print(f"{'row':28} {'backend':20} {'ms':>9} {'p10':>9} {'p90':>9} {'MiB':>8} {'ratio':>7}")
    for name, backends in rows.items():
        ours = backends.get("cuda")
        for backend, row in backends.items():
            if "error" in row:
                print(f"{name:28} {backend:20} {row['error']}")
                continue
            ratio = f"{ours['ms_median'] / row['ms_median']:.3f}" if ours and row is not ours else ""
            print(f"{name:28} {backend:20} {row['ms_median']:9.3f} {row['ms_p10']:9.3f} {row['ms_p90']:9.3f} "
                  f"{row['memory_MiB']:8.0f} {ratio:>7}")
    for kind in ("train", "predict"):
        fastest = {}
        for backends in rows.values():
            for backend, row in backends.items():
                if row["name"].split()[0] == kind and "error" not in row and row["name"].endswith(" 512"):
                    key = (backend, row["name"].split(" ", 2)[2])
                    fastest[key] = min(fastest.get(key, 1e30), row["ms_median"])
        for (backend, size), ms in fastest.items():
            if backend != "cuda" and ("cuda", size) in fastest:
                print(f"{kind} {size}: fastest of all precisions, cuda {fastest['cuda', size]:.3f} ms, {backend} {ms:.3f} ms, "
                      f"ratio {fastest['cuda', size] / ms:.3f}")
    return 0


sys.exit(compare_losses(*sys.argv[2:4]) if sys.argv[1:2] == ["--losses"] else main(sys.argv[1:]))

#!/usr/bin/python3
"""near_json.py EXPECTED FOUND [MOST]: every number of the first object is in the second, to 1e-9 or MOST; null is null."""
import json
import sys


def main():
    expected, found = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    most = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-9
    wrong = [key for key, value in expected.items() if key not in found or (value is None) != (found[key] is None) or
             (value is not None and abs(found[key] - value) > most)]
    for key in wrong:
        print(f"{key}: {found.get(key)}, not {expected[key]}")
    sys.exit(1 if wrong or not expected else 0)


if __name__ == "__main__":
    main()

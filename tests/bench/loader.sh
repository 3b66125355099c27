#!/bin/sh
# The loader beside PyTorch's DataLoader, interleaved in one run: images of 512 pixels, flipped, turned and normalised.
# Usage: loader.sh BUILD PYTHON [WORKSPACE]; PYTHON has torch, opencv-python-headless and albumentations. Without a
# workspace one is made: of the real images in PLEURA_DATA when there are some, else of synthetic ones.
#
# Compared is what a second of processor time gives, which is images a second and core when nothing waits, and does not
# depend on what else the machine does; images a second of the clock are printed too, for a quiet machine.
set -eu
build=${1:?loader.sh wants the build folder}
python=${2:?loader.sh wants a Python with torch, opencv-python-headless and albumentations}
here=$(cd "$(dirname "$0")" && pwd)
data=${PLEURA_DATA:-$here/../../../shared/data}/siim
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive

workspace=${3:-}
if [ -z "$workspace" ]; then
  workspace=$work/ws
  if [ -d "$data/dicom" ]; then
    gunzip -c "$data/train-rle.csv.gz" >"$work/rle.csv"
    "$build/bin/pleura" import --images "$data/dicom" --rle "$work/rle.csv" -C "$workspace" -q >/dev/null
    echo "images     $(ls "$workspace/images" | wc -l) of SIIM-ACR"
  else
    "$build/bin/pleura" phantom "$work/set" --cases 120 --size 1024 >/dev/null
    "$build/bin/pleura" import "$work/set" -C "$workspace" -q >/dev/null
    echo "images     $(ls "$workspace/images" | wc -l) synthetic ones"
  fi
fi

"$python" - <<'END'
import albumentations, cv2, platform, torch
print(f"peers      PyTorch {torch.__version__}, OpenCV {cv2.__version__}, albumentations {albumentations.__version__},"
      f" Python {platform.python_version()}")
END
echo "machine    $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"

measure() { # NAME COMMAND...: a line of the table; the numbers are kept for the ratios
  name=$1
  shift
  line=$("$@" 2>/dev/null | tail -1)
  echo "$name" "$line" | awk '{ printf "%-10s %8.1f images/s  %8.1f per core-second\n", $1, $2, $6 }'
  echo "$name $line" >>"$work/all"
}

for round in 1 2 3; do
  measure torch-png "$python" "$here/loader_torch.py" "$workspace"
  measure png "$build/bin/bench_loader" -C "$workspace" --from png
  measure torch-npy "$python" "$here/loader_torch.py" "$workspace" --npy
  measure pack "$build/bin/bench_loader" -C "$workspace" --from pack
done
awk '{ clock[$1] += $2; core[$1] += $6; n[$1]++ }
  END {
    printf "png  against PyTorch from PNG: %.1f per core, %.1f by the clock\n", core["png"] / core["torch-png"], clock["png"] / clock["torch-png"]
    printf "pack against PyTorch from PNG: %.1f per core, %.1f by the clock\n", core["pack"] / core["torch-png"], clock["pack"] / clock["torch-png"]
    printf "pack against PyTorch from a mapped array: %.1f per core, %.1f by the clock\n", core["pack"] / core["torch-npy"], clock["pack"] / clock["torch-npy"]
    printf "pack: %.0f images per core-second\n", core["pack"] / n["pack"]
  }' "$work/all"

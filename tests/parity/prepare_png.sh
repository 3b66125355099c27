#!/bin/sh
# `pleura import --resize reference` beside the libraries that prepare_png.py calls, on the same files. Usage:
# prepare_png.sh PLEURA phantom|siim SIZE...: the synthetic set, or the 150 real images below PLEURA_DATA.
set -u
tools=$(cd "$(dirname "$0")/../tools" && pwd)
pleura=$1 set=$2
shift 2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
  echo "skipped: $*"
  exit 77
}

/usr/bin/python3 -c 'import cv2, pydicom, PIL, skimage' 2>/dev/null ||
  skip "needs python3-pydicom, python3-pil, python3-skimage and python3-opencv"
if [ "$set" = siim ]; then
  data=${PLEURA_DATA:-$PLEURA_SOURCE/../shared/data}/siim
  [ -d "$data/dicom" ] || skip "no $data/dicom"
  images=$data/dicom rle=$work/train-rle.csv
  gzip -dc "$data/train-rle.csv.gz" >"$rle" || exit 1
else
  "$pleura" phantom "$work/set" --cases 6 --size 160 >/dev/null || exit 1
  images=$work/set/dicom-images-train rle=$work/set/train-rle.csv
fi

failed=0
for size in "$@"; do
  /usr/bin/python3 "$tools/prepare_png.py" "$images" "$rle" "$work/expected" "$size" >/dev/null || failed=1
  "$pleura" import -q --images "$images" --rle "$rle" --resize reference --size "$size" -C "$work/ws" >"$work/out" 2>&1 ||
    { cat "$work/out"; failed=1; }
  for folder in images masks; do
    printf '%s %s: ' "$size" "$folder"
    /usr/bin/python3 "$tools/compare_png.py" "$work/expected/$folder" "$work/ws/$folder" || failed=1
  done
done
exit $failed

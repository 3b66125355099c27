#!/bin/sh
# pleura score as a person calls it, and beside numbers of its own. Usage: test_score.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

# 4 x 4 pixels, worked out by hand: a 1, b 2*3/(4+4), d 0; c is not submitted, z is not in the table.
printf 'ImageId, EncodedPixels\na,-1\nb,0 2\nb,1 3\nc,-1\nd,5 1\n' >rle.csv
printf 'ImageId,EncodedPixels\nb,1 4\nz,0 1\na,-1\nd,-1\n' >sub.csv
expect 0 "0.5833" "$pleura" score sub.csv --rle rle.csv --size 4
expect 0 "dice_pos    0.3750" "$pleura" score sub.csv --rle rle.csv
expect 0 "left out    1 images of sub.csv that are not in rle.csv" "$pleura" score sub.csv --rle rle.csv
expect 0 "left out    1 images of rle.csv that are not in sub.csv" "$pleura" score sub.csv --rle rle.csv
expect 0 "of 1 said to have one, 1 have" "$pleura" score sub.csv --rle rle.csv
expect 0 '"dice": 0.58333333333333337' "$pleura" score sub.csv --rle rle.csv --json
expect 0 '"not_in_table": 1' "$pleura" score sub.csv --rle rle.csv --json
expect 0 "as the competition did" "$pleura" score --help
expect 2 "which submission" "$pleura" score
expect 2 "one submission too many" "$pleura" score sub.csv sub.csv
expect 2 "--size takes" "$pleura" score sub.csv --size 0
expect 2 "not in a workspace" "$pleura" score sub.csv
expect 3 "sub.csv line 2" "$pleura" score sub.csv --rle rle.csv --size 2
printf 'ImageId,EncodedPixels\nb,1 4 5\n' >odd.csv
expect 3 "odd count of values" "$pleura" score odd.csv --rle rle.csv
printf 'x,-1\n' >other.csv
expect 2 "none of the 1 images of other.csv is in rle.csv" "$pleura" score other.csv --rle rle.csv
expect 2 "No such file" "$pleura" score nothing.csv --rle rle.csv

# In a workspace its own table is taken, and the labels score 1 against themselves.
expect 0 "" "$pleura" phantom set --cases 10 --size 64
expect 0 "" "$pleura" import set --size 64 -C ws -q
expect 0 '"dice": 1.0' "$pleura" score set/train-rle.csv -C ws --json
expect 0 "dice        1.0000" "$pleura" score set/train-rle.csv -C ws
[ "$failed" -eq 0 ] || exit 1

# Random masks of every edge kind, and the real table, scored by numpy as well.
python=/usr/bin/python3 tools=$(cd "$(dirname "$0")/../../tools" && pwd)
"$python" -c 'import numpy' 2>/dev/null || { echo "skipped: needs python3-numpy"; exit 77; }
compare() { # SUBMISSION RLE SIDE
  "$python" "$tools/score_reference.py" score "$1" "$2" "$3" >expected.json || failed=1
  "$pleura" score "$1" --rle "$2" --size "$3" --json >found.json || failed=1
  "$python" "$tools/near_json.py" expected.json found.json || complain "$1 scores otherwise"
}
for seed in 1 2 3; do
  "$python" "$tools/score_reference.py" random labels.csv answers.csv 37 120 "$seed"
  compare answers.csv labels.csv 37
done
real=${PLEURA_DATA:-$PLEURA_SOURCE/../shared/data}/siim/train-rle.csv.gz
if [ -f "$real" ]; then
  # Its first images with a mask and as many without.
  gzip -dc "$real" | awk -F, 'NR == 1 || ($2 ~ /-1$/ ? n++ < 60 : p++ < 90)' >real.csv
  "$python" "$tools/score_reference.py" jitter real.csv jittered.csv 4
  compare jittered.csv real.csv 1024
fi
exit $failed

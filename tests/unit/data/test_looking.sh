#!/bin/sh
# Looking at a data set as a person does: show --batch and data report. Usage: test_looking.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

expect 0 "" "$pleura" phantom set --cases 24 --size 96 --positive 0.5
expect 0 "28: 24 train" "$pleura" import set --size 64 -C ws || exit 1
cd ws || exit 1

# A batch: the same for the same (seed, epoch, batch), another for another.
expect 0 "batch 1 of 3, epoch 1: 8 images, 64x64, fold 0 held out, seed 42, augment blog" "$pleura" show --batch
expect 0 "batch 2 of 3, epoch 1" "$pleura" show --batch 2
expect 0 "the first 9 of 12 images" "$pleura" show --batch --set batch=12 -o a.png
expect 0 "batch 1 of 2" "$pleura" show --batch=1 --set batch=12 -o b.png
# All cases that fit a filter, printed or each as a file.
expect 2 "no case fits" "$pleura" show --where 'fold=99'
expect 2 "at 'x'" "$pleura" show --where 'fold=x'
expect 2 "chooses the cases" "$pleura" show 1 --where positive
expect 0 "#1 " "$pleura" show --where 'number<3' -o small
[ "$(find small -name '*.png' | wc -l)" -eq 2 ] || complain "show --where wrote $(ls small)"
expect 0 "epoch 2" "$pleura" show --batch --epoch 2 --set batch=12 -o c.png
expect 0 "seed 43" "$pleura" show --batch --seed 43 --set batch=12 -o d.png
expect 0 "fold 1 held out" "$pleura" show --batch --fold 1
expect 0 "32x32" "$pleura" show --batch --set size=32 --set augment=none
cmp -s a.png b.png || complain "the same batch gives another picture"
for other in c d; do cmp -s a.png $other.png && complain "a.png and $other.png are the same picture"; done
expect 2 "batches 1 to 3" "$pleura" show --batch 4
expect 2 "there is no fold 7" "$pleura" show --batch --fold 7
expect 2 "are for --batch" "$pleura" show 3 --seed 2
expect 2 "no --window" "$pleura" show --batch --window 100,50
expect 2 "takes a number from 1" "$pleura" show --batch=0
expect 2 "is not OPTION=VALUE" "$pleura" show --batch --set size
"$pleura" show --batch --graphics sixel >sixel </dev/null 2>&1
"$pleura" show --batch --graphics blocks >blocks </dev/null 2>&1
grep -q "$(printf '\033P')" sixel || complain "no sixel"
grep -q "$(printf '\033\\[')" blocks || complain "no blocks"

# The report.
expect 0 "cases       28: 24 train, 4 test; 0 bad" "$pleura" data report --size 48
grep -q "positive 12 (50.0 %)" "$work/out" || complain "the report lacks its labels"
for size in 48 128 256 512; do grep -Eq "^ +$size +12 " "$work/out" || complain "the report lacks the ceiling at $size"; done
grep -Eq "^ +128 +12 +1\.0000" "$work/out" || complain "above the masks' own size nothing is lost"
grep -q "^files      0 groups" "$work/out" || complain "the report lacks the duplicates"
grep -q "^images     0 have rows in several folds" "$work/out" || complain "the report lacks the leaks"
cp -r ../set ../twice && copy=$(find ../twice -name '*.dcm' | head -1) && cp "$copy" "${copy%.dcm}9.dcm"
"$pleura" import ../twice --size 64 -C ../ws2 >/dev/null 2>&1
expect 0 "files      1 groups" "$pleura" data report -C ../ws2
expect 2 "cannot open nowhere.csv" "$pleura" data report --patients nowhere.csv
expect 0 '"mean_nearest"' "$pleura" data report --json
expect 0 "Mask areas" "$pleura" data report -o areas.png
[ "$(head -c 4 areas.png | tail -c 3)" = PNG ] || complain "areas.png is no PNG file"
expect 2 "there is no 'data reprot'" "$pleura" data reprot
expect 2 "say what to do" "$pleura" data
expect 2 "--size takes a number" "$pleura" data report --size 0
expect 2 "not both" "$pleura" data report -C . --rle train-rle.csv

# A table alone: 8x8 pixels; at 4 the square comes back whole, the single pixel vanishes.
cd "$work" || exit 1
printf 'ImageId,EncodedPixels\na,0 4 4 4 4 4 4 4\nb,0 1\nc,-1\n' >rle.csv
expect 0 "3 rows of 3 images, 2 with a mask" "$pleura" data report --rle rle.csv --native 8 --size 4
grep -Eq "^ +4 +2 +0\.5000 +0\.0500 +0\.0000 +1 +0\.5000" "$work/out" || complain "the ceiling at 4: $(cat "$work/out")"
grep -q "vanish at 4: line 3" "$work/out" || complain "the mask that vanishes is not named"
expect 0 "1 of the positives could not be measured; the first: line 2" "$pleura" data report --rle rle.csv --native 1x1
expect 2 "cannot open" "$pleura" data report --rle nowhere.csv
expect 2 "is not in a workspace" "$pleura" data report

exit $failed

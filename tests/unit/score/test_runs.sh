#!/bin/sh
# From trained folds to a submission, as a person does it, beside numpy's numbers. Usage: test_runs.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)
cd "$work" || exit 1

# value KEY FILE: a number at the top of a JSON object.
value() { sed -n "s/^ \"$1\": \([^,]*\),*$/\1/p" "$2" | head -1; }

expect 0 "" "$pleura" phantom set --cases 30 --size 64 --positive 0.5
expect 0 "" "$pleura" import set --size 64 -C ws -q
train() { "$pleura" train -C ws --encoder resnet18 --batch 8 --keep-best 2 --learning-rate 1e-3 "$@" >train.log 2>&1; }
train --name a --fold 0 --size 64 --epochs 2 || { complain "training a"; cat train.log; exit 1; }
train --name b --fold 1 --size 32 --epochs 3 || { complain "training b"; cat train.log; exit 1; }

# ---- Evaluation
expect 0 "best checkpoint" "$pleura" eval a -C ws
expect 0 "0 made, 6 were there" "$pleura" eval a -C ws
"$pleura" eval a -C ws --json >eval.json || failed=1
# At the labels' own size the training has compared the same pixels.
for key in dice dice_pos nothing dice_batch; do
  journal=$(grep '"kind":"epoch"' ws/runs/a/metrics.jsonl | grep '"best":true' | tail -1 | grep -o "\"$key\":[^,]*" |
    head -1 | cut -d: -f2)
  awk -v a="$journal" -v b="$(value $key eval.json)" -v most="$([ $key = dice_batch ] && echo 1e-4 || echo 1e-9)" \
    'BEGIN { d = a - b; if (a == "" || b == "" || d > most || d < -most) exit 1 }' ||
    complain "$key of training is $journal, of the evaluation $(value $key eval.json)"
done
expect 0 "number,ImageId,fold,has_mask,area,predicted,tp,fp,fn,dice,leak" "$pleura" eval a -C ws --cases -
same "$("$pleura" eval a -C ws --cases - | wc -l)" 7 "the table's length"
expect 0 "of 12 images" "$pleura" eval a b -C ws
expect 0 "   1       6" "$pleura" eval a b -C ws
expect 0 "of 3 images" "$pleura" eval a -C ws --where positive
expect 2 "fits 'age>200'" "$pleura" eval a -C ws --where 'age>200'
expect 0 "the last checkpoint" "$pleura" eval a -C ws --checkpoint last
expect 0 "the last checkpoint" "$pleura" eval a -C ws
expect 0 "the best checkpoint" "$pleura" eval ws/runs/a/ckpt/best
expect 2 "train with --keep-best 5" "$pleura" eval a -C ws --top 5
expect 2 "there is no checkpoint" "$pleura" eval a -C ws --checkpoint 999999
expect 2 "is not a checkpoint" "$pleura" eval a -C ws --checkpoint first
expect 2 "exclude each other" "$pleura" eval a -C ws --checkpoint best --top 2
expect 2 "is named twice" "$pleura" eval a a -C ws
expect 2 "there are 1 weights for 2 runs" "$pleura" eval a b -C ws --weights 1
expect 2 "not a triplet" "$pleura" eval a -C ws --triplet 0.5
expect 2 "No such file" "$pleura" eval a -C ws --triplet found

expect 2 "a weight is a number above 0" "$pleura" eval a:0 b -C ws
expect 2 "not in both" "$pleura" eval a:2 b -C ws --weights 2,1
expect 2 "there is no run 'a:b'" "$pleura" eval a:b -C ws

# ---- Triplets
expect 0 "written" "$pleura" triplet a b -C ws --no-tta --checkpoint best
expect 2 "is of other runs (a b)" "$pleura" eval a -C ws --triplet found
"$pleura" eval b a -C ws --triplet found --json >found.json || failed=1
same "$(value dice found.json)" "$(value dice ws/triplet.json)" "the dice of the triplet that was found"
# Counts are kept beside the maps; damaged ones are made anew.
[ -s ws/runs/a/prob/levels.bin ] || complain "there is no table of thresholds"
cp ws/triplet.json before.json && printf x >>ws/runs/a/prob/levels.bin
expect 0 "written" "$pleura" triplet a b -C ws
cmp -s before.json ws/triplet.json || complain "another triplet after the table was damaged"
expect 2 "hundredths" "$pleura" triplet a -C ws --tops 0.2:0.9:0.005
expect 2 "in pixels" "$pleura" triplet a -C ws --areas 5:1:1
expect 3 "are too many" "$pleura" triplet a -C ws --areas 0:1000000:1 -o x.json

# ---- Comparison
expect 0 "within noise" "$pleura" compare a a -C ws
expect 0 "equal on 6" "$pleura" compare a a -C ws
expect 0 "B is better" "$pleura" compare a set/train-rle.csv -C ws
expect 0 '"within_noise": false' "$pleura" compare a set/train-rle.csv -C ws --json
expect 2 "none of them is in both" "$pleura" compare a b -C ws
expect 2 "two things to compare" "$pleura" compare a -C ws
# Without any part a mask is empty, and none of a positive image is found.
expect 0 "parts       of fewer than 99999 pixels are removed" "$pleura" eval a -C ws --min-component 99999
expect 0 '"dice_pos": 0.0' "$pleura" eval a -C ws --min-component 99999 --json
expect 0 "dice_pos      0.0000" "$pleura" compare a a -C ws --min-component 99999
expect 2 "takes a number of pixels, not '-1'" "$pleura" compare a a -C ws --min-component=-1

# ---- Submission
expect 0 "read back and found right" "$pleura" submit a b -C ws --triplet half -o half.csv
expect 0 "kaggle competitions submit -c siim-acr" "$pleura" submit a b -C ws --triplet half -o half.csv
expect 0 "found by 'pleura triplet' over 12 images" "$pleura" submit b a -C ws -o found.csv
expect 0 "50.0 % of the training images" "$pleura" submit a -C ws -o a.csv
expect 0 "the competition winner's; 'pleura triplet' finds" "$pleura" submit a -C ws -o a.csv
cut -d, -f1 half.csv | tail -n +2 >rows
cut -d, -f1 set/sample_submission.csv | tail -n +2 | cmp -s - rows || complain "the rows are not the sample's"
(cat set/sample_submission.csv; echo "nowhere,-1") >more.csv
expect 2 "1 images of the sample are not in the workspace" "$pleura" submit a -C ws --sample more.csv -o none.csv
[ ! -e none.csv ] || complain "a submission was written in spite of missing images"
expect 0 "their rows are -1" "$pleura" submit a -C ws --sample more.csv -o more-out.csv --missing-empty
same "$(tail -1 more-out.csv)" "nowhere,-1" "the row of a missing image"
expect 2 "is not for this command" "$pleura" submit a -C ws --where positive
mkdir mine && echo keep >mine/mine.txt
expect 2 "No such file" "$pleura" submit a -C ws -o "$work/no-such-folder/out.csv"
expect 2 "holds other files and no maps" "$pleura" predict a -C ws -o mine
expect 0 "5 maps in maps-a" "$pleura" predict a -C ws -o maps-a
expect 0 "5 maps, the mean of 2 runs, in maps-ab" "$pleura" predict a b -C ws --weights 1,1 -o maps-ab
expect 0 "in maps-list" "$pleura" predict a b -C ws --weights 3,1 -o maps-list
expect 0 "in maps-words" "$pleura" predict a:3 b -C ws -o maps-words
diff -r maps-list maps-words >/dev/null || complain "a weight behind a run is not the one of a list"
diff -r maps-list maps-ab >/dev/null && complain "weights make no difference"
expect 0 "15 maps in positives" "$pleura" predict a -C ws --where positive -o positives

# ---- A training of all folds stands for its runs.
expect 0 "" "$pleura" import set --size 64 -C two -q
expect 0 "" "$pleura" split -C two --folds 2
expect 0 "" "$pleura" train -C two --all-folds --name g --encoder resnet18 --size 32 --batch 8 --epochs 1 --limit 8
expect 0 "of 16 images" "$pleura" eval g -C two
mv two/runs/g-fold1 two/runs/away
expect 2 "fold 1 of g is not trained yet" "$pleura" eval g -C two
mv two/runs/away two/runs/g-fold1
expect 0 "g-fold1: the best" "$pleura" submit g -C two -o g.csv

# ---- Leaks: another patient map, rows in several folds, and copies of pictures.
held=$("$pleura" eval a -C ws --cases - --where negative | tail -1 | cut -d, -f2)
trained=$("$pleura" eval b -C ws --cases - --where negative | tail -1 | cut -d, -f2)
awk -F, -v a="$held" -v b="$trained" 'NR == 1 { print "ImageId,patient" } NR > 1 { print $2 "," ($2 == a || $2 == b ? "same" : NR) }' \
  ws/cases.csv >map.csv
expect 0 "on 1 images that training knows (1 by their patient, 0 as pictures)" "$pleura" eval a -C ws --patients map.csv
expect 0 '"by_patient": 1' "$pleura" eval a -C ws --patients map.csv --json
expect 0 "copies unknown" "$pleura" eval a -C ws
cp -r ws copied && cp "copied/images/$trained.png" "copied/images/$held.png"
"$pleura" leaks -C copied >/dev/null 2>&1
expect 0 "(0 by their patient, 1 as pictures)" "$pleura" eval a -C copied
printf '%s,-1,0,3\n' "$held" >>ws/folds.csv
expect 2 "--force" "$pleura" eval a -C ws
expect 0 "1 as pictures)" "$pleura" eval a -C ws --force
[ "$failed" -eq 0 ] || exit 1

# ---- The same once more with numpy.
python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || { echo "skipped: the rest needs python3-numpy"; exit 77; }
reference() { "$python" "$tools/score_reference.py" "$@"; }
for triplet in 0.5,0,0.5 0.6,40,0.3 0.3,10,0.25; do
  for run in a b; do # b's maps are of 32 pixels, its labels of 64
    "$pleura" predict "$run" -C ws --where "fold=$([ $run = a ] && echo 0 || echo 1)" -o "valid-$run" >/dev/null || failed=1
    reference maps "valid-$run" set/train-rle.csv 64 "$triplet" >expected.json || failed=1
    "$pleura" eval "$run" -C ws --triplet "$triplet" --json --force >found.json || failed=1
    "$python" "$tools/near_json.py" expected.json found.json || complain "$run at $triplet scores otherwise"
  done
  reference masks maps-ab 64 "$triplet" expected.csv set/sample_submission.csv || failed=1
  "$pleura" submit a b -C ws --triplet "$triplet" -o found.csv >/dev/null || failed=1
  cmp -s expected.csv found.csv || complain "the submission at $triplet is another"
done
# The mean of checkpoints, and of mirrored images.
n=0
for step in $(ls ws/runs/a/ckpt | grep '^[0-9]' | sort | tail -2); do
  n=$((n + 1))
  "$pleura" predict "ws/runs/a/ckpt/$step" --no-tta -o "one-$n" >/dev/null || failed=1
done
"$pleura" predict a -C ws --top 2 --no-tta -o top >/dev/null || failed=1
reference mean mean one-1 one-2 || failed=1
reference close mean top 1 || complain "the mean of two checkpoints is another"
cp -r ws mirrored && rm -r mirrored/images mirrored/pictures.pack
reference mirror ws/images mirrored/images 8 || failed=1
"$pleura" predict a -C mirrored --no-tta --checkpoint best -o seen-mirrored >/dev/null || failed=1
reference mirror seen-mirrored seen-back 16 && reference mean both maps-a seen-back || failed=1
"$pleura" predict a -C ws --tta --checkpoint best -o tta >/dev/null || failed=1
reference close both tta 1 || complain "the mean with the mirrored image is another"
reference close both maps-a 1 >/dev/null && complain "the mirrored image makes no difference: the check above says nothing"

# ---- The same images at another size are other pictures: maps of the old ones are not taken for theirs.
expect 0 "maps " "$pleura" eval b -C ws --force
expect 0 "" "$pleura" import set --size 64 -C ws -q
expect 0 "; 0 made, " "$pleura" eval b -C ws --force
expect 0 "" "$pleura" import set --size 48 -C ws -q
expect 0 ", 0 were there" "$pleura" eval b -C ws --force
expect 0 "; 0 made, " "$pleura" eval b -C ws --force
exit $failed

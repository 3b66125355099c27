#!/bin/sh
# Correcting labels from the command line, and what works with the corrected ones. Usage: test_labels.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

"$pleura" phantom set --cases 12 --size 128 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 64 -C ws -q >/dev/null || exit 1
cp ws/train-rle.csv original.csv
# Number and id of the first two positive cases and of a negative one.
positive=$(awk -F, '$8 == "ok" && $9 == 1 {print $1 "," $2}' ws/cases.csv | sed -n 1p)
other=$(awk -F, '$8 == "ok" && $9 == 1 {print $1 "," $2}' ws/cases.csv | sed -n 2p)
negative=$(awk -F, '$8 == "ok" && $9 == 0 {print $1 "," $2}' ws/cases.csv | sed -n 1p)
number=${positive%,*} id=${positive#*,}

expect 0 "no label is corrected" "$pleura" labels -C ws
expect 0 "was never changed" "$pleura" labels log "$number" -C ws
expect 2 "no label of" "$pleura" split --labels corrected -C ws
expect 0 "there is nothing to export" "$pleura" labels export -C ws
expect 2 "say why" "$pleura" labels draw "$number" --paint "3 1,1" -C ws
expect 2 "say what to draw" "$pleura" labels draw "$number" --why x -C ws
expect 2 "which case" "$pleura" labels draw --why x --paint "3 1,1" -C ws
expect 2 "none of status" "$pleura" labels paint -C ws
expect 2 "a stroke is a radius" "$pleura" labels draw "$number" --why x --paint "3" -C ws
expect 2 "a stroke is a radius" "$pleura" labels draw "$number" --why x --paint "3 1,1 2" -C ws
expect 2 "a stroke is a radius" "$pleura" labels draw "$number" --why x --paint "999 1,1" -C ws
expect 2 "nothing was drawn" "$pleura" labels draw "${negative%,*}" --why x --erase "3 1,1" -C ws
expect 0 "no label is corrected" "$pleura" labels -C ws

# The workbench's own option.
expect 2 "--labels takes original or corrected, not 'new'" "$pleura" --labels new -C ws
expect 2 "options go behind the command" "$pleura" --labels corrected show 1 -C ws
expect 0 "--labels original|corrected" "$pleura" --help

# A correction that fails in its middle leaves nothing.
expect 2 "a stroke is a radius" "$pleura" labels draw "$number" --why x --paint "3 1,1" --paint "bad" -C ws
expect 0 "#$number" "$pleura" labels draw "$number" --why "skin fold" --erase "128 64,64" --paint "2 10,10" -C ws
cmp ws/train-rle.csv original.csv || complain "the original was touched"
# One row of another, every other line the same.
same "$(diff original.csv ws/corrected-rle.csv | grep -c '^>')" 1 "the new rows"
diff original.csv ws/corrected-rle.csv | grep '^<' | grep -qF "$id" || complain "another case's row changed"
# 21 pixels around column 10, row 10 of 128 rows: columns 8 to 12.
same "$(grep -F "$id" ws/corrected-rle.csv)" "$id,1033 3 124 5 123 5 123 5 124 3" "the new row"
expect 0 "skin fold" "$pleura" labels -C ws
expect 0 "up to date" "$pleura" labels -C ws
expect 0 '"exported": true' "$pleura" labels --json -C ws
expect 0 "eraser 257 px across, 64,64" "$pleura" labels log "$number" -C ws
expect 0 '"event": "finished"' "$pleura" labels log "$number" --json -C ws
expect 0 "copied to out.csv" "$pleura" labels export -o out.csv -C ws
cmp out.csv ws/corrected-rle.csv || complain "the copy is another"

# Scores: the original against the corrected labels.
expect 2 "another" "$pleura" score original.csv --labels corrected --rle original.csv -C ws
expect 0 '"dice": 1.0' "$pleura" score original.csv --size 128 --json -C ws
expect 0 '"dice": 1.0' "$pleura" score ws/corrected-rle.csv --size 128 --labels corrected --json -C ws
"$pleura" score original.csv --size 128 --labels corrected --json -C ws >out
grep -q '"dice": 1.0' out && complain "the score does not see the corrections"

# What is shown and listed, by labels and by filters about them.
expect 0 "mask 21 px (0.13 %), corrected" "$pleura" show "$number" --labels corrected -C ws
"$pleura" show "$number" -C ws | grep -qF "corrected" && complain "the original label is called a corrected one"
expect 0 "#$number" "$pleura" show --where mask=21 --labels corrected -C ws
expect 2 "no case fits" "$pleura" show --where mask=21 -C ws
expect 0 "mask 21 px, corrected, original, truth" "$pleura" show "$number" --as truth --labels corrected -C ws
expect 2 "original or corrected" "$pleura" show "$number" --labels new -C ws
same "$("$pleura" export --cases --where mask=21 --labels corrected -C ws | grep -c "^$number,$id,")" 1 "the exported case"
same "$("$pleura" export --cases --where mask=21 -C ws | wc -l)" 1 "exported cases by the original labels"
expect 2 "goes with --cases" "$pleura" export --epochs --labels corrected -C ws
expect 0 "labels      corrected:  positive 6 (50.0 %)" "$pleura" data report --no-pictures --labels corrected -C ws
expect 2 "another" "$pleura" data report --rle original.csv --labels corrected
expect 0 "better on 1, worse on 0" "$pleura" compare original.csv ws/corrected-rle.csv --size 128 --labels corrected -C ws

# Folds: a negative case becomes positive, which counts.
expect 0 "added" "$pleura" labels draw "${negative%,*}" --why "apex" --paint "5 40,30 60,30" -C ws
before=$("$pleura" split --folds 2 -o a.csv -C ws | awk '$1 == "all" {print $4}')
after=$("$pleura" split --folds 2 -o b.csv --labels corrected -C ws | awk '$1 == "all" {print $4}')
same "$after" "$((before + 1))" "the positives of the corrected folds"
expect 2 "original or corrected" "$pleura" split --labels new -C ws

# Training: run.json keeps which labels, and their hash; runs on others are marked.
"$pleura" split --folds 2 -C ws >/dev/null || exit 1
small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --choices fixed --epochs 1"
expect 0 "epoch 1/1" "$pleura" train -C ws $small --name before
expect 0 "epoch 1/1" "$pleura" train -C ws $small --labels corrected --name after
grep -q '"labels": *"corrected"' ws/runs/after/run.json || complain "run.json does not tell the labels"
grep -q '"labels": *"original"' ws/runs/before/run.json || complain "run.json does not tell the labels"
hash() { sed -n 's/.*"labels_sha256": *"\([0-9a-f]*\)".*/\1/p' "ws/runs/$1/run.json"; }
wanted=$(printf '%s folds.csv\n%s corrected-rle.csv\n' "$(sha256sum <ws/folds.csv | cut -d' ' -f1)" \
  "$(sha256sum <ws/corrected-rle.csv | cut -d' ' -f1)" | sha256sum | cut -d' ' -f1)
same "$(hash after)" "$wanted" "the hash of the labels"
expect 0 "resnet18  (scored on corrected labels)" "$pleura" runs -C ws
expect 0 '"labels": "corrected"' "$pleura" runs --json -C ws
expect 0 '"changed": []' "$pleura" runs --json -C ws
positives() { "$pleura" leaks --no-pictures -C ws "$@" | awk '$1 == "all" {print $4}'; }
same "$(positives --labels corrected)" "$(($(positives) + 1))" "the positives of the folds by the corrected labels"
expect 0 "1 maps in" "$pleura" predict before --where mask=21 --labels corrected -q -C ws
expect 2 "no case to predict" "$pleura" predict before --where mask=21 -q -C ws
"$pleura" previews before -C ws >out || exit 1
"$pleura" previews before --labels corrected -C ws | cmp -s - out && complain "the previews do not see the corrections"
# The network was fed with other masks than without.
[ "$(hash before)" != "$(hash after)" ] || complain "the hashes are the same"
cmp -s ws/runs/before/cases.jsonl ws/runs/after/cases.jsonl && complain "the corrected labels changed nothing"

# Evaluations on the other labels say so.
expect 0 "labels      corrected; 1 of 1 runs trained on other ones" "$pleura" eval before --labels corrected -q -C ws
expect 0 '"trained_on_other_labels": 0' "$pleura" eval after --labels corrected --json -q -C ws
"$pleura" eval before -q -C ws | grep -q "^labels" && complain "labels are mentioned although they are the original ones"

# A further correction: what was trained before is marked, and does not go on by itself.
expect 0 "#${other%,*}" "$pleura" labels draw "${other%,*}" --why "more" --paint "4 100,100" -C ws
expect 0 "resnet18  (scored on corrected labels, other labels)" "$pleura" runs -C ws
expect 0 '"changed": ["labels"]' "$pleura" runs --json -C ws
expect 2 "labels of" "$pleura" train -C ws --resume after --epochs 2
expect 2 "pleura eval: labels changed since run after" "$pleura" eval after --labels corrected -q -C ws

# Other folds: those of before are named apart from the labels, which are the same.
cp ws/folds.csv folds.csv
"$pleura" split --folds 3 -C ws >/dev/null || exit 1
expect 0 "resnet18  (other folds)" "$pleura" runs -C ws
expect 0 "resnet18  (scored on corrected labels, other folds, other labels)" "$pleura" runs -C ws
expect 2 "pleura eval: folds changed since run before" "$pleura" eval before -q -C ws
mv folds.csv ws/folds.csv

# pleura.yaml chooses for all.
echo "labels: corrected" >>ws/pleura.yaml
same "$("$pleura" split --folds 2 -o c.csv -C ws | awk '$1 == "all" {print $4}')" "$after" "the positives by pleura.yaml"
expect 0 "= corrected                (pleura.yaml)" "$pleura" train -C ws --print-options
same "$("$pleura" split --folds 2 -o c.csv --labels original -C ws | awk '$1 == "all" {print $4}')" "$before" "the command line's"
sed -i '/^labels:/d' ws/pleura.yaml

# Another size: the corrected masks go along.
expect 0 "3 corrected ones are kept" "$pleura" import set --size 96 -C ws -q --no-pack
expect 0 "epoch 1/1" "$pleura" train -C ws $small --labels corrected --name again

# Another table: refused with words, and the way out.
sed -i "s/^$id,.*/$id, 0 5/" ws/train-rle.csv
expect 2 "train-rle.csv changed" "$pleura" train -C ws $small --labels corrected
expect 2 "are not those that" "$pleura" labels export -C ws
expect 0 "are not those that" "$pleura" labels -C ws
expect 2 "say why" "$pleura" labels revert "$number" -C ws
expect 2 "--set-aside" "$pleura" labels revert "$number" --why x -C ws
expect 0 "2 corrected labels" "$pleura" labels revert "$number" --set-aside -C ws
grep -q "^$id, 0 5" ws/corrected-rle.csv || complain "the new original row is not in the table"
expect 0 "1 corrected label in" "$pleura" labels revert "${negative%,*}" --why "it was none" -C ws
expect 0 "reverted" "$pleura" labels log "${negative%,*}" -C ws
expect 0 "there is nothing to export" "$pleura" labels revert "${other%,*}" --why "nor that" -C ws
[ ! -e ws/corrected-rle.csv ] || complain "an empty correction is left"
exit $failed

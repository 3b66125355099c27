#!/bin/sh
# How trainings end: early, later than planned, or before a step that is not finite. Usage: test_training.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1

last() { basename "$(find "ws/runs/$1/ckpt" -mindepth 1 -type d | sort | tail -1)"; }

small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --choices fixed"
"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1

# 1 epoch and then another is what 2 are.
expect 0 "epoch 2/2" "$pleura" train -C ws $small --epochs 2 --name whole
expect 0 "epoch 1/1" "$pleura" train -C ws $small --epochs 1 --name parts \
  --on-end 'echo "$PLEURA_NAME $PLEURA_STATE $PLEURA_EXIT_CODE $PLEURA_BEST_EPOCH" >ended'
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s ws/runs/parts/ended ] || sleep 0.5; done
[ "$(cat ws/runs/parts/ended)" = "parts finished 0 1" ] || complain "on-end says $(cat ws/runs/parts/ended)"
# What goes to other programs.
expect 0 "182 tensors of U-Net resnet18" "$pleura" export --weights parts -C ws -o parts.safetensors
cmp parts.safetensors ws/runs/parts/ckpt/best/weights.safetensors || complain "exported weights are others"
expect 2 "is there already" "$pleura" export --weights parts -C ws -o parts.safetensors
same "$("$pleura" export --epochs parts -C ws | wc -l)" 3 "the rows of the exported curves"
expect 0 "2 epochs" "$pleura" export --tfevents parts -C ws -o events.out.tfevents.0
same "$("$pleura" export --cases -C ws --where 'fold=1 positive' | wc -l)" 3 "the rows of exported cases"
expect 2 "say what" "$pleura" export parts -C ws
grep -q on-end ws/runs/parts/run.json && complain "the run remembers what to do at its end"
expect 0 "epoch 2/2" "$pleura" train -C ws --resume parts --epochs 2
cmp "ws/runs/whole/ckpt/$(last whole)/weights.safetensors" "ws/runs/parts/ckpt/$(last parts)/weights.safetensors" ||
  complain "a training in two parts ends with other weights"
grep -q '"text":"set epochs to 2"' ws/runs/parts/metrics.jsonl || complain "the journal does not tell the new length"
expect 2 "--batch cannot be given with --resume" "$pleura" train -C ws --resume parts --batch 2
expect 2 "cannot be changed" "$pleura" core --run ws/runs/parts --resume --set batch=2

# Nothing is learned at this rate, so the score stands still sooner or later; then the training ends, once.
expect 0 "best epoch" "$pleura" train -C ws $small --epochs 40 --lr 0 --freeze-encoder on --early-stopping 2 --name early
grep -q '"text":"finished early: 2 epochs without a better dice_batch"' ws/runs/early/metrics.jsonl ||
  complain "the training did not end early"
best=$(grep '"kind":"epoch"' ws/runs/early/metrics.jsonl | grep '"best":true' | tail -1 | sed 's/.*"epoch":\([0-9]*\).*/\1/')
end=$(grep '"kind":"epoch"' ws/runs/early/metrics.jsonl | tail -1 | sed 's/.*"epoch":\([0-9]*\).*/\1/')
[ "$end" -eq $((best + 2)) ] || complain "the last epoch is $end, the best one $best"
expect 0 "best epoch" "$pleura" train -C ws --resume early
[ "$(grep -c '"kind":"epoch"' ws/runs/early/metrics.jsonl)" -eq $((end + 1)) ] || complain "it went on after its end"

# The best epochs' checkpoints are kept: 2 newest and 3 best.
expect 0 "best epoch" "$pleura" train -C ws $small --epochs 4 --freeze-encoder on --keep-best 3 --name top
for step in $(sed -n '/"top"/,/]/s/.*"step": \([0-9]*\).*/\1/p' "ws/runs/top/ckpt/$(last top)/state.json"); do
  [ -f "ws/runs/top/ckpt/$(printf %06d "$step")/MANIFEST" ] || complain "checkpoint $step is among the best, but gone"
done
[ "$(sed -n '/"top"/,/]/p' "ws/runs/top/ckpt/$(last top)/state.json" | grep -c '"step"')" -eq 3 ] ||
  complain "the state does not list 3 best epochs"

# Previews: every epoch's, of cases that the scores leave out too; what goes wrong with them ends nothing.
count() { find "ws/runs/$1/preview" -mindepth 2 -name '*.png' | wc -l; }
[ "$(find ws/runs/parts/preview -mindepth 1 -type d | wc -l)" -eq 3 ] || complain "parts has not previews of 3 epochs"
expect 0 "best epoch" "$pleura" train -C ws $small --epochs 1 --name shown --limit 2 --previews 3 --preview-cases positive
[ "$(count shown)" -eq $((2 * $(grep -c '"id"' ws/runs/shown/preview/cases.json))) ] || complain "previews are missing"
number=$(sed -n 's/.*"number":\([0-9]*\).*/\1/p' ws/runs/parts/preview/cases.json | head -1)
dice=$(sed -n "s/^{\"epoch\":2,\"number\":$number,.*\"dice\":\([0-9.e-]*\).*/\1/p" ws/runs/parts/cases.jsonl)
expect 0 "$(printf 'epoch 2     dice %.4f' "$dice")" "$pleura" previews parts --epoch 2 --case "$number" -C ws
expect 0 "\"number\": $number" "$pleura" previews parts --json -C ws
rm -r ws/runs/shown/preview && echo no >ws/runs/shown/preview
expect 0 "best epoch" "$pleura" train -C ws --resume shown --epochs 2
grep -q '"kind":"warn".*no previews: ' ws/runs/shown/metrics.jsonl || complain "nobody says why there are no previews"
expect 0 "best epoch" "$pleura" train -C ws $small --epochs 1 --name unseen --previews 0
expect 2 "has no previews yet" "$pleura" previews unseen -C ws
[ -e ws/runs/unseen/preview ] && complain "there are previews that nobody wanted"
expect 2 "preview-cases" "$pleura" train -C ws $small --epochs 1 --name none --preview-cases 'number=999'

# A loss or its gradient that is not finite: nothing is saved over, the images are.
expect 3 "is not finite, the step was not taken; cases #" "$pleura" train -C ws $small --epochs 30 --freeze-encoder on --name lost \
  --optimizer sgd --momentum 0.99 --lr 10 --weight-decay 1
folder=$(echo ws/runs/lost/nan/*)
for part in image.png mask.png prediction.png; do
  [ "$(find "$folder" -name "*-$part" | wc -l)" -eq 4 ] || complain "$folder has not 4 of $part"
done
[ "$(cat "$folder"/*.json | grep -c '"not_finite":"[lg]')" -eq 4 ] || complain "$folder does not tell why"
grep -q "its images are below nan/$(basename "$folder")" ws/runs/lost/metrics.jsonl || complain "the journal lacks nan/"
expect 3 "is not finite" "$pleura" train -C ws --resume lost
grep '"dice_batch":"nan"' ws/runs/lost/metrics.jsonl | grep -q '"best":true' && complain "a dice of nan is the best"

# The same images at another size are other pictures; imported as before they are what the run knows.
expect 0 "" "$pleura" import set --size 48 -C ws -q
expect 2 "pictures of $work/ws changed since this run was made" "$pleura" train -C ws --resume parts --epochs 3
expect 0 "" "$pleura" import set --size 32 -C ws -q
expect 0 "epoch 3/3" "$pleura" train -C ws --resume parts --epochs 3

exit "$failed"

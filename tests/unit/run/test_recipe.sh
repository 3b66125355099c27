#!/bin/sh
# The winner's recipe on a small set: presets, plans, and networks that go from one training to the next.
# Usage: test_recipe.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

"$pleura" phantom set --cases 16 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 64 -C ws -q >/dev/null || exit 1
"$pleura" split --folds 2 --by image -C ws >/dev/null || exit 1

# Every preset can be listed, looked at and planned.
expect 0 "resnet34 at 512 pixels" "$pleura" presets
for preset in $("$pleura" presets | cut -d' ' -f1); do
  expect 0 "encoder" "$pleura" presets "$preset"
  expect 0 "(preset)" "$pleura" train -C ws --preset "$preset" --print-options
  "$pleura" plan --preset "$preset" --images 100 >out 2>&1
  case $? in
    0) grep -q "parameters" out || complain "the plan of $preset" ;;
    4) grep -q "are free" out || complain "the refusal of $preset" ;;
    *) complain "$preset cannot be planned" ;;
  esac
done
expect 0 "run:" "$pleura" train -C ws --preset winner-part1 --print-options
expect 2 "name it with --weights run:NAME" "$pleura" train -C ws --preset winner-part1
expect 0 "24436369" "$pleura" plan -C ws --preset winner-part1 --size 64

# A chain, fold by fold, with a network that is not the presets': it goes along with the weights.
tiny="--epochs 1 --threads 1 --workers 1 --choices fixed --augment-strength 0.2 --valid-batch 4 -C ws"
scores() { grep -o '"dice_batch":.*"nothing":[^,]*' "ws/runs/$1/metrics.jsonl" | sed -n "$2p"; }
rate() { grep '"kind":"epoch"' "ws/runs/$1/metrics.jsonl" | grep -o '"lr":[^,]*' | tail -1; }
expect 0 "group a: 2 of 2 folds done" "$pleura" train $tiny --preset winner-512 --encoder resnet18 --size 64 --batch 4 \
  --all-folds --name a
expect 0 "encoder: run a-fold1, step" "$pleura" train $tiny --preset winner-part1 --size 64 --all-folds --name b --weights run:a
for fold in 0 1; do
  same "$(scores "b-fold$fold" 1)" "$(scores "a-fold$fold" 2)" "what fold $fold begins with, by its scores,"
  same "$(rate "b-fold$fold")" '"lr":1.0000000000000001e-05' "part 1's learning rate"
done

# Then at twice the size. The folds were dealt anew meanwhile: allowed for one run, but said; and there is no third one.
"$pleura" split --folds 3 --by image -C ws >/dev/null
expect 0 "it may have been trained on images that this run is validated on" "$pleura" train $tiny --preset winner-uptrain \
  --size 128 --weights run:b:last --name c
grep -q "encoder: run b-fold0, step .*: took all 182 tensors" out || complain "not the whole network went along"
expect 2 "run c has encoder resnet18, not resnet34" "$pleura" train $tiny --preset winner-part2 --encoder resnet34 \
  --weights run:c
expect 2 "group a has no run of fold 2" "$pleura" train $tiny --preset winner-part1 --all-folds --name d --weights run:a
[ ! -e ws/runs/d ] || complain "a group that cannot begin was made"

exit "$failed"

#!/bin/sh
# The cases shown as previews are changed while a run trains: journaled, taken at the next evaluation, kept over a kill,
# and without any influence on what is trained. Usage: test_live_previews.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1
"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --checkpoint-every 1 --previews 2 --choices fixed"
# Numbers of the cases of fold 0, and one that is of another.
"$pleura" export --cases --where 'fold=0' -C ws | awk -F, 'NR > 1 { print $1 }' >valid
other=$("$pleura" export --cases --where 'fold=1' -C ws | awk -F, 'NR > 1 { print $1; exit }')
first=$(sed -n 1p valid) second=$(sed -n 2p valid) third=$(sed -n 3p valid)

wait_for() { # WORDS FILE: at most 120 s
  for i in $(seq 600); do
    grep -qF -- "$1" "$2" 2>/dev/null && return
    sleep 0.2
  done
  complain "$2 lacks '$1'"
}

"$pleura" train -C ws $small --epochs 1 --name plain >out 2>&1 || { cat out; exit 1; }
run=ws/runs/told
"$pleura" train -C ws $small --epochs 500 --name told --detach >/dev/null 2>&1 || exit 1
wait_for '"kind":"step"' $run/metrics.jsonl
"$pleura" pause told -C ws >/dev/null

# What is refused, and why.
expect 0 "refused: preview-cases: case #$other is in fold 1, which this run trains on; previews are of fold 0" \
  "$pleura" set told preview-cases "number=$other" -C ws
expect 0 "refused: preview-cases: case #$other is in fold 1" \
  "$pleura" set told preview-cases "number=$first|number=$other" -C ws
expect 2 "previews" "$pleura" set told previews=65 -C ws
same "$(grep -c '"number"' $run/preview/cases.json)" 2 "how many previews a refusal leaves"

# What is taken.
expect 0 "set preview-cases to number=$first|number=$second|number=$third" \
  "$pleura" set told "preview-cases=number=$first|number=$second|number=$third" -C ws
expect 0 "set previews to 3" "$pleura" set told previews=3 -C ws
grep -q '"kind":"act".*set previews to 3' $run/metrics.jsonl || complain "it is not in the journal"
same "$(grep -c '"number"' $run/preview/cases.json)" 3 "how many previews there are then"
done_before=$(ls $run/preview | grep -c '^0')
"$pleura" resume told -C ws >/dev/null
for i in $(seq 600); do
  [ "$(ls $run/preview | grep -c '^0')" -gt "$done_before" ] && break
  sleep 0.2
done
newest=$(ls $run/preview | grep '^0' | tail -1)
same "$(ls "$run/preview/$newest" | wc -l)" 3 "how many maps the next evaluation made"
"$pleura" pause told -C ws >/dev/null

# A kill does not forget.
kill -9 "$(grep -o '"pid":[0-9]*' $run/core.json | cut -d: -f2)"
sleep 0.5
reached=$("$pleura" status told --json -C ws | grep -o '"epoch": *[0-9]*' | grep -o '[0-9]*$' | head -1)
expect 0 "best epoch" "$pleura" train --resume told -C ws --epochs $((reached + 1))
newest=$(ls $run/preview | grep '^0' | tail -1)
same "$(ls "$run/preview/$newest" | wc -l)" 3 "how many maps there are after a kill"
same "$(grep -c '"number"' $run/preview/cases.json)" 3 "how many previews are listed after a kill"

# Nothing of that changes the training: the same weights as a run that was left alone.
"$pleura" train -C ws $small --epochs $((reached + 1)) --name alone >out 2>&1 || { cat out; exit 1; }
last=$(ls $run/ckpt | grep '^0' | tail -1)
cmp "$run/ckpt/$last/weights.safetensors" "ws/runs/alone/ckpt/$last/weights.safetensors" ||
  complain "the weights are others"
cmp "$run/ckpt/$last/optimizer.safetensors" "ws/runs/alone/ckpt/$last/optimizer.safetensors" ||
  complain "the optimizer's state is another"

# None at all, and again some.
expect 0 "best epoch" "$pleura" train --resume plain -C ws --epochs 2 --previews 0
same "$(grep -c '"number"' ws/runs/plain/preview/cases.json)" 0 "how many previews are listed without any"
expect 0 "best epoch" "$pleura" train --resume plain -C ws --epochs 3 --previews 1
newest=$(ls ws/runs/plain/preview | grep '^0' | tail -1)
same "$(ls "ws/runs/plain/preview/$newest" | wc -l)" 1 "how many maps there are again"
exit $failed

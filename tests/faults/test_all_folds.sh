#!/bin/sh
# A training of all folds: cut, stopped, asked for again, refused. Usage: test_all_folds.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1

small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --choices fixed"
"$pleura" phantom set --cases 18 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
"$pleura" split --folds 3 --by image -C ws >/dev/null || exit 1

weights() { echo "ws/runs/$1/ckpt/$(basename "$(find "ws/runs/$1/ckpt" -mindepth 1 -type d | sort | tail -1)")/weights.safetensors"; }

core_of() { grep -o '"pid":[0-9]*' "ws/runs/$1/core.json" | cut -d: -f2; }

await() { # WORDS FILE: until they are there
  tries=600
  while [ "$tries" -gt 0 ] && ! grep -qs -- "$1" "$2"; do
    sleep 0.1
    tries=$((tries - 1))
  done
  [ "$tries" -gt 0 ] || complain "$2 never has $1"
}

gone() { # PID: until it has ended
  tries=600
  while [ "$tries" -gt 0 ] && kill -0 "$1" 2>/dev/null; do
    sleep 0.1
    tries=$((tries - 1))
  done
  [ "$tries" -gt 0 ] || complain "process $1 goes on"
}

# Killed in the second fold, then the same command: the first is left alone, the second resumed, the third made. What a
# making that was cut has left is no obstacle.
mkdir -p ws/runs/all ws/runs/all-fold0/inbox
all="train -C ws $small --epochs 3 --all-folds --name all"
expect 0 "runs/all" "$pleura" $all --detach
await '"kind":"epoch".*"epoch":1' ws/runs/all-fold1/metrics.jsonl
expect 2 "another core is working on" "$pleura" $all
expect 0 "all-fold1" "$pleura" status all -C ws
expect 0 "group all: 1 of 3 folds done" "$pleura" status all --long -C ws
expect 0 "fold 1 is training" "$pleura" runs -C ws
kill -9 "$(core_of all)"
gone "$(core_of all)"
expect 0 "group all: 1 of 3 folds done" "$pleura" runs -C ws
expect 0 '"group": "all"' "$pleura" runs -C ws --json
cp ws/runs/all-fold0/metrics.jsonl before
expect 0 "group all: 3 of 3 folds done" "$pleura" $all --on-end 'echo "$PLEURA_NAME $PLEURA_STATE" >>ended'
grep -q "fold 0 (1 of 3) is done" out || complain "the fold that was done is not mentioned"
cmp before ws/runs/all-fold0/metrics.jsonl || complain "a fold that was done was trained again"
grep -q '"kind":"resume"' ws/runs/all-fold1/metrics.jsonl || complain "the fold that was cut was not resumed"
expect 0 "group all: 3 of 3 folds done" "$pleura" train -C ws --resume all

await . ws/runs/all-fold2/ended
same "$(cat ws/runs/all-fold2/ended)" "all-fold2 finished" "what on-end was told"
[ ! -e ws/runs/all-fold1/ended ] || complain "on-end was called before the end"

# A fold of a group is what it is alone, killed or not.
expect 0 "epoch 3/3" "$pleura" train -C ws $small --epochs 3 --fold 1 --name alone
cmp "$(weights alone)" "$(weights all-fold1)" || complain "fold 1 has other weights in a group"

# Other options, other folds, other names.
expect 2 "group all keeps its options; asked for: epochs 2 instead of 3" "$pleura" train -C ws $small --epochs 2 \
  --all-folds --name all
expect 2 "exclude each other" "$pleura" train -C ws $small --all-folds --fold 1
expect 2 "there is a run 'alone' already" "$pleura" train -C ws $small --all-folds --name alone
expect 2 "it is a group of runs; resume one of them" "$pleura" train -C ws --resume all --epochs 9
expect 2 "--all-folds cannot be given with --resume" "$pleura" train -C ws --resume all --all-folds

# Stopped by command, and gone on with by the same command without a name, which then begins anew.
unnamed="train -C ws $small --epochs 200 --all-folds --freeze-encoder on"
expect 0 "runs/" "$pleura" $unnamed --detach
name=$(basename "$(cat out)")
await '"kind":"epoch".*"epoch":1' "ws/runs/$name-fold0/metrics.jsonl"
expect 0 "stop" "$pleura" stop "$name" -C ws
gone "$(core_of "$name")"
[ ! -e "ws/runs/$name-fold1" ] || complain "a group that was stopped went on with its next fold"
expect 0 "group $name: 0 of 3 folds done; fold 0 is next" "$pleura" runs -C ws
expect 0 "runs/$name" "$pleura" $unnamed --detach
await '"kind":"resume"' "ws/runs/$name-fold0/metrics.jsonl"
kill "$(core_of "$name")"
gone "$(core_of "$name")"

# Folds that were dealt anew are not mixed with the old ones.
cp ws/folds.csv kept.csv
"$pleura" split --folds 3 --by image --seed 7 -C ws >/dev/null
expect 2 "folds of $work/ws changed since" "$pleura" train -C ws --resume "$name"
cp kept.csv ws/folds.csv

# Ctrl-C stops the whole group.
"$pleura" train -C ws $small --epochs 200 --all-folds --name long >out 2>&1 &
await "epoch 0/200" out
kill -INT $!
wait $!
same $? 6 "the exit code after Ctrl-C"
gone "$(core_of long)"
[ ! -e ws/runs/long-fold1 ] || complain "Ctrl-C ended only one fold"

exit "$failed"

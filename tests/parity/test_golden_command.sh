#!/bin/sh
# The subcommand `golden`: PyTorch's numbers for the seeds of golden.json, and its switches. Usage: PLEURA
set -u
pleura=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
  echo "FAILED: $1"
  failed=1
}

# number FILE KEY PLACE: the element of a list (from 1), or of an object by its order
number() { grep -o "\"$2\":[[{][^]}]*" "$1" | sed 's/^"[^"]*":.//' | tr ',' '\n' | sed -n "$3p" | sed 's/.*://'; }

near() { # VALUE EXPECTED RELATIVE
  awk -v a="$1" -v b="$2" -v r="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; if (b < 0) b = -b; exit !(a != "" && d <= r * b) }' ||
    complain "$1 is not $2 (within $3)"
}

"$pleura" golden --steps 2 --json >"$work/one" || complain "golden does not run"
near "$(number "$work/one" losses 1)" 5.302365214133041 1e-6
near "$(number "$work/one" losses 2)" 4.393394396297409 1e-2
near "$(number "$work/one" logits_first8 5)" 0.6945099696543812 1e-4
count=$(number "$work/one" grad_l2 1,999 | wc -l)
[ "$count" -eq 255 ] || complain "there are $count gradients, not 255"
case "$("$pleura" help)" in *golden*) complain "help lists it" ;; esac

# The second of fresh batches is another one.
"$pleura" golden --steps 2 --json --fresh-batches >"$work/fresh" || complain "--fresh-batches does not run"
[ "$(number "$work/fresh" losses 1)" = "$(number "$work/one" losses 1)" ] || complain "the first batch differs"
[ "$(number "$work/fresh" losses 2)" != "$(number "$work/one" losses 2)" ] || complain "the second batch is the first"

# Other seeds and shapes, by the reference in doubles and by the CPU backend.
case="--seed-weights 3 --seed-data 4 --batch 3 --height 64 --width 96 --encoder resnet18 --decoder-attention scse --json"
# shellcheck disable=SC2086
"$pleura" golden $case --steps 1 --backend ref >"$work/ref" && "$pleura" golden $case --steps 1 >"$work/two" ||
  complain "another case does not run"
near "$(number "$work/two" losses 1)" "$(number "$work/ref" losses 1)" 1e-6

# Weights written and read again give the same.
# shellcheck disable=SC2086
"$pleura" golden $case --steps 1 --save-weights "$work/w" >/dev/null &&
  "$pleura" golden $case --steps 0 --weights "$work/w" --all-logits >"$work/a" &&
  "$pleura" golden $case --steps 0 --weights "$work/w" --all-logits --save-weights "$work/v" >"$work/b" ||
  complain "weights are not taken again"
cmp -s "$work/a" "$work/b" && cmp -s "$work/w" "$work/v" || complain "weights did not stay"
"$pleura" golden --encoder resnet34 --steps 0 --weights "$work/w" 2>/dev/null && complain "weights of another network are taken"

"$pleura" golden --batch 0 2>/dev/null
[ $? -eq 2 ] || complain "--batch 0 is not refused"
"$pleura" golden --height 50 2>/dev/null
[ $? -eq 2 ] || complain "--height 50 is not refused"
[ "$failed" -eq 0 ] && echo "golden: all good"
exit "$failed"

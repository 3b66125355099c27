#!/bin/sh
# pleura plan as a person calls it. Usage: test_plan.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

expect 0 "what a training" "$pleura" plan --help
expect 0 "peak" "$pleura" plan --help
expect 0 "parameters" "$pleura" plan --preset demo
expect 0 "14328209" "$pleura" plan --preset demo --images 100
expect 0 '"parameters":14328209' "$pleura" plan --preset demo --images 100 --json
expect 0 "80   trained, 20 held out" "$pleura" plan --preset demo --images 100
expect 2 "--images takes a number" "$pleura" plan --images 4
expect 2 "leave out -C" "$pleura" plan --images 100 -C .
expect 2 "not in a workspace" "$pleura" plan -C "$work"
expect 2 "is not a multiple of 32" "$pleura" plan --size 100
expect 2 "is one word too many" "$pleura" plan now
expect 2 "there is no preset" "$pleura" plan --preset nothing
# Presets.
expect 0 "blog " "$pleura" presets
expect 0 "size: 256" "$pleura" presets quick
expect 0 "fit-batch: on" "$pleura" presets quick
expect 2 "there are: " "$pleura" presets nothing
expect 2 "one word too many" "$pleura" presets quick blog
expect 0 "resnet18, 256 pixels" "$pleura" plan --preset quick --images 100
expect 0 "presets NAME" "$pleura" train --help

expect 4 "are free; " "$pleura" plan --images 10000 --size 4096 --batch 1024

# In a workspace, whose options count.
expect 0 "" "$pleura" phantom set --cases 10 --size 64
expect 0 "" "$pleura" import set --size 64 -C ws -q
printf 'encoder: resnet34\nbatch: 4\nsize: 64\n' >>ws/pleura.yaml
expect 0 "resnet34, 64 pixels, batch 4" "$pleura" plan -C ws
expect 0 "8   trained, 2 held out; 2 batches an epoch" "$pleura" plan -C ws
expect 0 "resnet34, 64 pixels, batch 2" "$pleura" plan -C ws --batch 2
exit $failed

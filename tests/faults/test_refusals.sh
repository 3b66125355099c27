#!/bin/sh
# What a training refuses, what it says then, and what it leaves behind. Usage: test_refusals.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1

fresh() { # NAME: a copy of the workspace without its runs
  rm -rf "$1"
  cp -r ws "$1" && rm -rf "$1/runs"
}

core_of() { grep -o '"pid":[0-9]*' "$1/core.json" | cut -d: -f2; }

gone() { # PID SECONDS: has it ended by then?
  tries=$(($2 * 10))
  while [ "$tries" -gt 0 ] && kill -0 "$1" 2>/dev/null; do
    sleep 0.1
    tries=$((tries - 1))
  done
  ! kill -0 "$1" 2>/dev/null
}

small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --epochs 1"
"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1

# The share of a mask is of its own image, which is not always 1024x1024.
number=$(awk -F, 'NR > 1 && $10 > 0 { print $1; exit }' ws/cases.csv)
share=$(awk -F, 'NR > 1 && $10 > 0 { printf "%.2f %%", 100 * $10 / $6 / $7; exit }' ws/cases.csv)
expect 0 "($share)" "$pleura" show "$number" -C ws

# A whole training, then its file for another encoder.
expect 0 "validation dice" "$pleura" train -C ws $small --name one
file=ws/runs/one/ckpt/best/weights.safetensors
expect 3 "is of another encoder: it has no encoder.layer1.2" "$pleura" train -C ws $small --encoder resnet34 --weights $file

# A path in pleura.yaml is meant from the workspace, not from where the command is called.
fresh beside
cp $file beside/mine.safetensors
echo 'weights: mine.safetensors' >>beside/pleura.yaml
expect 0 "encoder: mine.safetensors: took all 182 tensors" "$pleura" train -C beside $small

# A core started by hand says why it does not work, and a failed start does not forget how far the run was.
expect 2 "has been trained already" "$pleura" core --run ws/runs/one
expect 2 "run.json" "$pleura" core --run ws/images
cp ws/cases.csv kept.csv
echo >>ws/cases.csv
expect 2 "changed since this run was made; start a new run" "$pleura" train -C ws --resume one
cp kept.csv ws/cases.csv
expect 0 "1/1" "$pleura" runs -C ws

# Data that does not do.
fresh bad
rm "bad/images/$(awk -F, 'NR == 2 { print $2 }' bad/cases.csv).png"
expect 3 "case #1" "$pleura" train -C bad $small
fresh bad
awk -F, -v OFS=, 'NR > 1 { $4 = $3 }; 1' ws/folds.csv >bad/folds.csv
expect 2 "best-by: dice_pos is the score of images with a mask" "$pleura" train -C bad $small --best-by dice_pos
expect 0 "dice_pos ?" "$pleura" train -C bad $small
truncate -s 900 bad/cases.csv
expect 3 "import again" "$pleura" train -C bad $small
"$pleura" import --test-images set/dicom-images-test --size 32 -C test -q >/dev/null
expect 2 "no training image with a label" "$pleura" train -C test $small

# A packed cache that is damaged is left alone, and that is said.
fresh cut
truncate -s 9000 cut/pictures.pack
expect 0 "validation dice" "$pleura" train -C cut $small --name cut
grep -q "images are read from PNG: .*truncated" cut/runs/cut/core.log || complain "a truncated pack is not mentioned"
grep -q "packed cache: has 23 of 23 cases" ws/runs/one/core.log || complain "the pack was not used"

# Ctrl-C while the core is still starting stops the training too.
"$pleura" train -C ws $small --epochs 20 --name stopped >out 2>&1 &
sleep 0.2
kill -INT $!
wait $!
[ $? = 6 ] || complain "Ctrl-C while the core starts"
expect 0 "stopped" "$pleura" runs -C ws

# A run whose folder is removed ends, and does not make it anew.
fresh away
expect 0 "runs/away" "$pleura" train -C away $small --epochs 1000 --name away --detach
core=$(core_of away/runs/away)
rm -rf away/runs 2>/dev/null || rm -rf away/runs
if ! gone "$core" 60; then
  complain "the core of a removed run goes on"
  kill -9 "$core"
fi
[ ! -e away/runs ] || complain "a removed run came back: $(find away/runs | head -3)"

exit $failed

#!/bin/sh
# The winner's own programs beside pleura: his inference with pleura's networks, his submission from pleura's maps.
# Usage: PLEURA_WINNER=UNET_PIPELINE [PLEURA_WINNER_PYTHON=PYTHON] test_winner.sh PLEURA
# See tests/tools/winner.py for both.
set -u
pleura=$1
skip() { echo "skipped: $1"; exit 77; }
[ -n "${PLEURA_WINNER:-}" ] || skip "PLEURA_WINNER names no folder unet_pipeline of the winner's repository"
python=${PLEURA_WINNER_PYTHON:-/usr/bin/python3}
"$python" -c 'import albumentations, cv2, pandas, safetensors, segmentation_models_pytorch, torch, yaml' 2>/dev/null ||
  skip "$python lacks what his programs import"
. "$(dirname "$0")/../../tools/expect.sh"
tools=$(cd "$(dirname "$0")/../../tools" && pwd)
cd "$work" || exit 1
winner() { "$python" "$tools/winner.py" "$@" || complain "winner.py $*"; }
quiet() { "$pleura" "$@" >said 2>&1 || { complain "pleura $*"; cat said; }; }

quiet phantom set --cases 24 --size 1024 --positive 0.5
quiet import set --size 64 -C ws -q
quiet train -C ws --name a --fold 0 --encoder resnet18 --size 64 --batch 8 --epochs 2 --keep-best 2 --learning-rate 1e-3
sample=set/sample_submission.csv
quiet predict a -C ws --top 2 --tta -o mean
quiet predict a -C ws --top 2 --tta --where fold=0 -o held

# Two networks and their mirrored images.
weights=
for step in $(ls ws/runs/a/ckpt | grep '^[0-9]'); do
  quiet export "ws/runs/a/ckpt/$step" --weights -o "$step.safetensors"
  weights="$weights $step.safetensors"
done
same "$(echo $weights | wc -w)" 2 "the checkpoints"
# shellcheck disable=SC2086  # one word a file
winner infer "$PLEURA_WINNER" ws/images $sample 64 mean.pkl $weights
winner maps mean.pkl mean 64 2e-5

# The same maps: the same submission, and the same dice as far as his floats go.
winner pack mean 1024 same.pkl
winner pack held 1024 held.pkl
for triplet in 0.5,100,0.4 0.6,3000,0.45 0.4,20,0.05 0.95,9,0.5; do
  winner submit "$PLEURA_WINNER" same.pkl $sample $triplet his.csv
  quiet submit a -C ws --top 2 --tta --triplet $triplet -o ours.csv
  cut -d, -f2 ours.csv | grep -q '^[0-9]' && winner rows his.csv ours.csv
  winner dice "$PLEURA_WINNER" held.pkl set/train-rle.csv $triplet >his.json
  "$pleura" eval a -C ws --top 2 --tta --triplet $triplet --json >ours.json || failed=1
  "$python" "$tools/near_json.py" his.json ours.json 1e-6 || complain "his dice at $triplet is another"
done

# His networks' result made larger by OpenCV before thresholds, as he does it in an ensemble: rounding moves an edge here
# and there.
winner ensemble "$PLEURA_WINNER" $sample 0.5,100,0.4 his.csv mean.pkl=1
quiet submit a -C ws --top 2 --tta --triplet 0.5,100,0.4 -o ours.csv
winner rows his.csv ours.csv 200
exit $failed

#!/bin/sh
# All that needs a GPU, in one command on a machine with an NVIDIA GPU, its driver, CUDA, cuDNN, and PyTorch for the
# comparison. No other library is needed.
#
#   tests/gpu.sh                  the stages that have not been done for this commit and device, in their order
#   tests/gpu.sh STAGE...         these stages (again): build parity bench compile large
#   tests/gpu.sh --pack           before going to a machine that has no ../shared: copies what is needed from there into
#                                 build/gpu-pack (which travels with the tree, and git ignores)
#
# build    the plug-in and its tests; parity  every op and whole networks against the reference backend, convolutions
# against their definition; bench  training and inference beside PyTorch eager; compile  beside torch.compile; large
# the losses at 512 pixels beside PyTorch in float32 without TF32, and larger inputs.
# Each stage takes less than 9 minutes and writes to gpu/results/ as it goes. Exits with 77 where there is no GPU.
set -u
cd "$(dirname "$0")/.." || exit 1
pack=build/gpu-pack build=build/gpu stages="build parity bench compile large"
minutes=${PLEURA_GPU_MINUTES:-8.5}

case ${1-} in
  -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --pack)
    from=${PLEURA_REFERENCE:-../shared/reference}
    [ -f "$from/reference.py" ] || { echo "gpu.sh: there is no $from/reference.py to pack"; exit 2; }
    mkdir -p "$pack" && cp "$from/reference.py" "$from/golden.json" "$pack" || exit 1
    size=$(du -sm "$pack" | cut -f1)
    [ "$size" -le 64 ] || { echo "gpu.sh: $pack has $size MiB, more than 64"; exit 1; }
    echo "packed into $pack"
    exit 0
    ;;
esac
for stage in "$@"; do
  case " $stages " in *" $stage "*) ;; *) echo "gpu.sh: '$stage' is no stage; there are: $stages"; exit 2 ;; esac
done
if ! nvidia-smi -L >/dev/null 2>&1; then
  echo "skipped: there is no NVIDIA GPU with a driver here (nvidia-smi says nothing)"
  exit 77
fi

PLEURA_REFERENCE=${PLEURA_REFERENCE:-../shared/reference}
[ -f "$PLEURA_REFERENCE/reference.py" ] || PLEURA_REFERENCE=$PWD/$pack
export PLEURA_REFERENCE OMP_WAIT_POLICY=passive
python=${PLEURA_PYTHON:-python3}
device=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null | grep -v '^?? gpu/results/')" ] || commit=$commit-changed
results=gpu/results/$(printf '%s' "$device" | tr ' /' '--')-$commit
plugin=$PWD/$build/bin/libpleura-cuda.so
mkdir -p "$results"

note() { echo "$*" | tee -a "$log"; }
begin() { # STAGE: its log, with what it was made on
  log=$results/$1.txt
  deadline=$(($(date +%s) + $(awk "BEGIN { print int(60 * $minutes) }")))
  { echo "stage $1, $(date -u +%Y-%m-%dT%H:%MZ), $device, commit $commit"
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; } | tee "$log"
}
left() { # seconds, at least 1: for timeout 0 is no limit
  seconds=$((deadline - $(date +%s)))
  echo $((seconds > 1 ? seconds : 1))
}
# run COMMAND...: within what is left of the stage, its output into the log. A failure is noted, and the stage fails.
run() {
  note "\$ $*"
  timeout "$(left)" "$@" >"$results/last" 2>&1
  code=$?
  tee -a "$log" <"$results/last"
  rm -f "$results/last"
  [ "$code" = 0 ] || { note "FAILED with $code"; failed=1; }
  return "$code"
}

stage_build() {
  run cmake -S . -B "$build" -DPLEURA_PARTS=gpu -DPLEURA_CUDA=ON \
    "-DPLEURA_CUDA_ARCHITECTURES=${PLEURA_CUDA_ARCHITECTURES:-$(architecture)}" || return
  run cmake --build "$build" -j "$(nproc)"
}

# Of this device alone: what the others need is compiled elsewhere.
architecture() {
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
  if [ "$capability" = 90 ]; then echo 90a; else echo "$capability"; fi
}

stage_parity() {
  run "$build/bin/test_dnn_device"
  for precision in f32 f16 bf16; do
    run "$build/bin/test_parity" --backend "$plugin" --precision "$precision" --fast
  done
  for precision in f32 f16 bf16; do
    run "$build/bin/test_parity" --backend "$plugin" --precision "$precision" --unchecked network
  done
}

# Both sides of a row one after the other, so that they see the same machine; lines of JSON into FILE.
ours() { # FILE BENCH_GPU_OPTION...
  file=$1
  shift
  run "$build/bin/bench_gpu" --backend "$plugin" "$@" && tail -1 "$log" >>"$file"
}
torch() { # FILE ROW...
  file=$1
  shift
  run "$python" tests/gpu/bench_torch.py "$@" && grep '^{' "$log" | tail -$# >>"$file"
}

stage_bench() {
  rows=$results/bench.jsonl
  rm -f "$rows"
  for precision in f16 bf16; do
    ours "$rows" --precision "$precision" --choices "$results/choices-$precision.json"
    torch "$rows" "train:eager:$precision:8:512"
  done
  for precision in f16 bf16; do
    ours "$rows" --precision "$precision" --program predict --batch 16
    torch "$rows" "predict:eager:$precision:16:512"
  done
  run "$build/bin/test_parity" --backend "$plugin" --precision f16 --fast --perf
  run "$python" tests/gpu/compare.py "$rows"
}

stage_compile() {
  rows=$results/compile.jsonl
  rm -f "$rows"
  ours "$rows" --precision f16
  torch "$rows" train:max-autotune:f16:8:512
  [ "$(left)" -lt 120 ] || torch "$rows" train:max-autotune:bf16:8:512
  [ "$(left)" -lt 90 ] || torch "$rows" predict:max-autotune:f16:16:512
  run "$python" tests/gpu/compare.py "$results/bench.jsonl" "$rows"
}

stage_large() {
  rows=$results/large.jsonl
  rm -f "$rows"
  # The reference network, its weights and batch by the fill rule: the losses of the first steps in float32.
  "$build/bin/bench_gpu" --backend "$plugin" --precision f32 --losses --batch 2 --size 512 --steps 5 --rule >"$results/ours" 2>>"$log" &&
    timeout "$(left)" "$python" tests/gpu/bench_torch.py --losses 2 512 5 >"$results/theirs" 2>>"$log" &&
    run "$python" tests/gpu/compare.py --losses "$results/ours" "$results/theirs"
  for row in 2:1024:50 32:512:50; do
    batch=${row%%:*} size=${row#*:}
    ours "$rows" --precision f16 --batch "$batch" --size "${size%:*}" --steps 50
    torch "$rows" "train:eager:f16:$row"
  done
  run "$python" tests/gpu/compare.py "$rows"
}

[ $# -gt 0 ] || only_missing=1
bad=0
for stage in ${*:-$stages}; do
  if [ -n "${only_missing-}" ] && [ -f "$results/$stage.done" ] && { [ "$stage" != build ] || [ -f "$plugin" ]; }; then
    echo "$stage: done before"
    continue
  fi
  failed=0
  begin "$stage"
  "stage_$stage"
  if [ "$failed" = 0 ]; then touch "$results/$stage.done"; else rm -f "$results/$stage.done"; bad=1; fi
  note "$stage: $([ "$failed" = 0 ] && echo done || echo FAILED)"
  [ "$stage" != build ] || [ "$failed" = 0 ] || exit 1
done
exit "$bad"

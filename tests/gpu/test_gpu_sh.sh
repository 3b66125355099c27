#!/bin/sh
# The stages of tests/gpu.sh with stand-ins for the device, the build and PyTorch. Usage: test_gpu_sh.sh ROOT
set -u
root=$(cd "${1:?}" && pwd)
. "$root/tests/tools/expect.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
mkdir -p "$work/p/tests/gpu" "$work/bin" "$work/shared" || exit 1
cp "$root/tests/gpu.sh" "$work/p/tests" && cp "$root/tests/gpu/compare.py" "$work/p/tests/gpu"
cd "$work/p" || exit 1
stand_in() { printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1"; }

expect 77 "no NVIDIA GPU" env PATH="/usr/bin:/bin" sh -c 'command -v nvidia-smi >/dev/null && { echo "no NVIDIA GPU"; exit 77; }; exec sh tests/gpu.sh'
expect 2 "is no stage" sh tests/gpu.sh build nonsense
expect 2 "to pack" env PLEURA_REFERENCE="$work/shared" sh tests/gpu.sh --pack
touch "$work/shared/reference.py" "$work/shared/golden.json"
expect 0 packed env PLEURA_REFERENCE="$work/shared" sh tests/gpu.sh --pack

stand_in "$work/bin/nvidia-smi" 'case $* in *name,*) echo "Stand-in 9, 1, 2" ;; *compute_cap*) echo 9.0 ;; *) echo "Stand-in 9" ;; esac'
stand_in "$work/bin/cmake" 'mkdir -p build/gpu/bin; touch build/gpu/bin/libpleura-cuda.so; echo "cmake $*"'
mkdir -p build/gpu/bin
for name in test_dnn_device test_parity; do stand_in "build/gpu/bin/$name" 'echo passed'; done
line='{\"name\":\"$name\",\"backend\":\"BACKEND\",\"ms_median\":MS,\"ms_p10\":1,\"ms_p90\":3,\"memory_MiB\":7}'
ours=$(echo "$line" | sed 's/BACKEND/cuda/; s/MS/2.0/') theirs=$(echo "$line" | sed 's/BACKEND/torch $how/; s/MS/4.0/')
stand_in build/gpu/bin/bench_gpu 'p=f16 k=train b=8 s=512
case $* in *--losses*) echo 1.5; echo 1.25; exit ;; esac
while [ $# -gt 0 ]; do case $1 in --precision) p=$2 ;; --program) k=$2 ;; --batch) b=$2 ;; --size) s=$2 ;; esac; shift; done
name="$k $p b$b $s"; echo "'"$ours"'"'
stand_in "$work/bin/python3" 'case $1 in *compare.py) PATH=${PATH#*:}; exec python3 "$@" ;; esac
case $2 in --losses) echo 1.5; echo 1.2501; exit ;; esac
IFS=:; set -- $2; how=$2; name="$1 $3 b$4 $5"; echo "'"$theirs"'"'

export PATH="$work/bin:$PATH" PLEURA_REFERENCE="$work/shared"
expect 0 "large: done" sh tests/gpu.sh
for stage in build parity bench compile large; do
  [ -f "gpu/results/Stand-in-9-unknown/$stage.txt" ] || complain "no log of $stage"
done
log=gpu/results/Stand-in-9-unknown
grep -q 'stage bench, 2.*Stand-in 9, commit unknown' $log/bench.txt || complain "the log lacks date, device or commit"
grep -q 'DPLEURA_CUDA_ARCHITECTURES=90a' $log/build.txt || complain "builds for another architecture"
same "$(wc -l <$log/bench.jsonl)" 8 "the rows of bench"
grep -q 'train b8 512: fastest of all precisions, cuda 2.000 ms, torch eager 4.000 ms, ratio 0.500' $log/bench.txt || complain "no ratio"
grep -q 'torch max-autotune .*0.500' $log/compile.txt || complain "no ratio to torch.compile"
grep -q '8.00e-05 apart' $log/large.txt || complain "no comparison of losses"
expect 0 "large: done before" sh tests/gpu.sh

# A stage that fails says so, and is done again by the next call; the others are not.
stand_in build/gpu/bin/test_parity 'echo "1 failed"; exit 1'
expect 1 "parity: FAILED" sh tests/gpu.sh parity
stand_in build/gpu/bin/test_parity 'echo passed'
expect 0 "parity: done" sh tests/gpu.sh
grep -q "bench: done before" "$work/out" || complain "bench was done again"
exit "$failed"

#!/bin/sh
# What ./run --with-cuda asks and installs, from a folder of small stand-ins for NVIDIA's wheels.
# Usage: test_cuda_setup.sh ROOT
set -u
root=$(cd "${1:?test_cuda_setup.sh wants the root of the sources}" && pwd)
python3 -m pip --version >/dev/null 2>&1 || { echo "skipped: python3 has no pip"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0
fail() { echo "FAILED: $*"; sed 's/^/  | /' "$tmp/err"; failures=$((failures + 1)); }

mkdir -p "$tmp/project/assets" "$tmp/index"
cp "$root/assets/setup.sh" "$root/assets/cuda-wheels.txt" "$tmp/project/assets"

# Two wheels, and the list with their hashes.
python3 - "$tmp" <<'EOF'
import hashlib, sys, zipfile
list_text = ""
for name, path in (("nvidia-cuda-nvcc", "nvidia/cu13/bin/nvcc"), ("nvidia-cudnn-cu13", "nvidia/cudnn/include/cudnn_graph.h")):
    base, info = name.replace("-", "_"), name.replace("-", "_") + "-1.0.dist-info"
    file = f"{sys.argv[1]}/index/{base}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(path, "stand-in\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    list_text += f"{name}==1.0 --hash=sha256:{hashlib.sha256(open(file, 'rb').read()).hexdigest()}\n"
open(f"{sys.argv[1]}/list", "w").write(list_text)
EOF
python3 - "$tmp" <<'EOF'
import re, sys
text = open(f"{sys.argv[1]}/list").read()
open(f"{sys.argv[1]}/wrong", "w").write(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, text, count=1))
EOF

try() { # ANSWERS LIST PIP_OPTION...: runs install_cuda
  answers=$1 list=$2
  shift 2
  (cd "$tmp/project" && printf "$answers" | env -u PIP_FIND_LINKS "$@" PLEURA_CUDA_WHEEL_LIST="$list" PIP_CONFIG_FILE=/dev/null \
    PIP_RETRIES=0 PIP_DEFAULT_TIMEOUT=2 sh -c '. assets/setup.sh; install_cuda "no nvcc"' run) >"$tmp/out" 2>"$tmp/err"
}
local_index="PIP_NO_INDEX=1 PIP_FIND_LINKS=$tmp/index"
nothing() { [ ! -e "$tmp/project/build/cuda" ] && [ ! -e "$tmp/project/build/cuda.part" ] || fail "$1: something was installed"; }

# No, nothing, or no answer that makes sense: nothing is installed, and it says so.
for answers in 'n\n' '\n' '' 'maybe\nperhaps\nwhy\ny\n'; do
  try "$answers" "$tmp/list" $local_index && fail "answer '$answers': exit 0"
  grep -q 'nothing was installed' "$tmp/err" || fail "answer '$answers': does not say that nothing was installed"
  nothing "answer '$answers'"
done
[ "$(grep -c 'please answer y or n' "$tmp/err")" = 3 ] || fail "bad answers: asks otherwise than three times"

# Before it asks it tells what, from where, under which licence, how large.
for words in 'no nvcc' 'nvidia-cuda-nvcc==1.0 nvidia-cudnn-cu13==1.0' PyPI 'CUDA Toolkit EULA' 'MB to download' "$tmp/project/build/cuda"; do
  grep -q "$words" "$tmp/err" || fail "the question lacks '$words'"
done

# A file that is not the one of the list, no network: a clear end, nothing left.
try 'y\n' "$tmp/wrong" $local_index && fail "wrong hash: exit 0"
grep -q 'the download failed and nothing was installed' "$tmp/err" || fail "wrong hash: does not say so"
nothing "wrong hash"
try 'y\n' "$tmp/list" PIP_INDEX_URL=http://127.0.0.1:9/simple && fail "no network: exit 0"
grep -q 'is there a network' "$tmp/err" || fail "no network: does not say so"
nothing "no network"

# Bad answer, then yes: installed, where the build looks for it; what an interrupted call left is replaced.
mkdir -p "$tmp/project/build/cuda.part/nvidia/old"
try 'what\nYES\n' "$tmp/list" $local_index || fail "yes: exit $?"
[ -f "$tmp/project/build/cuda/nvidia/cu13/bin/nvcc" ] || fail "yes: no nvcc"
[ -f "$tmp/project/build/cuda/nvidia/cudnn/include/cudnn_graph.h" ] || fail "yes: no cuDNN"
[ ! -e "$tmp/project/build/cuda/nvidia/old" ] && [ ! -e "$tmp/project/build/cuda.part" ] || fail "yes: remains of before"

# The list of the project: every wheel pinned with its hash.
[ "$(grep -c '^nvidia-.*==' "$root/assets/cuda-wheels.txt")" = "$(grep -cE -- '--hash=sha256:[0-9a-f]{64}$' "$root/assets/cuda-wheels.txt")" ] ||
  fail "a wheel of the list has no hash"

# A machine with a GPU and a build without it is told why.
mkdir -p "$tmp/project/build/release"
echo 'no cuDNN 9' >"$tmp/project/build/release/cuda-missing.txt"
hint() { (cd "$tmp/project" && PLEURA_GPU_DEVICE=$1 sh -c '. assets/setup.sh; hint_cuda' run) >"$tmp/out" 2>"$tmp/err"; }
hint /dev/null
grep -q 'this machine has a GPU, but pleura was built without it: no cuDNN 9' "$tmp/err" || fail "the hint does not say why"
grep -q './run --with-cuda' "$tmp/err" || fail "the hint does not say what to do"
hint /nonexistent
[ ! -s "$tmp/err" ] || fail "a hint without a GPU"
[ "$failures" = 0 ]

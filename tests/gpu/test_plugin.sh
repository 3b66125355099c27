#!/bin/sh
# The real plug-in with the real program on a machine without a driver: it loads, and what it says is said where a user
# sees it. Usage: test_plugin.sh PLEURA PLUGIN TEST_ENGINES FAKE_CUDNN
set -u
pleura=$1 plugin=$2 engines=$3 fake=$4
. "$(dirname "$0")/../tools/expect.sh"
if [ -e /dev/nvidiactl ]; then
  echo "skipped: this machine has a driver"
  exit 77
fi
sh "$(dirname "$0")/../parity/check_plugin.sh" "$plugin" || complain "the plug-in's symbols"
cd "$work" || exit 1
no_driver="no NVIDIA driver on this machine"
expect 0 "cuda     cannot be used: there is $no_driver" "$pleura" devices --plugin "$plugin"

small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --choices fixed"
"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
expect 4 "$no_driver" "$pleura" train -C ws $small --epochs 1 --name asked --plugin "$plugin" --backend cuda
expect 0 "onednn on" "$pleura" train -C ws $small --epochs 1 --name auto --plugin "$plugin" --backend auto
grep -q "$no_driver" ws/runs/auto/core.log || complain "the log does not tell why cuda was not taken"

# cuDNN that is too old, or no library at all, in front of the one that is there.
mkdir old broken && cp "$fake" old/libcudnn_graph.so.9 && echo nothing >broken/libcudnn_graph.so.9
expect 1 "cuDNN is 9.7.0, and 9.8.0 or newer is needed" env LD_LIBRARY_PATH="$work/old" "$engines"
expect 1 "cuDNN 9.8 or newer is not installed (" env LD_LIBRARY_PATH="$work/broken" "$engines"
exit "$failed"

#!/bin/sh
# PyTorch's files as a person brings them. Usage: test_weights_import.sh PLEURA GOLDEN_FOLDER
set -u
pleura=$1 golden=$2
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1
export XDG_CACHE_HOME="$work/cache"

cp "$golden"/*.pth .
expect 0 'read       14 tensors of its "state_dict"; passed over 5 values that are none; left out 1' \
  "$pleura" weights import checkpoint-legacy.pth
expect 0 "fits       none of our encoders" "$pleura" weights import plain-zip.pth -o other.safetensors
same "$(cmp checkpoint-legacy.safetensors other.safetensors && echo equal)" equal "what both forms give"
expect 2 "is there already; --force" "$pleura" weights import plain-zip.pth -o other.safetensors
expect 0 "written    other.safetensors" "$pleura" weights import plain-zip.pth -o other.safetensors --force
expect 3 "it wants posix.system of Python" "$pleura" weights import evil-zip.pth
expect 3 "is of another encoder" "$pleura" weights import plain-zip.pth --encoder resnet18
expect 2 "say which file" "$pleura" weights import
expect 2 "-o and --encoder go with import" "$pleura" weights fetch resnet18 -o x
expect 2 "--url and --sha256 go with fetch" "$pleura" weights import plain-zip.pth --url x
expect 2 "there is no encoder 'vgg'" "$pleura" weights import plain-zip.pth --encoder vgg
[ ! -e evil-zip.safetensors ] || complain "a refused file left something"
[ -z "$(find "$work/cache" -type f 2>/dev/null)" ] || complain "a file of another encoder was kept as its weights"
[ -z "$(ls "$work" | grep -E 'tmp|new')" ] || complain "something was left aside"
exit $failed

#!/bin/sh
# What an installation brings works from where it lies. Usage: test_install.sh CMAKE BUILD
set -eu
cmake=$1 build=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$cmake" --install "$build" --prefix "$tmp/prefix" >/dev/null
cd "$tmp"
pleura=$tmp/prefix/bin/pleura
"$pleura" --version
"$pleura" phantom set --cases 6 --size 64
# The decoding helpers are the installed program too.
"$pleura" import set -C ws --size 32 -q | tee summary
grep -q ' 0 bad' summary
# Its presets came along.
"$pleura" presets quick | grep -q "^# $tmp/prefix/share/pleura/presets/quick.yaml" ||
  "$pleura" presets quick | grep -q "prefix/bin/../share/pleura/presets/quick.yaml"

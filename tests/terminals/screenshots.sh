#!/bin/sh
# A picture of every screen in xterm: screenshots.sh PLEURA WORKSPACE OUTDIR
# The workspace should be a synthetic one with a run (`pleura demo`): nobody's picture is to be published.
. "$(dirname "$0")/lib.sh"
[ $# -eq 3 ] || fail "usage: screenshots.sh PLEURA WORKSPACE OUTDIR"
pleura=$1 workspace=$2 out=$3
mkdir -p "$out" "$tmp/m"

# NAME, then lines of the workbench's script.
screen() {
  name=$1
  shift
  printf '%s\n' "$@" wait-job 'wait-ms 500' wait-job "dump $tmp/m/$name" "wait-file $tmp/m/$name.go"
  names="${names:-} $name"
}
{
  printf 'clock 1795435300\n'
  screen data 'cmd filter fold=0 positive'
  screen thumbnails 'key t' 'wait-ms 1500'
  screen case 'key t' 'key Enter' 'wait-ms 500'
  screen difference 'cmd show difference' 'wait-ms 500'
  screen label 'key E' 'wait-ms 500'
  screen folds 'key q' 'key 3'
  screen form 'key 4' 'key S'
  screen train 'key Esc' 'key 4'
  screen runs 'key 5'
  screen log 'key 6'
  screen batch 'key 7' 'wait-ms 1500'
  screen review 'key 8' 'wait-ms 1500'
  screen jobs 'key 1' 'key J'
  screen help 'key Esc' 'key ?'
} >"$tmp/script"
names='data thumbnails case difference label folds form train runs log batch review jobs help'
open_terminal xterm "'$pleura' -C '$workspace' --script $tmp/script 2>$tmp/m/errors; echo \$? >$tmp/m/code; sleep 9"
for name in $names; do
  wait_for "$tmp/m/$name" || { cat "$tmp/m/errors"; fail "no screen '$name'"; }
  shot "$out/$name.png"
  convert "$out/$name.png" -trim +repage "$out/$name.png"
  touch "$tmp/m/$name.go"
done

#!/bin/sh
# `pleura show FILE.png` in a real xterm with sixel: what the screen shows is the picture.
# Usage: xterm_show.sh PLEURA PICTURE.png (grey, not larger than 300x200)
set -u
pleura=$1 picture=$2
for tool in xterm Xvfb convert import compare identify; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
tmp=$(mktemp -d) && xvfb='' term=''
trap 'kill $term $xvfb 2>/dev/null; rm -rf "$tmp"' EXIT
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>"$tmp/display" >/dev/null 2>&1 &
xvfb=$!
n=0
until [ -s "$tmp/display" ]; do
  n=$((n + 1)) && [ $n -gt 100 ] && { echo "skipped: Xvfb does not start here"; exit 77; }
  sleep 0.1
done
DISPLAY=:$(cat "$tmp/display") && export DISPLAY
size=$(identify -format '%wx%h' "$picture")
# The largest size is xterm's own: a picture that is sent larger would not appear at all.
cat >"$tmp/run.sh" <<SCRIPT
printf '\033[2J\033[H\033[?25l'
"$pleura" show "$picture" --size ${size%x*} 2>"$tmp/errors"
echo \$? >"$tmp/done"
sleep 30
SCRIPT
# Without a border, else every pixel is off by one; TERM and the graphics are the probe's own finding.
env -u PLEURA_GRAPHICS xterm -ti vt340 -b 0 -bw 0 -bg black -fg white -geometry 90x34+0+0 \
  -xrm 'XTerm*numColorRegisters: 256' -e sh "$tmp/run.sh" >/dev/null 2>&1 &
term=$!
n=0
until [ -s "$tmp/done" ]; do
  n=$((n + 1)) && [ $n -gt 200 ] && { echo "pleura show does not end"; exit 1; }
  sleep 0.1
done
[ "$(cat "$tmp/done")" = 0 ] || { cat "$tmp/errors"; exit 1; }
sleep 0.5
import -window root "$tmp/screen.png"
convert "$tmp/screen.png" -crop "$size+0+0" +repage "$tmp/got.png"
convert "$picture" -type TrueColor "$tmp/want.png"
# 101 greys are at most 2 of 255 away.
different=$(compare -metric AE -fuzz 2% "$tmp/want.png" "$tmp/got.png" null: 2>&1)
echo "$size pixels, $different differ"
[ "${different%%.*}" = 0 ]

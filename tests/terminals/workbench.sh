#!/bin/sh
# The workbench in a real terminal with sixel: after masks, overlays and other screens the window shows, pixel by pixel,
# what a repaint shows. Usage: workbench.sh TERMINAL PLEURA, the terminal xterm, mlterm or foot.
. "$(dirname "$0")/lib.sh"
terminal=$1 pleura=$2
"$pleura" phantom "$tmp/set" --cases 6 --size 256 --positive 0.9 >/dev/null || fail "phantom"
"$pleura" import "$tmp/set" -C "$tmp/w" >"$tmp/import" 2>&1 || { cat "$tmp/import"; exit 1; }
chmod -R a+rwX "$tmp/w"

# A station: the shell takes a picture, the repaint follows, and another picture.
station() {
  printf 'wait-job\nwait-ms 300\ndump %s/%s\nwait-file %s/%s.go\n' "$tmp/m" "$1" "$tmp/m" "$1"
  printf 'key ^L\nwait-ms 300\ndump %s/%s.again\nwait-file %s/%s.again.go\n' "$tmp/m" "$1" "$tmp/m" "$1"
}
mkdir -m 777 "$tmp/m"
{
  printf 'clock 1795435300\nwait-job\ncmd filter positive\nwait-job\nkey Enter\nwait-job\nwait-ms 300\n'
  for key in m m c i i m 'm' '[' '}'; do printf 'key %s\nwait-job\nwait-ms 120\n' "$key"; done
  station changed
  printf 'key ?\nwait-ms 300\n'
  station help
  printf 'key Esc\nwait-ms 200\nkey v\n'
  station split
  printf 'key 6\nwait-ms 300\n'
  station text
} >"$tmp/script"
open_terminal "$terminal" "'$pleura' caps --json >$tmp/m/caps; '$pleura' -C $tmp/w --script $tmp/script 2>$tmp/m/errors
echo \$? >$tmp/m/code; sleep 20"
for name in changed help split text; do
  for part in $name $name.again; do
    wait_for "$tmp/m/$part" || { cat "$tmp/m/errors" "$tmp/m/caps"; fail "the workbench does not come to '$part'"; }
    shot "$tmp/$part.png"
    touch "$tmp/m/$part.go"
  done
  [ -n "${KEEP:-}" ] && cp "$tmp/$name.png" "$tmp/$name.again.png" "$KEEP"
  different=$(compare -metric AE "$tmp/$name.png" "$tmp/$name.again.png" null: 2>&1)
  echo "$terminal, $name: $different pixels differ from a repaint"
  # A glyph of xterm's may reach a pixel into the next row, which only a repaint covers.
  [ "$different" -le 4 ] || exit 1
done
wait_for "$tmp/m/code" || fail "the workbench does not end"
[ "$(cat "$tmp/m/code")" = 0 ] || { cat "$tmp/m/errors"; exit 1; }
grep -q '"graphics": "sixel"' "$tmp/m/caps" || { cat "$tmp/m/caps"; fail "$terminal is not seen as one with sixel"; }
# The share of black where the pictures are: little beside each other, nearly all on the screen of words.
black() { convert "$1" -crop 160x120+220+140 +repage -fill white +opaque black -format '%[fx:round(100*(1-mean))]' info:; }
[ "$(black "$tmp/changed.png")" -lt 50 ] || fail "no picture is on the screen"
[ "$(black "$tmp/text.png")" -gt 90 ] || fail "a picture is left on the screen of words"

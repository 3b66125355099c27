#!/bin/sh
# The workbench in a real terminal with sixel: after masks, overlays and other screens the window shows, pixel by pixel,
# what a repaint shows, and nothing of it when it has ended. Usage: workbench.sh TERMINAL PLEURA, the terminal xterm,
# mlterm, foot, or tmux (that of PLEURA_TMUX, else of PATH; from 3.4 on, built with sixel) in xterm.
. "$(dirname "$0")/lib.sh"
terminal=$1 pleura=$2
[ "$terminal" != tmux ] || need_sixel_tmux
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
  # Words change beside a picture, and at the end one is on the screen.
  printf 'key 1\nwait-job\n'
  for key in j j k t t j : Esc k; do printf 'key %s\nwait-job\nwait-ms 120\n' "$key"; done
  station beside
} >"$tmp/script"
open_terminal "$terminal" "'$pleura' caps --json >$tmp/m/caps; '$pleura' -C $tmp/w --script $tmp/script 2>$tmp/m/errors
echo \$? >$tmp/m/code; sleep 60"
for name in changed help split text beside; do
  for part in $name $name.again; do
    wait_for "$tmp/m/$part" || { cat "$tmp/m/errors" "$tmp/m/caps"; fail "the workbench does not come to '$part'"; }
    shot "$tmp/$part.png"
    if [ "$terminal" = tmux ]; then
      # What it keeps is what it has shown.
      "$tmux" -L "$tmux_socket" refresh-client -t "$("$tmux" -L "$tmux_socket" list-clients -F '#{client_name}')" &&
        shot "$tmp/kept.png"
      different=$(compare -metric AE "$tmp/$part.png" "$tmp/kept.png" null: 2>&1)
      [ -n "${KEEP:-}" ] && cp "$tmp/kept.png" "$KEEP/$part.kept.png"
      [ "$different" -le 4 ] || fail "tmux, $part: $different pixels are others when tmux draws its window anew"
    fi
    touch "$tmp/m/$part.go"
  done
  [ -n "${KEEP:-}" ] && cp "$tmp/$name.png" "$tmp/$name.again.png" "$KEEP"
  different=$(compare -metric AE "$tmp/$name.png" "$tmp/$name.again.png" null: 2>&1)
  echo "$terminal, $name: $different pixels differ from a repaint"
  # A glyph of xterm's may reach a pixel into the next row, which only a repaint covers; and it draws single pixels of a
  # picture that is laid over another wrong, which mlterm and foot do not.
  few=4
  [ "$terminal $name" != "xterm beside" ] || few=100
  [ "$different" -le $few ] || exit 1
done
wait_for "$tmp/m/code" || fail "the workbench does not end"
[ "$(cat "$tmp/m/code")" = 0 ] || { cat "$tmp/m/errors"; exit 1; }
shot "$tmp/after.png"
[ -n "${KEEP:-}" ] && cp "$tmp/after.png" "$KEEP"
grep -q '"graphics": "sixel"' "$tmp/m/caps" || { cat "$tmp/m/caps"; fail "$terminal is not seen as one with sixel"; }
# The share of black where the pictures are: little beside each other, nearly all on the screen of words.
black() { convert "$1" -crop 160x120+220+140 +repage -fill white +opaque black -format '%[fx:round(100*(1-mean))]' info:; }
[ "$(black "$tmp/changed.png")" -lt 50 ] || fail "no picture is on the screen"
[ "$(black "$tmp/text.png")" -gt 90 ] || fail "a picture is left on the screen of words"
[ "$(convert "$tmp/beside.png" -unique-colors -format '%w' info:)" -gt 60 ] || fail "no picture is beside the words"
[ "$(convert "$tmp/after.png" -unique-colors -format '%w' info:)" -lt 30 ] || fail "a picture is left behind at the end"

# For the tests of this folder, which source it: a terminal on a display that nobody sees, and pictures of its window.
#   need TOOL...                 skips the test when one is missing
#   need_sixel_tmux              skips the test when there is no tmux with sixel; else $tmux is one
#   open_terminal NAME COMMAND   xterm, mlterm, foot or tmux with some 100x34 cells runs the shell command
#   shot FILE.png                the screen, once it stands still
#   wait_for FILE                until it is there
# Everything is made below $tmp and ended at the end.
set -u
tmp=$(mktemp -d)
chmod 755 "$tmp"
children=''
trap 'kill $children 2>/dev/null; wait 2>/dev/null; rm -rf "$tmp"' EXIT
unset PLEURA_GRAPHICS TMUX STY NO_COLOR COLORTERM LINES COLUMNS
export XDG_CONFIG_HOME=/nonexistent XDG_CACHE_HOME=/nonexistent LC_ALL=C.UTF-8 TZ=UTC

skip() {
  echo "skipped: $*"
  exit 77
}

fail() {
  echo "failed: $*"
  exit 1
}

need() {
  for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
}

# From 3.4 on a tmux can have sixel; whether it was built with it, it says in a session.
need_sixel_tmux() {
  tmux=${PLEURA_TMUX:-tmux}
  # pleura asks that of PATH whether the terminal around has sixel.
  [ -z "${PLEURA_TMUX:-}" ] || PATH=$(dirname "$PLEURA_TMUX"):$PATH
  need "$tmux"
  version=$("$tmux" -V | sed 's/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/')
  [ "$((${version% *} * 100 + ${version#* }))" -ge 304 ] ||
    skip "$("$tmux" -V) has no sixel; PLEURA_TMUX can name one from 3.4 on, built with --enable-sixel"
}

wait_for() {
  n=0
  until [ -e "$1" ]; do
    n=$((n + 1)) && [ $n -gt 400 ] && return 1
    sleep 0.1
  done
}

open_x() {
  need Xvfb import
  Xvfb -displayfd 3 -screen 0 1000x760x24 -nolisten tcp 3>"$tmp/display" >/dev/null 2>&1 &
  children="$children $!"
  n=0
  until [ -s "$tmp/display" ]; do
    n=$((n + 1)) && [ $n -gt 100 ] && skip "Xvfb does not start here"
    sleep 0.1
  done
  DISPLAY=:$(cat "$tmp/display") && export DISPLAY
  shoot() { import -window root "$1"; }
}

# A compositor without a screen, and foot in it. It refuses root, so root becomes nobody.
open_foot() {
  need sway foot grim
  user=''
  if [ "$(id -u)" = 0 ]; then
    need runuser
    user='runuser -u nobody --'
  fi
  mkdir -p "$tmp/wayland"
  chmod 777 "$tmp" "$tmp/wayland"
  cat >"$tmp/sway" <<CONFIG
xwayland disable
output HEADLESS-1 resolution 1000x760
default_border none
exec foot -o pad=0x0 -o colors.background=000000 sh $tmp/run.sh
CONFIG
  # The runtime folder has to be nobody's own.
  $user env HOME="$tmp/wayland" TMP_SWAY="$tmp/sway" RUN="$tmp/wayland/run" sh -c '
    mkdir -m 700 "$RUN" && export XDG_RUNTIME_DIR="$RUN"
    WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 exec sway -c "$TMP_SWAY"' >"$tmp/sway.log" 2>&1 &
  children="$children $!"
  n=0
  until ls "$tmp"/wayland/run/wayland-*[0-9] >/dev/null 2>&1; do
    n=$((n + 1)) && [ $n -gt 100 ] && skip "sway does not start here"
    sleep 0.1
  done
  shoot() {
    $user env XDG_RUNTIME_DIR="$tmp/wayland/run" WAYLAND_DISPLAY="$(basename "$tmp"/wayland/run/wayland-*[0-9])" \
      grim "$tmp/wayland/shot.png" && cp "$tmp/wayland/shot.png" "$1"
  }
}

open_terminal() {
  need convert compare
  # foot begins with the size of no window, and has the right one a moment later.
  printf 'sleep 1\n%s\n' "$2" >"$tmp/run.sh"
  case $1 in
    xterm)
      need xterm
      open_x
      # Without a border, else every pixel is off by one; what TERM and graphics are is the probe's own finding.
      xterm -ti vt340 -b 0 -bw 0 -bg black -fg white -geometry "${GEOMETRY:-100x34}+0+0" -xrm 'XTerm*numColorRegisters: 256' \
        -xrm 'XTerm*maxGraphicSize: 2000x2000' -xrm 'XTerm*allowBoldFonts: false' -e sh "$tmp/run.sh" >/dev/null 2>&1 &
      children="$children $!"
      ;;
    mlterm)
      need mlterm
      open_x
      mlterm -g 98x38 --bg black --fg white --sbmod none -e sh "$tmp/run.sh" >/dev/null 2>&1 &
      children="$children $!"
      ;;
    tmux)
      printf 'set -g status-right ""\n' >"$tmp/tmux.conf"
      tmux_socket=pleura$$
      printf '%s\n' "$2" >"$tmp/inner.sh"
      trap '"$tmux" -L "$tmux_socket" kill-server 2>/dev/null; kill $children 2>/dev/null; wait 2>/dev/null; rm -rf "$tmp"' EXIT
      open_terminal xterm "exec '$tmux' -L $tmux_socket -f $tmp/tmux.conf new-session 'sh $tmp/inner.sh'"
      ;;
    foot) open_foot ;;
  esac
}

# The cursor does not blink in any of them; two equal shots in a row say that all has arrived.
shot() {
  n=0
  shoot "$tmp/before.png" || fail "no picture of the screen"
  while :; do
    sleep 0.3
    shoot "$1"
    [ "$(compare -metric AE "$tmp/before.png" "$1" null: 2>&1)" = 0 ] && return
    n=$((n + 1)) && [ $n -gt 20 ] && fail "the screen does not stand still"
    mv "$1" "$tmp/before.png"
  done
}

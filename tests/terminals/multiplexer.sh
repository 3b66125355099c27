#!/bin/sh
# The workbench in tmux and screen with no terminal around them that has pixels: half blocks, and nothing of the questions
# and answers is left on the screen or in the title. Usage: multiplexer.sh tmux|screen PLEURA
. "$(dirname "$0")/lib.sh"
kind=$1 pleura=$2
# pleura asks the tmux of PATH whether the terminal around has sixel.
[ "$kind" != tmux ] || [ -z "${PLEURA_TMUX:-}" ] || PATH=$(dirname "$PLEURA_TMUX"):$PATH
need "$kind"
"$pleura" phantom "$tmp/set" --cases 4 --size 128 >/dev/null || fail "phantom"
"$pleura" import "$tmp/set" -C "$tmp/w" >"$tmp/import" 2>&1 || { cat "$tmp/import"; exit 1; }
cat >"$tmp/script" <<SCRIPT
wait-job
wait-ms 300
dump $tmp/dump
wait-file $tmp/go
SCRIPT
cat >"$tmp/run.sh" <<RUN
'$pleura' caps --json >'$tmp/caps' 2>'$tmp/errors'
'$pleura' -C '$tmp/w' --script '$tmp/script' 2>>'$tmp/errors'
echo \$? >'$tmp/code'
RUN
case $kind in
  tmux)
    tmux -L "pleura$$" -f /dev/null new-session -d -x 100 -y 30 "sh $tmp/run.sh; sleep 60" || fail "tmux does not start"
    trap 'tmux -L "pleura$$" kill-server 2>/dev/null; rm -rf "$tmp"' EXIT
    screen_text() { tmux -L "pleura$$" capture-pane -p >"$1" && tmux -L "pleura$$" list-panes -F '#T' >>"$1"; }
    ;;
  screen)
    export SCREENDIR="$tmp/screens"
    mkdir -m 700 "$SCREENDIR"
    screen -U -T xterm-256color -dmS "pleura$$" sh "$tmp/run.sh" || fail "screen does not start"
    trap 'screen -S "pleura$$" -X quit >/dev/null 2>&1; rm -rf "$tmp"' EXIT
    screen_text() { screen -S "pleura$$" -X hardcopy "$1"; }
    ;;
esac
wait_for "$tmp/dump" || { cat "$tmp/errors"; fail "the workbench does not come up"; }
# What was written may still be on its way.
for _ in $(seq 100); do
  screen_text "$tmp/text" && grep -q 'blocks' "$tmp/text" && break
  sleep 0.1
done
cat -v "$tmp/text"
grep -q '"graphics": "blocks"' "$tmp/caps" || { cat "$tmp/caps"; fail "not drawn in blocks"; }
grep -q '"remedy": "..*"' "$tmp/caps" || fail "no remedy is told"
grep -q 'blocks' "$tmp/text" || fail "the status line does not say blocks"
grep -q '▀' "$tmp/dump" || fail "there are no half blocks"
grep -Eq '\[\?[0-9]|rgb:|Gi=31|\$p|;c' "$tmp/text" && fail "something of a question or an answer is on the screen"
touch "$tmp/go"
wait_for "$tmp/code" || fail "the workbench does not end"
[ "$(cat "$tmp/code")" = 0 ] || { cat "$tmp/errors"; exit 1; }

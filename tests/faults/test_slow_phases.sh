#!/bin/sh
# `pleura train` with a backend that takes its time: it says which phase it is in and how far, on standard output and by
# `pleura status`, and `pleura stop` ends it there. Usage: test_slow_phases.sh PLEURA PLUGIN
set -u
pleura=$1 plugin=$2
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1
"$pleura" phantom set --cases 12 --size 64 --positive 0.5 >/dev/null && "$pleura" import set --size 32 -C ws -q >/dev/null || exit 1

status() { "$pleura" status "$1" -C ws 2>/dev/null; }

# until_status RUN PATTERN: waits, and complains when it never comes.
until_status() {
  for _ in $(seq 1200); do
    status "$1" | grep -q "$2" && return
    sleep 0.1
  done
  complain "$1 never says '$2' but '$(status "$1")': $(tail -3 "$1.txt")"
}

# begin PHASE NAME
begin() {
  PLEURA_SLOW=$1 "$pleura" train -C ws --name "$2" --plugin "$plugin" --backend slow --choices fixed --encoder resnet18 \
    --size 32 --batch 4 --valid-batch 4 --epochs 2 --threads 1 --workers 1 >"$2.txt" 2>&1 &
  child=$!
}

# finish NAME WORD: it has said the word; it is stopped, and the command that follows it ends too.
finish() {
  for _ in $(seq 600); do
    grep -q "$2" "$1.txt" && break
    sleep 0.1
  done
  grep -q "$2" "$1.txt" || complain "pleura train does not say that $1 is $2: $(cat "$1.txt")"
  "$pleura" stop "$1" -C ws >/dev/null || complain "$1 cannot be stopped"
  until_status "$1" stopped
  wait "$child"
  [ "$(grep -c '"kind":"step"' "ws/runs/$1/metrics.jsonl")" -eq 0 ] || complain "$1 took a step although it was stopped before"
}

for phase in planning measuring; do
  begin $phase $phase
  until_status $phase planning
  finish $phase planning
done

# More values than there are programs to compile, so it tells within one, too.
begin tuning tuning
until_status tuning 'tuning ([1-9][0-9]*/'
seen=''
for _ in $(seq 600); do
  now=$(status tuning | sed -n 's/.*tuning (\([0-9]*\).*/\1/p')
  case " $seen " in *" $now "*) ;; *) seen="$seen $now" ;; esac
  [ "$(echo "$seen" | wc -w)" -ge 5 ] && break
  sleep 0.1
done
[ "$(echo "$seen" | wc -w)" -ge 5 ] || complain "tuning tells only$seen"
finish tuning tuning
exit "$failed"

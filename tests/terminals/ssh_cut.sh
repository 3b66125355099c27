#!/bin/sh
# A connection that is cut while it watches a training: over a real sshd on loopback, with keys, port and configuration
# of its own. The next connection finds everything running. Usage: ssh_cut.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
sshd=$(command -v sshd || echo /usr/sbin/sshd)
for tool in "$sshd" ssh ssh-keygen; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
cd "$work" || exit 1
daemon='' client=''
# Only what was started here.
clean() {
  [ -n "$client" ] && kill -9 "$client" 2>/dev/null
  "$pleura" stop cut -C ws --no-wait >/dev/null 2>&1
  for _ in $(seq 100); do "$pleura" status cut -C ws --json 2>/dev/null | grep -q '"alive": true' || break; sleep 0.1; done
  [ -n "$daemon" ] && kill "$daemon" 2>/dev/null
  rm -rf "$work"
}
trap clean EXIT

"$pleura" phantom set --cases 12 --size 64 --positive 0.5 >/dev/null && "$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub authorized || exit 1
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
port=$((20000 + $$ % 20000))
cat >sshd.conf <<CONF
Port $port
ListenAddress 127.0.0.1
HostKey $work/host
PidFile $work/sshd.pid
AuthorizedKeysFile $work/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
CONF
"$sshd" -D -f sshd.conf -E sshd.log & daemon=$!
reach() {
  ssh "$@" -F /dev/null -p "$port" -i user -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$work/known" \
    -o LogLevel=ERROR "$(id -un)@127.0.0.1" "$command"
}
command=true
for _ in $(seq 50); do reach -T </dev/null >/dev/null 2>"$work/out" && break; sleep 0.1; done
reach -T </dev/null >/dev/null 2>"$work/out" || { echo "skipped: no sshd of one's own can be reached here: $(tail -1 sshd.log)"; exit 77; }

command="'$pleura' train -C '$work/ws' --name cut --encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 \
  --workers 1 --choices fixed --epochs 100000 --checkpoint-every 100000"
reach -tt </dev/null >first.txt 2>&1 & client=$!
steps() { "$pleura" status cut -C ws --json 2>/dev/null | sed -n 's/.*"step": \([0-9]*\),.*/\1/p'; }
for _ in $(seq 1200); do [ "$(steps)" -ge 1 ] 2>/dev/null && break; sleep 0.1; done
[ "$(steps)" -ge 1 ] || complain "the training did not begin: $(tail -3 first.txt)"
kill -9 "$client" && wait "$client" 2>/dev/null
client=''
before=$(steps)

# Another connection: it lives, and goes on.
command="'$pleura' status cut -C '$work/ws' --json"
reach -T </dev/null >second.txt 2>&1
grep -q '"alive": true' second.txt || complain "the next connection finds no training: $(cat second.txt)"
for _ in $(seq 600); do [ "$(steps)" -gt "$before" ] && break; sleep 0.1; done
[ "$(steps)" -gt "$before" ] || complain "it stands still at step $before"
grep -q SIGHUP ws/runs/cut/core.log && complain "the hang-up reached the core"
command="'$pleura' stop cut -C '$work/ws'"
reach -T </dev/null >third.txt 2>&1
grep -q "stop (" third.txt || complain "it cannot be stopped from there: $(cat third.txt)"
exit "$failed"

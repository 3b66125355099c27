#!/bin/sh
# pleura jobs, and an import that runs as one: what others see of it, how it ends, and what it leaves. Usage:
# test_jobs.sh PLEURA
here=$(dirname "$0")
. "$here/../../tools/expect.sh"
pleura=$1
cd "$work" || exit 1

# until WORDS COMMAND...: waits until what it prints has the words.
until_says() {
  words=$1
  shift
  for _ in $(seq 300); do
    "$@" >"$work/out" 2>&1
    ! grep -qF -- "$words" "$work/out" || return 0
    sleep 0.1
  done
  complain "$* never says '$words'"
}
rows() { [ ! -f "$1/cases.csv" ] || tail -n +2 "$1/cases.csv" | wc -l; }

# A few images under many names, so that an import takes some seconds.
"$pleura" phantom few --cases 12 --size 512 >/dev/null || exit 1
mkdir 'a set'
find few -path '*train*' -name '*.dcm' | while read -r file; do
  for i in $(seq 36); do ln "$file" "a set/$(basename "$file" .dcm).$i.dcm"; done
done
"$pleura" init w >/dev/null
expect 0 'there is no job' "$pleura" jobs -C w
expect 2 'is not in a workspace' "$pleura" jobs
expect 2 "'nonsense' is none of" "$pleura" jobs nonsense
expect 2 'name the job' "$pleura" jobs cancel -C w
expect 2 "there is no command 'core'" "$pleura" jobs -C w start core --run w
expect 2 "there is no job 'import-1'" "$pleura" jobs cancel import-1 -C w
expect 2 'is no name of a job' "$pleura" jobs cancel ../w -C w

# It runs without whoever started it; a second one of the same command is refused; others see how far it is, and its
# cases come as it goes.
setsid sh -c '"$0" jobs -C w start import "a set" -j 1 -C w --no-pack >started 2>&1; kill -HUP 0' "$pleura" 2>/dev/null
grep -q 'import-1 runs' started || complain "$(cat started)"
expect 2 'import-1 is running already' "$pleura" jobs -C w start import 'a set' -C w
until_says 'running' "$pleura" jobs -C w
until_says ' images, ' "$pleura" jobs -C w
until_says '"alive": "yes"' "$pleura" jobs --json -C w
for _ in $(seq 300); do
  [ "$(rows w)" = '' ] || break
  sleep 0.1
done
seen=$(rows w)
[ "${seen:-0}" -gt 0 ] || complain 'no case is there while the import runs'
expect 0 'running' "$pleura" jobs -C w

# Cancelled: it ends in good order, what it has done is a workspace.
expect 0 'was asked to end' "$pleura" jobs cancel import-1 -C w
until_says 'cancelled' "$pleura" jobs -C w
expect 0 'the same import again goes on from there' "$pleura" jobs log import-1 -C w
expect 2 'runs no longer: cancelled' "$pleura" jobs cancel import-1 -C w
[ "$(rows w)" -ge "$seen" ] || complain 'cases are gone after the end'
expect 0 'train' "$pleura" data report --no-pictures -C w

# Its keeper is killed: the command ends too, and the list says so.
# At another size every image is made anew, which takes some time.
expect 0 'import-2 runs' "$pleura" jobs -C w start import 'a set' --size 512 -j 1 -C w --no-pack
for line in $(grep -laF "$work/w/.jobs/import-2" /proc/[0-9]*/cmdline 2>/dev/null); do
  grep -qaF -e '--ready=3' "$line" 2>/dev/null && kill -9 "$(basename "$(dirname "$line")")"
done
until_says 'import-2       killed' "$pleura" jobs -C w
# The command ends a moment after its keeper; until then the workspace is its own.
for _ in $(seq 100); do
  "$pleura" import 'a set' -C w --no-pack -q >out 2>&1 || true
  grep -q 'another import' out || break
  sleep 0.1
done
expect 0 'images' "$pleura" import 'a set' -C w --no-pack -q

# However often it was stopped: the cases and their numbers are those of an import in one go.
"$pleura" import 'a set' -C whole --no-pack -q >/dev/null 2>&1
cut -d, -f1,2 w/cases.csv >numbers
cut -d, -f1,2 whole/cases.csv | cmp -s numbers - || complain 'cases.csv differs from that of an import in one go'

# A command that fails says why in the list; what has ended is cleared away.
expect 0 'import-3 runs' "$pleura" jobs -C w start import nowhere -C w
until_says 'ended with' "$pleura" jobs -C w
expect 0 'pleura import: ' "$pleura" jobs -C w
expect 0 '3 jobs' "$pleura" jobs clear -C w
expect 0 'there is no job' "$pleura" jobs -C w

# What somebody wrote there is looked at with suspicion.
mkdir -p w/.jobs/x-1 w/.jobs/y-1
echo '{"argv":["import"],"command":"imp\u001b[2Jort","started":"never","host":7}' >w/.jobs/x-1/job.json
echo '{"argv":[' >w/.jobs/y-1/job.json
printf 'a\033[2Jb\n' >w/.jobs/x-1/log
expect 0 'x-1' "$pleura" jobs -C w
! grep -q "$(printf '\033')" out || complain 'an escape from a log reaches the terminal'
expect 3 'is no job' "$pleura" job w/.jobs/y-1
exit $failed

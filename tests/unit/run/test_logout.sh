#!/bin/sh
# Where a logout would end the core, it is started in a scope of the user's own manager, or the user is told. Fakes of
# busctl and systemd-run in PATH. Usage: test_logout.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1
small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --choices fixed --epochs 1"
"$pleura" phantom set --cases 10 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
mkdir fake scope
printf '#!/bin/sh\necho "b $KILLS"\n' >fake/busctl
# As the real one does: runs the command in place, with the descriptors it was given.
printf '#!/bin/sh\necho "$*" >>%s/scoped\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n' "$work" >scope/systemd-run
chmod +x fake/busctl scope/systemd-run
# A PATH without the real ones.
mkdir tools
for name in sh sed grep rm cat find echo; do ln -s "$(command -v "$name")" tools/; done
clean="$work/tools"
export XDG_SESSION_ID=7 XDG_RUNTIME_DIR="$work" PLEURA_LOGOUT_ROOT=1

export PATH="$work/fake:$work/scope:$clean" KILLS=true
expect 0 "best epoch" "$pleura" train -C ws $small --name scoped
grep -q -- "--user --scope --quiet -- .*core --run" scoped || complain "the core was not started in a scope"
rm -f scoped
export KILLS=false
expect 0 "best epoch" "$pleura" train -C ws $small --name plain
[ -e scoped ] && complain "a scope although nothing is killed"
export PATH="$work/fake:$clean" KILLS=true
expect 0 "KillUserProcesses=yes" "$pleura" train -C ws $small --name told
export PATH="$clean"
expect 0 "best epoch" "$pleura" train -C ws $small --name without
grep -q KillUserProcesses "$work/out" && complain "a warning without logind"
expect 0 "epoch 1/1" "$pleura" replay told --speed 0 -C ws
expect 0 "validation dice" "$pleura" replay -C ws --speed 100000
expect 2 "takes a number" "$pleura" replay told --speed fast -C ws
exit "$failed"

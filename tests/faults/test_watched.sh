#!/bin/sh
# A workspace and a run that one may read but not write: every command that would write refuses before it begins, says
# whose they are and what to do, and nothing there changes. Every command that only reads works. Usage:
# test_watched.sh PLEURA
#
# Only the workspace's own folder and the run's inbox are closed to the reader: whatever lies below them they could
# write, so that a command which forgets to ask does change something.
set -u
built=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1
chmod 755 "$work"
cp "$built" pleura && chmod 755 pleura # where everybody may execute it
pleura=$work/pleura

# As root permissions say nothing: then somebody else reads.
reader=
owner=$(id -un)
if [ "$(id -u)" = 0 ]; then
  command -v setpriv >/dev/null || { echo "skipped: as root it takes setpriv"; exit 77; }
  reader="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
mkdir own && chmod 777 own # where the reader writes
export HOME="$work/own" XDG_STATE_HOME="$work/own/state" XDG_CACHE_HOME="$work/own/cache"

"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --epochs 1 --previews 2"
"$pleura" train -C ws $small --name mapped >out 2>&1 || { cat out; exit 1; }
cp -r ws/runs/mapped ws/runs/bare
"$pleura" eval mapped -C ws -q >/dev/null || exit 1
case=$(awk -F, 'NR > 1 && $3 == "train" { print $1; exit }' ws/cases.csv)
"$pleura" labels draw "$case" --why test --paint "3 5,5" -C ws >/dev/null || exit 1
"$pleura" jobs -C ws start data report --no-pictures >/dev/null || exit 1
for i in 1 2 3 4 5 6 7 8 9; do
  "$pleura" jobs -C ws | grep -q done && break
  sleep 0.5
done
# One that goes on while it is watched.
"$pleura" train -C ws $small --epochs 1000 --name live --detach >/dev/null 2>&1 || exit 1
"$pleura" pause live -C ws >/dev/null || exit 1
chmod -R a+rwX ws
chmod 555 ws ws/runs/*/inbox

# Names, modes, sizes and times of all that lies there, and the bytes of all but checkpoints; the run that is going writes its own state.
look() {
  (
    find ws ! -path 'ws/runs/live*' -printf '%p %m %U %s %T@ %C@\n' | LC_ALL=C sort
    find ws -type f ! -path 'ws/runs/live/*' -size -1000k -exec sha256sum {} + | LC_ALL=C sort
    find ws/runs/live/inbox
  )
}
look >before

unchanged() { # WHAT
  look >after
  cmp -s before after && return
  diff before after | sed 's/^/  | /' | head -20
  complain "$1 changed what it may not write"
  cp after before
}

# refused WORDS COMMAND...: refuses with exit code 5, says whose it is and these words, writes nothing.
count=0
asked=
refused() {
  words=$1
  shift
  asked="$asked $1"
  code=$(cd own && $reader "$pleura" "$@" >"$work/out" 2>&1 </dev/null; echo $?)
  if [ "$code" != 5 ] || ! grep -qF -- "$words" out || ! grep -qE "belongs to $owner|is yours but write-protected" out ||
    [ "$(grep -c . out)" != 1 ]; then
    complain "pleura $*: exit $code, not 5 with '$words' alone"
  fi
  unchanged "pleura $*"
  count=$((count + 1))
}

# works CODE COMMAND...: reads, and writes nothing there.
works() {
  wanted=$1
  shift
  asked="$asked $1"
  code=$(cd own && timeout 60 $reader "$pleura" "$@" >"$work/out" 2>&1 </dev/null; echo $?)
  [ "$code" = "$wanted" ] || complain "pleura $*: exit $code, not $wanted"
  unchanged "pleura $*"
  count=$((count + 1))
}

w="-C $work/ws"
there="nothing is written there"
elsewhere="name another place with -o"

# The workspace
refused "$there" import "$work/set" --size 32 $w
refused "$there" import --images "$work/set/dicom-images-test" --size 32 $w
refused "$elsewhere" split --folds 3 $w
refused "$elsewhere" split --by row -o "$work/ws/runs/folds.csv" $w
refused "$there" labels draw "$case" --why again --paint "3 9,9" $w
refused "$there" labels revert "$case" --why again $w
refused "$there" labels revert "$case" --set-aside $w
refused "$there" labels export $w
refused "$there" pack $w
refused "$there" pack --remove $w
refused "$there" train $small --name mine $w
refused "$there" train $small --all-folds --name mine $w
refused "$there" jobs $w start data report
refused "$there" jobs $w cancel data-1
refused "$there" jobs $w clear
refused "nothing is made there" init "$work/ws/below"
refused "$elsewhere" demo "$work/ws/below"
refused "$elsewhere" phantom "$work/ws/below"
refused "$elsewhere" fetch a/b -o "$work/ws/below"
refused "$elsewhere" triplet mapped $w

# Runs
for act in pause resume checkpoint stop; do
  refused "only they may $act it" $act live $w
  refused "only they may $act it" $act bare $w
  refused "only they may $act it" ctl live $act $w
done
refused "only they may set it" set live learning-rate 1 $w
refused "only they may set it" ctl live set learning-rate 1 $w
refused "only they may train it" train --resume bare --epochs 2 $w
refused "only they may train it" core --run "$work/ws/runs/bare" --resume
refused "'pleura predict -o DIR'" eval bare $w
refused "'pleura predict -o DIR'" triplet bare -o own.json $w
refused "'pleura predict -o DIR'" compare bare mapped $w
refused "'pleura predict -o DIR'" predict bare $w
refused "'pleura predict -o DIR'" predict mapped --tta $w
refused "'pleura predict -o DIR'" submit bare -o own.csv $w

# What -o and the like name
below=$work/ws/images/out
refused "$elsewhere" export bare --epochs -o $below $w
refused "$elsewhere" export bare --weights -o $below $w
refused "$elsewhere" export --cases -o $below $w
refused "$elsewhere" show "$case" -o $below.png $w
refused "$elsewhere" show "$case" --run bare --as difference -o $below.png $w
refused "$elsewhere" show --where 'fold=0' -o $below $w
refused "$elsewhere" show --batch -o $below.png $w
refused "$elsewhere" data report -o $below.png $w
refused "$there" labels export -o $below $w
refused "$elsewhere" predict bare -o $below $w
refused "$elsewhere" submit mapped -o $below $w
refused "$elsewhere" triplet mapped -o $below $w
refused "$elsewhere" eval mapped --cases $below $w
printf x >own/some.pth
refused "$elsewhere" weights import some.pth -o $below

# What only reads
works 0 help
works 0 caps --json
works 0 data report $w
works 0 devices
works 0 jobs $w
works 0 jobs $w log data-1
works 0 pack --verify $w
works 0 plan $small $w
works 0 presets
works 0 show "$case" --graphics ascii $w
works 0 show --batch --graphics ascii $w
works 0 labels $w
works 0 labels log "$case" $w
works 0 leaks --no-pictures $w
works 0 leaks $w
works 0 train $small --print-options $w
works 0 eval mapped -q $w
works 0 eval mapped -q --cases cases.csv $w
works 0 triplet mapped -q -o own.json $w
works 0 compare mapped mapped -q $w
works 0 predict bare -q -o maps $w
works 0 previews bare $w
works 0 replay bare --speed 0 $w
works 0 runs $w
works 0 status live $w
works 0 ctl live status $w
works 0 export bare --epochs $w
works 0 export bare --weights $w
works 0 export --cases $w
works 0 split --folds 3 -o folds.csv $w
works 0 weights list
for file in own.json cases.csv folds.csv maps/maps.json; do
  [ -s own/$file ] || complain "own/$file is not there"
done
printf 'ImageId,EncodedPixels\n' >own/empty.csv
works 3 score empty.csv $w

# No command is forgotten.
for command in $("$pleura" help | awk '/^  [a-z]/ { print $1 }'); do
  case " $asked " in *" $command "*) ;; *) complain "pleura $command is not tried here" ;; esac
done
chmod 755 ws && chmod 700 ws/runs/*/inbox
"$pleura" stop live -C ws >/dev/null 2>&1 || complain "the run cannot be stopped any more"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  "$pleura" status live -C ws 2>/dev/null | grep -q stopped && break
  sleep 0.5
done
[ $count -ge 80 ] || complain "only $count commands were tried"
exit $failed

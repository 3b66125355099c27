#!/bin/sh
# Every command that takes RUN takes it alike: a name, its unique beginning, "latest", a path, or nothing for the latest;
# and refuses alike what fits several runs, none, or is no run. Usage: test_run_names.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../tools/expect.sh"
cd "$work" || exit 1
export HOME="$work"

"$pleura" phantom set --cases 20 --size 64 --positive 0.5 >/dev/null || exit 1
"$pleura" import set --size 32 -C ws -q >/dev/null || exit 1
small="--encoder resnet18 --size 32 --batch 4 --valid-batch 4 --threads 1 --workers 1 --epochs 1 --previews 2"
"$pleura" train -C ws $small --name blue-one >out 2>&1 || { cat out; exit 1; }
"$pleura" eval blue-one -C ws -q >/dev/null || exit 1
"$pleura" predict blue-one -C ws -q >/dev/null || exit 1
# The copies differ in their names and in when they were made: the latest is neither the first nor the last by name.
for copy in blue-two:2 green:3 amber:1; do
  cp -r ws/runs/blue-one "ws/runs/${copy%:*}"
  sed -i "s/\"created\":[0-9.e+]*/\"created\":400000000${copy#*:}/" "ws/runs/${copy%:*}/run.json"
  # The maps say whose they are.
  sed -i "s/\"run\":\"blue-one\"/\"run\":\"${copy%:*}\"/" "ws/runs/${copy%:*}/prob/maps.json"
done
case=$(awk -F, -v id="$(ls ws/runs/green/preview/000001 | head -1)" 'NR > 1 && $2 ".png" == id { print $1 }' ws/cases.csv)
mkdir elsewhere && cp ws/pleura.yaml ws/cases.csv elsewhere

# What a command prints when it has found run %: a line of it, and its exit code. RUN stands where the run goes; rows in
# which it may be left out begin with "-".
rows() {
  cat <<END
-	status	0	% *finished	status RUN
-	pause	2	no core is working on %	pause RUN
-	resume	2	no core is working on %	resume RUN
-	checkpoint	2	no core is working on %	checkpoint RUN
-	stop	2	no core is working on %	stop RUN
-	set	2	no core is working on %	set RUN learning-rate 1
-	ctl	2	no core is working on %	ctl RUN pause
-	ctl	2	no core is working on %	ctl RUN set learning-rate 1
-	replay	0	weights in .*/%/ckpt/best	replay RUN --speed 0
-	previews	0	runs/%/preview	previews RUN --json
-	export	0	^from .*/runs/%/ckpt	export RUN --weights --force
-	export	0	^1 epochs\\|epoch	export RUN --epochs
-	eval	0	^maps *%:	eval RUN -q
-	triplet	0	^maps *%:	triplet RUN -q -o found.json
-	predict	0	in .*/runs/%/prob	predict RUN -q
-	submit	0	^maps *%:	submit RUN -q -o sub.csv
+	compare	0	%	compare RUN blue-one -q
+	train	0	best epoch 1, weights in .*/%/ckpt	train --resume RUN
+	show	0	of %, map	show $case --run RUN --as difference --graphics ascii
+	show	0	.	show --batch --run RUN --graphics ascii
END
}

ask() { # CODE WORDS WHERE COMMAND...: as `expect`, in a folder, with a pattern
  wanted=$1 told=$2 where=$3
  shift 3
  (cd "$where" && "$pleura" "$@") >"$work/out" 2>&1 </dev/null
  got=$?
  [ "$got" = "$wanted" ] || complain "pleura $*: exit $got, not $wanted"
  grep -q -- "$told" "$work/out" || complain "pleura $*: lacks '$told'"
}

tried=
tab=$(printf '\t')
rows >rows
while IFS=$tab read -r optional command code words line; do
  tried="$tried $command"
  for form in green:green gre:green blue-t:blue-two latest:green last:green "$work/ws/runs/amber:amber" \
    ws/runs/blue-two:blue-two; do
    run=${form%:*}
    ask "$code" "$(echo "$words" | sed "s/%/${form##*:}/g")" . $(echo "$line" | sed "s#RUN#$run#") -C ws
  done
  # From within, without -C.
  ask "$code" "$(echo "$words" | sed "s/%/amber/g")" ws/runs/amber $(echo "$line" | sed 's#RUN#.#;s#found.json#../../../found.json#;s#sub.csv#../../../sub.csv#')
  if [ "$optional" = - ]; then
    ask "$code" "$(echo "$words" | sed "s/%/green/g")" . $(echo "$line" | sed 's# RUN##') -C ws
  fi
  ask 2 "'blue' fits 2 runs: blue-one, blue-two" . $(echo "$line" | sed 's#RUN#blue#') -C ws
  ask 2 "there is no run 'red'; 'pleura runs' lists them" . $(echo "$line" | sed 's#RUN#red#') -C ws
  ask 2 "ws/images is not a run: it has no run.json" . $(echo "$line" | sed 's#RUN#ws/images#') -C ws
  ask 2 "ws/nowhere is not a run: it has no run.json" . $(echo "$line" | sed 's#RUN#ws/nowhere#') -C ws
done <rows
rm -f ./*.safetensors

# Where there is none.
ask 2 "there is no run yet; 'pleura train' makes one" . status -C elsewhere
ask 2 "there is no run yet; 'pleura train' makes one" . eval -C elsewhere

# No command that takes RUN is forgotten: their own help names it.
for command in $("$pleura" help | awk '/^  [a-z]/ { print $1 }'); do
  "$pleura" "$command" --help 2>/dev/null | grep -qw 'RUN' || continue
  case " $tried " in *" $command "*) ;; *) complain "pleura $command takes RUN and is not tried here" ;; esac
done
exit $failed

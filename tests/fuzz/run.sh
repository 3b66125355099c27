#!/bin/sh
# Fuzzes: sh tests/fuzz/run.sh SECONDS [HARNESS...]
# Builds the preset `fuzz` (clang, libFuzzer, ASan, UBSan) and runs each harness for SECONDS, all of CMakeLists.txt's
# when none is named. Prints executions, coverage and findings; ends with 1 when there are any. What was learnt stays in
# build/fuzz/corpus and serves the next time; inputs that fail are in build/fuzz/findings, and
# `build/fuzz/bin/fuzz_NAME FILE` repeats one.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-}
case $seconds in
  '' | *[!0-9]*) echo "usage: sh tests/fuzz/run.sh SECONDS [HARNESS...]" >&2; exit 2 ;;
esac
shift

harnesses=$(sed -n 's/^pleura_fuzz(\([a-z0-9_]*\) .*/\1/p' tests/fuzz/CMakeLists.txt)
for name in "$@"; do
  printf '%s\n' "$harnesses" | grep -qx "$name" || {
    echo "run.sh: no harness '$name'; there are:" $harnesses >&2
    exit 2
  }
done
[ $# -gt 0 ] || set -- $harnesses

log=build/fuzz/build.log
mkdir -p build/fuzz
[ -e build/fuzz/build.ninja ] || cmake --preset fuzz >"$log" 2>&1 || { cat "$log" >&2; exit 2; }
cmake --build build/fuzz --target $(printf 'fuzz_%s ' "$@") >"$log" 2>&1 || { cat "$log" >&2; exit 2; }

# Like the decode helpers, whose memory is limited: what asks for more than 1 GiB at once gets none, and must cope.
export ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=1024:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1

count_findings() { find "$1" -name 'crash-*' -o -name 'timeout-*' -o -name 'oom-*' -o -name 'leak-*' | wc -l; }

# The last number behind a word of the log, or 0.
last_of() { sed -n "s/.*$1[: ]*\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1 | grep . || echo 0; }

failed=0
printf '%-10s %8s %12s %8s %8s %8s\n' harness seconds executions edges inputs findings
for name in "$@"; do
  corpus=build/fuzz/corpus/$name findings=build/fuzz/findings/$name out=build/fuzz/$name.log
  rm -rf "$findings"
  mkdir -p "$corpus" "$findings"
  begin=$(date +%s) executions=0 left=$seconds edges=0
  # libFuzzer ends at its first finding; it is started again for the time that is left.
  while [ "$left" -gt 0 ]; do
    status=0
    build/fuzz/bin/fuzz_"$name" -max_total_time="$left" -timeout=20 -rss_limit_mb=3072 -print_final_stats=1 \
      -artifact_prefix="$findings/" "$corpus" tests/fuzz/corpora/"$name" >"$out" 2>&1 || status=$?
    executions=$((executions + $(last_of number_of_executed_units "$out")))
    edges=$(last_of ' cov' "$out")
    [ "$status" -ne 0 ] || break
    cp "$out" "$findings/log.$(count_findings "$findings")"
    # A harness that does not even start has no finding to show, only its log.
    if [ "$(count_findings "$findings")" -eq 0 ] || [ "$(count_findings "$findings")" -ge 10 ]; then break; fi
    left=$((seconds - ($(date +%s) - begin)))
  done
  found=$(count_findings "$findings")
  [ "$status" -eq 0 ] || [ "$found" -gt 0 ] || { tail -n 20 "$out" >&2; failed=1; }
  [ "$found" -eq 0 ] || failed=1
  printf '%-10s %8d %12d %8d %8d %8d\n' "$name" "$(($(date +%s) - begin))" "$executions" "$edges" \
    "$(find "$corpus" -type f | wc -l)" "$found"
done
exit $failed

#!/bin/sh
# The source check must be able to fail: each breach below, alone, makes it end with 1; a clean tree with 0.
set -u
check=$(cd "$(dirname "$0")" && pwd)/check_source.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failures=0

try() { # EXPECTED_STATUS PATH TEXT
  rm -rf "${root:?}"/*
  mkdir -p "$root/core/base" "$root/core/data" "$root/core/run" "$root/viewers" "$root/tui/cli" "$root/gpu" "$root/tests"
  printf '%s\n' "$3" >"$root/$2"
  sh "$check" "$root" >/dev/null 2>&1
  status=$?
  if [ "$status" != "$1" ]; then
    echo "expected $1, got $status for $2: $3"
    failures=$((failures + 1))
  fi
}

try 0 core/base/a.c '#include "core/base/a.h"'
try 1 core/base/a.c '#include "tui/app.h"'
try 1 core/data/a.c '#include "core/run/journal.h"'
try 0 core/run/a.c '#include "core/data/rle.h"'
try 1 viewers/a.c '#include <ncurses.h>'
try 1 tui/cli/a.c '#include <curses.h>'
try 1 core/base/a.c 'strcpy(a, b);'
try 0 core/base/a.c 'pl_strcpy_like(a, b);'
try 0 core/base/a.c '// never strcpy(a, b)'
try 1 core/base/a.c 'printf("x");'
try 0 core/base/a.c 'snprintf(a, 4, "x");'
try 0 tui/cli/a.c 'printf("x");'
try 1 core/base/a.c 'exit(1);'
try 1 core/data/a.c 'flock(fd, LOCK_EX);'
try 0 core/base/lock.c 'flock(fd, LOCK_EX);'
try 1 core/base/a.cc 'int x;'
try 1 core/base/a.c 'const char *red = "\x1b[31m";'
try 1 core/base/a.h 'int x;'
try 1 gpu/a.c '// TODO later'
try 1 core/base/a.h '#pragma once
int pl_a_unused(void);'
try 0 core/base/a.h '#pragma once
typedef int pl_a_call(void);
static inline int pl_a_small(void) { return 1; }'
try 0 core/base/a.c "int pl_a_long(void) {
$(seq 58)
}"
try 1 core/base/a.c "int pl_a_long(void) {
$(seq 59)
}"
# A module that the architecture does not name.
rm -rf "${root:?}"/*
mkdir -p "$root/core/base"
printf '#pragma once\n' >"$root/core/base/news.h"
for words in 'base: status, mem=1' 'base: status, news=0'; do
  echo "${words%=*}" >"$root/ARCHITECTURE.md"
  sh "$check" "$root" >/dev/null 2>&1
  [ $? = "${words#*=}" ] || { echo "modules: $words"; failures=$((failures + 1)); }
done
[ "$failures" = 0 ]

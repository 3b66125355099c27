#!/bin/sh
# What ./run and ./test do about missing packages, with stand-ins for the system's commands.
# Usage: test_setup.sh ROOT
set -u
root=$(cd "${1:?test_setup.sh wants the root of the sources}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

stand_in() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$tmp/bin/$1"
  chmod +x "$tmp/bin/$1"
}
try() { # runs install_packages alone with the stand-ins first in PATH
  (cd "$root" && PATH="$tmp/bin:$PATH" sh -c '. assets/setup.sh; install_packages' test </dev/null) >"$tmp/out" 2>"$tmp/err"
}

mkdir "$tmp/bin"
stand_in apt-get "echo \"\$*\" >>'$tmp/apt'"
stand_in sudo 'exit 1'

# Nothing missing: silent, nothing called, as anybody.
stand_in dpkg-query 'echo installed'
stand_in id 'echo 1000'
try || fail "complete system: exit $?"
[ ! -s "$tmp/out" ] && [ ! -s "$tmp/err" ] || fail "complete system: it should say nothing"
[ ! -e "$tmp/apt" ] || fail "complete system: apt was called"

# Something missing, neither root nor sudo: one apt line, nothing changed, exit 1.
stand_in dpkg-query 'case $* in *libsixel-dev*|*cmake*) exit 1 ;; *) echo installed ;; esac'
try
[ $? = 1 ] || fail "no rights: the exit status should be 1"
[ ! -e "$tmp/apt" ] || fail "no rights: apt was called"
[ "$(wc -l <"$tmp/out")" = 1 ] || fail "no rights: one line should be printed"
grep -q '^sudo apt-get install .*cmake.*libsixel-dev' "$tmp/out" || fail "no rights: $(cat "$tmp/out")"
grep -q 'libpng-dev' "$tmp/out" && fail "no rights: names a package that is there"

# As root: says what, and installs just that.
stand_in id 'echo 0'
try || fail "root: exit $?"
grep -q 'installing by apt: cmake libsixel-dev' "$tmp/err" || fail "root: does not say what it installs"
grep -q '^install .*cmake libsixel-dev' "$tmp/apt" || fail "root: apt was asked for: $(cat "$tmp/apt")"

[ "$failures" = 0 ]

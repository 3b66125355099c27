# For tests of commands in shell; sourced. Makes a folder to work in, $work, and removes it at the end. A test ends with
# `exit $failed`.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

# complain TEXT: notes a failure, with what the last command of `expect` printed.
complain() {
  echo "FAILED: $*"
  [ ! -s "$work/out" ] || sed 's/^/  | /' "$work/out"
  failed=1
}

# expect CODE WORDS COMMAND...: the exit code, and words somewhere in what it prints.
expect() {
  code=$1 words=$2
  shift 2
  "$@" >"$work/out" 2>&1 </dev/null
  got=$?
  if [ "$got" -ne "$code" ] || ! grep -qF -- "$words" "$work/out"; then complain "$* gives $got, not $code, or lacks '$words'"; fi
}

# same FOUND WANTED WHAT
same() { [ "$1" = "$2" ] || complain "$3 is '$1', not '$2'"; }

#!/bin/sh
# pleura devices and where plug-ins are looked for. Usage: test_devices.sh PLEURA PLUGIN (a backend that needs nothing).
set -u
pleura=${1:?} plugin=${2:?}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failures=0

expect() { # WHAT PATTERN, text in $text
  printf '%s\n' "$text" | grep -q -- "$2" || { printf 'FAILED: %s\n  expected: %s\n  got: %s\n' "$1" "$2" "$text"; failures=$((failures + 1)); }
}
reject() {
  printf '%s\n' "$text" | grep -q -- "$2" && { printf 'FAILED: %s\n  unexpected: %s\n  got: %s\n' "$1" "$2" "$text"; failures=$((failures + 1)); }
}

mkdir -p "$folder/here/bin" "$folder/here/lib/pleura" "$folder/path" "$folder/current"
cp "$pleura" "$folder/here/bin/pleura"

text=$(cd "$folder" && "$folder/here/bin/pleura" devices) || { echo "FAILED: exit code $?"; failures=1; }
expect 'linked in' '^ref '
expect 'without a plug-in' '^cuda  *not installed'
expect 'auto' '^--backend auto takes '

# In the current folder: never.
cp "$plugin" "$folder/current/libpleura-current.so"
echo 'not a library' >"$folder/path/libpleura-broken.so"
text=$(cd "$folder/current" && "$folder/here/bin/pleura" devices)
reject 'the current folder' "$folder/current"
text=$(cd "$folder/current" && PLEURA_BACKEND_PATH=. "$folder/here/bin/pleura" devices)
reject 'a relative path' libpleura-current

# In each of the three places, in their order, each with its path; a broken one with its reason.
cp "$plugin" "$folder/here/bin/libpleura-a.so"
cp "$plugin" "$folder/here/lib/pleura/libpleura-b.so"
cp "$plugin" "$folder/path/libpleura-c.so"
text=$(cd "$folder" && PLEURA_BACKEND_PATH=$folder/path "$folder/here/bin/pleura" devices)
expect 'beside the program' 'here/bin/libpleura-a.so'
expect 'in the install folder' 'lib/pleura/libpleura-b.so'
expect 'in PLEURA_BACKEND_PATH' 'path/libpleura-c.so'
expect 'a broken plug-in' '^libpleura-broken.so cannot be used: cannot load it'
order=$(printf '%s\n' "$text" | sed -n 's/.*libpleura-\([abc]\).so.*/\1/p' | tr -d '\n')
[ "$order" = abc ] || { echo "FAILED: order $order"; failures=$((failures + 1)); }

text=$("$pleura" devices --plugin relative.so)
expect 'a relative plug-in' 'must begin with /'
text=$("$pleura" devices extra 2>&1)
[ $? = 2 ] || { echo 'FAILED: exit code of a wrong call'; failures=$((failures + 1)); }

# A device that cannot be had is said so, before anything is trained.
text=$("$pleura" golden --backend nothing --json 2>&1)
expect 'an unknown backend' "there is no backend 'nothing'; there are: auto, ref"
[ "$failures" = 0 ]

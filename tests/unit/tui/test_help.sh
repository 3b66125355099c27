#!/bin/sh
# Every command tells its options, and every option that a page or a help text shows behind a command is one of it.
pleura=$1 root=$2
. "$root/tests/tools/expect.sh"
cd "$work" || exit 1

commands=$("$pleura" help | awk '/^  [a-z]/ { print $1 }')
[ "$(echo "$commands" | wc -l)" -gt 30 ] || complain "pleura help lists too few commands"
for command in $commands; do
  expect 0 "Usage: pleura" "$pleura" help "$command"
  cp out "help.$command"
  [ "$command" = help ] && continue
  expect 0 "Usage: pleura $command" "$pleura" "$command" --help
  cmp -s out "help.$command" || complain "pleura help $command is not pleura $command --help"
done
expect 2 "there is no command 'nix'" "$pleura" help nix
expect 0 "pseudonym of the patient" "$pleura" help filter

# "pleura COMMAND ... --option" of a text, up to the end of a code span, a sentence or a comment; and of a table's row
# that begins with a command, all options. One "COMMAND --option" a line.
cat >options.awk <<'END'
/^\| `pleura [a-z]/ {
  n = split($0, words, /[^-a-z0-9]+/)
  for (i = 4; i <= n; i++) if (words[i] ~ /^--[a-z]/) print words[3], words[i]
  next
}
{
  while (match($0, /pleura [a-z]+ [^`'";.,)#|]*/)) {
    n = split(substr($0, RSTART, RLENGTH), words, " ")
    for (i = 3; i <= n; i++) if (words[i] ~ /^--[a-z]/) { sub(/[=\]].*/, "", words[i]); print words[2], words[i] }
    $0 = substr($0, RSTART + RLENGTH)
  }
}
END
cat "$root"/README.md "$root"/*/README.md "$root"/*/*/README.md help.* | sed 's/\\|/ /g' | awk -f options.awk | sort -u >shown
[ "$(wc -l <shown)" -gt 30 ] || complain "too few options are found in the pages"
while read -r command option; do
  [ -f "help.$command" ] || continue
  # What a job starts has its own options, and those of a training are many names of one form.
  [ "$command" = jobs ] && continue
  grep -qE -- "$option(=|\[|,| |\$)" "help.$command" || complain "pleura $command has no $option, which a page shows"
done <shown
exit $failed

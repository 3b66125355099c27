#!/bin/sh
# The rules of ARCHITECTURE that a grep can see. Usage: check_source.sh ROOT; prints each breach and exits 1.
set -u
cd "${1:?check_source.sh wants the root of the sources}" || exit 2
found=$(mktemp)
trap 'rm -f "$found"' EXIT

report() { # RULE, then breaches on standard input
  sed "s|^|$1: |" >>"$found"
}

sources() { find "$@" -type f \( -name '*.[ch]' -o -name '*.cc' -o -name '*.cu' \) 2>/dev/null; }

# Who may include whom. Inside core only folders to the left.
includes_of() { # FOLDER FORBIDDEN_PATTERN
  sources "$1" | xargs -r grep -nE "#include \"($2)" /dev/null
}
includes_of core '(gpu|viewers|tui|tests)/' | report 'layering (core includes only core)'
includes_of gpu '(viewers|tui|tests)/' | report 'layering (gpu includes only core)'
includes_of viewers '(gpu|tui|tests)/' | report 'layering (viewers include only core)'
includes_of tui '(gpu|tests)/' | report 'layering (tui includes viewers and core)'
order='base image data net train score run'
for folder in $order; do
  right=$(printf '%s' "$order" | sed "s/.*$folder *//; s/ /|/g")
  [ -z "$right" ] || includes_of "core/$folder" "core/($right)/" | report "layering (core/$folder may not look right)"
done
sources core viewers tui/cli | xargs -r grep -nE '#include <(ncursesw?/)?(n?curses|panel|menu|form|term)\.h' /dev/null |
  report 'layering (curses lives in tui alone)'
sources core viewers tui | xargs -r grep -nE '#include <(cuda|cudnn)' /dev/null | report 'layering (CUDA lives in gpu alone)'
sources core | xargs -r grep -nE '\\(x1b|033|e)\[' /dev/null | report 'layering (core knows no escape codes)'
sources core viewers tui | grep '\.cc$' | grep -v '^core/image/dicom' | report 'C++ only in the DICOM shim'

# Calls that have a better one.
banned='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|system|popen|alloca'
sources core gpu viewers tui | xargs -r grep -nE "(^|[^A-Za-z0-9_.>])($banned) *\(" /dev/null |
  grep -vE '^[^:]*:[0-9]+: *//' | report 'banned call'
sources core gpu viewers tui | grep -vE '^tui/(main\.c|cli/)' |
  xargs -r grep -nE '(^|[^A-Za-z0-9_])(printf|puts|putchar) *\(' /dev/null |
  grep -vE '^[^:]*:[0-9]+: *//' | report 'only mains and subcommands print'
sources core gpu viewers tui | grep -vE '^(tui/main\.c|core/base/mem\.c)$' |
  xargs -r grep -nE '(^|[^A-Za-z0-9_>.])(exit|abort) *\(' /dev/null |
  grep -vE '^[^:]*:[0-9]+: *//' | report 'only main and mem.c end the process'
sources core gpu viewers tui | grep -v '^core/base/lock\.c$' | xargs -r grep -nE '(^|[^A-Za-z0-9_])(flock|lockf) *\(' /dev/null |
  report 'locks are taken in core/base/lock.c'

# Shape.
for file in $(sources core gpu viewers tui tests); do
  lines=$(wc -l <"$file")
  [ "$lines" -le 800 ] || echo "$file has $lines lines" | report 'a file stops at 800 lines'
done
sources core gpu viewers tui | grep '\.h$' | while read -r header; do
  grep -q '^#pragma once' "$header" || echo "$header" | report '#pragma once'
done
sources core gpu viewers tui | xargs -r grep -nE '\b(TODO|FIXME|XXX)\b' /dev/null | report 'unfinished by its own words'

# Of functions that headers declare: one that only its own file uses is static, and one that nobody uses goes. A macro in
# the header is a user too.
sources core gpu viewers tui tests | xargs -r grep -oE '\bpl_[a-z0-9_]+' /dev/null | sort -u |
  awk -F: '{ files[$2]++ } $1 ~ /\.h$/ && $1 !~ /^tests/ { header[$2] = $1 }
           END { for (name in header) if (files[name] <= 2) print header[name], name }' |
  while read -r header name; do
    grep -qE "^ .*[^A-Za-z0-9_]$name\(|^#define.*$name\(" "$header" ||
      grep -HnE "^[a-z].*[ *]$name\(" "$header" | grep -vE ':(static inline|typedef) '
  done | report 'exported, but used by its own file at most'

# A function of the program stops at 60 lines: from the line with its name to the brace that closes it.
sources core gpu viewers tui | xargs -r awk '
  FNR == 1 { start = 0 }
  /^[A-Za-z].*\(/ && !/[;}]/ { start = FNR; line = $0 }
  /^}/ { if (start && FNR - start >= 60) print FILENAME ":" start ": " FNR - start + 1 " lines: " line; start = 0 }' |
  report 'a function stops at 60 lines'

# Every module is in ARCHITECTURE's list: a header that is not private to its module's files. Of core/net what a model
# is made of stands in section 7.
if [ -f ARCHITECTURE.md ]; then
  for header in core/*/*.h viewers/*.h tui/*.h; do
    [ -f "$header" ] || continue
    module=$(basename "$header" .h)
    case $module in *_private) continue ;; esac
    grep -qw -- "$module" ARCHITECTURE.md || echo "$header"
  done | report 'a module that ARCHITECTURE does not name'
fi

cat "$found"
[ ! -s "$found" ]

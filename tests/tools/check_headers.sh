#!/bin/sh
# Every header compiles alone, as C and as C++. Usage: check_headers.sh ROOT [CC] [CXX]; needs the build's libraries.
set -u
cd "${1:?check_headers.sh wants the root of the sources}" || exit 2
cc=${2:-cc} cxx=${3:-c++} failures=0
for header in $(find core gpu viewers tui -name '*.h' | sort); do
  case $header in gpu/dnn_library.h | gpu/dnn_private.h) continue ;; esac # need cuDNN's headers
  $cc -std=c17 -D_GNU_SOURCE -I. -fsyntax-only -Wall -Wextra -include "$header" -x c /dev/null || failures=$((failures + 1))
  case $header in
    tui/*) ;; # the workbench's own headers are never used from C++
    *) $cxx -std=c++17 -I. -fsyntax-only -include "$header" -x c++ /dev/null || failures=$((failures + 1)) ;;
  esac
done
[ "$failures" = 0 ]

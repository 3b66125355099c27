// Words of a command line as a shell takes them: spaces separate, "..." and '...' and a backslash keep one, and ~/ at
// the beginning is the home folder. Nothing else is special.
#pragma once

#include <stddef.h>

#include "core/base/status.h"

// The words of a line, plain; free with pl_fs_free_names. PL_E_USAGE when a quote is not closed.
pl_status pl_shellwords_split(char ***words, size_t *count, const char *line, pl_error *err);

// Where the last word begins, the one that is being typed.
size_t pl_shellwords_last(const char *line);

// One word without its quotes and backslashes, ~/ replaced. The caller frees.
char *pl_shellwords_plain(const char *word);
// A text that pl_shellwords_plain makes `plain` of again. The caller frees.
char *pl_shellwords_quote(const char *plain);

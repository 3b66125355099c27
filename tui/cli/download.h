// A download with its progress on the terminal, for the subcommands that fetch something.
#pragma once

#include <stdbool.h>

#include "core/data/fetch.h"

// pl_fetch_file with a bar on stderr, ended in good order by Ctrl-C; fills the callbacks of `options`. *seconds is how
// long it took. `command` is for messages.
pl_status pl_cli_download(pl_fetch_result *result, double *seconds, const char *command, const char *path, bool quiet,
                          pl_fetch_options *options, pl_error *err);

// pl_cli_report, and whether what came so far was kept.
int pl_cli_download_report(const char *command, const char *path, const pl_error *err);

#include "tui/cli/download.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tui/cli/cli.h"
#include "tui/cli/progress.h"

// A running fetch, for the functions that are called from it.
typedef struct fetching {
  const char *command;
  pl_cli_progress progress;
  uint64_t at_start;  // bytes that were there when this rate began
  double since;       // seconds; negative before the first bytes of a try
} fetching;

static void on_progress(void *context, const pl_fetch_progress *p) {
  fetching *f = context;
  double elapsed = 0, now = 0;
  if (!pl_cli_progress_is_due(&elapsed, &f->progress, false)) return;
  now = elapsed;
  if (f->since < 0) {
    f->at_start = p->done;
    f->since = now;
  }
  double rate = now > f->since ? (double)(p->done - f->at_start) / (now - f->since) : 0;
  double total = p->total >= 0 ? (double)p->total : (double)NAN;
  char done[96];
  if (p->total >= 0) {
    snprintf(done, sizeof done, "%.1f of %.1f MB, %.1f MB a second", (double)p->done / 1e6, total / 1e6, rate / 1e6);
  } else {
    snprintf(done, sizeof done, "%.1f MB, %.1f MB a second", (double)p->done / 1e6, rate / 1e6);
  }
  pl_cli_progress_bar(&f->progress, total > 0 ? (double)p->done / total : total,
                      rate > 0 ? (total - (double)p->done) / rate : (double)NAN, done, "");
}

static void on_note(void *context, const char *text) {
  fetching *f = context;
  f->since = -1;
  pl_cli_progress_note(&f->progress, f->command, text);
}

static bool is_cancelled(void *context) { return pl_cli_progress_is_stopped(&((fetching *)context)->progress); }

pl_status pl_cli_download(pl_fetch_result *result, double *seconds, const char *command, const char *path, bool quiet,
                          pl_fetch_options *o, pl_error *err) {
  fetching f = {.command = command, .since = -1};
  pl_cli_progress_begin(&f.progress, quiet);
  o->progress = on_progress;
  o->note = on_note;
  o->cancelled = is_cancelled;
  o->context = &f;
  pl_status status = pl_fetch_file(result, path, o, err);
  *seconds = pl_clock_monotonic(&f.progress.clock) - f.progress.start;
  pl_cli_progress_end(&f.progress);
  return status;
}

int pl_cli_download_report(const char *command, const char *path, const pl_error *err) {
  int code = pl_cli_report(command, err);
  char *part = pl_xprintf("%s.part", path);
  if (err->code != PL_E_EXISTS && err->code != PL_E_BUSY && pl_fs_is_file(part)) {
    fprintf(stderr, "pleura %s: %s is kept: the same command goes on from there\n", command, part);
  }
  free(part);
  return code;
}

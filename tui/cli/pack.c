// pleura pack: the packed cache of a workspace.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/data/pack.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"
#include "tui/cli/progress.h"

enum { OPTION_VERIFY = 256, OPTION_REMOVE, THREADS_MAX = 64 };

typedef struct arguments {
  const char *workspace;
  bool verify, remove, quiet;
  unsigned threads;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t threads = 0;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case 'q': a->quiet = true; return 0;
    case 'j':
      if (!pl_parse_u64(&threads, arg, strlen(arg)) || threads < 1 || threads > THREADS_MAX)
        argp_error(state, "--jobs takes a number from 1 to %d, not '%s'", THREADS_MAX, arg);
      a->threads = (unsigned)threads;
      return 0;
    case OPTION_VERIFY: a->verify = true; return 0;
    case OPTION_REMOVE: a->remove = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "there is nothing to name here; -C names a workspace"); return 0;
    case ARGP_KEY_END:
      if (a->verify && a->remove) argp_error(state, "--verify or --remove, not both");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static void on_progress(void *context, size_t done, size_t total) {
  pl_cli_progress *progress = context;
  double elapsed = 0;
  if (!pl_cli_progress_is_due(&elapsed, progress, done == total)) return;
  char words[64];
  snprintf(words, sizeof words, "%zu/%zu packed", done, total);
  double left = elapsed / (double)done * (double)(total - done);
  pl_cli_progress_bar(progress, (double)done / (double)total, left, words, "");
}

static bool is_cancelled(void *context) { return pl_cli_progress_is_stopped(context); }

pl_status pl_cli_make_pack(const pl_manifest *manifest, unsigned threads, bool quiet, pl_error *err) {
  pl_cli_progress progress;
  pl_cli_progress_begin(&progress, quiet);
  pl_pack_build_options options = {
      .threads = threads, .progress = on_progress, .cancelled = is_cancelled, .context = &progress};
  double start = pl_clock_monotonic(&progress.clock);
  pl_pack_report r;
  pl_status status = pl_pack_build(&r, manifest, &options, err);
  double seconds = pl_clock_monotonic(&progress.clock) - start;
  pl_cli_progress_end(&progress);
  if (status != PL_OK) return status;
  printf("packed     %zu cases, %.1f MB in %.1f s\n", r.packed, (double)r.bytes / 1e6, seconds);
  if (r.left_out > 0) printf("left out   %zu cases, the first for: %s\n", r.left_out, r.reason);
  return PL_OK;
}

static pl_status verify(const pl_manifest *manifest, pl_error *err) {
  pl_pack *pack = NULL;
  pl_status status = pl_pack_open(&pack, manifest, err);
  if (status != PL_OK) return status;
  status = pl_pack_verify(pack, err);
  pl_pack_counts c = pl_pack_count(pack);
  pl_pack_close(pack);
  if (status != PL_OK) return status;
  printf("%zu of %zu cases are packed and whole, %.1f MB\n", c.packed, c.pictures, (double)c.bytes / 1e6);
  if (c.packed < c.pictures) {
    printf("%zu are out of date and %zu are missing: they are read from PNG; 'pleura pack' makes it anew\n", c.stale,
           c.pictures - c.packed - c.stale);
  }
  return PL_OK;
}

static pl_status run(const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_status status = a->verify ? pl_cli_workspace(&workspace, a->workspace, err)
                               : pl_cli_workspace_to_write(&workspace, a->workspace, err);
  if (status == PL_OK) status = pl_manifest_load(&manifest, workspace, err);
  free(workspace);
  if (status != PL_OK) return status;
  if (a->verify) {
    status = verify(&manifest, err);
  } else if (a->remove) {
    status = pl_pack_remove(&manifest, err);
    if (status == PL_OK) printf("removed: images are read from PNG\n");
  } else {
    status = pl_cli_make_pack(&manifest, a->threads, a->quiet, err);
  }
  pl_manifest_clear(&manifest);
  return status;
}

int pl_cli_pack(int argc, char **argv) {
  arguments a = {.threads = 0};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return run(&a, &err) == PL_OK ? 0 : pl_cli_report("pack", &err);
}

static const struct argp_option options[] = {
    {.name = "verify", .key = OPTION_VERIFY, .doc = "Look at every byte of the one that is there"},
    {.name = "remove", .key = OPTION_REMOVE, .doc = "Remove it"},
    {.name = "jobs", .key = 'j', .arg = "N", .doc = "Threads (default: one a processor)"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {.name = "quiet", .key = 'q', .doc = "No progress"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc =
        "Makes the packed cache of a workspace: pictures.pack, one file with all images and masks as they are in "
        "memory, "
        "so that a training need not decode PNGs. It is as large as the pixels: 260 kB an image of 512 pixels.\v"
        "'pleura import' makes it at its end. A training takes from it what is up to date and whole, and reads PNGs "
        "for "
        "the rest; the option 'pack' turns it off.",
};

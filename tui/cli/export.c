// pleura export: what a run made, for other programs.
#include <argp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/filter.h"
#include "core/net/weights.h"
#include "core/run/export.h"
#include "core/run/rundir.h"
#include "core/run/watch.h"
#include "core/train/checkpoint.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/place.h"

enum { OPTION_WHERE = 256, OPTION_LAST, OPTION_FORCE, OPTION_LABELS };
#define TEXT_MAX ((size_t)1 << 30)

typedef enum what { NOTHING, WEIGHTS = 257 + OPTION_LABELS, EPOCHS, STEPS, TFEVENTS, CASES } what;

typedef struct arguments {
  what what;
  const char *run, *output, *workspace, *where;
  bool last, force;
  pl_cli_label_choice labels;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case 'o': a->output = arg; return 0;
    case OPTION_WHERE: a->where = arg; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_LAST: a->last = true; return 0;
    case OPTION_FORCE: a->force = true; return 0;
    case WEIGHTS:
    case EPOCHS:
    case STEPS:
    case TFEVENTS:
    case CASES:
      if (a->what != NOTHING && a->what != (what)key) argp_error(state, "one thing at a time");
      a->what = (what)key;
      return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num > 0) argp_error(state, "'%s' is one word too many", arg);
      a->run = arg;
      return 0;
    case ARGP_KEY_END:
      if (a->what == NOTHING) argp_error(state, "say what: --weights, --epochs, --steps, --tfevents or --cases");
      if (a->where != NULL && a->what != CASES) argp_error(state, "--where goes with --cases");
      if (a->labels.given && a->what != CASES) argp_error(state, "--labels goes with --cases");
      if (a->last && a->what != WEIGHTS) argp_error(state, "--last goes with --weights");
      if (a->run != NULL && a->what == CASES) argp_error(state, "cases belong to no run");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status check_target(const arguments *a, const char *target, pl_error *err) {
  if (a->force || access(target, F_OK) != 0) return PL_OK;
  return pl_fail(err, PL_E_EXISTS, "%s is there already; --force replaces it, -o FILE names another", target);
}

// Text goes to standard output unless a file is named.
static pl_status write_text(const arguments *a, const pl_buf *text, const char *words, pl_error *err) {
  if (text->failed) return pl_fail(err, PL_E_LIMIT, "that is more than %zu bytes", text->max);
  if (a->output == NULL) {
    (void)fwrite(text->data, 1, text->length, stdout);
    return fflush(stdout) == 0 ? PL_OK : pl_fail(err, PL_E_IO, "cannot write to standard output");
  }
  pl_status status = check_target(a, a->output, err);
  if (status == PL_OK) status = pl_fs_replace(a->output, text->data, text->length, err);
  if (status == PL_OK) printf("written to %s: %s\n", a->output, words);
  return status;
}

static pl_status export_cases(const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_filter *filter = pl_xcalloc(1, sizeof *filter);
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK) status = pl_filter_parse(filter, a->where != NULL ? a->where : "", err);
  if (status == PL_OK) status = pl_cli_workspace(&workspace, a->workspace, err);
  if (status == PL_OK) status = pl_cli_label_choice_manifest(&manifest, &a->labels, workspace, err);
  if (status == PL_OK) {
    pl_export_cases(&text, &manifest, filter);
    status = write_text(a, &text, "one row a case", err);
  }
  pl_buf_clear(&text);
  pl_manifest_clear(&manifest);
  free(filter);
  free(workspace);
  return status;
}

// A checkpoint's folder: the one that was named, the run's best, or its newest valid one.
static pl_status find_checkpoint(char **out, pl_checkpoint_state *state, const arguments *a, const char *folder,
                                 pl_error *err) {
  char *manifest = pl_path_join(folder, "MANIFEST"), *checkpoints = pl_path_join(folder, "ckpt");
  char *best = pl_path_join(checkpoints, "best");
  pl_status status = PL_OK;
  if (pl_fs_is_file(manifest)) {
    *out = pl_xstrdup(folder);
    status = pl_checkpoint_check(state, *out, err);
  } else if (!a->last && pl_fs_is_folder(best)) {
    *out = pl_xstrdup(best);
    status = pl_checkpoint_check(state, *out, err);
  } else {
    status = pl_checkpoint_find(out, state, checkpoints, NULL, NULL, err);
  }
  free(manifest);
  free(checkpoints);
  free(best);
  return status;
}

static pl_status export_weights(const arguments *a, const char *folder, pl_error *err) {
  char *checkpoint = NULL;
  pl_checkpoint_state state;
  pl_status status = find_checkpoint(&checkpoint, &state, a, folder, err);
  if (status != PL_OK) {
    free(checkpoint);
    return status;
  }
  char *real = realpath(folder, NULL);
  char *own = pl_xprintf("%s-step%" PRId64 ".safetensors", pl_path_base(real != NULL ? real : folder), state.step);
  const char *target = a->output != NULL ? a->output : own;
  char *weights = pl_path_join(checkpoint, "weights.safetensors"), hash[PL_SHA256_HEX_SIZE];
  size_t count = 0;
  status = pl_cli_check_output(target, err);
  if (status == PL_OK) status = check_target(a, target, err);
  if (status == PL_OK) status = pl_weights_export(weights, target, &count, hash, err);
  if (status == PL_OK) {
    char name[sizeof state.encoder * 4];
    (void)pl_safe_text(name, sizeof name, state.encoder, strlen(state.encoder));
    printf("written    %s\n", target);
    printf("from       %s, %" PRId64 " epochs trained\n", checkpoint, state.epoch - 1);
    printf("holds      %zu tensors of U-Net %s in segmentation_models.pytorch's names\n", count, name);
    printf("sha256     %s\n", hash);
  }
  free(weights);
  free(own);
  free(real);
  free(checkpoint);
  return status;
}

static pl_status export_journal(const arguments *a, const char *folder, pl_error *err) {
  pl_journal_reader *reader = pl_journal_reader_create(folder);
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  pl_status status = pl_journal_reader_update(reader, NULL, err);
  const pl_journal_view view = pl_journal_reader_view(reader);
  if (status == PL_OK && view.epoch_count + view.step_count == 0) {
    status = pl_fail(err, PL_E_NOTFOUND, "%s has recorded nothing yet", folder);
  }
  if (status == PL_OK && a->what == TFEVENTS && a->output == NULL && isatty(STDOUT_FILENO)) {
    status = pl_fail(err, PL_E_USAGE, "an event file is no text: name it with -o, as -o DIR/events.out.tfevents.0");
  }
  if (status == PL_OK) {
    if (a->what == EPOCHS) pl_export_epochs(&text, &view);
    if (a->what == STEPS) pl_export_steps(&text, &view);
    if (a->what == TFEVENTS) pl_export_tfevents(&text, &view);
    char words[96];
    (void)snprintf(words, sizeof words, "%zu epochs, %zu steps recorded", view.epoch_count, view.step_count);
    status = write_text(a, &text, words, err);
  }
  pl_buf_clear(&text);
  pl_journal_reader_destroy(reader);
  return status;
}

static bool is_checkpoint(const char *folder) {
  char *manifest = pl_path_join(folder, "MANIFEST");
  const bool found = pl_fs_is_file(manifest);
  free(manifest);
  return found;
}

static pl_status run(const arguments *a, pl_error *err) {
  if (a->what == CASES) return export_cases(a, err);
  char *folder = NULL;
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK && a->what == WEIGHTS && a->run != NULL && is_checkpoint(a->run)) {
    folder = pl_xstrdup(a->run);
  } else if (status == PL_OK) {
    status = pl_cli_find_run(&folder, a->workspace, a->run, err);
  }
  if (status == PL_OK) status = a->what == WEIGHTS ? export_weights(a, folder, err) : export_journal(a, folder, err);
  free(folder);
  return status;
}

int pl_cli_export(int argc, char **argv) {
  arguments a = {.what = NOTHING};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return run(&a, &err) == PL_OK ? 0 : pl_cli_report("export", &err);
}

static const struct argp_option options[] = {
    {.name = "weights",
     .key = WEIGHTS,
     .doc = "The network as safetensors with segmentation_models.pytorch's names: of the best checkpoint, into "
            "RUN-stepN.safetensors here unless -o names a file"},
    {.name = "last", .key = OPTION_LAST, .doc = "With --weights: of the newest checkpoint instead of the best"},
    {.name = "epochs", .key = EPOCHS, .doc = "The curves as CSV, one row an epoch"},
    {.name = "steps", .key = STEPS, .doc = "The curves as CSV, one row a training step"},
    {.name = "tfevents", .key = TFEVENTS, .doc = "The curves as a file for TensorBoard"},
    {.name = "cases", .key = CASES, .doc = "The workspace's cases as CSV, with folds, flags and notes"},
    {.name = "where",
     .key = OPTION_WHERE,
     .arg = "FILTER",
     .doc = "With --cases: which, as 'fold=2 mask>2000'; see 'pleura help filter'"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = "With --cases. " PL_CLI_LABELS_HELP},
    {.name = "output", .key = 'o', .arg = "FILE", .doc = "Where to (CSV: standard output otherwise)"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Replace a file that is there"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[RUN|CHECKPOINT]",
    .doc =
        "Writes what a run made for other programs. RUN is a name, its unique beginning or ending, a path, or "
        "'latest' (the default); CHECKPOINT a folder below its ckpt.\v"
        "In Python, strictly and without conversion:\n"
        "  model = smp.Unet('se_resnext50_32x4d', encoder_weights=None, classes=1)\n"
        "  model.load_state_dict(safetensors.torch.load_file('FILE'))\n\n"
        "Examples:\n"
        "  pleura export --weights -o best.safetensors\n"
        "  pleura export --epochs 2026-11-23-a > curves.csv\n"
        "  pleura export --tfevents -o tb/run-a/events.out.tfevents.0\n"
        "  pleura export --cases --where 'positive fold=0'",
};

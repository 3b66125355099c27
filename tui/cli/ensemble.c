#include "tui/cli/ensemble.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/run/find.h"
#include "tui/cli/place.h"
#include "tui/cli/progress.h"

enum {
  OPTION_TOP = 700,
  OPTION_TTA,
  OPTION_NO_TTA,
  OPTION_WEIGHTS,
  OPTION_BACKEND,
  OPTION_BATCH,
  OPTION_FORCE,
  OPTION_CHECKPOINT,
  OPTION_WHERE,
  OPTION_LABELS
};

void pl_cli_ensemble_clear(pl_cli_ensemble *args) { free(args->checkpoint); }

static int64_t number(const char *text, int64_t most, const char *option, struct argp_state *state) {
  int64_t value = 0;
  if (!pl_parse_i64(&value, text, strlen(text)) || value < 1 || value > most) {
    argp_error(state, "%s takes a number from 1 to %lld, not '%s'", option, (long long)most, text);
  }
  return value;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  pl_cli_ensemble *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT: *a = (pl_cli_ensemble){.recipe = {.flip = -1}}; return 0;
    case OPTION_CHECKPOINT: a->recipe.checkpoint = arg; return 0;
    case OPTION_TOP: a->recipe.top = number(arg, 32, "--top", state); return 0;
    case OPTION_TTA: a->recipe.flip = 1; return 0;
    case OPTION_NO_TTA: a->recipe.flip = 0; return 0;
    case OPTION_WEIGHTS: a->weights = arg; return 0;
    case OPTION_BACKEND: a->backend = arg; return 0;
    case OPTION_BATCH: a->batch = number(arg, 4096, "--batch", state); return 0;
    case OPTION_FORCE: a->force = true; return 0;
    case OPTION_WHERE: a->where = arg; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case 'C': a->workspace = arg; return 0;
    case 'q': a->quiet = true; return 0;
    case ARGP_KEY_ARG:
      if (a->count == PL_ENSEMBLE_MAX) argp_error(state, "at most %d runs can be taken together", PL_ENSEMBLE_MAX);
      a->names[a->count++] = arg;
      return 0;
    case ARGP_KEY_END:
      if (a->recipe.top > 0 && a->recipe.checkpoint != NULL)
        argp_error(state, "--top and --checkpoint exclude each other");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// What is going to be written into the workspace can be: said before the work, not behind it.
static pl_status check_keeping(pl_ensemble *e, const char *name, pl_error *err) {
  char *path = pl_path_join(e->manifest.workspace, name);
  pl_status status = pl_access_check(path, pl_access_output, err);
  free(path);
  if (status != PL_OK) pl_ensemble_clear(e);
  return status;
}

pl_status pl_cli_ensemble_open(pl_ensemble *out, pl_cli_ensemble *a, pl_error *err) {
  char *workspace = NULL;
  bool only_paths = a->count > 0;
  for (size_t i = 0; i < a->count; i++) only_paths = only_paths && pl_run_is_path(a->names[i]);
  pl_status status = PL_OK;
  if (!only_paths) status = pl_cli_workspace(&workspace, a->workspace, err);
  const pl_ensemble_request request = {
      .words = a->names, .count = a->count, .workspace = workspace, .weights = a->weights};
  if (status == PL_OK) status = pl_ensemble_open(out, &a->checkpoint, &request, err);
  if (status == PL_OK && a->keeps != NULL) status = check_keeping(out, a->keeps, err);
  if (a->checkpoint != NULL && a->recipe.checkpoint == NULL) a->recipe.checkpoint = a->checkpoint;
  free(workspace);
  return status;
}

pl_status pl_cli_ensemble_take_labels(pl_ensemble *e, const pl_cli_ensemble *a, pl_error *err) {
  pl_label_choice labels = PL_LABELS_ORIGINAL;
  pl_status status = pl_cli_label_choice_find(&labels, &a->labels, e->manifest.workspace, err);
  return status == PL_OK ? pl_labels_apply(&e->manifest, labels, err) : status;
}

pl_status pl_cli_ensemble_filter(pl_filter *filter, const pl_cli_ensemble *a, pl_error *err) {
  return a->where != NULL ? pl_filter_parse(filter, a->where, err) : PL_OK;
}

// ---- Maps

static bool show_progress(void *context, size_t done, size_t total) {
  pl_cli_progress *progress = context;
  double elapsed = 0;
  if (pl_cli_progress_is_due(&elapsed, progress, done == total)) {
    char words[64];
    const double left = done > 0 ? elapsed / (double)done * (double)(total - done) : (double)NAN;
    (void)snprintf(words, sizeof words, "%zu/%zu images", done, total);
    pl_cli_progress_bar(progress, (double)done / (double)total, left, words, "");
  }
  return !pl_cli_progress_is_stopped(progress);
}

static void print_maps(const pl_ensemble *e, const pl_run_predicted *predicted) {
  for (size_t m = 0; m < e->count; m++) {
    char safe[80], weight[48] = "";
    const char *name = pl_path_base(e->members[m].folder);
    (void)pl_safe_text(safe, sizeof safe, name, strlen(name));
    if (e->members[m].weight != 1) (void)snprintf(weight, sizeof weight, ", weight %g", e->members[m].weight);
    printf("maps        %s: %s%s; %zu made%s%s, %zu were there\n", safe, predicted[m].words, weight, predicted[m].made,
           predicted[m].made > 0 ? " by " : "", predicted[m].device, predicted[m].kept);
  }
}

pl_status pl_cli_ensemble_predict(const pl_cli_ensemble *a, const pl_ensemble *e, const pl_ensemble_cases *cases,
                                  const char *folder, bool silent, pl_error *err) {
  pl_cli_progress progress;
  pl_cli_progress_begin(&progress, a->quiet);
  const pl_run_predict_options options = {.recipe = a->recipe,
                                          .folder = folder,
                                          .backend = a->backend,
                                          .batch = a->batch,
                                          .progress = show_progress,
                                          .context = &progress};
  pl_run_predicted *predicted = pl_xcalloc(e->count, sizeof *predicted);
  pl_status status = pl_ensemble_predict(predicted, e, cases, &options, err);
  pl_cli_progress_end(&progress);
  if (status == PL_OK && !silent) print_maps(e, predicted);
  free(predicted);
  return status;
}

pl_status pl_cli_ensemble_evaluate(pl_evaluation *out, pl_cli_ensemble *a, bool silent, pl_error *err) {
  *out = (pl_evaluation){.scores = NULL};
  pl_ensemble ensemble = {.count = 0};
  pl_filter where = {.count = 0};
  pl_status status = pl_cli_ensemble_open(&ensemble, a, err);
  if (status == PL_OK) status = pl_cli_ensemble_filter(&where, a, err);
  pl_evaluation_request request = {.where = a->where != NULL ? &where : NULL, .force = a->force};
  if (status == PL_OK) {
    status = pl_cli_label_choice_find(&request.labels, &a->labels, ensemble.manifest.workspace, err);
  }
  if (status != PL_OK) {
    pl_ensemble_clear(&ensemble);
    return status;
  }
  status = pl_evaluation_begin_take(out, &ensemble, &request, err);
  return status == PL_OK ? pl_cli_ensemble_predict(a, &out->ensemble, &out->cases, NULL, silent, err) : status;
}

static const struct argp_option options[] = {
    {.name = "checkpoint",
     .key = OPTION_CHECKPOINT,
     .arg = "WHICH",
     .doc = "Of each run: best (the default), last, or the number of a step"},
    {.name = "top",
     .key = OPTION_TOP,
     .arg = "K",
     .doc = "The mean over the K best epochs' checkpoints of each run, which 'train --keep-best K' keeps"},
    {.name = "tta",
     .key = OPTION_TTA,
     .doc = "Test-time augmentation: average with the mirrored image (horizontal flip)"},
    {.name = "no-tta", .key = OPTION_NO_TTA, .doc = "Each image once"},
    {.name = "weights",
     .key = OPTION_WEIGHTS,
     .arg = "W,...",
     .doc = "Of the runs, where several see a case (default: equal); or behind each of them, as fold0:2"},
    {.name = "where",
     .key = OPTION_WHERE,
     .arg = "FILTER",
     .doc = "Only these cases, as 'view=PA age>=18'; see 'pleura help filter'"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "backend", .key = OPTION_BACKEND, .arg = "NAME", .doc = "auto, cuda, onednn or ref (default: the run's)"},
    {.name = "batch", .key = OPTION_BATCH, .arg = "N", .doc = "Images at a time (default: the run's valid-batch)"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Although cases or folds changed since the run was made"},
    {.name = "quiet", .key = 'q', .doc = "Do not show how far it is"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};
const struct argp pl_cli_ensemble_argp = {.options = options, .parser = parse};

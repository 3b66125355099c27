// pleura runs: the runs of a workspace.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/data/manifest.h"
#include "core/run/group.h"
#include "core/run/tables.h"
#include "core/run/watch.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"
#include "tui/cli/place.h"
#include "tui/cli/run_words.h"

enum { OPTION_JSON = 256 };

typedef struct arguments {
  const char *workspace;
  bool json;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", arg); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// What the runs' scores are marked by.
typedef struct comparison {
  pl_table_hashes now;
  pl_label_choice shown;  // in this workspace
} comparison;

static pl_status read_comparison(comparison *out, const char *workspace, pl_error *err) {
  out->shown = PL_LABELS_ORIGINAL;
  pl_status status = pl_config_workspace_labels(&out->shown, workspace, err);
  return status == PL_OK ? pl_tables_hash(&out->now, workspace, err) : status;
}

static void print_run(const pl_run_view *view, const comparison *with) {
  const pl_run_state *s = &view->state;
  char epoch[48] = "?", best[32] = "?", left[32] = "", marks[160] = "";
  if (s->epoch >= 0) snprintf(epoch, sizeof epoch, "%lld/%lld", (long long)s->epoch, (long long)s->epochs);
  if (isfinite(s->best)) snprintf(best, sizeof best, "%.4f", s->best);
  if (view->alive == PL_ALIVE_YES) pl_cli_duration(left, sizeof left, s->eta);
  if (view->info != NULL) pl_tables_marks(marks, sizeof marks, view->info, &with->now, with->shown);
  printf("%-20s %-15s %9s %8s %9s  %s%s%s%s\n", view->name, pl_cli_phase_words(view), epoch, best, left,
         view->info != NULL ? view->info->config.encoder : view->problem, marks[0] != '\0' ? "  (" : "", marks,
         marks[0] != '\0' ? ")" : "");
}

static pl_status print_runs(char **folders, size_t count, const comparison *with, bool json, pl_error *err) {
  pl_status status = PL_OK;
  if (json) printf("[");
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    pl_run_watch *watch = NULL;
    status = pl_run_watch_create(&watch, folders[i], err);
    if (status == PL_OK) status = pl_run_watch_update(watch, NULL, err);
    if (status == PL_OK && json) {
      printf("%s\n  ", i > 0 ? "," : "");
      pl_cli_print_run_json(pl_run_watch_view(watch), &with->now);
    } else if (status == PL_OK) {
      print_run(pl_run_watch_view(watch), with);
    }
    pl_run_watch_destroy(watch);
  }
  if (json) printf("\n]\n");
  return status;
}

static void print_groups(const char *workspace) {
  char **groups = NULL;
  size_t count = 0;
  if (pl_group_list(&groups, &count, workspace, NULL) != PL_OK) return;
  for (size_t i = 0; i < count; i++) pl_cli_print_group(groups[i]);
  pl_fs_free_names(groups, count);
}

static pl_status list_runs(const arguments *a, pl_error *err) {
  char *workspace = NULL, **folders = NULL;
  size_t count = 0;
  pl_status status = pl_cli_workspace(&workspace, a->workspace, err);
  if (status == PL_OK) status = pl_run_list(&folders, &count, workspace, err);
  if (status == PL_OK && !a->json && count == 0) printf("no runs yet; 'pleura train' makes one\n");
  if (status == PL_OK && !a->json && count > 0) {
    printf("%-20s %-15s %9s %8s %9s  %s\n", "run", "state", "epoch", "best", "ETA", "encoder");
  }
  comparison with;
  if (status == PL_OK) status = read_comparison(&with, workspace, err);
  if (status == PL_OK) status = print_runs(folders, count, &with, a->json, err);
  if (status == PL_OK && !a->json) print_groups(workspace);
  if (folders != NULL) pl_fs_free_names(folders, count);
  free(workspace);
  return status;
}

int pl_cli_runs(int argc, char **argv) {
  arguments a = {.workspace = NULL};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return list_runs(&a, &err) == PL_OK ? 0 : pl_cli_report("runs", &err);
}

static const struct argp_option options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print a list of JSON objects, unknown values as null"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc =
        "Lists the runs of a workspace, oldest first: state, epoch, best score, time left; then the groups of "
        "'train --all-folds', with how many folds are done and their best scores. Runs that are scored on the "
        "corrected labels say so, and those made with other cases, folds or labels than the workspace has now: their "
        "scores cannot be compared.",
};

#include "core/run/summaries.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/mem.h"

// Enough to notice that a file was replaced or appended to.
typedef struct mark {
  ino_t inode;
  off_t size;
  struct timespec time;
} mark;

struct pl_run_stamp {
  mark info, journal;
  int64_t epoch;  // of the state when the journal was read: a live run's is read once an epoch, not once a step
  pl_phase phase;
};

static mark mark_of(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  struct stat status;
  mark out = {0};
  if (stat(path, &status) == 0) out = (mark){status.st_ino, status.st_size, status.st_mtim};
  free(path);
  return out;
}

static bool same_mark(mark a, mark b) {
  return a.inode == b.inode && a.size == b.size && a.time.tv_sec == b.time.tv_sec && a.time.tv_nsec == b.time.tv_nsec;
}

enum { TABLES = 4 };

struct pl_tables_stamp {
  mark of[TABLES];
};

// The hashes of the workspace's tables, where one of them changed.
static bool update_tables(pl_run_summaries *summaries, const char *workspace) {
  const char *const names[TABLES] = {"cases.csv", "folds.csv", pl_label_table_name(PL_LABELS_ORIGINAL),
                                     pl_label_table_name(PL_LABELS_CORRECTED)};
  bool same = summaries->tables_stamp != NULL;
  if (!same) summaries->tables_stamp = pl_xcalloc(1, sizeof *summaries->tables_stamp);
  for (int i = 0; i < TABLES; i++) {
    const mark now = mark_of(workspace, names[i]);
    same = same && same_mark(now, summaries->tables_stamp->of[i]);
    summaries->tables_stamp->of[i] = now;
  }
  if (!same) summaries->has_tables = pl_tables_hash(&summaries->tables, workspace, NULL) == PL_OK;
  return !same;
}

static void clear_run(pl_run_summary *run) {
  free(run->folder);
  free(run->info);
  free(run->epochs);
  free(run->stamp);
  *run = (pl_run_summary){0};
}

void pl_run_summaries_clear(pl_run_summaries *summaries) {
  for (size_t i = 0; i < summaries->count; i++) clear_run(&summaries->runs[i]);
  free(summaries->runs);
  free(summaries->tables_stamp);
  *summaries = (pl_run_summaries){0};
}

static void read_info(pl_run_summary *run) {
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  free(run->info);
  run->info = NULL;
  if (pl_run_load(info, run->folder, NULL) == PL_OK) {
    run->info = info;
  } else {
    free(info);
  }
}

static void read_epochs(pl_run_summary *run) {
  pl_journal_reader *reader = pl_journal_reader_create(run->folder);
  pl_journal_reader_leave_steps(reader);
  if (pl_journal_reader_update(reader, NULL, NULL) == PL_OK) {
    const pl_journal_view view = pl_journal_reader_view(reader);
    free(run->epochs);
    run->epochs = pl_xcalloc(view.epoch_count + 1, sizeof *run->epochs);
    run->epoch_count = view.epoch_count;
    if (view.epoch_count > 0) memcpy(run->epochs, view.epochs, view.epoch_count * sizeof *run->epochs);
  }
  pl_journal_reader_destroy(reader);
}

static bool update_run(pl_run_summary *run) {
  struct pl_run_stamp *stamp = run->stamp;
  const bool first = stamp == NULL;
  if (first) stamp = run->stamp = pl_xcalloc(1, sizeof *stamp);
  bool changed = first;
  const mark info = mark_of(run->folder, "run.json"), journal = mark_of(run->folder, "metrics.jsonl");
  if (first || !same_mark(info, stamp->info)) {
    read_info(run);
    stamp->info = info;
    changed = true;
  }
  pl_run_state state;
  pl_run_state_init(&state);
  (void)pl_run_state_load(&state, run->folder, NULL);
  const pl_alive alive = pl_run_alive(run->folder, &state, run->state.heartbeat);
  // A core that died said nothing.
  if (alive == PL_ALIVE_NO && !pl_phase_is_over(state.phase) && state.phase != PL_PHASE_UNKNOWN) {
    state.phase = PL_PHASE_FAILED;
  }
  changed = changed || state.step != run->state.step || state.phase != run->state.phase || alive != run->alive;
  run->state = state;
  run->alive = alive;
  const bool turned = state.epoch != stamp->epoch || state.phase != stamp->phase;
  if (first || (!same_mark(journal, stamp->journal) && (turned || alive == PL_ALIVE_NO))) {
    read_epochs(run);
    stamp->journal = journal;
    stamp->epoch = state.epoch;
    stamp->phase = state.phase;
    changed = true;
  }
  return changed;
}

// The runs in the order of the folders; those known already keep what was read.
static bool take_folders(pl_run_summaries *summaries, char **folders, size_t count) {
  pl_run_summary *runs = pl_xcalloc(count + 1, sizeof *runs);
  bool changed = count != summaries->count;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < summaries->count; k++) {
      pl_run_summary *old = &summaries->runs[k];
      if (old->folder == NULL || strcmp(old->folder, folders[i]) != 0) continue;
      runs[i] = *old;
      *old = (pl_run_summary){0};
      changed = changed || k != i;
    }
    if (runs[i].folder != NULL) continue;
    runs[i].folder = pl_xstrdup(folders[i]);
    runs[i].name = pl_path_base(runs[i].folder);
    pl_run_state_init(&runs[i].state);
    changed = true;
  }
  for (size_t i = 0; i < summaries->count; i++) clear_run(&summaries->runs[i]);
  free(summaries->runs);
  summaries->runs = runs;
  summaries->count = count;
  return changed;
}

pl_status pl_run_summaries_update(pl_run_summaries *summaries, const char *workspace, bool *changed, pl_error *err) {
  char **folders = NULL;
  size_t count = 0;
  pl_status status = pl_run_list(&folders, &count, workspace, err);
  if (status != PL_OK) return status;
  bool any = take_folders(summaries, folders, count);
  any = update_tables(summaries, workspace) || any;
  pl_fs_free_names(folders, count);
  for (size_t i = 0; i < summaries->count; i++) any = update_run(&summaries->runs[i]) || any;
  if (changed != NULL) *changed = any;
  return PL_OK;
}

double pl_run_summary_best(const pl_run_summary *run, int64_t *epoch) {
  *epoch = run->state.best_epoch;
  return run->state.best;
}

// ---- Comparing

void pl_run_incomparable(char *out, size_t size, const pl_run_summary *a, const pl_run_summary *b) {
  out[0] = '\0';
  if (a == b || a->info == NULL || b->info == NULL) return;
  const pl_config *x = &a->info->config, *y = &b->info->config;
  size_t used = 0;
  const struct {
    bool differs;
    const char *what;
  } all[] = {
      {x->fold != y->fold, "another fold"},
      {strcmp(x->labels, y->labels) != 0, "other labels"},
      {strcmp(x->labels, y->labels) == 0 && strcmp(a->info->labels_sha256, b->info->labels_sha256) != 0,
       "other folds or labels"},
      {strcmp(x->where, y->where) != 0 || x->limit != y->limit, "other cases"},
      {x->size != y->size, "another size"},
      {strcmp(x->best_by, y->best_by) != 0, "ranked by another score"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (!all[i].differs || used + 1 >= size) continue;
    const int added = snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", all[i].what);
    used += added > 0 ? (size_t)added : 0;
  }
}

bool pl_run_option_differs(const pl_option *option, const pl_run_summary *const *runs, size_t count) {
  char first[PL_OPTION_TEXT_MAX], other[PL_OPTION_TEXT_MAX];
  bool known = false;
  for (size_t i = 0; i < count; i++) {
    if (runs[i]->info == NULL) continue;
    pl_config_get(known ? other : first, &runs[i]->info->config, option);
    if (known && strcmp(first, other) != 0) return true;
    known = true;
  }
  return false;
}

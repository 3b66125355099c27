#include "tui/model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "tui/long_journal.h"

// The files that tell what is corrected.
enum { CORRECTION_FILES = 3 };

// Enough to notice that a file was replaced or appended to.
typedef struct file_mark {
  ino_t inode;
  off_t size;
  struct timespec time;
} file_mark;

typedef struct pl_tui_model_private {
  char *start;  // where to look for the workspace
  file_mark cases, folds, notes, corrections[CORRECTION_FILES];
  bool labels_chosen;  // by the user; else pleura.yaml chooses
  char corrections_problem[PL_ERROR_MESSAGE_MAX];
  pl_run_watch *watch;
  pl_replay *replay;  // of the watched run; NULL for none
  pl_jobs *jobs;
  pl_tui_model_listener listener;
  pl_long_journal *reading;  // the watch's journal, which is away meanwhile; else NULL
  bool unreadable;           // the job could not; an update says why
  int inotify;               // -1 when there is none
  int runs_wd, run_wd;       // -1 when not watched
} pl_tui_model_private;

static file_mark mark_of(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  struct stat status;
  file_mark mark = {0};
  if (stat(path, &status) == 0) mark = (file_mark){status.st_ino, status.st_size, status.st_mtim};
  free(path);
  return mark;
}

static bool same_mark(file_mark a, file_mark b) {
  return a.inode == b.inode && a.size == b.size && a.time.tv_sec == b.time.tv_sec && a.time.tv_nsec == b.time.tv_nsec;
}

static void count_cases(pl_tui_model *model) {
  pl_tui_model_counts counts = {0};
  for (size_t i = 0; i < model->manifest.count; i++) {
    const pl_case *c = &model->manifest.cases[i];
    counts.train += c->part == PL_PART_TRAIN;
    counts.test += c->part == PL_PART_TEST;
    counts.positive += c->label == PL_LABEL_POSITIVE;
    counts.unlabelled += c->status == PL_CASE_UNLABELLED;
    counts.bad += c->status == PL_CASE_BAD;
  }
  model->counts = counts;
}

// What is corrected, read anew when a file of it changed; whether one did.
static bool update_corrections(pl_tui_model *model, bool first) {
  const char *const names[CORRECTION_FILES] = {PL_LABELS_FILE, pl_label_table_name(PL_LABELS_ORIGINAL),
                                               pl_label_table_name(PL_LABELS_CORRECTED)};
  pl_tui_model_private *hidden = model->private;
  bool changed = first;
  for (int i = 0; i < CORRECTION_FILES; i++) {
    const file_mark now = mark_of(model->workspace, names[i]);
    changed = changed || !same_mark(now, hidden->corrections[i]);
    hidden->corrections[i] = now;
  }
  if (!changed) return false;
  pl_error err = {0};
  pl_corrections_clear(&model->corrections);
  pl_status status = pl_corrections_load(&model->corrections, model->workspace, &err);
  if (status == PL_OK) status = pl_corrections_check(&model->corrections, model->workspace, &err);
  if (status != PL_OK) pl_corrections_clear(&model->corrections);
  pl_copy_text(hidden->corrections_problem, sizeof hidden->corrections_problem, err.message);
  return true;
}

// Gives the cases the chosen labels, or says why they keep the original ones.
static void give_labels(pl_tui_model *model, pl_manifest *manifest) {
  pl_error err = {0};
  model->labels_problem[0] = '\0';
  if (model->labels == PL_LABELS_ORIGINAL) return;
  if (model->corrections.count == 0) {
    pl_copy_text(model->labels_problem, sizeof model->labels_problem, model->private->corrections_problem);
  } else if (pl_corrections_apply(manifest, &model->corrections, &err) != PL_OK) {
    pl_copy_text(model->labels_problem, sizeof model->labels_problem, err.message);
  }
}

static unsigned read_cases(pl_tui_model *model) {
  pl_error err = {0};
  pl_manifest manifest = {0};
  if (pl_manifest_load(&manifest, model->workspace, &err) != PL_OK) {
    // What was read before stays on the screen, with the reason why it is not newer.
    pl_copy_text(model->problem, sizeof model->problem, err.message);
    return PL_CHANGED_CASES;
  }
  give_labels(model, &manifest);
  pl_manifest_clear(&model->manifest);
  model->manifest = manifest;
  model->problem[0] = '\0';
  count_cases(model);
  return PL_CHANGED_CASES;
}

static bool find_workspace(pl_tui_model *model) {
  char *workspace = NULL;
  pl_error err = {0};
  if (pl_workspace_find(&workspace, model->private->start, &err) != PL_OK) {
    pl_copy_text(model->problem, sizeof model->problem, err.message);
    return false;
  }
  model->workspace = workspace;
  // What is wrong with pleura.yaml is said where its options are used.
  if (!model->private->labels_chosen) (void)pl_config_workspace_labels(&model->labels, workspace, NULL);
  return true;
}

static unsigned update_cases(pl_tui_model *model) {
  pl_tui_model_private *hidden = model->private;
  const bool first = model->workspace == NULL;
  if (first && !find_workspace(model)) return 0;
  const file_mark cases = mark_of(model->workspace, "cases.csv"), folds = mark_of(model->workspace, "folds.csv");
  const file_mark notes = mark_of(model->workspace, "notes.csv");
  const bool corrected = update_corrections(model, first);
  const bool same = !first && same_mark(cases, hidden->cases) && same_mark(folds, hidden->folds);
  if (same && same_mark(notes, hidden->notes) && !corrected) return 0;
  // Corrections that are not shown are only remarked.
  const bool only_notes = same && (!corrected || model->labels == PL_LABELS_ORIGINAL);
  hidden->cases = cases;
  hidden->folds = folds;
  hidden->notes = notes;
  return read_cases(model) | (only_notes ? PL_CHANGED_NOTES : 0u) | (corrected ? PL_CHANGED_LABELS : 0u);
}

unsigned pl_tui_model_choose_labels(pl_tui_model *model, pl_label_choice labels) {
  const bool same = model->labels == labels;
  model->private->labels_chosen = true;
  model->labels = labels;
  return same || model->workspace == NULL ? 0 : read_cases(model) | PL_CHANGED_LABELS;
}

static void watch_folder(pl_tui_model *model, int *wd, const char *path) {
  pl_tui_model_private *hidden = model->private;
  if (hidden->inotify < 0) return;
  if (*wd >= 0) inotify_rm_watch(hidden->inotify, *wd);
  *wd = path == NULL ? -1
                     : inotify_add_watch(hidden->inotify, path,
                                         IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_DELETE | IN_CLOSE_WRITE);
}

// Whose it is: the selected run's maker, else the owner of the workspace's folder.
static void find_owner(pl_tui_model *model) {
  model->watching[0] = '\0';
  if (model->run != NULL && pl_access_watched(model->watching, model->run->folder)) return;
  if (model->workspace != NULL) (void)pl_access_watched(model->watching, model->workspace);
}

static void close_replay(pl_tui_model *model) {
  pl_replay_close(model->private->replay);
  model->private->replay = NULL;
  model->replay = NULL;
}

static void journal_read(void *owner, pl_journal_reader *reader) {
  pl_tui_model *model = owner;
  model->private->reading = NULL;
  model->journal_share = (double)NAN;
  pl_run_watch_give_journal(model->private->watch, reader);
  // What came last, or why it cannot be read.
  pl_error err = {0};
  model->private->unreadable = pl_run_watch_update(model->private->watch, NULL, &err) != PL_OK;
  pl_copy_text(model->run_problem, sizeof model->run_problem, model->private->unreadable ? err.message : "");
  model->private->listener.changed(model->private->listener.context, PL_CHANGED_RUN);
}

// Everything about the run but a long journal, which a job reads.
static pl_status look_at_run(pl_tui_model *model, bool *changed, pl_error *err) {
  pl_tui_model_private *hidden = model->private;
  if (hidden->reading == NULL && !hidden->unreadable && pl_run_watch_unread(hidden->watch) > PL_LONG_JOURNAL_BYTES) {
    hidden->reading = pl_long_journal_read(hidden->jobs, pl_run_watch_take_journal(hidden->watch), model, journal_read);
  }
  const double before = model->journal_share;
  model->journal_share = hidden->reading != NULL ? pl_long_journal_share(hidden->reading) : (double)NAN;
  const pl_status status = pl_run_watch_update(hidden->watch, changed, err);
  if (hidden->reading != NULL && before != model->journal_share) *changed = true;
  return status;
}

static void close_run(pl_tui_model *model) {
  close_replay(model);
  pl_long_journal_stop(model->private->reading);
  model->private->reading = NULL;
  model->private->unreadable = false;
  model->journal_share = (double)NAN;
  pl_run_watch_destroy(model->private->watch);
  model->private->watch = NULL;
  model->run = NULL;
  model->run_problem[0] = '\0';
}

static void open_run(pl_tui_model *model) {
  close_run(model);
  if (model->selected >= model->run_count) {
    watch_folder(model, &model->private->run_wd, NULL);
    return;
  }
  pl_error err = {0};
  const char *folder = model->runs[model->selected];
  watch_folder(model, &model->private->run_wd, folder);
  bool changed = false;
  if (pl_run_watch_create(&model->private->watch, folder, &err) != PL_OK ||
      look_at_run(model, &changed, &err) != PL_OK) {
    pl_copy_text(model->run_problem, sizeof model->run_problem, err.message);
  }
  if (model->private->watch != NULL) model->run = pl_run_watch_view(model->private->watch);
  find_owner(model);
}

static bool same_names(char **a, size_t a_count, char **b, size_t b_count) {
  if (a_count != b_count) return false;
  for (size_t i = 0; i < a_count; i++) {
    if (strcmp(a[i], b[i]) != 0) return false;
  }
  return true;
}

static unsigned update_runs(pl_tui_model *model) {
  if (model->workspace == NULL) return 0;
  char **runs = NULL;
  size_t count = 0;
  pl_error err = {0};
  if (pl_run_list(&runs, &count, model->workspace, &err) != PL_OK) {
    pl_copy_text(model->run_problem, sizeof model->run_problem, err.message);
    return 0;
  }
  if (model->private->runs_wd < 0) {
    char *path = pl_path_join(model->workspace, "runs");
    watch_folder(model, &model->private->runs_wd, path);
    free(path);
  }
  if (same_names(runs, count, model->runs, model->run_count)) {
    pl_fs_free_names(runs, count);
    return 0;
  }
  // The selected run stays selected, wherever it is in the new list.
  char *selected = model->selected < model->run_count ? pl_xstrdup(model->runs[model->selected]) : NULL;
  pl_fs_free_names(model->runs, model->run_count);
  model->runs = runs;
  model->run_count = count;
  model->selected = count > 0 ? count - 1 : 0;
  if ((!model->follow || model->replay != NULL) && selected != NULL) {
    for (size_t i = 0; i < count; i++) {
      if (strcmp(runs[i], selected) == 0) model->selected = i;
    }
  }
  const bool same = selected != NULL && model->selected < count && strcmp(runs[model->selected], selected) == 0;
  free(selected);
  if (!same) open_run(model);
  return PL_CHANGED_RUNS | (same ? 0u : (unsigned)PL_CHANGED_RUN);
}

static unsigned update_run(pl_tui_model *model) {
  if (model->private->watch == NULL || model->replay != NULL) return 0;
  bool changed = false;
  pl_error err = {0};
  if (look_at_run(model, &changed, &err) != PL_OK) {
    pl_copy_text(model->run_problem, sizeof model->run_problem, err.message);
    changed = true;
  } else {
    model->run_problem[0] = '\0';
  }
  model->run = pl_run_watch_view(model->private->watch);
  find_owner(model);
  return changed ? PL_CHANGED_RUN : 0;
}

pl_status pl_tui_model_replay(pl_tui_model *model, pl_error *err) {
  if (model->private->watch == NULL) return pl_fail(err, PL_E_NOTFOUND, "there is no run to play");
  pl_tui_model_replay_end(model);
  if (model->private->reading != NULL) {
    return pl_fail(err, PL_E_BUSY, "the journal of %s is still being read; play it in a moment", model->run->name);
  }
  const pl_status status = pl_replay_open(&model->private->replay, model->run, err);
  if (status != PL_OK) return status;
  model->replay = model->private->replay;
  model->run = pl_replay_view(model->replay);
  return PL_OK;
}

unsigned pl_tui_model_replay_go(pl_tui_model *model, double time) {
  if (model->replay == NULL) return 0;
  // Curves only grow; what goes backwards is another run to them.
  const unsigned anew = time < pl_replay_time(model->replay) ? PL_CHANGED_RUNS : 0;
  pl_replay_go(model->private->replay, time);
  return PL_CHANGED_RUN | anew;
}

unsigned pl_tui_model_replay_end(pl_tui_model *model) {
  if (model->replay == NULL) return 0;
  close_replay(model);
  model->run = pl_run_watch_view(model->private->watch);
  (void)update_run(model);
  return PL_CHANGED_RUNS | PL_CHANGED_RUN;
}

pl_status pl_tui_model_create(pl_tui_model **out, const char *folder, pl_jobs *jobs, pl_tui_model_listener listener,
                              pl_error *err) {
  if (folder != NULL && !pl_fs_is_folder(folder)) {
    return pl_fail(err, PL_E_NOTFOUND, "%s is not a folder; -C wants a workspace, or the folder that shall become one",
                   folder);
  }
  pl_tui_model *model = pl_xcalloc(1, sizeof *model);
  model->private = pl_xcalloc(1, sizeof *model->private);
  model->private->jobs = jobs;
  model->private->listener = listener;
  model->journal_share = (double)NAN;
  model->private->start = pl_xstrdup(folder != NULL ? folder : ".");
  model->private->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  model->private->runs_wd = model->private->run_wd = -1;
  model->follow = true;
  update_cases(model);
  update_runs(model);
  find_owner(model);
  *out = model;
  return PL_OK;
}

void pl_tui_model_destroy(pl_tui_model *model) {
  if (model == NULL) return;
  close_run(model);
  if (model->private->inotify >= 0) close(model->private->inotify);
  pl_fs_free_names(model->runs, model->run_count);
  pl_manifest_clear(&model->manifest);
  pl_corrections_clear(&model->corrections);
  free(model->private->start);
  free(model->private);
  free(model->workspace);
  free(model);
}

int pl_tui_model_fd(const pl_tui_model *model) { return model->private->inotify; }

unsigned pl_tui_model_update(pl_tui_model *model) {
  // What inotify tells is only that it is worth looking.
  char drain[4096];
  while (model->private->inotify >= 0 && read(model->private->inotify, drain, sizeof drain) > 0) continue;
  unsigned changed = update_cases(model);
  changed |= update_runs(model);
  changed |= update_run(model);
  return changed;
}

unsigned pl_tui_model_select(pl_tui_model *model, size_t index) {
  if (index >= model->run_count) return 0;
  model->follow = index + 1 == model->run_count;
  if (index == model->selected && model->run != NULL) return 0;
  model->selected = index;
  open_run(model);
  return PL_CHANGED_RUNS | PL_CHANGED_RUN;
}

static bool same_folder(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

bool pl_tui_model_shows(const pl_tui_model *model, const char *folder) {
  return model->selected < model->run_count && same_folder(model->runs[model->selected], folder);
}

unsigned pl_tui_model_select_folder(pl_tui_model *model, const char *folder) {
  unsigned changed = update_runs(model);
  for (size_t i = 0; i < model->run_count; i++) {
    if (same_folder(model->runs[i], folder)) changed |= pl_tui_model_select(model, i);
  }
  return changed;
}

pl_status pl_tui_model_config(pl_config *out, const pl_tui_model *model, pl_error *err) {
  pl_config config;
  pl_config_defaults(&config);
  if (model->workspace != NULL) {
    char *path = pl_path_join(model->workspace, PL_WORKSPACE_FILE);
    const pl_status status = pl_config_read_yaml(&config, path, err);
    free(path);
    if (status != PL_OK) return status;
    const pl_label_choice shown = model->manifest.labels;
    if (pl_config_labels(&config) != shown) {
      (void)pl_config_set(&config, "labels", pl_label_choice_name(shown), PL_ORIGIN_COMMAND, NULL);
    }
  }
  *out = config;
  return PL_OK;
}

const char *pl_tui_model_run_name(const pl_tui_model *model, size_t index) {
  return index < model->run_count ? pl_path_base(model->runs[index]) : "";
}

const char *pl_tui_model_start(const pl_tui_model *model) { return model->private->start; }

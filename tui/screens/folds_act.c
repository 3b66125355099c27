// The commands of the Folds screen.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "core/data/table.h"
#include "tui/screens/folds_private.h"

static void complain(pl_app *app, const char *text) {
  pl_app_say(app, "%s", text);
  app->message_bad = true;
}

// What was written is seen at once, not when the system gets round to telling.
static void files_changed(pl_app *app) {
  const unsigned what = pl_tui_model_update(app->model);
  if (what != 0) pl_app_tell(app, what);
}

// ---- Moving about

static void move(pl_app *app, long delta, bool pages) {
  pl_folds_screen *self = pl_folds_of(app);
  if (self->form.open) {
    if (self->form.editing) return;
    self->form.problem[0] = '\0';
    if (delta > 0 && self->form.row + 1 < PL_SPLIT_ROWS) self->form.row++;
    if (delta < 0 && self->form.row > 0) self->form.row--;
    return;
  }
  pl_table *table = self->in_cases ? &self->case_table : &self->fold_table;
  pl_table_move(table, pages ? delta * (table->page > 1 ? (long)table->page - 1 : 1) : delta);
  if (!self->in_cases && self->view.folds.count > 0) {
    pl_table_select(&self->case_table, 0);
    pl_folds_list(self);
  }
}

void pl_folds_down(pl_app *app, const char *args) { (void)args, move(app, 1, false); }

void pl_folds_up(pl_app *app, const char *args) { (void)args, move(app, -1, false); }

void pl_folds_page_down(pl_app *app, const char *args) { (void)args, move(app, 1, true); }

void pl_folds_page_up(pl_app *app, const char *args) { (void)args, move(app, -1, true); }

void pl_folds_enter(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  if (self->form.open) {
    pl_split_form_edit(&self->form);
  } else {
    self->in_cases = self->view.folds.count > 0;
  }
}

void pl_folds_back(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  if (self->form.open) {
    self->form.open = false;
  } else if (self->in_cases) {
    self->in_cases = false;
  } else {
    pl_app_back(app);
  }
}

void pl_folds_pane(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  if (!self->form.open) self->in_cases = !self->in_cases && self->view.folds.count > 0;
}

void pl_folds_only_leaks(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  self->only_leaks = !self->only_leaks;
  if (self->view.folds.count > 0) pl_folds_list(self);
}

// ---- Marks and moves

static void set_mark(pl_folds_screen *self, size_t index, bool marked) {
  self->marked_count += (size_t)marked - (size_t)self->marked[index];
  self->marked[index] = marked;
}

void pl_folds_mark(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  if (self->form.open || self->case_table.selected >= self->shown_count) return;
  if (!self->in_cases) {
    pl_app_say(app, "Enter goes to the fold's cases; there Space marks");
    return;
  }
  const size_t index = self->shown[self->case_table.selected];
  set_mark(self, index, !self->marked[index]);
  pl_table_move(&self->case_table, 1);
}

void pl_folds_mark_all(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  for (size_t i = 0; i < self->shown_count; i++) set_mark(self, self->shown[i], true);
}

void pl_folds_unmark(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  for (size_t i = 0; i < self->view.folds.image_count; i++) set_mark(self, i, false);
}

// folds.csv is read again, so that what somebody else changed meanwhile is not undone.
static pl_status move_in_file(size_t *moved, const pl_folds_screen *self, const char *path, pl_error *err) {
  pl_folds folds = {0};
  pl_status status = pl_folds_load(&folds, path, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < self->view.folds.image_count && status == PL_OK; i++) {
    if (!self->marked[i]) continue;
    pl_folds_image *image = pl_folds_find(&folds, self->view.folds.images[i].id);
    if (image == NULL) {
      status =
          pl_fail(err, PL_E_NOTFOUND, "%s has no %s any more; nothing was moved", path, self->view.folds.images[i].id);
    } else {
      pl_folds_move(&folds, image, self->target);
      ++*moved;
    }
  }
  if (status == PL_OK) status = pl_folds_replace(path, &folds, err);
  pl_folds_clear(&folds);
  return status;
}

static void move_confirmed(pl_app *app) {
  pl_folds_screen *self = pl_folds_of(app);
  pl_error err = {0};
  size_t moved = 0;
  char *path = pl_path_join(app->model->workspace, "folds.csv");
  const pl_status status = move_in_file(&moved, self, path, &err);
  free(path);
  if (status != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  pl_folds_unmark(app, "");
  files_changed(app);
  pl_app_say(app, "moved %zu cases to fold %d", moved, self->target);
}

// What a change of folds.csv means for runs that were made with it.
static const char *warning(const pl_app *app) {
  return app->model->run_count > 0 ? " Runs made with it go on only with --force." : "";
}

static void target_entered(pl_app *app, const char *text) {
  pl_folds_screen *self = pl_folds_of(app);
  uint64_t fold = 0;
  text += strspn(text, " ");
  // One more than there are makes a new fold.
  if (!pl_parse_u64(&fold, text, strlen(text)) || fold > self->view.report.fold_count || fold >= PL_FOLD_NUMBERS_MAX) {
    char said[PL_MESSAGE_SIZE];
    snprintf(said, sizeof said, "there is no fold '%.20s'; they go from 0 to %zu, and %zu makes one more", text,
             self->view.report.fold_count - 1, self->view.report.fold_count);
    complain(app, said);
    return;
  }
  self->target = (int)fold;
  char question[PL_QUESTION_SIZE];
  snprintf(question, sizeof question, "Move %zu marked cases to fold %d? This replaces folds.csv.%s",
           self->marked_count, self->target, warning(app));
  pl_confirm_ask(app, question, move_confirmed);
}

void pl_folds_move_marked(pl_app *app, const char *args) {
  pl_folds_screen *self = pl_folds_of(app);
  if (self->marked_count == 0) {
    pl_app_say(app, "nothing is marked; Enter goes to a fold's cases, there Space marks");
  } else if (args[0] != '\0') {
    target_entered(app, args);
  } else {
    pl_prompt_open(app, "To fold: ", pl_complete_folds, "", target_entered);
  }
}

// ---- Making folds

typedef struct split_job {
  char *workspace, *patients;
  pl_label_choice labels;
  pl_split_options options;
  char source[PL_PATIENTS_SOURCE_SIZE];
  pl_status status;
  pl_error error;
} split_job;

static void split_work(void *data) {
  split_job *job = data;
  char *rle = NULL, *path = pl_path_join(job->workspace, "folds.csv");
  pl_rle_table table = {0};
  pl_manifest manifest = {0};
  int *folds = NULL;
  job->status = pl_label_table_find(&rle, job->workspace, job->labels, &job->error);
  if (job->status == PL_OK) job->status = pl_rle_table_load(&table, rle, false, &job->error);
  if (job->status == PL_OK) job->status = pl_manifest_load(&manifest, job->workspace, &job->error);
  if (job->status == PL_OK) {
    folds = pl_xcalloc(table.count, sizeof *folds);
    job->status = pl_split_make(folds, job->source, &table, &manifest, &job->options, &job->error);
  }
  if (job->status == PL_OK) job->status = pl_folds_save(path, &table, folds, &job->error);
  free(folds);
  pl_rle_table_clear(&table);
  pl_manifest_clear(&manifest);
  free(rle);
  free(path);
}

static void split_drop(void *data) {
  split_job *job = data;
  free(job->workspace);
  free(job->patients);
  free(job);
}

static void split_done(void *owner, void *data) {
  pl_folds_screen *self = owner;
  split_job *job = data;
  self->splitting = false;
  if (job->status == PL_OK) {
    self->form.open = self->in_cases = false;
    pl_copy_text(self->patients, sizeof self->patients, job->patients);
    pl_folds_unmark(self->app, "");
    self->stale = true;
    files_changed(self->app);
    pl_folds_ask(self);
    pl_app_say(self->app, "made %d folds by %s%s%s%s", job->options.fold_count, pl_split_by_name(job->options.by),
               job->labels == PL_LABELS_CORRECTED ? ", on the corrected labels" : "",
               job->source[0] != '\0' ? "; patients by " : "", job->source);
  } else {
    pl_app_complain(self->app, &job->error);
  }
  split_drop(job);
}

static void split_confirmed(pl_app *app) {
  pl_folds_screen *self = pl_folds_of(app);
  split_job *job = pl_xcalloc(1, sizeof *job);
  pl_error err = {0};
  if (pl_split_form_read(&job->options, &self->form, &err) != PL_OK) {
    free(job);
    pl_app_complain(app, &err);
    return;
  }
  job->workspace = pl_xstrdup(app->model->workspace);
  job->labels = app->model->manifest.labels;
  job->patients = pl_xstrdup(job->options.patients != NULL ? job->options.patients : "");
  job->options.patients = job->options.patients != NULL ? job->patients : NULL;
  self->splitting = true;
  pl_jobs_submit(app->jobs,
                 &(pl_job){.work = split_work, .done = split_done, .drop = split_drop, .owner = self, .data = job});
}

void pl_folds_split(pl_app *app, const char *args) {
  (void)args;
  pl_folds_screen *self = pl_folds_of(app);
  if (app->model->workspace == NULL || app->model->manifest.count == 0) {
    complain(app, "there is nothing to split yet; :import FOLDER brings cases");
    return;
  }
  if (self->splitting) return;
  if (!self->form.open) {
    self->form.open = true;
    if (self->form.values[PL_SPLIT_ROWS - 1][0] == '\0') {
      pl_copy_text(self->form.values[PL_SPLIT_ROWS - 1], PL_LINE_SIZE, self->patients);
    }
    return;
  }
  pl_split_options options;
  pl_error err = {0};
  if (pl_split_form_read(&options, &self->form, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  char *path = pl_path_join(app->model->workspace, "folds.csv");
  const bool there = pl_fs_is_file(path);
  free(path);
  if (!there) {
    split_confirmed(app);
    return;
  }
  char question[PL_QUESTION_SIZE];
  snprintf(question, sizeof question, "Make %d folds by %s%s? This replaces folds.csv, with what was moved by hand.%s",
           options.fold_count, pl_split_by_name(options.by),
           app->model->manifest.labels == PL_LABELS_CORRECTED ? " on the corrected labels" : "", warning(app));
  pl_confirm_ask(app, question, split_confirmed);
}

void pl_folds_set(pl_app *app, const char *args) {
  pl_folds_screen *self = pl_folds_of(app);
  char name[32];
  const size_t length = strcspn(args, " ");
  const char *value = args + length + strspn(args + length, " ");
  pl_error err = {0};
  snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), args);
  if (pl_split_form_set(&self->form, name, value, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    self->form.open = true;
  }
}

static void map_entered(pl_app *app, const char *text) {
  pl_folds_screen *self = pl_folds_of(app);
  pl_copy_text(self->patients, sizeof self->patients, text + strspn(text, " "));
  self->stale = true;
  pl_folds_ask(self);
}

void pl_folds_patients(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    map_entered(app, args);
  } else {
    pl_prompt_open(app, "Map of patients: ", pl_complete_files, pl_folds_of(app)->patients, map_entered);
  }
}

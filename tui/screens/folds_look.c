// Reading folds.csv and looking for leaks, in a job.
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "tui/screens/folds_private.h"

void pl_folds_view_clear(pl_folds_view *view) {
  pl_folds_clear(&view->folds);
  pl_leak_report_clear(&view->report);
  free(view->numbers);
  free(view->areas);
  *view = (pl_folds_view){0};
}

static bool on_progress(void *context, size_t done, size_t total) {
  pl_folds_look *look = context;
  atomic_store(&look->done, done);
  atomic_store(&look->total, total);
  return !atomic_load(&look->stop);
}

static void join_cases(pl_folds_view *view, const pl_manifest *manifest) {
  const size_t count = view->folds.image_count;
  view->numbers = pl_xcalloc(count, sizeof *view->numbers);
  view->areas = pl_xcalloc(count, sizeof *view->areas);
  for (size_t i = 0; i < count; i++) view->areas[i] = UINT64_MAX;
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    const pl_folds_image *image = pl_folds_find(&view->folds, c->id);
    if (image == NULL) continue;
    view->numbers[image - view->folds.images] = c->number;
    if (c->label != PL_LABEL_UNKNOWN) view->areas[image - view->folds.images] = c->mask_area;
  }
}

static void work(void *data) {
  pl_folds_look *look = data;
  pl_manifest manifest = {0};
  pl_error err = {0};
  char *path = pl_path_join(look->workspace, "folds.csv");
  pl_status status = pl_labels_load_manifest(&manifest, look->workspace, look->labels, &err);
  if (status == PL_OK) status = pl_folds_load(&look->view.folds, path, &err);
  if (status == PL_OK) {
    pl_folds_take_labels(&look->view.folds, &manifest);
    join_cases(&look->view, &manifest);
    const pl_leak_sources sources = {.patients = look->patients[0] != '\0' ? look->patients : NULL,
                                     .manifest = &manifest,
                                     .skip_pictures = !look->pictures,
                                     .progress = on_progress,
                                     .context = look};
    status = pl_leaks_find(&look->view.report, &look->view.folds, &sources, &err);
  }
  if (status != PL_OK) {
    pl_folds_view_clear(&look->view);
    pl_copy_text(look->view.problem, sizeof look->view.problem, err.message);
  }
  look->status = status;
  pl_manifest_clear(&manifest);
  free(path);
}

static void drop(void *data) {
  pl_folds_look *look = data;
  pl_folds_view_clear(&look->view);
  free(look->workspace);
  free(look->patients);
  free(look);
}

// Marks and the selection stay with their images.
static void take_over(pl_folds_screen *self, pl_folds_view *view) {
  bool *marked = pl_xcalloc(view->folds.image_count + 1, sizeof *marked);
  size_t count = 0;
  for (size_t i = 0; i < self->view.folds.image_count; i++) {
    const pl_folds_image *image = self->marked[i] ? pl_folds_find(&view->folds, self->view.folds.images[i].id) : NULL;
    if (image == NULL) continue;
    marked[image - view->folds.images] = true;
    count++;
  }
  free(self->marked);
  self->marked = marked;
  self->marked_count = count;
  pl_folds_view_clear(&self->view);
  self->view = *view;
  *view = (pl_folds_view){0};
  if (self->view.folds.count == 0) self->in_cases = false;
  pl_folds_list(self);
}

static void start_look(pl_folds_screen *self, bool pictures);

static void done(void *owner, void *data) {
  pl_folds_screen *self = owner;
  pl_folds_look *look = data;
  self->look = NULL;
  self->app->dirty = true;
  if (self->stale || look->status == PL_E_CANCELLED) {
    pl_folds_ask(self);
  } else {
    const bool again = look->status == PL_OK && !look->pictures;
    take_over(self, &look->view);
    if (again) start_look(self, true);
  }
  drop(look);
}

static void start_look(pl_folds_screen *self, bool pictures) {
  pl_folds_look *look = pl_xcalloc(1, sizeof *look);
  look->workspace = pl_xstrdup(self->app->model->workspace);
  look->patients = pl_xstrdup(self->patients);
  look->labels = self->app->model->manifest.labels;
  look->pictures = pictures;
  self->look = look;
  self->stale = false;
  pl_jobs_submit(self->app->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = self, .data = look});
}

void pl_folds_ask(pl_folds_screen *self) {
  const pl_app *app = self->app;
  if (!self->stale || app->model->workspace == NULL || strcmp(pl_screens[app->active]->name, "folds") != 0) return;
  if (self->look != NULL) {
    // What is under way is about files that have changed: it ends soon, and then this comes again.
    atomic_store(&self->look->stop, true);
    return;
  }
  start_look(self, false);
}

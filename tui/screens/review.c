#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/score/found.h"
#include "tui/screens/review_private.h"
#include "tui/shellwords.h"

pl_review_screen *pl_review_self(pl_app *app) { return pl_app_self(app, "review"); }

static bool is_active(const pl_review_screen *self) { return pl_screens[self->app->active] == &pl_screen_review; }

const pl_review_row *pl_review_row_at(const pl_review_screen *self, size_t row) {
  size_t count = 0;
  const pl_review_row *rows = pl_review_counter_rows(self->counter, &count);
  return row < self->order_count ? &rows[self->order[row]] : NULL;
}

pl_score_case pl_review_score(const pl_review_screen *self, const pl_review_row *row) {
  if (self->components > 0 && row->has_exact) return row->exact;
  return pl_levels_case(&row->levels, &self->triplet);
}

// ---- Order

typedef struct sort_key {
  size_t row;
  double value;  // NAN is unknown and comes last
  uint32_t number;
  bool descending;
} sort_key;

static double value_of(const pl_review_screen *self, const pl_review_row *row) {
  if (self->sort == PL_REVIEW_NUMBER) return row->number;
  const pl_score_case c = pl_review_score(self, row);
  switch (self->sort) {
    case PL_REVIEW_LABEL: return (double)row->levels.truth;
    case PL_REVIEW_DICE: return pl_score_dice(&c);
    case PL_REVIEW_FALSE_ALARM: return (double)(c.predicted - c.hits);
    case PL_REVIEW_MISSED: return (double)(c.truth - c.hits);
    case PL_REVIEW_UNCERTAIN: return pl_levels_uncertainty(&row->levels);
    case PL_REVIEW_DISAGREE: return row->disagreement;
    case PL_REVIEW_NUMBER:
    case PL_REVIEW_COLUMNS: break;
  }
  return (double)NAN;
}

static int compare(const void *a, const void *b) {
  const sort_key *x = a, *y = b;
  const bool unknown_x = isnan(x->value), unknown_y = isnan(y->value);
  if (unknown_x != unknown_y) return unknown_x ? 1 : -1;
  if (!unknown_x && x->value != y->value) return (x->value < y->value) == x->descending ? 1 : -1;
  return x->number < y->number ? -1 : x->number > y->number;
}

static void sort_rows(pl_review_screen *self) {
  size_t count = 0;
  const pl_review_row *rows = pl_review_counter_rows(self->counter, &count);
  const pl_review_row *selected = pl_review_row_at(self, self->table.selected);
  const uint32_t number = selected != NULL ? selected->number : 0;
  sort_key *keys = pl_xcalloc(count + 1, sizeof *keys);
  for (size_t i = 0; i < count; i++) {
    keys[i] = (sort_key){i, value_of(self, &rows[i]), rows[i].number, self->descending};
  }
  qsort(keys, count, sizeof *keys, compare);
  // While counting goes on the rows move: who has not chosen a case stays at the top.
  const bool at_top = self->table.selected == 0;
  for (size_t i = 0; i < count; i++) {
    self->order[i] = keys[i].row;
    if (!at_top && keys[i].number == number) self->table.selected = i;
  }
  self->order_count = count;
  free(keys);
}

// ---- Scores

// Of the moment's masks when `bins` is given, which get the cases' dice; else of a triplet alone.
static pl_score_summary summarise(const pl_review_screen *self, const pl_level_triplet *triplet, size_t *bins) {
  size_t count = 0;
  const pl_review_row *rows = pl_review_counter_rows(self->counter, &count);
  pl_score_case *cases = pl_xcalloc(count + 1, sizeof *cases);
  for (size_t i = 0; i < count; i++) {
    cases[i] = bins != NULL ? pl_review_score(self, &rows[i]) : pl_levels_case(&rows[i].levels, triplet);
    if (bins == NULL) continue;
    const int bin = (int)(pl_score_dice(&cases[i]) * PL_REVIEW_BINS);
    bins[bin < PL_REVIEW_BINS ? bin : PL_REVIEW_BINS - 1]++;
  }
  const pl_score_summary summary = pl_score_summarise(cases, count);
  free(cases);
  return summary;
}

void pl_review_update(pl_review_screen *self) {
  memset(self->bins, 0, sizeof self->bins);
  self->now = summarise(self, &self->triplet, self->bins);
  self->before = summarise(self, &self->start, NULL);
  sort_rows(self);
  pl_table_fit(&self->table, self->order_count, pl_review_layout_in(self, pl_app_body(self->app)).table.rows);
  pl_review_show(self);
}

// ---- The picture

static void layers_of(pl_review_drawing *drawing, const pl_review_screen *self) {
  drawing->layers[0] = self->layer;
  drawing->layers[1] = PL_REVIEW_PLAIN;
  if (self->split) {
    drawing->layers[0] = PL_REVIEW_TRUTH;
    drawing->layers[1] = self->layer == PL_REVIEW_TRUTH ? PL_REVIEW_PREDICTION : self->layer;
  } else if (self->blink) {
    drawing->layers[0] = PL_REVIEW_TRUTH;
    drawing->layers[1] = PL_REVIEW_PREDICTION;
  }
}

void pl_review_show(pl_review_screen *self) {
  const pl_review_row *row = pl_review_row_at(self, self->table.selected);
  const pl_manifest *manifest = &self->app->model->manifest;
  self->app->dirty = true;
  if (row == NULL || !is_active(self) || row->index >= manifest->count) return;
  const pl_case *c = &manifest->cases[row->index];
  const pl_review_layout layout = pl_review_layout_in(self, pl_app_body(self->app));
  if (pl_area_empty(layout.pictures[0]) || self->app->format.graphics == PL_GRAPHICS_NONE) return;
  pl_review_drawing drawing = {
      .labels = manifest->labels,
      .binarizer = {.triplet = pl_level_triplet_values(&self->triplet), .min_component = self->components},
      .panes = self->split || self->blink ? 2 : 1,
      .contour = self->contour,
      .format = self->app->format};
  layers_of(&drawing, self);
  drawing.areas[0] = layout.pictures[0];
  drawing.areas[1] = layout.pictures[self->split ? 1 : 0];
  pl_review_view_draw(self->view, manifest, c, row->sources, row->source_count, &drawing);
}

static void drawn(void *context) {
  pl_review_screen *self = context;
  self->app->dirty = true;
}

// What was kept for these runs is where one begins.
static void begin_where_kept(pl_review_screen *self) {
  pl_found found;
  pl_level_triplet kept;
  if (pl_found_load(&found, self->app->model->workspace, NULL) == PL_OK &&
      strcmp(found.runs, pl_review_counter_info(self->counter)->names) == 0 &&
      pl_level_triplet_of(&kept, &found.triplet)) {
    self->triplet = self->start = kept;
  }
}

// Its manifest may be newer than the one that was counted.
static void counted(void *context) {
  pl_review_screen *self = context;
  if (self->fresh) begin_where_kept(self);
  self->fresh = false;
  pl_review_counter_update(self->counter, &self->app->model->manifest);
  pl_review_update(self);
}

// ---- Which runs

const char *pl_review_words(const pl_review_screen *self) {
  if (self->chosen != NULL) return self->chosen;
  return self->folder != NULL ? pl_path_base(self->folder) : "";
}

int pl_review_columns(const pl_review_screen *self) {
  const bool differ = self->against != NULL || pl_review_counter_info(self->counter)->most > 1;
  return differ ? PL_REVIEW_COLUMNS : PL_REVIEW_DISAGREE;
}

pl_review_layout pl_review_layout_in(const pl_review_screen *self, pl_area body) {
  // A warning stands below the header, over as many rows as it takes.
  const int cols = pl_text_columns(pl_review_counter_info(self->counter)->warning), room = body.cols - 2;
  const int rows = cols == 0 || room <= 0 ? 0 : cols <= room ? 1 : 1 + cols / (room * 9 / 10);
  return pl_layout_review(body, rows, pl_review_columns(self), self->split ? 2 : 1);
}

void pl_review_reopen(pl_review_screen *self) {
  const pl_tui_model *model = self->app->model;
  free(self->folder);
  self->folder = NULL;
  if (model->workspace == NULL || model->run == NULL) return;
  self->folder = pl_xstrdup(model->run->folder);
  free(self->order);
  free(self->seen);
  char *quoted = pl_shellwords_quote(self->folder);
  const pl_review_request request = {.workspace = model->workspace,
                                     .runs = self->chosen != NULL ? self->chosen : quoted,
                                     .against = self->against,
                                     .labels = model->manifest.labels};
  pl_review_counter_open(self->counter, &request);
  free(quoted);
  self->fresh = true;
  self->triplet = self->start = (pl_level_triplet){.top = 50, .bottom = 50, .area = 0};
  self->order_count = 0;
  self->order = pl_xcalloc(model->manifest.count + 1, sizeof *self->order);
  self->seen = pl_xcalloc(model->manifest.count + 1, sizeof *self->seen);
  self->table = (pl_table){0};
  self->components = 0;
  pl_review_view_forget(self->view);
  pl_review_update(self);
}

// Whether what is shown is no longer what there is, or is to be tried again.
static bool is_outdated(const pl_review_screen *self, unsigned what) {
  if (self->folder == NULL) return true;
  if (self->chosen == NULL && strcmp(self->folder, self->app->model->run->folder) != 0) return true;
  if ((what & PL_CHANGED_CASES) != 0 && (what & PL_CHANGED_NOTES) == 0) return true;
  return self->elsewhere && pl_review_counter_problem(self->counter)[0] != '\0';
}

static void changed(pl_app *app, void *data, unsigned what) {
  pl_review_screen *self = data;
  if (!is_active(self)) {
    self->elsewhere = true;
    // What changed while one was elsewhere is seen when one comes back.
    if ((what & PL_CHANGED_CASES) != 0 && (what & PL_CHANGED_NOTES) == 0) {
      free(self->folder);
      self->folder = NULL;
    }
    return;
  }
  if (app->model->run == NULL) return;
  if (is_outdated(self, what)) {
    pl_review_reopen(self);
  } else if ((what & PL_CHANGED_CASES) != 0) {
    pl_review_counter_update(self->counter, &app->model->manifest);
    pl_review_update(self);
  }
  self->elsewhere = false;
  if ((what & PL_CHANGED_LAYOUT) != 0) pl_review_update(self);
  if ((what & PL_CHANGED_TIME) != 0 && self->blink) {
    self->blinked = !self->blinked;
    app->dirty = true;
  }
}

static void *open_screen(pl_app *app) {
  pl_review_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->counter = pl_review_counter_create(app->jobs, counted, self);
  self->view = pl_review_view_create(app->jobs, drawn, self, &app->next_serial);
  self->sort = PL_REVIEW_DICE;
  self->triplet = self->start = (pl_level_triplet){.top = 50, .bottom = 50, .area = 0};
  self->order = pl_xcalloc(1, sizeof *self->order);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  (void)app;
  pl_review_screen *self = data;
  pl_review_counter_destroy(self->counter);
  pl_review_view_destroy(self->view);
  free(self->chosen);
  free(self->folder);
  free(self->against);
  free(self->order);
  free(self->seen);
  free(self);
}

const pl_screen pl_screen_review = {
    .name = "review",
    .title = "Review",
    .digit = "8",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = pl_review_draw,
    .mouse = pl_review_mouse,
};

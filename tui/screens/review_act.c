// What the Review screen's commands do.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/score/found.h"
#include "tui/screens/case.h"
#include "tui/screens/data.h"
#include "tui/screens/review_private.h"

enum { AREA_STEP = 50 };  // pixels of the label

// ---- Moving

static void move(pl_app *app, long delta) {
  pl_review_screen *self = pl_review_self(app);
  pl_table_move(&self->table, delta);
  pl_review_show(self);
}

static long page_of(pl_app *app) {
  const size_t page = pl_review_self(app)->table.page;
  return page > 1 ? (long)page - 1 : 1;
}

void pl_review_down(pl_app *app, const char *args) { (void)args, move(app, 1); }
void pl_review_up(pl_app *app, const char *args) { (void)args, move(app, -1); }
void pl_review_page_down(pl_app *app, const char *args) { (void)args, move(app, page_of(app)); }
void pl_review_page_up(pl_app *app, const char *args) { (void)args, move(app, -page_of(app)); }
void pl_review_first(pl_app *app, const char *args) { (void)args, move(app, -(long)pl_review_self(app)->order_count); }
void pl_review_last(pl_app *app, const char *args) { (void)args, move(app, (long)pl_review_self(app)->order_count); }

void pl_review_open(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  const pl_review_row *row = pl_review_row_at(self, self->table.selected);
  if (row == NULL) return;
  char number[32];
  pl_error err = {0};
  snprintf(number, sizeof number, "#%" PRIu32, row->number);
  if (pl_data_choose(app, number, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    pl_app_open_screen(app, &pl_screen_case);
  }
}

// ---- Order and queue

static bool is_downward(pl_review_column column) { return column != PL_REVIEW_NUMBER && column != PL_REVIEW_DICE; }

static void sort_by(pl_review_screen *self, pl_review_column column) {
  static const char *const words[PL_REVIEW_COLUMNS] = {"by number",
                                                       "by the label's area",
                                                       "the worst dice first",
                                                       "the most false pixels first",
                                                       "the most missed first",
                                                       "the most unsure first",
                                                       "where the runs differ most first"};
  self->sort = column;
  self->descending = is_downward(column);
  self->table.selected = 0;
  pl_review_update(self);
  pl_app_say(self->app, "%s", words[column]);
}

void pl_review_sort(pl_app *app, const char *args) {
  pl_review_screen *self = pl_review_self(app);
  const int columns = pl_review_columns(self);
  static const char *const names[] = {"number", "truth", "dice", "extra", "missed", "unsure", "differ"};
  if (args[0] == '\0') {
    sort_by(self, (pl_review_column)(((int)self->sort + 1) % columns));
    return;
  }
  for (int i = 0; i < columns; i++) {
    if (strcmp(names[i], args) == 0) {
      sort_by(self, (pl_review_column)i);
      return;
    }
  }
  pl_error err = {0};
  pl_fail(&err, PL_E_USAGE, "there is no column '%.40s'; s goes through them", args);
  pl_app_complain(app, &err);
}

void pl_review_reverse(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  self->descending = !self->descending;
  pl_review_update(self);
}

void pl_review_seen(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  if (self->table.selected >= self->order_count) return;
  bool *seen = &self->seen[self->order[self->table.selected]];
  *seen = !*seen;
  move(app, 1);
}

// The next case to look at: of those that were not seen yet the most unsure one.
void pl_review_queue(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  if (self->table.selected < self->order_count) self->seen[self->order[self->table.selected]] = true;
  double most = -1;
  size_t next = self->order_count;
  for (size_t i = 0; i < self->order_count; i++) {
    const pl_review_row *row = pl_review_row_at(self, i);
    if (self->seen[self->order[i]]) continue;
    const double unsure = pl_levels_uncertainty(&row->levels);
    if (unsure > most) most = unsure, next = i;
  }
  if (next == self->order_count) {
    pl_app_say(app, "every case has been seen");
    return;
  }
  pl_table_select(&self->table, next);
  pl_review_show(self);
}

// ---- The look

void pl_review_next_layer(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  self->layer = (pl_review_layer)((self->layer + 1) % PL_REVIEW_LAYERS);
  pl_review_show(self);
}

void pl_review_contour(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  self->contour = !self->contour;
  pl_review_show(self);
}

void pl_review_split(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  self->split = !self->split;
  pl_review_update(self);
}

void pl_review_blink(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  self->blink = !self->blink;
  pl_review_show(self);
}

// ---- The tuner

static void set_triplet(pl_review_screen *self, pl_level_triplet triplet) {
  self->triplet = triplet;
  if (self->components > 0) {
    const pl_triplet values = pl_level_triplet_values(&self->triplet);
    pl_review_counter_components(self->counter, &values, self->components);
  }
  pl_review_update(self);
}

static void step(pl_app *app, int top, int area, int bottom) {
  pl_review_screen *self = pl_review_self(app);
  pl_level_triplet t = self->triplet;
  t.top += top;
  t.bottom += bottom;
  // The bottom threshold never passes the top one: one pushes the other.
  if (t.top < 0 || t.top >= PL_LEVELS || t.bottom < 0 || t.bottom >= PL_LEVELS) return;
  if (t.bottom > t.top && top != 0) t.bottom = t.top;
  if (t.bottom > t.top && bottom != 0) t.top = t.bottom;
  if (area < 0) {
    t.area = t.area > (uint64_t)-area ? t.area - (uint64_t)-area : 0;
  } else {
    t.area += (uint64_t)area;
  }
  set_triplet(self, t);
}

void pl_review_top_down(pl_app *app, const char *args) { (void)args, step(app, -1, 0, 0); }
void pl_review_top_up(pl_app *app, const char *args) { (void)args, step(app, 1, 0, 0); }
void pl_review_bottom_down(pl_app *app, const char *args) { (void)args, step(app, 0, 0, -1); }
void pl_review_bottom_up(pl_app *app, const char *args) { (void)args, step(app, 0, 0, 1); }
void pl_review_area_down(pl_app *app, const char *args) { (void)args, step(app, 0, -AREA_STEP, 0); }
void pl_review_area_up(pl_app *app, const char *args) { (void)args, step(app, 0, AREA_STEP, 0); }

static void tell_triplet(pl_review_screen *self) {
  char text[PL_TRIPLET_TEXT_SIZE];
  const pl_triplet values = pl_level_triplet_values(&self->triplet);
  pl_triplet_text(text, &values);
  pl_app_say(self->app, "thresholds %s", text);
}

void pl_review_triplet(pl_app *app, const char *args) {
  pl_review_screen *self = pl_review_self(app);
  pl_triplet values;
  pl_level_triplet triplet;
  pl_error err = {0};
  if (args[0] == '\0') {
    tell_triplet(self);
    return;
  }
  pl_status status = pl_triplet_parse(&values, args, &err);
  if (status == PL_OK && !pl_level_triplet_of(&triplet, &values)) {
    status = pl_fail(&err, PL_E_USAGE, "thresholds go in steps of 0.01 here; 'pleura eval --triplet' takes any");
  }
  if (status != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    set_triplet(self, triplet);
  }
}

void pl_review_optimum(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  size_t count = 0;
  const pl_review_row *rows = pl_review_counter_rows(self->counter, &count);
  if (count == 0) return;
  pl_levels *levels = pl_xcalloc(count, sizeof *levels);
  for (size_t i = 0; i < count; i++) levels[i] = rows[i].levels;
  const pl_case *c = &app->model->manifest.cases[rows[0].index];
  const pl_triplet_grid grid = pl_triplet_grid_default((uint64_t)c->rows * c->cols);
  const pl_level_triplet best = pl_triplet_search(NULL, levels, NULL, count, &grid);
  free(levels);
  set_triplet(self, best);
  tell_triplet(self);
}

// Keeps the thresholds for submissions of the same runs.
void pl_review_save(pl_app *app, const char *args) {
  (void)args;
  pl_review_screen *self = pl_review_self(app);
  pl_error err = {0};
  if (self->order_count == 0) return;
  pl_found found = {.triplet = pl_level_triplet_values(&self->triplet),
                    .by = "screen Review",
                    .images = (long long)self->now.cases,
                    .dice = self->now.dice};
  (void)pl_copy_text(found.runs, sizeof found.runs, pl_review_counter_info(self->counter)->names);
  if (pl_found_save(&found, app->model->workspace, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  self->start = self->triplet;
  pl_review_update(self);
  pl_app_say(app, "kept in " PL_FOUND_FILE ": 'pleura submit %.60s' takes them", pl_review_words(self));
}

void pl_review_components(pl_app *app, const char *args) {
  pl_review_screen *self = pl_review_self(app);
  uint64_t least = 0;
  if (args[0] != '\0' && strcmp(args, "off") != 0 && !pl_parse_u64(&least, args, strlen(args))) {
    pl_error err = {0};
    pl_fail(&err, PL_E_USAGE, "components takes a number of pixels, or off");
    pl_app_complain(app, &err);
    return;
  }
  self->components = least;
  set_triplet(self, self->triplet);
  if (least == 0) {
    pl_review_counter_components(self->counter, &(pl_triplet){0}, 0);
    pl_app_say(app, "parts of any size count");
  }
}

// ---- Which runs

// Whether the words name runs; what is wrong is said.
static bool can_open(pl_app *app, const char *words) {
  pl_ensemble ensemble = {0};
  pl_error err = {0};
  if (app->model->workspace == NULL) {
    pl_fail(&err, PL_E_NOTFOUND, "there is no workspace");
  } else if (pl_review_open_runs(&ensemble, app->model->workspace, words, &err) == PL_OK) {
    pl_ensemble_clear(&ensemble);
    return true;
  }
  pl_app_complain(app, &err);
  return false;
}

static void set_words(char **words, const char *text) {
  free(*words);
  *words = text != NULL ? pl_xstrdup(text) : NULL;
}

void pl_review_come(pl_app *app, const char *args) {
  pl_review_screen *self = pl_review_self(app);
  const bool off = strcmp(args, "off") == 0;
  if (args[0] != '\0' && !off && !can_open(app, args)) return;
  if (args[0] != '\0') set_words(&self->chosen, off ? NULL : args);
  // Opened anew; what was wrong is tried again.
  if (args[0] != '\0' || pl_review_counter_problem(self->counter)[0] != '\0') set_words(&self->folder, NULL);
  pl_app_go(app, &pl_screen_review);
}

void pl_review_open_words(pl_app *app, const char *words) {
  if (!can_open(app, words)) return;
  pl_review_screen *self = pl_review_self(app);
  set_words(&self->chosen, words);
  set_words(&self->folder, NULL);
  pl_app_open_screen(app, &pl_screen_review);
}

void pl_review_against(pl_app *app, const char *args) {
  pl_review_screen *self = pl_review_self(app);
  const bool off = args[0] == '\0' || strcmp(args, "off") == 0;
  if (!off && !can_open(app, args)) return;
  set_words(&self->against, off ? NULL : args);
  if (off && self->sort == PL_REVIEW_DISAGREE) self->sort = PL_REVIEW_DICE, self->descending = false;
  pl_review_reopen(self);
}

void pl_review_mouse(pl_app *app, void *data, const pl_mouse *event) {
  pl_review_screen *self = data;
  size_t row = 0;
  const pl_review_layout layout = pl_review_layout_in(self, pl_app_body(app));
  if (event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN) {
    move(app, event->kind == PL_MOUSE_WHEEL_UP ? -1 : 1);
    return;
  }
  if (event->kind != PL_MOUSE_PRESS || !pl_table_row_at(&row, &self->table, layout.table, event->y, event->x)) return;
  if (event->button == 1 && row == self->table.selected) {
    pl_review_open(app, "");
    return;
  }
  pl_table_select(&self->table, row);
  if (event->button == 3) pl_review_seen(app, "");
  pl_review_show(self);
}

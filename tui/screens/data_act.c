// The Data screen's commands and its mouse.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/user.h"
#include "core/data/notes.h"
#include "tui/screens/case.h"
#include "tui/screens/data_private.h"

static void move(pl_app *app, long delta) {
  pl_data_screen *self = pl_data_self(app);
  pl_table_move(&self->table, delta);
  pl_data_selection_changed(self);
}

// How far a step down goes: in the grid to the thumbnail below.
static long row_of(pl_app *app) {
  const pl_data_screen *self = pl_data_self(app);
  const pl_thumbs_layout thumbs = pl_data_thumbs(self);
  return self->grid && thumbs.columns > 0 ? thumbs.columns : 1;
}

static long page_of(pl_app *app) {
  const pl_thumbs_layout thumbs = pl_data_thumbs(pl_data_self(app));
  if (pl_data_self(app)->grid && thumbs.rows > 0) return (long)thumbs.rows * thumbs.columns;
  const size_t page = pl_data_self(app)->table.page;
  return page > 1 ? (long)page - 1 : 1;
}

void pl_data_next(pl_app *app, const char *args) { (void)args, move(app, row_of(app)); }

void pl_data_previous(pl_app *app, const char *args) { (void)args, move(app, -row_of(app)); }

void pl_data_right(pl_app *app, const char *args) {
  (void)args;
  if (pl_data_self(app)->grid) move(app, 1);
}

void pl_data_left(pl_app *app, const char *args) {
  (void)args;
  if (pl_data_self(app)->grid) move(app, -1);
}

void pl_data_page_down(pl_app *app, const char *args) { (void)args, move(app, page_of(app)); }

void pl_data_page_up(pl_app *app, const char *args) { (void)args, move(app, -page_of(app)); }

void pl_data_first(pl_app *app, const char *args) { (void)args, move(app, -(long)pl_data_self(app)->table.count); }

void pl_data_last(pl_app *app, const char *args) { (void)args, move(app, (long)pl_data_self(app)->table.count); }

static void search(pl_app *app, const char *text, size_t from) {
  pl_data_screen *self = pl_data_self(app);
  size_t row = 0;
  text += strspn(text, " ");
  if (text[0] == '\0') return;
  if (!pl_caselist_search(&row, &self->list, &app->model->manifest, text, from)) {
    const bool filtered = self->list.filter.text[0] != '\0';
    pl_app_say(app, "no case has the number or the id '%s'%s", text, filtered ? " (a filter is on)" : "");
    app->message_bad = true;
    return;
  }
  pl_copy_text(self->searched, sizeof self->searched, text);
  pl_table_select(&self->table, row);
  pl_data_selection_changed(self);
}

static void search_entered(pl_app *app, const char *text) { search(app, text, pl_data_self(app)->table.selected); }

void pl_data_search(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    search_entered(app, args);
  } else {
    pl_prompt_open(app, "/", NULL, "", search_entered);
  }
}

void pl_data_search_next(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  if (self->searched[0] == '\0') {
    pl_app_say(app, "nothing was searched yet; / searches");
  } else if (self->list.count > 0) {
    search(app, self->searched, (self->table.selected + 1) % self->list.count);
  }
}

static void sorted(pl_app *app) {
  pl_data_screen *self = pl_data_self(app);
  pl_data_relist(self);
  pl_data_selection_changed(self);
  pl_app_say(app, "sorted by %s, %s", pl_case_sort_name(self->list.sort),
             self->list.descending ? "largest first" : "smallest first");
}

void pl_data_sort(pl_app *app, const char *args) {
  pl_data_screen *self = pl_data_self(app);
  if (args[0] == '\0') {
    self->list.sort = (pl_case_sort)((self->list.sort + 1) % PL_CASE_SORT_COUNT);
    // Of areas the large ones are what one looks for.
    self->list.descending = self->list.sort == PL_CASE_BY_AREA || self->list.sort == PL_CASE_BY_LABEL;
    sorted(app);
    return;
  }
  for (int i = 0; i < PL_CASE_SORT_COUNT; i++) {
    if (strcmp(pl_case_sort_name((pl_case_sort)i), args) != 0) continue;
    self->list.sort = (pl_case_sort)i;
    self->list.descending = false;
    sorted(app);
    return;
  }
  pl_app_say(app, "there is no column '%s'; columns: case part fold label area age sex view notes id", args);
  app->message_bad = true;
}

void pl_data_reverse(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  self->list.descending = !self->list.descending;
  sorted(app);
}

static void filter_entered(pl_app *app, const char *text) {
  pl_data_screen *self = pl_data_self(app);
  pl_filter filter;
  pl_error err = {0};
  if (pl_filter_parse(&filter, text, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  self->list.filter = filter;
  pl_data_relist(self);
  pl_table_fit(&self->table, self->list.count, pl_data_rows(self));
  pl_data_selection_changed(self);
  pl_app_say(app, "%zu of %zu cases", self->list.count, app->model->manifest.count);
}

void pl_data_filter(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    filter_entered(app, args);
    return;
  }
  pl_prompt_open(app, "Show only: ", pl_complete_filter, pl_data_self(app)->list.filter.text, filter_entered);
}

void pl_data_thumbnails(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  if (!self->grid && app->format.graphics == PL_GRAPHICS_NONE) {
    pl_app_say(app, "this terminal shows no pictures");
    return;
  }
  self->grid = !self->grid;
  pl_data_selection_changed(self);
}

static void resize_thumbs(pl_app *app, int step) {
  pl_data_screen *self = pl_data_self(app);
  const int size = self->grid_size + step;
  if (!self->grid) {
    pl_app_say(app, "sizes are for thumbnails; t shows them");
  } else if (size >= 0 && size < PL_THUMB_SIZES) {
    self->grid_size = size;
    pl_data_selection_changed(self);
  }
}

void pl_data_larger(pl_app *app, const char *args) { (void)args, resize_thumbs(app, 1); }

void pl_data_smaller(pl_app *app, const char *args) { (void)args, resize_thumbs(app, -1); }

void pl_data_mask(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  self->mask = !self->mask;
  pl_data_selection_changed(self);
}

void pl_data_contour(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  self->contour = !self->contour || !self->mask;
  self->mask = true;
  pl_data_selection_changed(self);
}

void pl_data_invert(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  self->invert = !self->invert;
  pl_data_selection_changed(self);
}

const pl_case *pl_data_selected(pl_app *app) {
  const pl_data_screen *self = pl_data_self(app);
  return pl_data_row(self, self->table.selected);
}

void pl_data_step(pl_app *app, long delta) { move(app, delta); }

pl_status pl_data_choose(pl_app *app, const char *text, pl_error *err) {
  pl_data_screen *self = pl_data_self(app);
  size_t index = 0, row = 0;
  pl_status status = pl_manifest_find(&index, &app->model->manifest, text, err);
  if (status != PL_OK) return status;
  if (!pl_caselist_row(&row, &self->list, index)) {
    self->list.filter = (pl_filter){.count = 0};
    pl_data_relist(self);
    (void)pl_caselist_row(&row, &self->list, index);
  }
  pl_table_select(&self->table, row);
  pl_data_selection_changed(self);
  return PL_OK;
}

// A click selects, a second one opens.
static void click_row(pl_data_screen *self, size_t row) {
  if (row == self->table.selected) {
    pl_case_open(self->app, "");
  } else {
    pl_table_select(&self->table, row);
    pl_data_selection_changed(self);
  }
}

static void click_thumb(pl_data_screen *self, const pl_mouse *event) {
  size_t row = 0;
  if (event->kind != PL_MOUSE_PRESS || event->button != 1) return;
  if (pl_data_thumb_at(&row, self, event->y, event->x)) click_row(self, row);
}

// A click selects, a second one on the selected case opens it; a click on a column's title sorts by it, a second one
// turns the order round; the wheel moves the selection.
void pl_data_mouse_event(pl_app *app, void *data, const pl_mouse *event) {
  enum { WHEEL_ROWS = 3 };
  pl_data_screen *self = data;
  pl_area table = pl_data_layout_of(app).table;
  table.rows = pl_data_rows(self);
  if (event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN) {
    const long step = self->grid ? row_of(app) : WHEEL_ROWS;
    move(app, event->kind == PL_MOUSE_WHEEL_UP ? -step : step);
    return;
  }
  if (self->grid) {
    click_thumb(self, event);
    return;
  }
  if (event->kind != PL_MOUSE_PRESS || event->button != 1 || app->model->manifest.count == 0) return;
  pl_data_columns columns;
  const pl_table_view view = pl_data_table_view(&columns, self);
  const pl_area picture = pl_data_layout_of(app).picture;
  size_t row = 0;
  const int column = pl_table_title_at(table, &view, event->y, event->x);
  if (pl_area_inside((pl_area){event->y, event->x, 1, 1}, picture) && !pl_area_empty(picture)) {
    pl_case_enter(app, "");
  } else if (column >= 0) {
    self->list.descending = columns.of[column] == self->list.sort && !self->list.descending;
    self->list.sort = columns.of[column];
    sorted(app);
  } else if (pl_table_row_at(&row, &self->table, table, event->y, event->x)) {
    if (row == self->table.selected) {
      pl_case_enter(app, "");
    } else {
      pl_table_select(&self->table, row);
      pl_data_selection_changed(self);
    }
  }
}

// ---- Marks, flags and notes

bool pl_data_is_marked(const pl_data_screen *self, const pl_case *c) {
  for (size_t i = 0; i < self->marked_count; i++) {
    if (self->marked[i] == c->number) return true;
  }
  return false;
}

static void toggle(pl_data_screen *self, const pl_case *c) {
  for (size_t i = 0; i < self->marked_count; i++) {
    if (self->marked[i] != c->number) continue;
    self->marked[i] = self->marked[--self->marked_count];
    return;
  }
  self->marked = pl_xrealloc(self->marked, self->marked_count + 1, sizeof *self->marked);
  self->marked[self->marked_count++] = c->number;
}

void pl_data_mark(pl_app *app, const char *args) {
  (void)args;
  pl_data_screen *self = pl_data_self(app);
  const pl_case *c = pl_data_row(self, self->table.selected);
  if (c == NULL) return;
  toggle(self, c);
  move(app, 1);
}

void pl_data_unmark(pl_app *app, const char *args) {
  (void)args;
  pl_data_self(app)->marked_count = 0;
}

// Flag or note of all marked cases, or of the selected one when none is marked. A case that is gone is left out.
static void remark(pl_app *app, const char *flag, const char *note) {
  pl_data_screen *self = pl_data_self(app);
  const pl_manifest *m = &app->model->manifest;
  const pl_case *selected = pl_data_row(self, self->table.selected);
  char user[PL_USER_SIZE];
  pl_error err = {0};
  size_t count = 0;
  pl_user_name(user);
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    if (self->marked_count > 0 ? !pl_data_is_marked(self, c) : c != selected) continue;
    if (pl_notes_set(m->workspace, c->id, flag, note, user, pl_clock_wall(&app->clock), &err) != PL_OK) {
      pl_app_complain(app, &err);
      return;
    }
    count++;
  }
  // What was written is read again as if somebody else had done it.
  pl_app_tell(app, pl_tui_model_update(app->model));
  pl_app_say(app, "%zu case%s %s", count, count == 1 ? "" : "s",
             flag != NULL ? (flag[0] != '\0' ? "flagged" : "no longer flagged") : "noted");
}

static void flag_entered(pl_app *app, const char *text) { remark(app, text + strspn(text, " "), NULL); }

static void note_entered(pl_app *app, const char *text) { remark(app, NULL, text + strspn(text, " ")); }

void pl_data_flag(pl_app *app, const char *args) {
  const pl_case *c = pl_data_selected(app);
  if (c == NULL) return;
  if (args[0] != '\0') {
    flag_entered(app, args);
  } else {
    pl_prompt_open(app, "Flag, one word: ", pl_complete_flags, c->flag != NULL ? c->flag : "", flag_entered);
  }
}

void pl_data_note(pl_app *app, const char *args) {
  const pl_case *c = pl_data_selected(app);
  if (c == NULL) return;
  if (args[0] != '\0') {
    note_entered(app, args);
  } else {
    pl_prompt_open(app, "Note: ", NULL, c->note != NULL ? c->note : "", note_entered);
  }
}

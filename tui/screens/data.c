#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/data_private.h"

enum { NEIGHBOURS = 2, PICTURES_KEPT = 24, THUMBS_KEPT = 2 * PL_IMGSLOTS_MAX, ID_COLS_MIN = 8 };

pl_data_screen *pl_data_self(pl_app *app) { return pl_app_self(app, "data"); }

pl_data_layout pl_data_layout_of(const pl_app *app) {
  const pl_caps *caps = pl_term_caps(app->term);
  return pl_layout_data(pl_app_body(app), (pl_cell_size){(int)caps->cell_width, (int)caps->cell_height});
}

// Rows that the table has: a filter takes the last one to say so.
int pl_data_rows(const pl_data_screen *self) {
  return pl_data_layout_of(self->app).table.rows - (self->list.filter.text[0] != '\0' ? 1 : 0);
}

const pl_case *pl_data_row(const pl_data_screen *self, size_t row) {
  return row < self->list.count ? &self->app->model->manifest.cases[self->list.order[row]] : NULL;
}

pl_case_look pl_data_look(const pl_data_screen *self, pl_area area) {
  const pl_mask_mode mode = !self->mask ? PL_MASK_OFF : self->contour ? PL_MASK_CONTOUR : PL_MASK_FILL;
  pl_case_look look = {.mask_mode = mode, .invert = self->invert, .area = area, .format = self->app->format};
  // More pictures than such a terminal has room for.
  if (self->grid && look.format.caps.keeps_pictures > 0) look.format.graphics = PL_GRAPHICS_BLOCKS;
  return look;
}

// Asks for the picture of the selected case and then for its neighbours'.
static void ask_pictures(pl_data_screen *self) {
  const pl_data_layout layout = pl_data_layout_of(self->app);
  if (pl_area_empty(layout.picture)) return;
  const pl_case_look look = pl_data_look(self, layout.picture);
  pl_case_pictures_look(self->pictures, &look);
  const pl_case *wanted[1 + 2 * NEIGHBOURS];
  size_t count = 0;
  const size_t at = self->table.selected;
  const pl_case *selected = pl_data_row(self, at);
  if (selected == NULL) {
    self->shown = 0;
    return;
  }
  wanted[count++] = selected;
  for (size_t i = 1; i <= NEIGHBOURS; i++) {
    if (pl_data_row(self, at + i) != NULL) wanted[count++] = pl_data_row(self, at + i);
    if (at >= i) wanted[count++] = pl_data_row(self, at - i);
  }
  pl_case_pictures_ask(self->pictures, &self->app->model->manifest, wanted, count);
}

// The picture of the case that was shown before stays until the selected one is there, with its own caption.
static void choose_shown(pl_data_screen *self) {
  const pl_case *selected = pl_data_row(self, self->table.selected);
  if (selected == NULL) {
    self->shown = 0;
    return;
  }
  const pl_case_shown there = pl_case_pictures_get(self->pictures, selected);
  if (there.picture != NULL || there.problem != NULL) self->shown = selected->number;
}

void pl_data_selection_changed(pl_data_screen *self) {
  if (self->grid) {
    pl_data_ask_thumbs(self);
  } else {
    ask_pictures(self);
    choose_shown(self);
  }
  const pl_case *selected = pl_data_row(self, self->table.selected);
  self->selected = selected != NULL ? selected->number : 0;
  self->app->dirty = true;
}

static void picture_ready(void *context) {
  pl_data_screen *self = context;
  choose_shown(self);
  self->app->dirty = true;
}

static void thumb_ready(void *context) { ((pl_data_screen *)context)->app->dirty = true; }

// The list is made anew; the selected case stays selected when it is still there.
void pl_data_relist(pl_data_screen *self) {
  const pl_case *selected = pl_data_row(self, self->table.selected);
  const uint32_t number = selected != NULL ? selected->number : 0;
  pl_caselist_update(&self->list, &self->app->model->manifest);
  pl_table_fit(&self->table, self->list.count, pl_data_rows(self));
  for (size_t row = 0; row < self->list.count; row++) {
    if (pl_data_row(self, row)->number == number) pl_table_select(&self->table, row);
  }
}

static void *open_screen(pl_app *app) {
  pl_data_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->mask = true;
  self->grid_size = PL_THUMB_SIZE_DEFAULT;
  self->pictures = pl_case_pictures_create(app->jobs, PICTURES_KEPT, picture_ready, self, &app->next_serial);
  self->thumbs = pl_case_pictures_create(app->jobs, THUMBS_KEPT, thumb_ready, self, &app->next_serial);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  (void)app;
  pl_data_screen *self = data;
  pl_case_pictures_destroy(self->pictures);
  pl_case_pictures_destroy(self->thumbs);
  pl_caselist_clear(&self->list);
  free(self->marked);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  pl_data_screen *self = data;
  if ((what & PL_CHANGED_CASES) != 0) {
    // The old rows point into a manifest that is gone: the selection is found again by its number, else by its place.
    const size_t place = self->table.selected;
    size_t row = 0;
    pl_caselist_update(&self->list, &app->model->manifest);
    pl_table_fit(&self->table, self->list.count, pl_data_rows(self));
    while (row < self->list.count && pl_data_row(self, row)->number != self->selected) row++;
    pl_table_select(&self->table, row < self->list.count ? row : place);
    if ((what & PL_CHANGED_NOTES) == 0) {
      pl_case_pictures_refresh(self->pictures, &app->model->manifest);
      pl_case_pictures_refresh(self->thumbs, &app->model->manifest);
    }
  }
  if ((what & PL_CHANGED_LAYOUT) != 0) pl_table_fit(&self->table, self->list.count, pl_data_rows(self));
  if ((what & (PL_CHANGED_CASES | PL_CHANGED_LAYOUT)) != 0) pl_data_selection_changed(self);
}

// ---- Drawing

pl_style pl_data_label(char *text, size_t size, const pl_case *c) {
  if (c->status == PL_CASE_BAD) {
    snprintf(text, size, "bad");
    return PL_STYLE_BAD;
  }
  switch (c->label) {
    case PL_LABEL_POSITIVE: snprintf(text, size, "positive"); return PL_STYLE_WARN;
    case PL_LABEL_NEGATIVE: snprintf(text, size, "negative"); return PL_STYLE_NORMAL;
    default: snprintf(text, size, "-"); return PL_STYLE_DIM;
  }
}

static pl_style cell_text(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const pl_data_columns *columns = context;
  const pl_data_screen *self = columns->self;
  const pl_case *c = pl_data_row(self, row);
  if (c == NULL) return PL_STYLE_NORMAL;
  switch (columns->of[column]) {
    case PL_CASE_BY_NUMBER:
      // A mark in front, what is remarked behind it.
      snprintf(text, PL_TABLE_CELL_SIZE, "%s#%" PRIu32 "%s", pl_data_is_marked(self, c) ? "*" : "", c->number,
               c->flag != NULL   ? "!"
               : c->note != NULL ? "'"
                                 : "");
      return pl_data_is_marked(self, c) || c->flag != NULL ? PL_STYLE_WARN : PL_STYLE_STRONG;
    case PL_CASE_BY_PART: snprintf(text, PL_TABLE_CELL_SIZE, "%s", pl_part_name(c->part)); return PL_STYLE_NORMAL;
    case PL_CASE_BY_FOLD:
      if (c->fold < 0) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%d", c->fold);
      return PL_STYLE_NORMAL;
    case PL_CASE_BY_LABEL: return pl_data_label(text, PL_TABLE_CELL_SIZE, c);
    case PL_CASE_BY_AREA:
      if (c->label == PL_LABEL_UNKNOWN) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%" PRIu64, c->mask_area);
      return c->mask_area > 0 ? PL_STYLE_NORMAL : PL_STYLE_DIM;
    case PL_CASE_BY_AGE:
      if (c->age < 0) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%d", c->age);
      return PL_STYLE_NORMAL;
    case PL_CASE_BY_SEX:
      if (c->sex == 0) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%c", c->sex);
      return PL_STYLE_NORMAL;
    case PL_CASE_BY_VIEW:
      if (c->view[0] == '\0') break;
      pl_safe_text(text, PL_TABLE_CELL_SIZE, c->view, strlen(c->view));
      return PL_STYLE_NORMAL;
    case PL_CASE_BY_NOTES:
      snprintf(text, PL_TABLE_CELL_SIZE, "%s", c->flag != NULL ? c->flag : c->note != NULL ? c->note : "");
      return c->flag != NULL ? PL_STYLE_WARN : PL_STYLE_NORMAL;
    default: {
      const size_t length = strlen(c->id), prefix = self->app->model->manifest.id_prefix;
      pl_safe_text(text, PL_TABLE_CELL_SIZE, c->id + (prefix < length ? prefix : 0),
                   prefix < length ? length - prefix : length);
      return PL_STYLE_DIM;
    }
  }
  snprintf(text, PL_TABLE_CELL_SIZE, "-");
  return PL_STYLE_DIM;
}

static void draw_empty(const pl_app *app, const pl_canvas *canvas, pl_area body) {
  const pl_tui_model *model = app->model;
  const bool none = model->workspace == NULL;
  const pl_area box = pl_layout_centre(body, 13, 74);
  if (box.rows < 8) return;
  pl_area line = {box.y, box.x + 1, 1, box.cols - 2};
  pl_canvas_text(canvas, line.y, line.x, line.cols, PL_STYLE_STRONG,
                 none ? "There is no workspace here yet." : "This workspace has no cases yet.");
  line.y += 2;
  pl_canvas_text(canvas, line.y++, line.x, line.cols, PL_STYLE_NORMAL,
                 "From Kaggle's archive, or its unpacked folder:");
  pl_canvas_text(canvas, line.y++, line.x + 4, line.cols - 4, PL_STYLE_LABEL,
                 ":import FOLDER   in a shell: pleura import FOLDER");
  line.y++;
  pl_canvas_text(canvas, line.y++, line.x, line.cols, PL_STYLE_NORMAL,
                 "Or from a synthetic set, to try it out, in a shell:");
  pl_canvas_text(canvas, line.y++, line.x + 4, line.cols - 4, PL_STYLE_LABEL,
                 "pleura phantom DIR && pleura import DIR");
  line.y++;
  pl_canvas_text(canvas, line.y++, line.x, line.cols, PL_STYLE_NORMAL,
                 "This screen notices by itself when the cases are there.");
  if (!none && model->problem[0] != '\0' && box.rows > 11) {
    pl_canvas_wrapped(canvas, (pl_area){line.y + 1, line.x, 2, line.cols}, PL_STYLE_BAD, model->problem);
  }
}

static void draw_caption(const pl_data_screen *self, const pl_canvas *canvas, pl_area area, const pl_case *c) {
  char label[16], text[PL_TABLE_CELL_SIZE];
  const pl_style style = pl_data_label(label, sizeof label, c);
  int x = area.x + 1;
  const int right = area.x + area.cols;
  x += pl_canvas_printf(canvas, area.y, x, right - x, PL_STYLE_STRONG, "#%" PRIu32 "  ", c->number);
  if (c->label == PL_LABEL_UNKNOWN && c->status != PL_CASE_BAD) snprintf(label, sizeof label, "no label");
  x += pl_canvas_printf(canvas, area.y, x, right - x, style, "%s%s  ", label, c->corrected ? ", corrected" : "");
  x += pl_canvas_printf(canvas, area.y, x, right - x, PL_STYLE_NORMAL, "%s  ", pl_part_name(c->part));
  if (c->fold >= 0) x += pl_canvas_printf(canvas, area.y, x, right - x, PL_STYLE_NORMAL, "fold %d  ", c->fold);
  const pl_case *selected = pl_data_row(self, self->table.selected);
  if (selected != NULL && selected != c) {
    pl_canvas_printf(canvas, area.y, x, right - x, PL_STYLE_DIM, "(#%" PRIu32 " is being drawn)", selected->number);
  }
  if (area.rows < 2) return;
  x = area.x + 1;
  if (c->rows > 0 && c->cols > 0) {
    x += pl_canvas_printf(canvas, area.y + 1, x, right - x, PL_STYLE_NORMAL, "%" PRIu32 "x%" PRIu32 "  ", c->cols,
                          c->rows);
  }
  if (c->age >= 0) x += pl_canvas_printf(canvas, area.y + 1, x, right - x, PL_STYLE_NORMAL, "%d y  ", c->age);
  if (c->sex != 0) x += pl_canvas_printf(canvas, area.y + 1, x, right - x, PL_STYLE_NORMAL, "%c  ", c->sex);
  pl_safe_text(text, sizeof text, c->view, strlen(c->view));
  if (text[0] != '\0') x += pl_canvas_printf(canvas, area.y + 1, x, right - x, PL_STYLE_NORMAL, "%s  ", text);
  if (c->label == PL_LABEL_POSITIVE) {
    const double share = pl_case_mask_share(c);
    char words[16] = "?";
    if (!isnan(share)) snprintf(words, sizeof words, "%.2f %%", 100.0 * share);
    pl_canvas_printf(canvas, area.y + 1, x, right - x, PL_STYLE_NORMAL, "mask %s", words);
  }
  if (area.rows < 3) return;
  const char *mask = c->label != PL_LABEL_POSITIVE ? "no mask"
                     : !self->mask                 ? "mask hidden"
                     : self->contour               ? "mask outlined"
                                                   : "mask filled";
  x = area.x + 1;
  if (c->flag != NULL) x += pl_canvas_printf(canvas, area.y + 2, x, right - x, PL_STYLE_WARN, "! %s  ", c->flag);
  if (c->note != NULL) {
    pl_canvas_text(canvas, area.y + 2, x, right - x, PL_STYLE_NORMAL, c->note);
    return;
  }
  pl_canvas_printf(canvas, area.y + 2, x, right - x, PL_STYLE_DIM, "%s%s", mask, self->invert ? ", grey inverted" : "");
}

static void draw_picture(const pl_data_screen *self, const pl_canvas *canvas, const pl_data_layout *layout) {
  const pl_case *c = NULL;
  for (size_t i = 0; c == NULL && i < self->app->model->manifest.count; i++) {
    if (self->app->model->manifest.cases[i].number == self->shown) c = &self->app->model->manifest.cases[i];
  }
  pl_canvas_vline(canvas, layout->border, PL_STYLE_DIM);
  const pl_area message = pl_layout_centre(layout->picture, 4, layout->picture.cols - 4);
  if (self->app->format.graphics == PL_GRAPHICS_NONE) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, "This terminal shows no pictures.");
    c = pl_data_row(self, self->table.selected);
  } else if (c == NULL) {
    const bool wait = pl_data_row(self, self->table.selected) != NULL;
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, wait ? "Drawing ..." : "");
  } else {
    const pl_case_shown there = pl_case_pictures_get(self->pictures, c);
    if (there.problem != NULL) pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, there.problem);
    pl_imgslots_want(canvas->slots, canvas, layout->picture, there.picture);
  }
  if (c != NULL) draw_caption(self, canvas, layout->caption, c);
}

static const pl_table_column all_columns[PL_CASE_SORT_COUNT] = {
    [PL_CASE_BY_NUMBER] = {.title = "case", .cols = 8},
    [PL_CASE_BY_PART] = {.title = "part", .cols = 5},
    [PL_CASE_BY_FOLD] = {.title = "fold", .cols = 5, .right = true},
    [PL_CASE_BY_LABEL] = {.title = "label", .cols = 8},
    [PL_CASE_BY_AREA] = {.title = "area", .cols = 7, .right = true},
    [PL_CASE_BY_AGE] = {.title = "age", .cols = 4, .right = true},
    [PL_CASE_BY_SEX] = {.title = "sex", .cols = 4},
    [PL_CASE_BY_VIEW] = {.title = "view", .cols = 5},
    [PL_CASE_BY_NOTES] = {.title = "notes", .cols = 12},
    [PL_CASE_BY_ID] = {.title = "id", .keep_end = true},
};

// Where it is narrow, the id gives way first to the column that sorts, then columns from the right.
pl_table_view pl_data_table_view(pl_data_columns *out, const pl_data_screen *self) {
  int left = pl_data_layout_of(self->app).table.cols - 2;
  *out = (pl_data_columns){.self = self};
  for (int i = 0; i < PL_CASE_SORT_COUNT; i++) {
    if ((int)self->list.sort == i) left -= all_columns[i].cols + 1;
  }
  for (int i = 0; i < PL_CASE_SORT_COUNT; i++) {
    const bool sorts = (int)self->list.sort == i, basic = i <= PL_CASE_BY_AREA, id = i == PL_CASE_BY_ID;
    const int room = left - all_columns[i].cols - 1;
    if (!sorts && !id && room < (basic ? 0 : ID_COLS_MIN)) continue;
    if (id && !sorts && left < 4) continue;
    if (!sorts) left = room;
    out->of[out->count] = (pl_case_sort)i;
    out->columns[out->count++] = all_columns[i];
  }
  int sorted = -1;
  for (size_t i = 0; i < out->count; i++) {
    if (out->of[i] == self->list.sort) sorted = (int)i;
  }
  return (pl_table_view){.columns = out->columns,
                         .column_count = out->count,
                         .sorted = sorted,
                         .descending = self->list.descending,
                         .selectable = true,
                         .cell = cell_text,
                         .context = out};
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_data_screen *self = data;
  if (app->model->manifest.count == 0) {
    draw_empty(app, canvas, body);
    return;
  }
  if (self->grid) {
    pl_data_draw_thumbs(self, canvas, body);
    return;
  }
  const pl_data_layout layout = pl_data_layout_of(app);
  pl_area table = layout.table;
  // What the filter leaves out is said, so that nobody takes the part for the whole.
  const bool filtered = self->list.filter.text[0] != '\0';
  if (filtered) {
    table.rows--;
    pl_canvas_printf(canvas, table.y + table.rows, table.x + 1, table.cols - 1, PL_STYLE_WARN, "%zu of %zu: %s",
                     self->list.count, app->model->manifest.count, self->list.filter.text);
  }
  pl_data_columns columns;
  const pl_table_view view = pl_data_table_view(&columns, self);
  pl_table_draw(&self->table, canvas, table, &view);
  if (self->list.count == 0) {
    pl_canvas_text(canvas, table.y + 2, table.x + 1, table.cols - 1, PL_STYLE_NORMAL,
                   "No case fits the filter. f and Enter shows all.");
  }
  if (!pl_area_empty(layout.picture)) draw_picture(self, canvas, &layout);
}

const pl_screen pl_screen_data = {
    .name = "data",
    .title = "Data",
    .digit = "1",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .mouse = pl_data_mouse_event,
};

// The Data screen's thumbnails: the cases of the table, as filtered and sorted, row by row.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "tui/screens/data_private.h"

// The last line tells about the selected case.
static pl_area grid_of(pl_area body) {
  if (body.rows > 0) body.rows--;
  return body;
}

pl_thumbs_layout pl_data_thumbs(const pl_data_screen *self) {
  const pl_caps *caps = pl_term_caps(self->app->term);
  return pl_layout_thumbs(grid_of(pl_app_body(self->app)),
                          (pl_cell_size){(int)caps->cell_width, (int)caps->cell_height}, self->grid_size,
                          PL_IMGSLOTS_MAX);
}

// The row of the list in the first place, so that the selected one is in sight and no place at the end stays empty
// without need.
static size_t top_of(const pl_data_screen *self, const pl_thumbs_layout *layout) {
  const size_t columns = (size_t)layout->columns, rows = (size_t)layout->rows;
  size_t top = self->grid_top / columns;
  const size_t selected = self->table.selected / columns, lines = (self->list.count + columns - 1) / columns;
  if (selected < top) top = selected;
  if (selected >= top + rows) top = selected - rows + 1;
  if (top + rows > lines) top = lines > rows ? lines - rows : 0;
  return top * columns;
}

static size_t visible_count(const pl_data_screen *self, const pl_thumbs_layout *layout) {
  const size_t places = (size_t)layout->rows * (size_t)layout->columns, left = self->list.count - self->grid_top;
  return left < places ? left : places;
}

void pl_data_ask_thumbs(pl_data_screen *self) {
  const pl_thumbs_layout layout = pl_data_thumbs(self);
  if (layout.rows == 0 || self->list.count == 0) return;
  self->grid_top = top_of(self, &layout);
  const pl_case_look look = pl_data_look(self, pl_layout_thumb(&layout, 0).picture);
  pl_case_pictures_look(self->thumbs, &look);
  const size_t count = visible_count(self, &layout);
  const pl_case **wanted = pl_xcalloc(count + 1, sizeof *wanted);
  for (size_t i = 0; i < count; i++) wanted[i] = pl_data_row(self, self->grid_top + i);
  pl_case_pictures_ask(self->thumbs, &self->app->model->manifest, wanted, count);
  free(wanted);
}

bool pl_data_thumb_at(size_t *row, const pl_data_screen *self, int y, int x) {
  const pl_thumbs_layout layout = pl_data_thumbs(self);
  if (layout.rows == 0 || y < layout.body.y || x < layout.body.x) return false;
  const int line = (y - layout.body.y) / (layout.picture_rows + 1),
            column = (x - layout.body.x) / (layout.picture_cols + 1);
  if (line >= layout.rows || column >= layout.columns) return false;
  *row = self->grid_top + (size_t)line * (size_t)layout.columns + (size_t)column;
  return *row < self->list.count;
}

// ---- Drawing

// "*#12! f2 positive": mark, number, flag or note, fold, label as far as there is room.
static void draw_caption(const pl_data_screen *self, const pl_canvas *canvas, pl_area area, const pl_case *c,
                         bool selected) {
  char label[16], text[64], fold[16] = "";
  const pl_style tone = pl_data_label(label, sizeof label, c);
  if (c->fold >= 0) snprintf(fold, sizeof fold, " f%d", c->fold);
  snprintf(text, sizeof text, "%s#%" PRIu32 "%s%s", pl_data_is_marked(self, c) ? "*" : "", c->number,
           c->flag != NULL   ? "!"
           : c->note != NULL ? "'"
                             : "",
           fold);
  const pl_style style = selected                                        ? PL_STYLE_SELECTED
                         : pl_data_is_marked(self, c) || c->flag != NULL ? PL_STYLE_WARN
                                                                         : PL_STYLE_STRONG;
  if (selected) pl_canvas_fill(canvas, area, style);
  const int used = pl_canvas_text(canvas, area.y, area.x, area.cols, style, text);
  if (area.cols - used > pl_text_columns(label)) {
    pl_canvas_text(canvas, area.y, area.x + used + 1, area.cols - used - 1, selected ? style : tone, label);
  }
}

static void draw_thumb(const pl_data_screen *self, const pl_canvas *canvas, const pl_thumb_place *place,
                       const pl_case *c, bool selected) {
  const pl_case_shown there = pl_case_pictures_get(self->thumbs, c);
  pl_canvas_vline(canvas, place->border, selected ? PL_STYLE_LABEL : PL_STYLE_DIM);
  if (there.picture != NULL) {
    pl_imgslots_want(canvas->slots, canvas, place->picture, there.picture);
  } else {
    const pl_area words = pl_layout_centre(place->picture, 3, place->picture.cols - 2);
    pl_canvas_wrapped(canvas, words, there.problem != NULL ? PL_STYLE_BAD : PL_STYLE_DIM,
                      there.problem != NULL ? "cannot be shown" : "...");
  }
  draw_caption(self, canvas, place->caption, c, selected);
}

// About the selected case, and what the filter leaves out.
static void draw_line(const pl_data_screen *self, const pl_canvas *canvas, pl_area line) {
  const pl_case *c = pl_data_row(self, self->table.selected);
  int x = line.x + 1;
  const int right = line.x + line.cols;
  if (c != NULL) {
    char label[16];
    const pl_style tone = pl_data_label(label, sizeof label, c);
    x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_STRONG, "#%" PRIu32 "  ", c->number);
    x += pl_canvas_printf(canvas, line.y, x, right - x, tone, "%s  ", label);
    x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_NORMAL, "%s  ", pl_part_name(c->part));
    if (c->fold >= 0) x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_NORMAL, "fold %d  ", c->fold);
    if (c->age >= 0) x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_NORMAL, "%d y  ", c->age);
    if (c->flag != NULL) x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_WARN, "! %s  ", c->flag);
    if (c->note != NULL) x += pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_NORMAL, "%s  ", c->note);
  }
  if (self->list.filter.text[0] == '\0' || x >= right) return;
  pl_canvas_printf(canvas, line.y, x, right - x, PL_STYLE_WARN, "%zu of %zu: %s", self->list.count,
                   self->app->model->manifest.count, self->list.filter.text);
}

void pl_data_draw_thumbs(const pl_data_screen *self, const pl_canvas *canvas, pl_area body) {
  const pl_thumbs_layout layout = pl_data_thumbs(self);
  draw_line(self, canvas, (pl_area){body.y + body.rows - 1, body.x, 1, body.cols});
  if (layout.rows == 0 || self->list.count == 0) {
    pl_canvas_wrapped(canvas, pl_layout_centre(body, 2, body.cols - 2), PL_STYLE_NORMAL,
                      layout.rows == 0 ? "There is no room for thumbnails; t shows the table."
                                       : "No case fits the filter. f and Enter shows all.");
    return;
  }
  const size_t count = visible_count(self, &layout);
  for (size_t i = 0; i < count; i++) {
    const pl_thumb_place place = pl_layout_thumb(&layout, (int)i);
    const size_t row = self->grid_top + i;
    draw_thumb(self, canvas, &place, pl_data_row(self, row), row == self->table.selected);
  }
}

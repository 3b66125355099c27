#include "tui/widgets/table.h"

#include <stdio.h>

static void keep_in_sight(pl_table *table) {
  if (table->count == 0) {
    table->selected = table->top = 0;
    return;
  }
  if (table->selected >= table->count) table->selected = table->count - 1;
  if (table->page == 0) table->page = 1;
  if (table->selected < table->top) table->top = table->selected;
  if (table->selected >= table->top + table->page) table->top = table->selected - table->page + 1;
  // No empty rows below the last one while there are rows above.
  if (table->top + table->page > table->count) table->top = table->count > table->page ? table->count - table->page : 0;
}

void pl_table_fit(pl_table *table, size_t count, int area_rows) {
  table->count = count;
  table->page = area_rows > 1 ? (size_t)area_rows - 1 : 1;
  keep_in_sight(table);
}

void pl_table_move(pl_table *table, long delta) {
  if (table->count == 0) return;
  const size_t steps = (size_t)(delta < 0 ? -delta : delta);
  if (delta < 0) {
    table->selected = steps > table->selected ? 0 : table->selected - steps;
  } else {
    table->selected = steps >= table->count - table->selected ? table->count - 1 : table->selected + steps;
  }
  keep_in_sight(table);
}

void pl_table_select(pl_table *table, size_t row) {
  table->selected = row;
  keep_in_sight(table);
}

static int flexible_cols(const pl_table_view *view, int cols) {
  for (size_t i = 0; i < view->column_count; i++) cols -= view->columns[i].cols + (i > 0 ? 1 : 0);
  return cols > 0 ? cols : 0;
}

bool pl_table_row_at(size_t *row, const pl_table *table, pl_area area, int y, int x) {
  const int line = y - area.y - 1;  // below the head
  if (line < 0 || line >= area.rows - 1 || x < area.x || x >= area.x + area.cols) return false;
  *row = table->top + (size_t)line;
  return *row < table->count;
}

int pl_table_title_at(pl_area area, const pl_table_view *view, int y, int x) {
  if (y != area.y || x < area.x || x >= area.x + area.cols) return -1;
  const int flexible = flexible_cols(view, area.cols);
  int at = area.x;
  for (size_t i = 0; i < view->column_count; i++) {
    at += (view->columns[i].cols > 0 ? view->columns[i].cols : flexible) + 1;
    if (x < at) return (int)i;
  }
  return -1;
}

static void draw_head(const pl_canvas *canvas, pl_area area, const pl_table_view *view, int flexible) {
  pl_canvas_fill(canvas, (pl_area){area.y, area.x, 1, area.cols}, PL_STYLE_HEAD);
  int x = area.x;
  for (size_t i = 0; i < view->column_count && x < area.x + area.cols; i++) {
    const pl_table_column *column = &view->columns[i];
    int cols = column->cols > 0 ? column->cols : flexible;
    if (cols > area.x + area.cols - x) cols = area.x + area.cols - x;
    char title[64];
    const char *arrow = "";
    if (view->sorted == (int)i)
      arrow = canvas->utf8 ? (view->descending ? "\u25bc" : "\u25b2") : (view->descending ? "v" : "^");
    snprintf(title, sizeof title, "%s%s", column->title, arrow);
    if (column->right) {
      pl_canvas_right(canvas, area.y, x, cols, PL_STYLE_HEAD, title);
    } else {
      pl_canvas_text(canvas, area.y, x, cols, PL_STYLE_HEAD, title);
    }
    x += cols + 1;
  }
}

static void draw_row(const pl_canvas *canvas, pl_area area, const pl_table_view *view, int flexible, size_t row,
                     bool selected) {
  if (selected) pl_canvas_fill(canvas, area, PL_STYLE_SELECTED);
  int x = area.x;
  for (size_t i = 0; i < view->column_count && x < area.x + area.cols; i++) {
    const pl_table_column *column = &view->columns[i];
    int cols = column->cols > 0 ? column->cols : flexible;
    if (cols > area.x + area.cols - x) cols = area.x + area.cols - x;
    char text[PL_TABLE_CELL_SIZE] = "";
    pl_style style = view->cell(view->context, row, i, text);
    if (selected) style = PL_STYLE_SELECTED;
    if (column->keep_end) {
      pl_canvas_tail(canvas, area.y, x, cols, style, text);
    } else if (column->right) {
      pl_canvas_right(canvas, area.y, x, cols, style, text);
    } else {
      pl_canvas_text(canvas, area.y, x, cols, style, text);
    }
    x += cols + 1;
  }
}

// The bar at the right edge says where in the whole the visible rows are.
static void draw_scrollbar(const pl_table *table, const pl_canvas *canvas, pl_area area) {
  const size_t rows = (size_t)area.rows - 1;
  if (table->count <= rows || rows == 0) return;
  size_t length = rows * rows / table->count;
  if (length == 0) length = 1;
  const size_t span = table->count - rows;
  const size_t start = span > 0 ? table->top * (rows - length) / span : 0;
  for (size_t i = 0; i < rows; i++) {
    const bool thumb = i >= start && i < start + length;
    const char *bar = canvas->few_glyphs ? "\u2588" : "\u2503";
    const char *mark = canvas->utf8 ? (thumb ? bar : "\u2502") : (thumb ? "#" : "|");
    pl_canvas_text(canvas, area.y + 1 + (int)i, area.x + area.cols - 1, 1, thumb ? PL_STYLE_LABEL : PL_STYLE_DIM, mark);
  }
}

void pl_table_draw(const pl_table *table, const pl_canvas *canvas, pl_area area, const pl_table_view *view) {
  if (area.rows < 1 || area.cols < 4) return;
  pl_area inner = area;
  inner.cols -= 2;  // the scroll bar and a gap
  const int flexible = flexible_cols(view, inner.cols);
  draw_head(canvas, (pl_area){area.y, area.x, 1, inner.cols}, view, flexible);
  for (int i = 0; i + 1 < area.rows && table->top + (size_t)i < table->count; i++) {
    const size_t row = table->top + (size_t)i;
    draw_row(canvas, (pl_area){area.y + 1 + i, inner.x, 1, inner.cols}, view, flexible, row,
             view->selectable && row == table->selected);
  }
  draw_scrollbar(table, canvas, area);
}

// A table that scrolls: a head, rows, one of them selected.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/canvas.h"

typedef struct pl_table {
  size_t count, selected, top;  // selected is 0 when there are no rows
  size_t page;                  // rows that are visible below the head
} pl_table;

typedef struct pl_table_column {
  const char *title;
  int cols;       // 0 takes what is left; at most one such column
  bool right;     // numbers
  bool keep_end;  // of a text that is too long the end is shown
} pl_table_column;

enum { PL_TABLE_CELL_SIZE = 128 };

// Writes a cell's text (safe for terminals); returns its style, PL_STYLE_NORMAL for most.
typedef pl_style pl_table_cell(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]);

// The rows or the area changed: keeps the selection valid and in sight.
void pl_table_fit(pl_table *table, size_t count, int area_rows);
// Moves the selection, stopping at the ends.
void pl_table_move(pl_table *table, long delta);
void pl_table_select(pl_table *table, size_t row);

// `sorted` is the column that orders the rows (marked in the head), -1 for none. `selectable` false draws no selection.
typedef struct pl_table_view {
  const pl_table_column *columns;
  size_t column_count;
  int sorted;
  bool descending, selectable;
  pl_table_cell *cell;
  const void *context;
} pl_table_view;

// What is at a cell of the area: a row (false: none), a column's title (-1: none).
bool pl_table_row_at(size_t *row, const pl_table *table, pl_area area, int y, int x);
int pl_table_title_at(pl_area area, const pl_table_view *view, int y, int x);

void pl_table_draw(const pl_table *table, const pl_canvas *canvas, pl_area area, const pl_table_view *view);

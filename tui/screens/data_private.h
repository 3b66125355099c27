// What the Data screen's files share: data.c (state, table, drawing), data_grid.c (thumbnails) and data_act.c
// (commands, mouse).
#pragma once

#include "tui/case_pictures.h"
#include "tui/caselist.h"
#include "tui/screens/data.h"
#include "tui/widgets/table.h"

typedef struct pl_data_screen {
  pl_app *app;
  pl_caselist list;
  pl_table table;
  pl_case_pictures *pictures;
  bool mask, contour, invert;
  bool grid;                 // thumbnails instead of the table
  int grid_size;             // 0 to PL_THUMB_SIZES - 1
  size_t grid_top;           // row of the list in the first place; a multiple of the columns
  pl_case_pictures *thumbs;  // their pictures
  uint32_t *marked;          // numbers of cases, in no order
  size_t marked_count;
  char searched[PL_LINE_SIZE];
  uint32_t selected;  // number of the selected case; 0 for none
  uint32_t shown;     // number of the case whose picture is on the screen; 0 for none
} pl_data_screen;

pl_data_screen *pl_data_self(pl_app *app);
pl_data_layout pl_data_layout_of(const pl_app *app);
int pl_data_rows(const pl_data_screen *self);  // that the table has
const pl_case *pl_data_row(const pl_data_screen *self, size_t row);
// The columns that the table has room for, and what each shows.
typedef struct pl_data_columns {
  const pl_data_screen *self;
  pl_table_column columns[PL_CASE_SORT_COUNT];
  pl_case_sort of[PL_CASE_SORT_COUNT];
  size_t count;
} pl_data_columns;

// Borrows `columns`.
pl_table_view pl_data_table_view(pl_data_columns *columns, const pl_data_screen *self);
pl_style pl_data_label(char *text, size_t size, const pl_case *c);  // "positive", "bad", "-", with its style
pl_case_look pl_data_look(const pl_data_screen *self, pl_area area);

// data_grid.c
pl_thumbs_layout pl_data_thumbs(const pl_data_screen *self);
void pl_data_ask_thumbs(pl_data_screen *self);  // after the selection, the list, or the layout changed
void pl_data_draw_thumbs(const pl_data_screen *self, const pl_canvas *canvas, pl_area body);
bool pl_data_thumb_at(size_t *row, const pl_data_screen *self, int y, int x);
bool pl_data_is_marked(const pl_data_screen *self, const pl_case *c);

// The list is made anew; the selected case stays selected when it is still there.
void pl_data_relist(pl_data_screen *self);
void pl_data_selection_changed(pl_data_screen *self);

void pl_data_mouse_event(pl_app *app, void *self, const pl_mouse *event);

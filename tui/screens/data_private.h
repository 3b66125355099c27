// What the Data screen's files share: data.c (state, drawing) and data_act.c (commands, mouse).
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
  uint32_t *marked;  // numbers of cases, in no order
  size_t marked_count;
  char searched[PL_LINE_SIZE];
  uint32_t shown;  // number of the case whose picture is on the screen; 0 for none
} pl_data_screen;

pl_data_screen *pl_data_self(pl_app *app);
pl_data_layout pl_data_layout_of(const pl_app *app);
int pl_data_rows(const pl_data_screen *self);  // that the table has
const pl_case *pl_data_row(const pl_data_screen *self, size_t row);
pl_table_view pl_data_table_view(const pl_data_screen *self);
bool pl_data_is_marked(const pl_data_screen *self, const pl_case *c);

// The list is made anew; the selected case stays selected when it is still there.
void pl_data_relist(pl_data_screen *self);
void pl_data_selection_changed(pl_data_screen *self);

void pl_data_mouse_event(pl_app *app, void *self, const pl_mouse *event);

// What the files of the Folds screen share: folds.c (state, drawing), folds_look.c (reading folds.csv and its leaks),
// folds_act.c (commands), folds_form.c (the form for new folds).
#pragma once

#include <stdatomic.h>

#include "core/data/folds.h"
#include "core/data/leaks.h"
#include "core/data/split.h"
#include "tui/screens/folds.h"
#include "tui/widgets/line.h"
#include "tui/widgets/table.h"

// What is known of folds.csv, all of one moment. Plain data that a job fills and the screen takes over.
typedef struct pl_folds_view {
  pl_folds folds;  // count 0: there is no folds.csv, or it cannot be read; `problem` says so
  pl_leak_report report;
  char problem[PL_ERROR_MESSAGE_MAX];
  uint32_t *numbers;  // of the case, by image; 0 for one that the workspace does not have
  uint64_t *areas;    // of its mask; UINT64_MAX when unknown
} pl_folds_view;

// A look at folds.csv that is under way, shared with the thread that does it.
typedef struct pl_folds_look {
  char *workspace, *patients;
  pl_label_choice labels;
  bool pictures;  // the second of two looks
  atomic_bool stop;
  atomic_size_t done, total;  // pictures
  pl_status status;
  pl_folds_view view;
} pl_folds_look;

enum { PL_SPLIT_ROWS = 4 };

typedef struct pl_split_form {
  bool open, editing;
  size_t row;
  char values[PL_SPLIT_ROWS][PL_LINE_SIZE];  // by, folds, seed, patients
  pl_line line;
  char problem[PL_ERROR_MESSAGE_MAX];
} pl_split_form;

typedef struct pl_folds_screen {
  pl_app *app;
  pl_folds_view view;
  pl_folds_look *look;  // NULL when none is under way
  bool stale;           // the view is older than the workspace
  bool splitting;
  char patients[PL_LINE_SIZE];  // the map that was named; "" takes what the workspace has

  pl_table fold_table;  // the folds, and a last row for all
  bool in_cases;        // the keys move in the table of cases
  pl_table case_table;
  size_t *shown, shown_count;  // indices of folds.images
  bool only_leaks;
  bool *marked;  // by image
  size_t marked_count;
  int target;  // of the move that is being confirmed

  pl_split_form form;
} pl_folds_screen;

pl_folds_screen *pl_folds_of(pl_app *app);

// The cases of the selected fold, chosen anew.
void pl_folds_list(pl_folds_screen *self);

// Reads folds.csv in a job when the view is stale and the screen is shown; first without pictures, then with them.
void pl_folds_ask(pl_folds_screen *self);
void pl_folds_view_clear(pl_folds_view *view);

// The form. `options` borrows the map's path from it.
void pl_split_form_init(pl_split_form *form);
void pl_split_form_edit(pl_split_form *form);
bool pl_split_form_key(pl_split_form *form, int key);
pl_status pl_split_form_set(pl_split_form *form, const char *name, const char *value, pl_error *err);
pl_status pl_split_form_read(pl_split_options *options, const pl_split_form *form, pl_error *err);
void pl_split_form_draw(const pl_split_form *form, const pl_canvas *canvas, pl_area area);

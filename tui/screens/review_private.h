// Shared by the Review screen's files.
#pragma once

#include "tui/review_count.h"
#include "tui/review_view.h"
#include "tui/screens/review.h"
#include "tui/widgets/table.h"

typedef enum pl_review_column {
  PL_REVIEW_NUMBER,
  PL_REVIEW_LABEL,
  PL_REVIEW_DICE,
  PL_REVIEW_FALSE_ALARM,
  PL_REVIEW_MISSED,
  PL_REVIEW_UNCERTAIN,
  PL_REVIEW_DISAGREE,
  PL_REVIEW_COLUMNS,
} pl_review_column;

enum { PL_REVIEW_BINS = 10 };

typedef struct pl_review_screen {
  pl_app *app;
  pl_review_counter *counter;
  pl_review_view *view;
  char *chosen;    // words that name the runs, as they were typed; NULL: the run that is selected everywhere
  char *folder;    // of that one; NULL when it is to be opened
  char *against;   // words for other runs, NULL for none
  bool fresh;      // nothing of what was opened was counted yet
  bool elsewhere;  // another screen was on since
  pl_table table;
  size_t *order;  // rows of the counter
  bool *seen;     // by row of the counter
  size_t order_count;
  pl_review_column sort;
  bool descending;
  pl_level_triplet triplet, start;  // now, and the one that it is measured against
  uint64_t components;              // of fewer pixels are removed; 0: none
  pl_score_summary now, before;     // under these two, of what is counted
  size_t bins[PL_REVIEW_BINS];      // of the cases' dice, now
  pl_review_layer layer;
  bool contour, split, blink, blinked;
} pl_review_screen;

pl_review_screen *pl_review_self(pl_app *app);

// The row of the counter in that row of the table, NULL behind the last.
const pl_review_row *pl_review_row_at(const pl_review_screen *self, size_t row);

// A counted row's pixels under the thresholds of this moment, with small components removed where that is known.
pl_score_case pl_review_score(const pl_review_screen *self, const pl_review_row *row);

// Which columns there are: all, or those without the disagreement where nobody can disagree.
int pl_review_columns(const pl_review_screen *self);
pl_review_layout pl_review_layout_in(const pl_review_screen *self, pl_area body);
// The words for what is reviewed, as a user would type them.
const char *pl_review_words(const pl_review_screen *self);
// Opens the chosen runs, or the selected one, and counts them anew.
void pl_review_reopen(pl_review_screen *self);

// Scores all rows anew, sorts them, keeps the selected case selected, and asks for its picture.
void pl_review_update(pl_review_screen *self);
// Asks for the picture alone.
void pl_review_show(pl_review_screen *self);

void pl_review_draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body);  // review_draw.c
void pl_review_mouse(pl_app *app, void *data, const pl_mouse *event);                             // review_act.c

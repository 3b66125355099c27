// Screen Review: the validation cases of runs as they predict them, sorted by where they are wrong, with the thresholds
// of the winner's triplet under the fingers: every key changes the case's mask and the fold's score at once.
#pragma once

#include "tui/app.h"
#include "tui/cmd.h"

extern const pl_screen pl_screen_review;

// Its commands.
void pl_review_down(pl_app *app, const char *args);
void pl_review_up(pl_app *app, const char *args);
void pl_review_page_down(pl_app *app, const char *args);
void pl_review_page_up(pl_app *app, const char *args);
void pl_review_first(pl_app *app, const char *args);
void pl_review_last(pl_app *app, const char *args);
void pl_review_open(pl_app *app, const char *args);
void pl_review_sort(pl_app *app, const char *args);
void pl_review_reverse(pl_app *app, const char *args);
void pl_review_seen(pl_app *app, const char *args);
void pl_review_queue(pl_app *app, const char *args);
void pl_review_next_layer(pl_app *app, const char *args);
void pl_review_contour(pl_app *app, const char *args);
void pl_review_split(pl_app *app, const char *args);
void pl_review_blink(pl_app *app, const char *args);
void pl_review_top_down(pl_app *app, const char *args);
void pl_review_top_up(pl_app *app, const char *args);
void pl_review_bottom_down(pl_app *app, const char *args);
void pl_review_bottom_up(pl_app *app, const char *args);
void pl_review_area_down(pl_app *app, const char *args);
void pl_review_area_up(pl_app *app, const char *args);
void pl_review_triplet(pl_app *app, const char *args);
void pl_review_optimum(pl_app *app, const char *args);
void pl_review_save(pl_app *app, const char *args);
void pl_review_components(pl_app *app, const char *args);
void pl_review_against(pl_app *app, const char *args);

// The screen itself: with the runs that the words name, with the run that is selected everywhere ("off"), or as it was
// left (no words).
void pl_review_come(pl_app *app, const char *args);
// With these words, as by Enter on another screen.
void pl_review_open_words(pl_app *app, const char *words);

pl_completer pl_complete_review_columns;

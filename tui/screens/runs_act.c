#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/str.h"
#include "tui/screens/review.h"
#include "tui/screens/runs_private.h"
#include "tui/screens/train.h"
#include "tui/shellwords.h"

static void move(pl_app *app, long delta) {
  pl_runs *self = pl_runs_of(app);
  pl_table_move(&self->table, delta);
  pl_runs_select(self, self->table.selected);
  pl_runs_ask_chart(self);
}

static long page_of(pl_app *app) {
  const size_t page = pl_runs_of(app)->table.page;
  return page > 1 ? (long)page - 1 : 1;
}

void pl_runs_down(pl_app *app, const char *args) { (void)args, move(app, 1); }

void pl_runs_up(pl_app *app, const char *args) { (void)args, move(app, -1); }

void pl_runs_page_down(pl_app *app, const char *args) { (void)args, move(app, page_of(app)); }

void pl_runs_page_up(pl_app *app, const char *args) { (void)args, move(app, -page_of(app)); }

void pl_runs_first(pl_app *app, const char *args) { (void)args, move(app, -(long)pl_runs_of(app)->list.count); }

void pl_runs_last(pl_app *app, const char *args) { (void)args, move(app, (long)pl_runs_of(app)->list.count); }

static void arrange(pl_runs *self) {
  pl_runs_arrange(self);
  pl_runs_ask_chart(self);
}

void pl_runs_follow(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  self->follow = true;
  arrange(self);
  if (self->shown > 0) pl_app_say(app, "%s is the newest; later ones are followed", pl_path_base(self->selected));
}

// ---- Order and filter

static const char *const sort_names[PL_RUNS_COLUMNS] = {
    [PL_RUNS_MARK] = "begin", [PL_RUNS_NAME] = "run",    [PL_RUNS_PHASE] = "state", [PL_RUNS_ENCODER] = "encoder",
    [PL_RUNS_SIZE] = "size",  [PL_RUNS_FOLD] = "fold",   [PL_RUNS_EPOCH] = "epoch", [PL_RUNS_BEST] = "best",
    [PL_RUNS_AT] = "at",      [PL_RUNS_DELTA] = "delta",
};

void pl_runs_sort(pl_app *app, const char *args) {
  pl_runs *self = pl_runs_of(app);
  size_t column = (size_t)(self->sorted + 1) % PL_RUNS_NOTE;
  if (args[0] != '\0') {
    column = 0;
    while (column < PL_RUNS_NOTE && strcmp(sort_names[column], args) != 0) column++;
    if (column == PL_RUNS_NOTE) {
      pl_app_say(app, "runs are sorted by begin, run, state, encoder, size, fold, epoch, best, at or delta, not '%s'",
                 args);
      app->message_bad = true;
      return;
    }
  }
  self->sorted = (pl_runs_column)column;
  // The best first.
  self->descending = column == PL_RUNS_BEST || column == PL_RUNS_DELTA;
  pl_app_say(app, "sorted by %s; r turns the order round", sort_names[column]);
  arrange(self);
}

void pl_runs_reverse(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  self->descending = !self->descending;
  arrange(self);
}

static void filter_entered(pl_app *app, const char *text) {
  pl_runs *self = pl_runs_of(app);
  pl_error err = {0};
  if (pl_runs_check_filter(text, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  (void)pl_copy_text(self->filter, sizeof self->filter, text + strspn(text, " "));
  arrange(self);
  if (self->filter[0] != '\0') pl_app_say(app, "%zu of %zu runs", self->shown, self->list.count);
}

void pl_runs_filter(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    filter_entered(app, strcmp(args, "all") == 0 ? "" : args);
  } else {
    pl_prompt_open(app, "filter: ", NULL, pl_runs_of(app)->filter, filter_entered);
  }
}

// ---- Comparing

void pl_runs_mark(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  const pl_run_summary *run = pl_runs_row(self, self->table.selected);
  if (run == NULL) return;
  const int at = pl_runs_mark_of(self, run);
  int place = at;
  for (int i = 0; i < PL_RUNS_MARKS && place < 0; i++) {
    if (self->marked[i][0] == '\0') place = i;
  }
  if (place < 0) {
    pl_app_say(app, "%d runs are marked already; u takes all marks away", PL_RUNS_MARKS);
    return;
  }
  if (at >= 0) {
    self->marked[at][0] = '\0';
  } else {
    (void)pl_copy_text(self->marked[place], sizeof self->marked[place], run->folder);
  }
  move(app, 1);
}

void pl_runs_unmark(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  memset(self->marked, 0, sizeof self->marked);
  pl_runs_ask_chart(self);
}

void pl_runs_pin(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  const pl_run_summary *run = pl_runs_row(self, self->table.selected);
  if (run == NULL) return;
  const bool off = strcmp(self->baseline, run->folder) == 0;
  (void)pl_copy_text(self->baseline, sizeof self->baseline, off ? "" : run->folder);
  pl_app_say(app, off ? "%s is no longer the baseline" : "%s is the baseline: delta is the difference to its best",
             run->name);
  arrange(self);
}

void pl_runs_metric(pl_app *app, const char *args) {
  pl_runs *self = pl_runs_of(app);
  if (args[0] == '\0') {
    self->metric = (self->metric + 1) % pl_metric_count;
  } else {
    const size_t metric = pl_metric_find(args);
    if (metric == pl_metric_count) {
      pl_app_say(app, "there is no curve '%s'; t goes through them", args);
      app->message_bad = true;
      return;
    }
    self->metric = metric;
  }
  pl_runs_ask_chart(self);
}

void pl_runs_open(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  const pl_run_summary *run = pl_runs_row(self, self->table.selected);
  if (run == NULL) return;
  const unsigned what = pl_tui_model_select_folder(app->model, run->folder);
  pl_app_open_screen(app, &pl_screen_train);
  pl_app_tell(app, what);
}

void pl_runs_review(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  const pl_run_summary *selected = pl_runs_row(self, self->table.selected);
  pl_buf words;
  pl_buf_init(&words, PL_LINE_SIZE);
  for (size_t i = 0; i < self->list.count; i++) {
    const pl_run_summary *run = &self->list.runs[i];
    if (pl_runs_mark_of(self, run) < 0) continue;
    char *quoted = pl_shellwords_quote(run->name);
    (void)pl_buf_printf(&words, "%s%s", words.length > 0 ? " " : "", quoted);
    free(quoted);
  }
  if (words.length == 0 && selected != NULL) {
    char *quoted = pl_shellwords_quote(selected->name);
    (void)pl_buf_add_text(&words, quoted);
    free(quoted);
  }
  if (words.length > 0 && !words.failed) pl_review_open_words(app, words.data);
  pl_buf_clear(&words);
}

void pl_runs_back(pl_app *app, const char *args) {
  (void)args;
  pl_runs *self = pl_runs_of(app);
  if (self->plot.cursor_on) {
    self->plot.cursor_on = false;
  } else if (self->plot.zoomed) {
    pl_plot_reset(&self->plot);
  } else {
    pl_app_back(app);
    return;
  }
  pl_runs_ask_chart(self);
}

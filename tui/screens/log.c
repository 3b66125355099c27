#include "tui/screens/log.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/train.h"
#include "tui/words.h"

enum { HEAD_ROWS = 1, WHEEL_ROWS = 3 };

typedef struct log_screen {
  pl_app *app;
  size_t top;   // first line shown, while not following
  bool follow;  // the last line stays in sight
  char searched[PL_LINE_SIZE];
  size_t found;  // line that the search stands on, when `searched` is not empty
} log_screen;

static log_screen *screen_of(pl_app *app) { return pl_app_self(app, "log"); }

static size_t page_of(const pl_app *app) {
  const int rows = pl_app_body(app).rows - HEAD_ROWS;
  return rows > 1 ? (size_t)rows : 1;
}

static size_t count_of(const pl_app *app) { return app->model->run != NULL ? app->model->run->log_count : 0; }

static size_t last_top(const pl_app *app) {
  const size_t count = count_of(app), page = page_of(app);
  return count > page ? count - page : 0;
}

static size_t top_of(const log_screen *self) {
  const size_t last = last_top(self->app);
  return self->follow || self->top > last ? last : self->top;
}

static void *open_screen(pl_app *app) {
  log_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->follow = true;
  return self;
}

static void close_screen(pl_app *app, void *data) {
  (void)app;
  free(data);
}

static void changed(pl_app *app, void *data, unsigned what) {
  (void)app;
  log_screen *self = data;
  if ((what & PL_CHANGED_RUNS) != 0) self->follow = true;
}

// A log line tells by its words how bad it is.
static pl_style style_of(const char *line) {
  static const char *const bad[] = {"failed", "cannot", "not finite", "lost"};
  static const char *const warn[] = {"left out", "warning", "no cuda", "paused"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (strstr(line, bad[i]) != NULL) return PL_STYLE_BAD;
  }
  for (size_t i = 0; i < sizeof warn / sizeof warn[0]; i++) {
    if (strstr(line, warn[i]) != NULL) return PL_STYLE_WARN;
  }
  return PL_STYLE_NORMAL;
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const log_screen *self = data;
  const pl_run_view *run = app->model->run;
  if (run == NULL || run->log_count == 0) {
    pl_canvas_wrapped(canvas, pl_layout_centre(body, 2, 60), PL_STYLE_NORMAL,
                      run == NULL ? "There is no run yet. S on screen Train starts one, or, in a shell: pleura train"
                                  : "This run has written no log yet.");
    return;
  }
  const size_t top = top_of(self), page = page_of(app);
  const size_t end = top + page < run->log_count ? top + page : run->log_count;
  pl_canvas_fill(canvas, (pl_area){body.y, body.x, 1, body.cols}, PL_STYLE_HEAD);
  pl_canvas_printf(canvas, body.y, body.x + 1, body.cols - 2, PL_STYLE_HEAD, "%s  %s  lines %zu-%zu of the last %zu%s",
                   run->name, pl_train_phase_words(run), top + 1, end, run->log_count,
                   self->follow ? ", following" : "");
  for (size_t i = top; i < end; i++) {
    const bool found = self->searched[0] != '\0' && i == self->found;
    const int y = body.y + HEAD_ROWS + (int)(i - top);
    if (found) pl_canvas_fill(canvas, (pl_area){y, body.x, 1, body.cols}, PL_STYLE_SELECTED);
    pl_canvas_text(canvas, y, body.x + 1, body.cols - 2, found ? PL_STYLE_SELECTED : style_of(run->log[i]),
                   run->log[i]);
  }
}

// ---- Commands

static void scroll(pl_app *app, long delta) {
  log_screen *self = screen_of(app);
  const size_t top = top_of(self), last = last_top(app);
  const size_t steps = (size_t)(delta < 0 ? -delta : delta);
  if (delta < 0) {
    self->top = steps > top ? 0 : top - steps;
  } else {
    self->top = top + steps > last ? last : top + steps;
  }
  // At the end it follows again.
  self->follow = self->top == last;
}

void pl_log_down(pl_app *app, const char *args) { (void)args, scroll(app, 1); }

void pl_log_up(pl_app *app, const char *args) { (void)args, scroll(app, -1); }

void pl_log_page_down(pl_app *app, const char *args) { (void)args, scroll(app, (long)page_of(app)); }

void pl_log_page_up(pl_app *app, const char *args) { (void)args, scroll(app, -(long)page_of(app)); }

void pl_log_first(pl_app *app, const char *args) { (void)args, scroll(app, -(long)count_of(app)); }

void pl_log_last(pl_app *app, const char *args) { (void)args, scroll(app, (long)count_of(app)); }

// From `from` on in a direction, round the end; the letters' case does not matter.
static void search(pl_app *app, const char *text, size_t from, bool forward) {
  log_screen *self = screen_of(app);
  const size_t count = count_of(app);
  for (size_t i = 0; i < count; i++) {
    const size_t at = forward ? (from + i) % count : (from + count - i) % count;
    if (strcasestr(app->model->run->log[at], text) == NULL) continue;
    pl_copy_text(self->searched, sizeof self->searched, text);
    self->found = at;
    const size_t page = page_of(app), top = top_of(self);
    if (at < top || at >= top + page)
      self->top = at > page / 2 ? at - page / 2 : 0;
    else
      self->top = top;
    self->follow = false;
    return;
  }
  pl_app_say(app, "no line of the log holds '%s'", text);
  app->message_bad = true;
}

static void search_entered(pl_app *app, const char *text) {
  if (text[0] != '\0' && count_of(app) > 0) search(app, text, top_of(screen_of(app)), true);
}

void pl_log_search(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    search_entered(app, args);
  } else {
    pl_prompt_open(app, "/", NULL, "", search_entered);
  }
}

static void search_again(pl_app *app, bool forward) {
  const log_screen *self = screen_of(app);
  const size_t count = count_of(app);
  if (self->searched[0] == '\0') {
    pl_app_say(app, "nothing was searched yet; / searches");
  } else if (count > 0) {
    char text[PL_LINE_SIZE];
    pl_copy_text(text, sizeof text, self->searched);
    search(app, text, (self->found + (forward ? 1 : count - 1)) % count, forward);
  }
}

void pl_log_search_next(pl_app *app, const char *args) { (void)args, search_again(app, true); }

void pl_log_search_previous(pl_app *app, const char *args) { (void)args, search_again(app, false); }

static void mouse(pl_app *app, void *data, const pl_mouse *event) {
  (void)data;
  if (event->kind == PL_MOUSE_WHEEL_UP) scroll(app, -WHEEL_ROWS);
  if (event->kind == PL_MOUSE_WHEEL_DOWN) scroll(app, WHEEL_ROWS);
}

const pl_screen pl_screen_log = {
    .name = "log",
    .title = "Log",
    .digit = "6",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .mouse = mouse,
};

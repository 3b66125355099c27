#include "tui/frame.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "tui/keymap.h"
#include "tui/screens/train.h"

enum { STATUS_SIZE = 512, HINTS_MAX = 32 };

static const char name[] = " pleura  ";

// The columns of a screen's tab, which not every screen has.
static int tab_cols(size_t screen) {
  return pl_screens[screen]->digit != NULL ? pl_text_columns(pl_screens[screen]->title) + 4 : 0;
}

int pl_frame_tab(const pl_app *app, int y, int x) {
  const pl_area area = pl_app_frame(app).tabs;
  if (y != area.y || pl_area_empty(area)) return -1;
  int at = area.x + pl_text_columns(name);
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (x >= at && x < at + tab_cols(i)) return (int)i;
    at += tab_cols(i);
  }
  return -1;
}

void pl_frame_draw_tabs(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  pl_canvas_fill(canvas, area, PL_STYLE_BAR);
  int x = area.x + pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_BAR, name);
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (pl_screens[i]->digit == NULL) continue;
    const pl_style style = i == app->active ? PL_STYLE_BAR_ON : PL_STYLE_BAR;
    x += pl_canvas_printf(canvas, area.y, x, area.x + area.cols - x, style, " %s %s ", pl_screens[i]->digit,
                          pl_screens[i]->title);
  }
  const char *path = app->model->workspace;
  if (path != NULL) {
    char safe[256];
    pl_safe_text(safe, sizeof safe - 1, path, strlen(path));
    const int room = area.x + area.cols - x - 3;
    // Of a path that is too long its last name says most.
    const char *shown = pl_text_columns(safe) <= room ? safe : pl_path_base(safe);
    pl_canvas_right(canvas, area.y, x + 2, room, PL_STYLE_BAR, shown);
  }
}

static void graphics_words(char *out, size_t size, const pl_app *app) {
  const pl_graphics graphics = app->format.graphics;
  if (graphics == PL_GRAPHICS_SIXEL) {
    const pl_quality quality = pl_imgslots_quality(app->slots);
    snprintf(out, size, "sixel, %u greys%s", quality.greys, quality.halved ? ", halved" : "");
  } else {
    snprintf(out, size, "%s", graphics == PL_GRAPHICS_NONE ? "text only" : pl_graphics_name(graphics));
  }
}

static size_t add_text(char *out, size_t used, const char *format, ...) __attribute__((format(printf, 3, 4)));

static size_t add_text(char *out, size_t used, const char *format, ...) {
  if (used + 1 >= STATUS_SIZE) return used;
  va_list arguments;
  va_start(arguments, format);
  const int added = vsnprintf(out + used, STATUS_SIZE - used, format, arguments);
  va_end(arguments);
  used += added > 0 ? (size_t)added : 0;
  return used < STATUS_SIZE ? used : STATUS_SIZE - 1;
}

void pl_frame_draw_status(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  char text[STATUS_SIZE];
  const pl_tui_model *model = app->model;
  size_t used = 0;
  if (model->watching[0] != '\0') used = add_text(text, used, " WATCHING %s  |", model->watching);
  if (model->labels == PL_LABELS_CORRECTED) {
    used = add_text(text, used, " corrected labels%s  |", model->labels_problem[0] != '\0' ? ": not shown" : "");
  }
  if (model->workspace != NULL) {
    used = add_text(text, used, " %zu cases  %zu positive", model->manifest.count, model->counts.positive);
    if (model->counts.bad > 0) used = add_text(text, used, "  %zu bad", model->counts.bad);
  } else {
    used = add_text(text, used, " no workspace");
  }
  const pl_run_view *run = model->run;
  if (run == NULL) {
    used = add_text(text, used, "  |  no run");
  } else {
    const pl_run_state *state = &run->state;
    used = add_text(text, used, "  |  %s%s %s", model->replay != NULL ? "REPLAY " : "", run->name,
                    pl_train_phase_words(run));
    if (state->phase_total > 0) {
      used = add_text(text, used, " %lld/%lld", (long long)state->phase_done, (long long)state->phase_total);
    }
    if (run->state.backend[0] != '\0') used = add_text(text, used, "  |  %s", run->state.backend);
    if (run->state.device[0] != '\0') used = add_text(text, used, " on %s", run->state.device);
  }
  const pl_background *job = pl_joblist_running(&app->joblist);
  if (job != NULL) {
    used = add_text(text, used, "  |  %s", job->name);
    if (isfinite(job->share)) used = add_text(text, used, " %.0f %%", 100.0 * job->share);
  }
  pl_canvas_fill(canvas, area, PL_STYLE_BAR);
  char graphics[48];
  graphics_words(graphics, sizeof graphics, app);
  const int right = pl_text_columns(graphics) + 1;
  pl_canvas_text(canvas, area.y, area.x, area.cols - right - 2, PL_STYLE_BAR, text);
  pl_canvas_text(canvas, area.y, area.x + area.cols - right, right, PL_STYLE_BAR, graphics);
}

// The commands that have a hint, as htop's bottom line: those for everywhere first.
typedef struct hint {
  const pl_cmd *cmd;
  char key[PL_KEY_NAME_SIZE];
  int x, cols;
} hint;

static size_t collect_hints(hint hints[HINTS_MAX], const pl_app *app, pl_area area) {
  int x = area.x;
  size_t count = 0;
  const char *screen = pl_app_place(app);
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < pl_cmd_count(); i++) {
      const pl_cmd *cmd = pl_cmd_at(i);
      const char *keys = pl_settings_keys(&app->settings, i);
      if (cmd->hint == NULL || keys == NULL || !pl_cmd_works_on(cmd, screen)) continue;
      if ((cmd->screen == NULL) != (pass == 0)) continue;
      // A screen may have another use for the key.
      if (pl_cmd_for_key(&app->settings, screen, pl_key_parse(keys, strcspn(keys, " "))) != cmd) continue;
      hint *one = &hints[count];
      *one = (hint){.cmd = cmd, .x = x};
      snprintf(one->key, sizeof one->key, "%.*s", (int)strcspn(keys, " "), keys);
      one->cols = pl_text_columns(one->key) + 2 + pl_text_columns(cmd->hint);
      if (x + one->cols + 1 > area.x + area.cols || ++count == HINTS_MAX) return count;
      x += one->cols;
    }
  }
  return count;
}

const pl_cmd *pl_frame_hint(const pl_app *app, int y, int x) {
  const pl_area area = pl_app_frame(app).prompt;
  hint hints[HINTS_MAX];
  const size_t count = y == area.y && app->message[0] == '\0' ? collect_hints(hints, app, area) : 0;
  for (size_t i = 0; i < count; i++) {
    if (x >= hints[i].x && x < hints[i].x + hints[i].cols) return hints[i].cmd;
  }
  return NULL;
}

void pl_frame_draw_hints(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  hint hints[HINTS_MAX];
  const size_t count = collect_hints(hints, app, area);
  for (size_t i = 0; i < count; i++) {
    const int key = pl_canvas_printf(canvas, area.y, hints[i].x, area.cols, PL_STYLE_STRONG, " %s ", hints[i].key);
    pl_canvas_text(canvas, area.y, hints[i].x + key, area.cols, PL_STYLE_BAR, hints[i].cmd->hint);
  }
}

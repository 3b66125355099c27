#include "tui/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "tui/cmd.h"
#include "tui/keymap.h"
#include "tui/loop.h"
#include "tui/screens/batch.h"
#include "tui/screens/data.h"
#include "tui/screens/folds.h"
#include "tui/screens/train.h"
#include "tui/script.h"

enum { JOB_THREADS = 2, STATUS_SIZE = 512, MESSAGE_SECONDS = 10 };

void pl_app_say(pl_app *app, const char *format, ...) {
  char text[PL_MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  pl_safe_text(app->message, sizeof app->message, text, strlen(text));
  app->message_bad = false;
  app->message_time = pl_clock_monotonic(&app->clock);
  app->dirty = true;
}

void pl_app_complain(pl_app *app, const pl_error *err) {
  pl_app_say(app, "%s", err->message);
  app->message_bad = true;
}

pl_frame_layout pl_app_frame(const pl_app *app) {
  const pl_caps *caps = pl_term_caps(app->term);
  return pl_layout_frame((int)caps->rows, (int)caps->columns);
}

pl_area pl_app_body(const pl_app *app) { return pl_app_frame(app).body; }

void *pl_app_self(pl_app *app, const char *screen) {
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (strcmp(pl_screens[i]->name, screen) == 0) return app->selves[i];
  }
  return NULL;
}

void pl_app_tell(pl_app *app, unsigned what) {
  if ((what & PL_CHANGED_LAYOUT) != 0) {
    app->format.caps = *pl_term_caps(app->term);
  }
  // What is wrong stays until the next key; what is only told does not.
  const bool old = pl_clock_monotonic(&app->clock) - app->message_time > MESSAGE_SECONDS;
  if ((what & PL_CHANGED_TIME) != 0 && old && !app->message_bad) app->message[0] = '\0';
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (app->selves[i] != NULL) pl_screens[i]->changed(app, app->selves[i], what);
  }
  app->dirty = true;
}

void pl_app_switch(pl_app *app, size_t screen) {
  if (screen >= pl_screen_count) return;
  app->active = screen;
  app->message[0] = '\0';
  pl_screens[screen]->changed(app, app->selves[screen], PL_CHANGED_LAYOUT);
  app->dirty = true;
}

void pl_app_key(pl_app *app, int key) {
  app->dirty = true;
  if (app->confirm.open) {
    pl_confirm_key(app, key);
    return;
  }
  if (app->prompt.open) {
    pl_prompt_key(app, key);
    return;
  }
  if (app->help.open) {
    pl_help_key(app, key);
    return;
  }
  app->message[0] = '\0';
  const pl_screen *screen = pl_screens[app->active];
  if (screen->key != NULL && screen->key(app, app->selves[app->active], key) == PL_KEY_HANDLED) return;
  const pl_cmd *cmd = pl_cmd_for_key(screen->name, key);
  if (cmd != NULL) {
    cmd->run(app, "");
    return;
  }
  char name[PL_KEY_NAME_SIZE];
  pl_key_name(name, key);
  if (key >= 32 && key != PL_KEY_ESCAPE) pl_app_say(app, "%s does nothing here; ? shows what does", name);
}

// ---- Drawing

static void draw_tabs(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  pl_canvas_fill(canvas, area, PL_STYLE_BAR);
  int x = area.x + pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_BAR, " pleura  ");
  for (size_t i = 0; i < pl_screen_count; i++) {
    const pl_style style = i == app->active ? PL_STYLE_BAR_ON : PL_STYLE_BAR;
    x += pl_canvas_printf(canvas, area.y, x, area.x + area.cols - x, style, " %zu %s ", i + 1, pl_screens[i]->title);
  }
  const char *path = app->model->workspace;
  if (path != NULL) {
    char safe[256];
    pl_safe_text(safe, sizeof safe - 1, path, strlen(path));
    const int room = area.x + area.cols - x - 3;
    // Of a long path the end says more than the beginning.
    const char *shown = safe;
    while (pl_text_columns(shown) > room && *shown != '\0') shown++;
    pl_canvas_right(canvas, area.y, x + 2, room, PL_STYLE_BAR, shown);
  }
}

static const char *graphics_name(const pl_app *app) {
  switch (app->format.graphics) {
    case PL_GRAPHICS_SIXEL: return "sixel";
    case PL_GRAPHICS_BLOCKS: return "blocks";
    default: return "text only";
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

static void draw_status(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  char text[STATUS_SIZE];
  const pl_model *model = app->model;
  size_t used = 0;
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
    used = add_text(text, used, "  |  %s %s", run->name, pl_train_phase_words(run));
    if (run->state.backend[0] != '\0') used = add_text(text, used, "  |  %s", run->state.backend);
    if (run->state.device[0] != '\0') used = add_text(text, used, " on %s", run->state.device);
  }
  pl_canvas_fill(canvas, area, PL_STYLE_BAR);
  const char *graphics = graphics_name(app);
  const int right = pl_text_columns(graphics) + 1;
  pl_canvas_text(canvas, area.y, area.x, area.cols - right - 2, PL_STYLE_BAR, text);
  pl_canvas_text(canvas, area.y, area.x + area.cols - right, right, PL_STYLE_BAR, graphics);
}

// The commands that have a hint, as htop's bottom line.
static void draw_hints(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  int x = area.x;
  const char *screen = pl_screens[app->active]->name;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < pl_cmd_count; i++) {
      const pl_cmd *cmd = &pl_cmds[i];
      if (cmd->hint == NULL || cmd->keys == NULL || !pl_cmd_works_on(cmd, screen)) continue;
      if ((cmd->screen == NULL) != (pass == 0)) continue;
      char key[PL_KEY_NAME_SIZE];
      snprintf(key, sizeof key, "%.*s", (int)strcspn(cmd->keys, " "), cmd->keys);
      if (x + pl_text_columns(key) + pl_text_columns(cmd->hint) + 3 > area.x + area.cols) return;
      x += pl_canvas_printf(canvas, area.y, x, area.cols, PL_STYLE_STRONG, " %s ", key);
      x += pl_canvas_printf(canvas, area.y, x, area.cols, PL_STYLE_BAR, "%s", cmd->hint);
    }
  }
}

void pl_app_draw(const pl_app *app, const pl_canvas *canvas) {
  const pl_frame_layout frame = pl_app_frame(app);
  if (frame.too_small) {
    const pl_area all = canvas->area;
    pl_canvas_printf(canvas, all.rows / 2, 0, all.cols, PL_STYLE_WARN, "Too small: %dx%d.", all.cols, all.rows);
    pl_canvas_printf(canvas, all.rows / 2 + 1, 0, all.cols, PL_STYLE_NORMAL, "It takes %dx%d. q quits.",
                     PL_SCREEN_MIN_COLS, PL_SCREEN_MIN_ROWS);
    return;
  }
  draw_tabs(app, canvas, frame.tabs);
  pl_screens[app->active]->draw(app, app->selves[app->active], canvas, frame.body);
  draw_status(app, canvas, frame.status);
  if (app->prompt.open) {
    pl_prompt_draw(app, canvas, frame.prompt);
  } else if (app->message[0] != '\0') {
    pl_canvas_text(canvas, frame.prompt.y, frame.prompt.x + 1, frame.prompt.cols - 1,
                   app->message_bad ? PL_STYLE_BAD : PL_STYLE_NORMAL, app->message);
  } else {
    draw_hints(app, canvas, frame.prompt);
  }
  if (app->help.open) pl_help_draw(app, canvas);
  if (app->confirm.open) pl_confirm_draw(app, canvas);
}

// ---- Beginning and end

static void choose_format(pl_app *app) {
  app->format.caps = *pl_term_caps(app->term);
  app->format.graphics = app->format.caps.graphics;
  app->format.colours = pl_term_colours(app->term) >= 256 ? PL_COLOURS_256 : PL_COLOURS_MONO;
}

static pl_status open_parts(pl_app *app, const pl_app_options *options, pl_error *err) {
  pl_status status = PL_OK;
  if (options->script != NULL) status = pl_script_load(&app->script, options->script, err);
  if (status == PL_OK) status = pl_model_create(&app->model, options->folder, err);
  if (status == PL_OK) status = pl_jobs_create(&app->jobs, JOB_THREADS, err);
  // Last, so that every message above reaches a normal terminal.
  if (status == PL_OK) status = pl_term_open(&app->term, err);
  return status;
}

static void say_farewell(const pl_app *app, pl_app_options *options) {
  const pl_run_view *run = app->model->run;
  if (app->ended_by != 0 || run == NULL || run->alive != PL_ALIVE_YES) return;
  snprintf(options->farewell, sizeof options->farewell, "The training %s goes on; 'pleura' shows it again.", run->name);
}

int pl_app_run(pl_app_options *options, pl_error *err) {
  pl_app app = {.clock = pl_clock_system(), .dirty = true};
  pl_status status = open_parts(&app, options, err);
  if (status == PL_OK) {
    app.slots = pl_imgslots_create();
    choose_format(&app);
    for (size_t i = 0; i < pl_screen_count; i++) app.selves[i] = pl_screens[i]->open(&app);
    pl_app_tell(&app, PL_CHANGED_LAYOUT | PL_CHANGED_CASES | PL_CHANGED_RUNS | PL_CHANGED_RUN);
    pl_loop_run(&app);
    say_farewell(&app, options);
    // Jobs first: what they still bring belongs to the screens.
    for (size_t i = 0; i < pl_screen_count; i++) pl_screens[i]->close(&app, app.selves[i]);
  }
  pl_jobs_destroy(app.jobs);
  pl_term_close(app.term);
  pl_imgslots_destroy(app.slots);
  pl_model_destroy(app.model);
  if (status == PL_OK && app.script != NULL) status = pl_script_result(app.script, err);
  pl_script_destroy(app.script);
  if (status != PL_OK) return pl_status_exit_code(status);
  return app.ended_by != 0 ? 128 + app.ended_by : 0;
}

const pl_screen *const pl_screens[] = {&pl_screen_data, &pl_screen_train, &pl_screen_batch, &pl_screen_folds};
const size_t pl_screen_count = sizeof pl_screens / sizeof pl_screens[0];

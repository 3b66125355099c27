#include "tui/app.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "tui/cmd.h"
#include "tui/frame.h"
#include "tui/keymap.h"
#include "tui/loop.h"
#include "tui/notify.h"
#include "tui/screens/batch.h"
#include "tui/screens/case.h"
#include "tui/screens/data.h"
#include "tui/screens/folds.h"
#include "tui/screens/label.h"
#include "tui/screens/log.h"
#include "tui/screens/review.h"
#include "tui/screens/runs.h"
#include "tui/screens/train.h"
#include "tui/script.h"
#include "tui/visit.h"
#include "tui/words.h"

enum { JOB_THREADS = 2, MESSAGE_SECONDS = 10 };

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
  return app->full ? pl_layout_full((int)caps->rows, (int)caps->columns)
                   : pl_layout_frame((int)caps->rows, (int)caps->columns);
}

pl_area pl_app_body(const pl_app *app) { return pl_app_frame(app).body; }

void *pl_app_self(pl_app *app, const char *screen) {
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (strcmp(pl_screens[i]->name, screen) == 0) return app->selves[i];
  }
  return NULL;
}

// A run that was alive at the last look, and is not any more.
static void notice_end(pl_app *app) {
  const pl_run_view *run = app->model->run;
  if (app->model->replay != NULL) return;  // it ended long ago
  const bool alive = run != NULL && run->alive == PL_ALIVE_YES;
  if (run != NULL && run->alive == PL_ALIVE_NO && strcmp(app->going, run->folder) == 0 &&
      pl_phase_is_over(run->state.phase)) {
    char words[PL_MESSAGE_SIZE / 2];
    pl_notify_words(words, sizeof words, run);
    pl_app_say(app, "%s", words);
    if (app->settings.bell) (void)pl_notify_bytes(app->bell, sizeof app->bell, getenv("TERM"), words);
  }
  (void)pl_copy_text(app->going, sizeof app->going, alive ? run->folder : "");
}

void pl_app_wake(pl_app *app, double seconds) { app->wake = pl_clock_monotonic(&app->clock) + seconds; }

void pl_app_ring(pl_app *app) {
  const char *bytes = app->bell;
  size_t left = strlen(bytes);
  while (left > 0) {
    const ssize_t n = write(STDOUT_FILENO, bytes, left);
    if (n <= 0) break;  // a terminal that takes nothing is not told
    bytes += n;
    left -= (size_t)n;
  }
  app->bell[0] = '\0';
}

void pl_app_tell(pl_app *app, unsigned what) {
  if ((what & PL_CHANGED_RUN) != 0) notice_end(app);
  if ((what & PL_CHANGED_LAYOUT) != 0) {
    app->format.caps = *pl_term_caps(app->term);
  }
  // What is wrong stays until the next key; what is only told does not.
  const bool old = pl_clock_monotonic(&app->clock) - app->message_time > MESSAGE_SECONDS;
  if ((what & PL_CHANGED_TIME) != 0 && old && !app->message_bad) app->message[0] = '\0';
  if ((what & PL_CHANGED_TIME) != 0) pl_joblist_update(app);
  if ((what & PL_CHANGED_LABELS) != 0 && app->model->labels_problem[0] != '\0') {
    pl_app_say(app, "%s", app->model->labels_problem);
    app->message_bad = true;
  }
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (app->selves[i] != NULL) pl_screens[i]->changed(app, app->selves[i], what);
  }
  app->dirty = true;
}

void pl_app_fill(pl_app *app, bool full) {
  app->full = full;
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

const char *pl_app_place(const pl_app *app) { return app->joblist.open ? "jobs" : pl_screens[app->active]->name; }

static void show(pl_app *app, size_t screen) {
  app->joblist.open = false;
  app->active = screen;
  app->full = false;
  app->message[0] = '\0';
  pl_screens[screen]->changed(app, app->selves[screen], PL_CHANGED_LAYOUT);
  app->dirty = true;
}

// as by a digit: nothing leads back from it
static void switch_to(pl_app *app, size_t screen) {
  if (screen >= pl_screen_count) return;
  app->came_count = 0;
  show(app, screen);
}

static size_t index_of(const pl_screen *screen) {
  size_t i = 0;
  while (i < pl_screen_count && pl_screens[i] != screen) i++;
  return i;
}

void pl_app_go(pl_app *app, const pl_screen *screen) { switch_to(app, index_of(screen)); }

void pl_app_open_screen(pl_app *app, const pl_screen *screen) {
  const size_t index = index_of(screen);
  // Coming to a screen again shortens the way back, so that it never goes round in a circle.
  size_t i = 0;
  while (i < app->came_count && app->came[i] != index) i++;
  if (i < app->came_count) {
    app->came_count = i;
  } else if (index != app->active) {
    app->came[app->came_count++] = app->active;
  }
  show(app, index);
}

void pl_app_back(pl_app *app) {
  if (app->full) {
    pl_app_fill(app, false);
  } else if (app->came_count > 0) {
    show(app, app->came[--app->came_count]);
  } else {
    pl_app_say(app, "nothing leads back from here; Q quits");
  }
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
  const bool own = !app->joblist.open && screen->key != NULL;
  if (own && screen->key(app, app->selves[app->active], key) == PL_KEY_HANDLED) return;
  const pl_cmd *cmd = pl_cmd_for_key(&app->settings, pl_app_place(app), key);
  if (cmd != NULL) {
    pl_cmd_run(app, cmd, "");
    return;
  }
  char name[PL_KEY_NAME_SIZE];
  pl_key_name(name, key);
  if (key >= 32 && key != PL_KEY_ESCAPE) pl_app_say(app, "%s does nothing here; ? shows what does", name);
}

// ---- Mouse

void pl_app_mouse(pl_app *app, const pl_mouse *event) {
  app->dirty = true;
  if (app->confirm.open || app->prompt.open) return;
  if (app->help.open) {
    if (event->kind == PL_MOUSE_WHEEL_UP) pl_help_key(app, PL_KEY_UP);
    if (event->kind == PL_MOUSE_WHEEL_DOWN) pl_help_key(app, PL_KEY_DOWN);
    return;
  }
  const pl_frame_layout frame = pl_app_frame(app);
  if (frame.too_small) return;
  const bool click = event->kind == PL_MOUSE_PRESS && event->button == 1;
  const int tab = click ? pl_frame_tab(app, event->y, event->x) : -1;
  const pl_cmd *hint = click ? pl_frame_hint(app, event->y, event->x) : NULL;
  if (tab >= 0) {
    switch_to(app, (size_t)tab);
  } else if (hint != NULL) {
    pl_cmd_run(app, hint, "");
  } else if (app->joblist.open) {
    if (event->kind == PL_MOUSE_WHEEL_UP) pl_joblist_previous(app, "");
    if (event->kind == PL_MOUSE_WHEEL_DOWN) pl_joblist_next(app, "");
  } else if (pl_screens[app->active]->mouse != NULL) {
    // Also outside of the body: a drag may leave it and ends where the button is let go.
    pl_screens[app->active]->mouse(app, app->selves[app->active], event);
  }
}

// ---- Drawing

void pl_app_draw(const pl_app *app, const pl_canvas *canvas) {
  const pl_frame_layout frame = pl_app_frame(app);
  if (frame.too_small) {
    const pl_area all = canvas->area;
    pl_canvas_printf(canvas, all.rows / 2, 0, all.cols, PL_STYLE_WARN, "Too small: %dx%d.", all.cols, all.rows);
    pl_canvas_printf(canvas, all.rows / 2 + 1, 0, all.cols, PL_STYLE_NORMAL, "It takes %dx%d. Q quits.",
                     PL_SCREEN_MIN_COLS, PL_SCREEN_MIN_ROWS);
    return;
  }
  if (!app->full) pl_frame_draw_tabs(app, canvas, frame.tabs);
  pl_screens[app->active]->draw(app, app->selves[app->active], canvas, frame.body);
  if (!app->full) pl_frame_draw_status(app, canvas, frame.status);
  if (app->prompt.open) {
    pl_prompt_draw(app, canvas, frame.prompt);
  } else if (app->message[0] != '\0') {
    pl_canvas_text(canvas, frame.prompt.y, frame.prompt.x + 1, frame.prompt.cols - 1,
                   app->message_bad ? PL_STYLE_BAD : PL_STYLE_NORMAL, app->message);
  } else {
    pl_frame_draw_hints(app, canvas, frame.prompt);
  }
  if (app->joblist.open) pl_joblist_draw(app, canvas);
  if (app->help.open) pl_help_draw(app, canvas);
  if (app->confirm.open) pl_confirm_draw(app, canvas);
}

// ---- Beginning and end

void pl_app_use_theme(pl_app *app) {
  const bool few = strcmp(app->settings.theme, "16") == 0 || strcmp(app->settings.theme, "mono") == 0;
  const bool many = pl_term_colours(app->term) >= 256 && !few && app->format.graphics != PL_GRAPHICS_ASCII;
  app->format.colours = many ? PL_COLOURS_256 : PL_COLOURS_MONO;
  pl_term_set_theme(app->term, app->settings.theme);
  pl_term_repaint(app->term, app->slots);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

static void choose_format(pl_app *app) {
  app->format.caps = *pl_term_caps(app->term);
  app->format.graphics = app->format.caps.graphics;
  pl_app_use_theme(app);
}

// What is wrong with the user's own file is said in the workbench, which works without it.
static void read_settings(pl_app *app) {
  app->settings = pl_settings_default();
  char *path = pl_settings_path();
  pl_error err = {0};
  if (path != NULL && pl_settings_read(&app->settings, path, &err) != PL_OK) pl_app_complain(app, &err);
  free(path);
  if (app->settings.graphics[0] != '\0') setenv("PLEURA_GRAPHICS", app->settings.graphics, 0);
}

static void choose_labels(pl_app *app, const char *name) {
  pl_label_choice labels;
  if (pl_label_choice_find(&labels, name)) (void)pl_tui_model_choose_labels(app->model, labels);
}

// How there could be real pixels is said once, where there are none; a script's dumps are not about that.
static void tell_graphics(pl_app *app) {
  const pl_graphics graphics = app->format.graphics;
  if (app->script != NULL || app->message[0] != '\0' || graphics == PL_GRAPHICS_SIXEL) return;
  pl_app_say(app, "no real pixels here (%s): 'pleura caps' says why, and how to have them",
             graphics == PL_GRAPHICS_NONE ? "text only" : pl_graphics_name(graphics));
}

// What happened since one was here last.
static void say_since_visit(pl_app *app) {
  char words[PL_MESSAGE_SIZE];
  pl_visit_words(words, sizeof words, app->model->run, app->last_visit, pl_clock_wall(&app->clock));
  if (words[0] != '\0') pl_app_say(app, "%s %s", app->model->run->name, words);
  app->last_visit = (double)NAN;
}

// A long journal was read.
static void model_changed(void *context, unsigned what) {
  pl_app *app = context;
  pl_app_tell(app, what);
  if (isfinite(app->last_visit)) say_since_visit(app);
}

static pl_status open_parts(pl_app *app, const pl_app_options *options, pl_error *err) {
  pl_status status = PL_OK;
  if (options->script != NULL) status = pl_script_load(&app->script, options->script, err);
  if (status == PL_OK) status = pl_jobs_create(&app->jobs, JOB_THREADS, err);
  const pl_tui_model_listener listener = {model_changed, app};
  if (status == PL_OK) status = pl_tui_model_create(&app->model, options->folder, app->jobs, listener, err);
  if (status == PL_OK) read_settings(app);
  if (status == PL_OK) choose_labels(app, options->labels != NULL ? options->labels : app->settings.labels);
  if (status == PL_OK) status = pl_imgslots_create(&app->slots, app->settings.greys, err);
  // Last, so that every message above reaches a normal terminal.
  if (status == PL_OK) status = pl_term_open(&app->term, err);
  return status;
}

static void say_run(char *out, size_t size, const pl_run_view *run) {
  char epoch[48] = "", left[48] = "";
  if (run->state.epoch >= 0 && run->state.epochs >= 0) {
    snprintf(epoch, sizeof epoch, ", epoch %" PRId64 "/%" PRId64, run->state.epoch, run->state.epochs);
  }
  if (isfinite(run->state.eta)) {
    char words[32];
    pl_words_duration(words, sizeof words, run->state.eta);
    snprintf(left, sizeof left, ", ETA %s", words);
  }
  snprintf(out, size, "%s trains on%s%s. Back: pleura   Stop: pleura stop %s", run->name, epoch, left, run->name);
}

// What goes on without the workbench, a line each.
// With a run that is going one is there at once, and told what happened since one was here last.
static void greet(pl_app *app) {
  const pl_tui_model *model = app->model;
  if (model->workspace == NULL) return;
  app->last_visit = pl_visit_last(model->workspace);
  pl_visit_note(model->workspace, pl_clock_wall(&app->clock));
  const pl_run_view *run = model->run;
  if (run != NULL && run->alive == PL_ALIVE_YES) pl_app_go(app, &pl_screen_train);
  if (isnan(model->journal_share)) say_since_visit(app);  // else when the journal has been read
}

static void say_farewell(const pl_app *app, pl_app_options *options) {
  const pl_run_view *run = app->model->run;
  const pl_background *job = pl_joblist_running(&app->joblist);
  if (app->ended_by != 0) return;
  const bool trains = run != NULL && run->alive == PL_ALIVE_YES;
  if (trains) say_run(options->farewell, sizeof options->farewell, run);
  if (job == NULL) return;
  const size_t used = strlen(options->farewell);
  snprintf(options->farewell + used, sizeof options->farewell - used,
           "%s%s goes on%s%s. Back: pleura   Stop: pleura jobs cancel %s", trains ? "\n" : "", job->name,
           job->words[0] != '\0' ? ", " : "", job->words, job->name);
}

int pl_app_run(pl_app_options *options, pl_error *err) {
  pl_app app = {.clock = pl_clock_system(), .dirty = true, .last_visit = (double)NAN};
  pl_status status = open_parts(&app, options, err);
  if (status == PL_OK) {
    if (app.script != NULL) pl_imgslots_steady(app.slots);
    choose_format(&app);
    pl_term_set_mouse(app.term, app.settings.mouse);
    for (size_t i = 0; i < pl_screen_count; i++) app.selves[i] = pl_screens[i]->open(&app);
    pl_app_tell(&app, PL_CHANGED_LAYOUT | PL_CHANGED_CASES | PL_CHANGED_RUNS | PL_CHANGED_RUN);
    // A script begins on the first screen, whatever goes on.
    if (app.script == NULL && app.message[0] == '\0') greet(&app);
    tell_graphics(&app);
    pl_loop_run(&app);
    (void)pl_tui_model_replay_end(app.model);
    if (app.model->workspace != NULL) pl_visit_note(app.model->workspace, pl_clock_wall(&app.clock));
    say_farewell(&app, options);
    // Jobs first: what they still bring belongs to the screens.
    for (size_t i = 0; i < pl_screen_count; i++) pl_screens[i]->close(&app, app.selves[i]);
  }
  pl_tui_model_destroy(app.model);
  pl_jobs_destroy(app.jobs);
  pl_term_close(app.term);
  pl_imgslots_destroy(app.slots);
  pl_prompt_close(&app);
  pl_joblist_clear(&app.joblist);
  pl_settings_clear(&app.settings);
  if (status == PL_OK && app.script != NULL) status = pl_script_result(app.script, err);
  pl_script_destroy(app.script);
  if (status != PL_OK) return pl_status_exit_code(status);
  return app.ended_by != 0 ? 128 + app.ended_by : 0;
}

const pl_screen *const pl_screens[] = {&pl_screen_data,  &pl_screen_case,   &pl_screen_folds,
                                       &pl_screen_train, &pl_screen_runs,   &pl_screen_log,
                                       &pl_screen_batch, &pl_screen_review, &pl_screen_label};
const size_t pl_screen_count = sizeof pl_screens / sizeof pl_screens[0];

// A run once more: how fast, where, and what the head says.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "tui/screens/train_private.h"

enum { WORDS_SIZE = 256 };

static const double speed_default = 60, speed_least = 1.0 / 16, speed_most = 1 << 20;
static const double frame_seconds = 0.1, stall_seconds = 1;

// ---- Playing

static void go(pl_train *self, double time) {
  pl_app *app = self->app;
  self->went_at = pl_clock_monotonic(&app->clock);
  const unsigned changed = pl_tui_model_replay_go(app->model, time);
  if (changed != 0) pl_app_tell(app, changed);
  if (app->model->replay != NULL && !self->rests && !pl_replay_is_over(app->model->replay)) {
    pl_app_wake(app, frame_seconds);
  }
}

void pl_train_replay_frame(pl_train *self) {
  const pl_replay *replay = self->app->model->replay;
  if (replay == NULL || self->rests) return;
  // A workbench that was held up does not leap.
  const double passed = fmin(pl_clock_monotonic(&self->app->clock) - self->went_at, stall_seconds);
  go(self, pl_replay_time(replay) + self->speed * passed);
}

bool pl_train_replay_leave(pl_train *self) {
  pl_app *app = self->app;
  const unsigned changed = pl_tui_model_replay_end(app->model);
  if (changed == 0) return false;
  pl_app_tell(app, changed);
  pl_app_say(app, "the replay has ended: this is %s as it is now", app->model->run->name);
  return true;
}

void pl_train_replay_words(char *out, size_t size, const pl_train *self) {
  const pl_replay *replay = self->app->model->replay;
  out[0] = '\0';
  if (replay == NULL) return;
  const pl_run_state *state = &pl_replay_view(replay)->state;
  char epoch[64] = "";
  if (state->epoch >= 0 && state->epochs >= 0) {
    (void)snprintf(epoch, sizeof epoch, " epoch %" PRId64 "/%" PRId64, state->epoch, state->epochs);
  }
  (void)snprintf(out, size, "REPLAY %.4gx%s%s", self->speed, epoch,
                 pl_replay_is_over(replay) ? ", at its end"
                 : self->rests             ? ", resting"
                                           : "");
}

bool pl_train_replay_refuses(pl_train *self) {
  pl_app *app = self->app;
  if (app->model->replay == NULL) return false;
  pl_app_say(app, "this is what %s was, played once more, which nothing changes; Esc goes back to what it is now",
             app->model->run->name);
  app->message_bad = true;
  return true;
}

// ---- Commands

static bool is_playing(pl_app *app) {
  if (app->model->replay != NULL) return true;
  pl_app_say(app, "nothing is being played; A plays the run's journal");
  return false;
}

// "20", "20x", "0.5"; at least 0.
static bool read_speed(double *out, const char *text) {
  size_t length = strlen(text);
  if (length > 1 && text[length - 1] == 'x') length--;
  return pl_parse_double(out, text, length) && isfinite(*out) && *out >= 0;
}

// Cuts the speed off the end of "RUN 20x", if there is one.
static void cut_speed(char *words, double *speed) {
  char *last = strrchr(words, ' ');
  if (read_speed(speed, last != NULL ? last + 1 : words)) *(last != NULL ? last : words) = '\0';
}

void pl_train_replay(pl_app *app, const char *args) {
  pl_train *self = pl_train_of(app);
  char words[WORDS_SIZE];
  double speed = speed_default;
  pl_error err = {0};
  if (strcmp(args, "off") == 0 || (args[0] == '\0' && app->model->replay != NULL)) {
    (void)pl_train_replay_leave(self);
    return;
  }
  (void)pl_copy_text(words, sizeof words, args);
  for (size_t n = strlen(words); n > 0 && words[n - 1] == ' '; n--) words[n - 1] = '\0';
  cut_speed(words, &speed);
  if (!pl_train_choose(app, words)) return;
  if (pl_tui_model_replay(app->model, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  self->form_open = false;
  self->rests = false;
  self->speed = fmin(fmax(speed, speed_least), speed_most);
  pl_app_go(app, &pl_screen_train);
  pl_app_tell(app, PL_CHANGED_RUNS | PL_CHANGED_RUN);
  // At once means that it has been played.
  go(self, speed > 0 ? pl_replay_first(app->model->replay) : pl_replay_last(app->model->replay));
}

void pl_train_replay_pause(pl_app *app, const char *args) {
  (void)args;
  if (!is_playing(app)) return;
  pl_train *self = pl_train_of(app);
  self->rests = !self->rests;
  // From its end it begins again.
  const pl_replay *replay = app->model->replay;
  const bool over = pl_replay_is_over(replay);
  if (over) self->rests = false;
  go(self, over ? pl_replay_first(replay) : pl_replay_time(replay));
}

static void change_speed(pl_app *app, double factor) {
  if (!is_playing(app)) return;
  pl_train *self = pl_train_of(app);
  self->speed = fmin(fmax(self->speed * factor, speed_least), speed_most);
}

void pl_train_replay_faster(pl_app *app, const char *args) { (void)args, change_speed(app, 2); }

void pl_train_replay_slower(pl_app *app, const char *args) { (void)args, change_speed(app, 0.5); }

static void leap(pl_app *app, int by) {
  if (is_playing(app)) go(pl_train_of(app), pl_replay_epoch(app->model->replay, by));
}

void pl_train_replay_back(pl_app *app, const char *args) { (void)args, leap(app, -1); }

void pl_train_replay_forward(pl_app *app, const char *args) { (void)args, leap(app, 1); }

void pl_train_replay_first(pl_app *app, const char *args) {
  (void)args;
  if (is_playing(app)) go(pl_train_of(app), pl_replay_first(app->model->replay));
}

void pl_train_replay_last(pl_app *app, const char *args) {
  (void)args;
  if (is_playing(app)) go(pl_train_of(app), pl_replay_last(app->model->replay));
}

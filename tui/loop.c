#include "tui/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "tui/app.h"
#include "tui/keymap.h"
#include "tui/script.h"

enum {
  TICK_MS = 1000,      // folders are looked at this often even when inotify says nothing (network file systems)
  QUIET_MS = 100,      // after a look that inotify asked for: a burst of writes is one look
  SLOW_LINK_MS = 250,  // when an answer of the terminal may never come
  SCRIPT_MS = 5,
};

typedef struct loop_state {
  double next_tick, quiet_until;
  bool folders_changed, picture_due;
} loop_state;

static double now_of(const pl_app *app) { return pl_clock_monotonic(&app->clock); }

static int soonest(int a, int b) {
  if (a < 0) return b;
  if (b < 0) return a;
  return a < b ? a : b;
}

static int milliseconds_until(double now, double then) {
  const double left = (then - now) * 1000.0;
  return left <= 0.0 ? 0 : (int)left + 1;
}

static void take_keys(pl_app *app) {
  if (!pl_term_read(app->term)) {
    app->ended_by = SIGHUP;
    app->quit = true;
  }
  for (int key; !app->quit && (key = pl_term_key(app->term)) != PL_KEY_NONE;) pl_app_key(app, key);
  for (pl_mouse event; !app->quit && pl_term_mouse(app->term, &event);) pl_app_mouse(app, &event);
}

static void take_signals(pl_app *app) {
  const pl_term_events events = pl_term_take_events(app->term);
  if (events.ended_by != 0) {
    app->ended_by = events.ended_by;
    app->quit = true;
    return;
  }
  if (events.suspend) {
    pl_term_suspend(app->term, app->slots);
    pl_app_tell(app, PL_CHANGED_LAYOUT);
  }
  if (events.resized) {
    // Terminals clear pictures on a resize even when the number of cells ends up the same.
    pl_term_resize(app->term);
    pl_term_repaint(app->term, app->slots);
    pl_app_tell(app, PL_CHANGED_LAYOUT);
  }
}

static void look_at_folders(pl_app *app, loop_state *state, double now) {
  const bool tick = now >= state->next_tick;
  if (!tick && !(state->folders_changed && now >= state->quiet_until)) return;
  unsigned changed = pl_tui_model_update(app->model);
  if (tick) {
    changed |= PL_CHANGED_TIME;
    state->next_tick = now + TICK_MS / 1000.0;
  }
  state->folders_changed = false;
  state->quiet_until = now + QUIET_MS / 1000.0;
  if (changed != 0) pl_app_tell(app, changed);
}

static void wake(pl_app *app, double now) {
  if (app->wake <= 0 || now < app->wake) return;
  app->wake = 0;
  pl_app_tell(app, PL_CHANGED_FRAME);
}

static void present(pl_app *app, loop_state *state) {
  if (!pl_term_ready(app->term) || (!app->dirty && !state->picture_due)) return;
  pl_app_ring(app);
  pl_imgslots_begin(app->slots);
  const pl_canvas canvas = pl_term_canvas(app->term, app->slots);
  pl_app_draw(app, &canvas);
  const pl_quality before = pl_imgslots_quality(app->slots);
  state->picture_due = !pl_term_present(app->term, app->slots);
  // The status line says how good the picture is.
  app->dirty = !pl_quality_equal(before, pl_imgslots_quality(app->slots));
}

static int timeout_of(const pl_app *app, const loop_state *state, double now) {
  int timeout = milliseconds_until(now, state->next_tick);
  timeout = soonest(timeout, pl_term_wait(app->term));
  if (state->folders_changed) timeout = soonest(timeout, milliseconds_until(now, state->quiet_until));
  if (state->picture_due) {
    timeout = soonest(timeout, SLOW_LINK_MS);
    timeout = soonest(timeout, pl_imgslots_wait(app->slots, now));
  }
  if (app->wake > 0) timeout = soonest(timeout, milliseconds_until(now, app->wake));
  if (app->script != NULL) timeout = soonest(timeout, SCRIPT_MS);
  return timeout;
}

void pl_loop_run(pl_app *app) {
  loop_state state = {0};
  enum { KEYS, SIGNALS, JOBS, ENCODER, OUTPUT, FOLDERS, COUNT };
  struct pollfd fds[COUNT] = {
      [KEYS] = {.fd = pl_term_input_fd(app->term), .events = POLLIN},
      [SIGNALS] = {.fd = pl_term_signal_fd(app->term), .events = POLLIN},
      [JOBS] = {.fd = pl_jobs_fd(app->jobs), .events = POLLIN},
      [ENCODER] = {.fd = pl_imgslots_fd(app->slots), .events = POLLIN},
      [FOLDERS] = {.fd = pl_tui_model_fd(app->model), .events = POLLIN},  // a negative one is skipped by poll
  };
  state.next_tick = now_of(app) + TICK_MS / 1000.0;
  while (!app->quit) {
    present(app, &state);
    // While a look is being held back, the folders' descriptor would only wake us over and over.
    fds[FOLDERS].fd = state.folders_changed ? -1 : pl_tui_model_fd(app->model);
    fds[OUTPUT] = (struct pollfd){.fd = pl_term_output_fd(app->term), .events = POLLOUT};
    const int ready = poll(fds, COUNT, timeout_of(app, &state, now_of(app)));
    if (ready < 0 && errno != EINTR) {
      app->ended_by = SIGHUP;
      return;
    }
    if (ready > 0) {
      if (fds[SIGNALS].revents != 0) take_signals(app);
      if (app->quit) return;
      if (fds[JOBS].revents != 0 && pl_jobs_collect(app->jobs) > 0) app->dirty = true;
      if (fds[ENCODER].revents != 0) pl_imgslots_collect(app->slots);
      if (fds[FOLDERS].revents != 0) state.folders_changed = true;
    }
    // Also without input: an Escape alone becomes a key when nothing follows it.
    if ((ready > 0 && fds[KEYS].revents != 0) || pl_term_wait(app->term) >= 0) take_keys(app);
    if (app->script != NULL && !app->quit) pl_script_step(app->script, app);
    if (!app->quit) look_at_folders(app, &state, now_of(app));
    if (!app->quit) wake(app, now_of(app));
  }
}

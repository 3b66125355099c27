#include "core/run/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

enum { BEAT_SECONDS = 2 };

struct pl_heartbeat {
  char *folder;
  pl_clock clock;
  double start;
  uint64_t count;  // this and the meter are the thread's alone, as long as it runs
  pl_load_meter *meter;
  pthread_t thread;
  pthread_mutex_t mutex;  // guards state, load, stop and urgent
  pthread_cond_t wake;
  pl_run_state state;
  pl_load load;  // that nobody has asked for yet
  bool stop, urgent;
};

static void write_state(pl_heartbeat *h, pl_run_state state) {
  state.heartbeat = ++h->count;
  state.time = pl_clock_wall(&h->clock);
  state.elapsed = pl_clock_monotonic(&h->clock) - h->start;
  state.load = pl_load_meter_read(h->meter);
  (void)pthread_mutex_lock(&h->mutex);
  h->load = state.load;
  (void)pthread_mutex_unlock(&h->mutex);
  (void)pl_run_state_save(&state, h->folder, NULL);
}

static void *beat(void *context) {
  pl_heartbeat *h = context;
  (void)pthread_mutex_lock(&h->mutex);
  while (!h->stop) {
    pl_run_state state = h->state;
    h->urgent = false;
    (void)pthread_mutex_unlock(&h->mutex);
    write_state(h, state);
    (void)pthread_mutex_lock(&h->mutex);
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += BEAT_SECONDS;
    int result = 0;
    while (!h->stop && !h->urgent && result != ETIMEDOUT) {
      result = pthread_cond_timedwait(&h->wake, &h->mutex, &until);
    }
  }
  (void)pthread_mutex_unlock(&h->mutex);
  return NULL;
}

pl_status pl_heartbeat_start(pl_heartbeat **out, const char *folder, int device, const pl_run_state *first,
                             pl_error *err) {
  pl_heartbeat *h = pl_xcalloc(1, sizeof *h);
  h->folder = pl_xstrdup(folder);
  h->clock = pl_clock_system();
  h->start = pl_clock_monotonic(&h->clock);
  h->state = *first;
  h->load = pl_load_unknown();
  h->meter = pl_load_meter_create(device);
  // A resumed run goes on counting, so that a watcher sees the number change.
  pl_run_state before;
  if (pl_run_state_load(&before, folder, NULL) == PL_OK) h->count = before.heartbeat;
  pthread_condattr_t attributes;
  (void)pthread_condattr_init(&attributes);
  (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&h->wake, &attributes);
  (void)pthread_condattr_destroy(&attributes);
  (void)pthread_mutex_init(&h->mutex, NULL);
  int failed = pthread_create(&h->thread, NULL, beat, h);
  if (failed != 0) {
    (void)pthread_cond_destroy(&h->wake);
    (void)pthread_mutex_destroy(&h->mutex);
    pl_load_meter_destroy(h->meter);
    free(h->folder);
    free(h);
    return pl_fail(err, PL_E_LIMIT, "cannot start a thread (error %d)", failed);
  }
  *out = h;
  return PL_OK;
}

void pl_heartbeat_set(pl_heartbeat *h, const pl_run_state *state) {
  (void)pthread_mutex_lock(&h->mutex);
  if (state->phase != h->state.phase) {
    h->urgent = true;
    (void)pthread_cond_signal(&h->wake);
  }
  h->state = *state;
  (void)pthread_mutex_unlock(&h->mutex);
}

pl_load pl_heartbeat_new_load(pl_heartbeat *h) {
  (void)pthread_mutex_lock(&h->mutex);
  const pl_load load = h->load;
  h->load = pl_load_unknown();
  (void)pthread_mutex_unlock(&h->mutex);
  return load;
}

void pl_heartbeat_stop(pl_heartbeat *h) {
  if (h == NULL) return;
  (void)pthread_mutex_lock(&h->mutex);
  h->stop = true;
  (void)pthread_cond_signal(&h->wake);
  (void)pthread_mutex_unlock(&h->mutex);
  (void)pthread_join(h->thread, NULL);
  write_state(h, h->state);
  (void)pthread_cond_destroy(&h->wake);
  (void)pthread_mutex_destroy(&h->mutex);
  pl_load_meter_destroy(h->meter);
  free(h->folder);
  free(h);
}

#include "core/base/clock.h"

#include <time.h>

static double read_clock(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t) != 0) return 0.0;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double system_monotonic(void *context) {
  (void)context;
  return read_clock(CLOCK_MONOTONIC);
}

static double system_wall(void *context) {
  (void)context;
  return read_clock(CLOCK_REALTIME);
}

pl_clock pl_clock_system(void) {
  return (pl_clock){.monotonic = system_monotonic, .wall = system_wall, .context = NULL};
}

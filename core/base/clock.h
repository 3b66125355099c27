// Time, replaceable in tests. Durations and order come from the monotonic clock; the wall clock is only shown.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_clock {
  double (*monotonic)(void *context);  // seconds since some fixed moment, never going back
  double (*wall)(void *context);       // seconds since 1970-01-01 UTC
  void *context;
} pl_clock;

// The system's clocks.
pl_clock pl_clock_system(void);

static inline double pl_clock_monotonic(const pl_clock *clock) { return clock->monotonic(clock->context); }
static inline double pl_clock_wall(const pl_clock *clock) { return clock->wall(clock->context); }

#ifdef __cplusplus
}
#endif

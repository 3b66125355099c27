#include "tests/bench/tap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"

enum { PRESSES = 31 };

double tap_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void tap_fail(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

void tap_rate(tap *t, double rate) {
  t->rate = rate;
  t->begun = tap_now();
  t->taken = 0;
}

void tap_pump(tap *t, double seconds) {
  const double end = tap_now() + seconds;
  for (double time = tap_now(); time < end; time = tap_now()) {
    if (t->rate <= 0) {
      pty_take(&t->p, SIZE_MAX, (int)((end - time) * 1000) + 1);
      return;
    }
    const double room = (time - t->begun) * t->rate - (double)t->taken;
    // What was not used in time is lost, as on a wire.
    if (room > t->rate * 0.02) t->taken += (size_t)(room - t->rate * 0.02);
    if (room < 512) {
      usleep(1000);
      continue;
    }
    const size_t count = pty_take(&t->p, (size_t)room, 1);
    t->taken += count;
    if (count > 0) return;
  }
}

bool tap_wait(tap *t, size_t count) {
  const double end = tap_now() + TAP_PATIENCE;
  while (t->p.arrived < count && tap_now() < end) tap_pump(t, 0.02);
  return t->p.arrived >= count;
}

void tap_rest(tap *t, double seconds) {
  const double end = tap_now() + seconds;
  while (tap_now() < end) tap_pump(t, 0.02);
}

void tap_settle(tap *t) {
  double quiet = tap_now();
  for (size_t before = t->p.arrived; tap_now() - quiet < 0.6; before = t->p.arrived) {
    tap_pump(t, 0.02);
    if (t->p.arrived != before) quiet = tap_now();
  }
}

void tap_start(tap *t, const char *pleura, const char *workspace, int columns, int rows) {
  const char *const argv[] = {pleura, "-C", workspace, NULL};
  *t = (tap){0};
  pty_start(&t->p, PTY_VT340, columns, rows, "xterm-256color", argv);
}

double tap_processor_seconds(pid_t child) {
  char *path = pl_xprintf("/proc/%d/stat", (int)child), text[1024];
  FILE *file = fopen(path, "r");
  free(path);
  if (file == NULL) return 0;
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  unsigned long user = 0, system = 0;
  const char *rest_of = strrchr(text, ')');
  if (rest_of == NULL ||
      sscanf(rest_of + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
    return 0;
  }
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void tap_report(const char *what, double *seconds, size_t count, double processor, size_t bytes) {
  qsort(seconds, count, sizeof *seconds, compare);
  printf("%-40s median %6.1f ms  best %6.1f  90 %% %6.1f  most %6.1f  processor %5.1f  %7zu bytes\n", what,
         1e3 * seconds[count / 2], 1e3 * seconds[0], 1e3 * seconds[count * 9 / 10], 1e3 * seconds[count - 1],
         1e3 * processor / (double)count, bytes);
}

void tap_measure(tap *t, const char *what, const char *const *keys, size_t key_count) {
  double seconds[PRESSES];
  size_t bytes = 0;
  const double processor = tap_processor_seconds(t->p.child);
  for (size_t i = 0; i < PRESSES; i++) {
    const size_t before = t->p.arrived, length = t->p.output.length;
    const double begin = tap_now();
    pty_type(&t->p, keys[i % key_count]);
    if (!tap_wait(t, before + 1)) tap_fail("a key brought no picture");
    seconds[i] = tap_now() - begin;
    bytes = t->p.output.length - length > bytes ? t->p.output.length - length : bytes;
    tap_settle(t);
    pl_buf_reset(&t->p.output);
    t->p.answered = 0;
  }
  tap_report(what, seconds, PRESSES, tap_processor_seconds(t->p.child) - processor, bytes);
}

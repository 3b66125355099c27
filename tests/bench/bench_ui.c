// How the workbench feels, on a pseudo terminal that answers as one with sixel and cells of 10x20 pixels:
//   bench_ui PLEURA WORKSPACE LARGE_WORKSPACE
// `ui` beside it makes the workspaces. A picture has arrived when the question behind its last byte was read.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "tests/screens/pty.h"

enum { COLUMNS = 54, ROWS = 31, PRESSES = 31, PATIENCE = 20 };

static const double network = 5e6 / 8;  // bytes a second

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  fprintf(stderr, "bench_ui: %s\n", what);
  exit(1);
}

// A terminal that takes `rate` bytes a second, or all at once for 0.
typedef struct tap {
  pty p;
  double rate, begun;
  size_t taken;
} tap;

static void tap_rate(tap *t, double rate) {
  t->rate = rate;
  t->begun = now();
  t->taken = 0;
}

static void pump(tap *t, double seconds) {
  const double end = now() + seconds;
  for (double time = now(); time < end; time = now()) {
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

static bool wait_arrived(tap *t, size_t count) {
  const double end = now() + PATIENCE;
  while (t->p.arrived < count && now() < end) pump(t, 0.02);
  return t->p.arrived >= count;
}

static void rest(tap *t, double seconds) {
  const double end = now() + seconds;
  while (now() < end) pump(t, 0.02);
}

// Until nothing has come for longer than a moment (imgslot.c), so that every press is a single one.
static void settle(tap *t) {
  double quiet = now();
  for (size_t before = t->p.arrived; now() - quiet < 0.6; before = t->p.arrived) {
    pump(t, 0.02);
    if (t->p.arrived != before) quiet = now();
  }
}

static void start(tap *t, const char *pleura, const char *workspace, int columns, int rows) {
  const char *const argv[] = {pleura, "-C", workspace, NULL};
  *t = (tap){0};
  pty_start(&t->p, PTY_VT340, columns, rows, "xterm-256color", argv);
}

// The Case screen with its first picture at rest.
static void open_case(tap *t, const char *pleura, const char *workspace) {
  start(t, pleura, workspace, COLUMNS, ROWS);
  if (!pty_run(&t->p, " cases ", PATIENCE)) fail("the workbench does not start");
  pty_type(&t->p, ":case 2\r");
  if (!wait_arrived(t, 1)) fail("no picture came");
  settle(t);
}

static double processor_seconds(pid_t child) {
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

// `processor`: seconds of the processor that all of them took, which other work on the machine distorts less.
static void report(const char *what, double *seconds, size_t count, double processor, size_t bytes) {
  qsort(seconds, count, sizeof *seconds, compare);
  printf("%-40s median %6.1f ms  best %6.1f  90 %% %6.1f  processor %5.1f  %7zu bytes\n", what,
         1e3 * seconds[count / 2], 1e3 * seconds[0], 1e3 * seconds[count * 9 / 10], 1e3 * processor / (double)count,
         bytes);
}

// From the press to the picture's last byte.
static void measure_key(tap *t, const char *what, const char *key) {
  double seconds[PRESSES];
  size_t bytes = 0;
  const double processor = processor_seconds(t->p.child);
  for (size_t i = 0; i < PRESSES; i++) {
    const size_t before = t->p.arrived, length = t->p.output.length;
    const double begin = now();
    pty_type(&t->p, key);
    if (!wait_arrived(t, before + 1)) fail("a key brought no picture");
    seconds[i] = now() - begin;
    bytes = t->p.output.length - length > bytes ? t->p.output.length - length : bytes;
    settle(t);
    pl_buf_reset(&t->p.output);
    t->p.answered = 0;
  }
  report(what, seconds, PRESSES, processor_seconds(t->p.child) - processor, bytes);
}

// The left button moves 100 times a second; what counts is the pictures that arrive.
static void measure_drag(tap *t, const char *what, double rate) {
  enum { MOVES = 400 };
  tap_rate(t, rate);
  pty_type(&t->p, "\x1b[<0;250;250M");
  rest(t, 0.5);
  const size_t before = t->p.arrived, bytes = t->p.output.length;
  const double begin = now();
  for (int i = 0; i < MOVES; i++) {
    char move[32];
    snprintf(move, sizeof move, "\x1b[<32;%d;%dM", 250 + (i * 3) % 200, 250 + (i * 2) % 100);
    pty_type(&t->p, move);
    const double next = begin + 0.01 * (i + 1);
    while (now() < next) pump(t, next - now());
  }
  const double took = now() - begin;
  const size_t pictures = t->p.arrived - before;
  printf("%-40s %6.1f pictures a second, %6.1f KB each\n", what, (double)pictures / took,
         (double)(t->p.output.length - bytes) / 1024 / (double)(pictures > 0 ? pictures : 1));
  pty_type(&t->p, "\x1b[<0;250;250m");
  tap_rate(t, 0);
  rest(t, 1.0);
  pl_buf_reset(&t->p.output);
  t->p.answered = 0;
}

static void measure_idle(tap *t) {
  enum { SECONDS = 20 };
  rest(t, 1);
  const double before = processor_seconds(t->p.child);
  rest(t, SECONDS);
  printf("%-40s %6.2f %% of a processor\n", "idle", 100 * (processor_seconds(t->p.child) - before) / SECONDS);
}

// From the fork to the table's rows, the terminal answering at once.
static void measure_start(const char *pleura, const char *workspace) {
  enum { STARTS = 11 };
  double seconds[STARTS];
  double processor = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < STARTS; i++) {
    tap t;
    const double begin = now();
    start(&t, pleura, workspace, 120, 40);
    if (!pty_run(&t.p, "12954 cases", PATIENCE)) fail("the large workspace does not open");
    seconds[i] = now() - begin;
    bytes = t.p.output.length;
    processor += processor_seconds(t.p.child);
    pty_close(&t.p);
  }
  report("start to first screen, 12,954 cases", seconds, STARTS, processor, bytes);
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: bench_ui PLEURA WORKSPACE LARGE_WORKSPACE");
  measure_start(argv[1], argv[3]);
  tap t;
  open_case(&t, argv[1], argv[2]);
  measure_key(&t, "i, the whole picture with its overlay", "i");
  measure_key(&t, "m, filled mask on or off", "m");
  pty_type(&t.p, "c");
  settle(&t);
  measure_key(&t, "m, contour on or off", "m");
  measure_drag(&t, "window by drag", 0);
  measure_drag(&t, "window by drag through 5 Mbit/s", network);
  measure_idle(&t);
  pty_close(&t.p);
  return 0;
}

// How the workbench feels, on a pseudo terminal that answers as one with sixel and cells of 10x20 pixels:
//   bench_ui PLEURA WORKSPACE LARGE_WORKSPACE
// `ui` beside it makes the workspaces.
#include <stdio.h>

#include "tests/bench/tap.h"

enum { COLUMNS = 54, ROWS = 31 };

static const double network = 5e6 / 8;  // bytes a second

// The Case screen with its first picture at rest.
static void open_case(tap *t, const char *pleura, const char *workspace) {
  tap_start(t, pleura, workspace, COLUMNS, ROWS);
  if (!pty_run(&t->p, " cases ", TAP_PATIENCE)) tap_fail("the workbench does not start");
  pty_type(&t->p, ":case 2\r");
  if (!tap_wait(t, 1)) tap_fail("no picture came");
  tap_settle(t);
}

// The left button moves 100 times a second; what counts is the pictures that arrive.
static void measure_drag(tap *t, const char *what, double rate) {
  enum { MOVES = 400 };
  tap_rate(t, rate);
  pty_type(&t->p, "\x1b[<0;250;250M");
  tap_rest(t, 0.5);
  const size_t before = t->p.arrived, bytes = t->p.output.length;
  const double begin = tap_now();
  for (int i = 0; i < MOVES; i++) {
    char move[32];
    snprintf(move, sizeof move, "\x1b[<32;%d;%dM", 250 + (i * 3) % 200, 250 + (i * 2) % 100);
    pty_type(&t->p, move);
    const double next = begin + 0.01 * (i + 1);
    while (tap_now() < next) tap_pump(t, next - tap_now());
  }
  const double took = tap_now() - begin;
  const size_t pictures = t->p.arrived - before;
  printf("%-40s %6.1f pictures a second, %6.1f KB each\n", what, (double)pictures / took,
         (double)(t->p.output.length - bytes) / 1024 / (double)(pictures > 0 ? pictures : 1));
  pty_type(&t->p, "\x1b[<0;250;250m");
  tap_rate(t, 0);
  tap_rest(t, 1.0);
  pl_buf_reset(&t->p.output);
  t->p.answered = 0;
}

static void measure_idle(tap *t) {
  enum { SECONDS = 20 };
  tap_rest(t, 1);
  const double before = tap_processor_seconds(t->p.child);
  tap_rest(t, SECONDS);
  printf("%-40s %6.2f %% of a processor\n", "idle", 100 * (tap_processor_seconds(t->p.child) - before) / SECONDS);
}

// From the fork to the table's rows, the terminal answering at once.
static void measure_start(const char *pleura, const char *workspace) {
  enum { STARTS = 11 };
  double seconds[STARTS];
  double processor = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < STARTS; i++) {
    tap t;
    const double begin = tap_now();
    tap_start(&t, pleura, workspace, 120, 40);
    if (!pty_run(&t.p, "12954 cases", TAP_PATIENCE)) tap_fail("the large workspace does not open");
    seconds[i] = tap_now() - begin;
    bytes = t.p.output.length;
    processor += tap_processor_seconds(t.p.child);
    pty_close(&t.p);
  }
  tap_report("start to first screen, 12,954 cases", seconds, STARTS, processor, bytes);
}

int main(int argc, char **argv) {
  if (argc != 4) tap_fail("usage: bench_ui PLEURA WORKSPACE LARGE_WORKSPACE");
  measure_start(argv[1], argv[3]);
  tap t;
  open_case(&t, argv[1], argv[2]);
  tap_measure(&t, "i, the whole picture with its overlay", (const char *const[]){"i"}, 1);
  tap_measure(&t, "m, filled mask on or off", (const char *const[]){"m"}, 1);
  pty_type(&t.p, "c");
  tap_settle(&t);
  tap_measure(&t, "m, contour on or off", (const char *const[]){"m"}, 1);
  measure_drag(&t, "window by drag", 0);
  measure_drag(&t, "window by drag through 5 Mbit/s", network);
  measure_idle(&t);
  pty_close(&t.p);
  return 0;
}

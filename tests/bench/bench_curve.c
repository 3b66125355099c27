// A curve of a million points: appending, and all that a frame takes from the curve to the terminal's bytes. Beside it,
// where there is gnuplot, that program drawing the same values as sixel of the same size.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "tui/chart.h"
#include "viewers/colormap.h"
#include "viewers/curve.h"
#include "viewers/out_sixel.h"

enum { POINTS = 1000000, ROUNDS = 21, COLUMNS = 100, ROWS = 30, CELL_WIDTH = 10, CELL_HEIGHT = 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double times[ROUNDS]) {
  qsort(times, ROUNDS, sizeof *times, by_value);
  return times[ROUNDS / 2];
}

static double value(size_t i) {
  uint64_t x = (uint64_t)i * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
  const double noise = (double)(x >> 11) / 9007199254740992.0 - 0.5;
  return 2 * exp(-(double)i / 150000.0) + 0.3 + 0.2 * noise + (i == 700001 ? 1 : 0);
}

// From the curve to what is sent: the traces, the bitmap or cells, and with `bytes` the sixel.
static void frame(const pl_curve *curve, const pl_picture_format *format, double from, double until, size_t *bytes) {
  pl_curve_trace trace = {0};
  const size_t columns = (size_t)COLUMNS * (format->graphics == PL_GRAPHICS_SIXEL ? CELL_WIDTH : 2);
  pl_curve_trace_make(&trace, curve, &(pl_curve_window){.x_min = from, .x_max = until, .columns = columns});
  const pl_curve_series series = {.label = "loss",
                                  .colour = pl_colour_series(0),
                                  .points = trace.line,
                                  .count = trace.line_count,
                                  .bands = trace.bands,
                                  .band_count = trace.band_count};
  const pl_curve_chart chart = {.title = "loss",
                                .x_label = "step",
                                .series = &series,
                                .series_count = 1,
                                .x_range_set = true,
                                .x_min = from,
                                .x_max = until};
  pl_picture picture = {0};
  pl_error err = {0};
  if (pl_chart_make(&picture, NULL, &chart, format, (pl_area){0, 0, ROWS, COLUMNS}, 1, &err) != PL_OK) {
    fprintf(stderr, "bench_curve: %s\n", err.message);
    exit(1);
  }
  if (bytes != NULL) {
    const pl_sixel_options options = pl_sixel_options_for(&format->caps, 64);
    pl_buf sixel;
    pl_buf_init(&sixel, (size_t)64 << 20);
    if (pl_sixel_encode(&sixel, &picture.bitmap, &options, &err) != PL_OK) exit(1);
    *bytes = sixel.length;
    pl_buf_clear(&sixel);
  }
  pl_picture_clear(&picture);
  pl_curve_trace_clear(&trace);
}

static double time_frames(const pl_curve *curve, const pl_picture_format *format, double from, double until,
                          size_t *bytes) {
  double times[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    const double start = now();
    frame(curve, format, from, until, bytes);
    times[i] = now() - start;
  }
  return median(times);
}

// The time of gnuplot for the values in a file of floats, less its start; NAN without gnuplot.
static double time_gnuplot(const char *file) {
  double times[ROUNDS], empty[ROUNDS];
  char script[600];
  for (int i = 0; i < 2 * 5; i++) {
    snprintf(script, sizeof script, "set term sixelgd size %d,%d; set output '/dev/null'; plot %s",
             COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT, i % 2 == 0 ? "x notitle" : "");
    if (i % 2 != 0) {
      const size_t used = strlen(script);
      snprintf(script + used, sizeof script - used,
               "'%s' binary array=(%d) format='%%float' using 1 with lines notitle", file, POINTS);
    }
    const double start = now();
    const pid_t child = fork();
    if (child == 0) {
      execlp("gnuplot", "gnuplot", "-e", script, (char *)NULL);
      _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return (double)NAN;
    }
    (i % 2 == 0 ? empty : times)[i / 2] = now() - start;
  }
  qsort(times, 5, sizeof *times, by_value);
  qsort(empty, 5, sizeof *empty, by_value);
  return times[2] - empty[2];
}

int main(void) {
  pl_curve *curve = pl_curve_create();
  float *values = pl_xmalloc(POINTS * sizeof *values);
  for (size_t i = 0; i < POINTS; i++) values[i] = (float)value(i);
  double start = now();
  for (size_t i = 0; i < POINTS; i++) pl_curve_append(curve, (double)i, (double)values[i]);
  printf("append a million points                  %8.1f ms\n", now() - start);
  start = now();
  pl_curve_smooth(curve, 0.99);
  printf("smooth them anew                         %8.1f ms\n", now() - start);
  pl_picture_format format = {
      .graphics = PL_GRAPHICS_SIXEL,
      .caps = {.cell_width = CELL_WIDTH, .cell_height = CELL_HEIGHT, .registers = 256, .utf8 = true},
      .colours = PL_COLOURS_256};
  size_t bytes = 0;
  const double whole = time_frames(curve, &format, 0, POINTS - 1, &bytes);
  printf("draw it, %4dx%d pixels                  %8.1f ms\n", COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT,
         time_frames(curve, &format, 0, POINTS - 1, NULL));
  printf("draw a tenth of it                       %8.1f ms\n", time_frames(curve, &format, 4e5, 5e5, NULL));
  printf("draw it and encode all of it as sixel    %8.1f ms  %zu bytes\n", whole, bytes);
  format.graphics = PL_GRAPHICS_BLOCKS;
  printf("draw it in braille                       %8.1f ms\n", time_frames(curve, &format, 0, POINTS - 1, NULL));
  char file[] = "/tmp/pleura-bench-XXXXXX";
  const int fd = mkstemp(file);
  if (fd >= 0 && write(fd, values, POINTS * sizeof *values) == (ssize_t)(POINTS * sizeof *values)) {
    const double other = time_gnuplot(file);
    if (isfinite(other)) {
      printf("gnuplot, sixel of the same size          %8.1f ms  %.0f times ours\n", other, other / whole);
    } else {
      printf("gnuplot is not there, or has no sixel: not compared\n");
    }
  }
  if (fd >= 0) close(fd);
  (void)unlink(file);
  pl_curve_destroy(curve);
  free(values);
  return 0;
}

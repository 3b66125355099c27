// The workbench's pictures on a pseudo terminal, put together from the bytes as a terminal does it: after whatever
// happened the screen shows what a repaint shows. And a terminal that is slow, silent, damaged, resized, or left alone.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"
#include "tests/unit/viewers/sixel_decode.h"
#include "viewers/colormap.h"

enum { CASES = 60, COLUMNS = 100, ROWS = 30, CELL_WIDTH = 10, CELL_HEIGHT = 20, PATIENCE = 120, CONTOUR_BYTES = 4096 };

static const pl_rgb unpainted = {255, 0, 255};

typedef struct world {
  char root[64];
  char *workspace, *program;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  snprintf(w->root, sizeof w->root, "/tmp/pleura-pictures-XXXXXX");
  pl_error err = {0};
  assert_non_null(mkdtemp(w->root));
  w->workspace = pl_path_join(w->root, "w");
  w->program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  if (fixture_workspace(w->workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_fs_remove_tree(w->root, NULL);
  free(w->workspace);
  free(w->program);
  free(w);
  return 0;
}

static void start(pty *p, const world *w, pty_kind kind) {
  const char *const argv[] = {w->program, "-C", w->workspace, NULL};
  pty_start(p, kind, COLUMNS, ROWS, "xterm-256color", argv);
}

static void quit(pty *p) {
  pty_type(p, "Q");
  assert_true(pty_run(p, NULL, PATIENCE));
  assert_true(p->ended && WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0);
  assert_true(pty_same_mode(p));
  pty_close(p);
}

static void settle(pty *p, double rate) { pty_settle(p, rate, PATIENCE); }

// The Case screen of a case with a mask, its picture at rest.
static void open_case(pty *p, const world *w, pty_kind kind) {
  start(p, w, kind);
  assert_true(pty_run(p, "Contour", PATIENCE));
  pty_type(p, "\r");
  assert_true(pty_run(p, "mask filled", PATIENCE));
  settle(p, 0);
}

// ---- The terminal's side

// Lays the pictures among the output from `from` on over the screen.
static size_t compose(pl_bitmap *screen, const pty *p, size_t from) {
  size_t pictures = 0;
  const char *data = p->output.data;
  unsigned row = 1, column = 1;
  for (size_t at = from; at + 2 < p->output.length; at++) {
    if (data[at] != '\x1b') continue;
    unsigned y = 0, x = 0;
    if (sscanf(data + at, "\x1b\x37\x1b[%u;%uH", &y, &x) == 2) {
      row = y;
      column = x;
    }
    if (data[at + 1] != 'P') continue;
    const char *end = memmem(data + at, p->output.length - at, "\x1b\\", 2);
    if (end == NULL || data[at + 2 + strspn(data + at + 2, "0123456789;")] != 'q') continue;
    pl_bitmap part = {0};
    decode_sixel(&part, data + at, (size_t)(end + 2 - (data + at)));
    pictures++;
    for (uint32_t v = 0; v < part.height; v++) {
      for (uint32_t u = 0; u < part.width; u++) {
        const uint32_t sx = (column - 1) * CELL_WIDTH + u, sy = (row - 1) * CELL_HEIGHT + v;
        assert_true(sx < screen->width && sy + CELL_HEIGHT <= screen->height);  // else the screen scrolls
        const pl_rgb pixel = part.pixels[(size_t)v * part.width + u];
        if (!pl_rgb_equal(pixel, unpainted)) screen->pixels[(size_t)sy * screen->width + sx] = pixel;
      }
    }
    pl_bitmap_clear(&part);
  }
  return pictures;
}

static pl_bitmap blank(void) {
  pl_bitmap screen = {0};
  assert_int_equal(pl_bitmap_init(&screen, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT, NULL), PL_OK);
  return screen;
}

// All pictures so far and those of a repaint alone make the same screen.
static void expect_like_a_repaint(pty *p) {
  pl_bitmap screen = blank(), fresh = blank();
  assert_true(compose(&screen, p, 0) > 0);
  const size_t from = p->output.length;
  pty_type(p, "\x0c");
  settle(p, 0);
  assert_true(compose(&fresh, p, from) > 0);
  size_t differ = 0, shown = 0;
  for (size_t i = 0; i < (size_t)screen.width * screen.height; i++) {
    differ += !pl_rgb_equal(screen.pixels[i], fresh.pixels[i]);
    shown += screen.pixels[i].r != 0;
  }
  assert_int_equal(differ, 0);
  assert_true(shown > 10000);
  pl_bitmap_clear(&screen);
  pl_bitmap_clear(&fresh);
}

// ---- What happens

static void changes_add_up(void **state) {
  const world *w = *state;
  static const pty_kind kinds[] = {PTY_VT340, PTY_PLAIN_SIXEL};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    pty p;
    open_case(&p, w, kinds[i]);
    for (const char *key = "mmcmmi[[+z0m"; *key != '\0'; key++) {
      pty_type(&p, (const char[]){*key, '\0'});
      settle(&p, 0);
    }
    expect_like_a_repaint(&p);
    quit(&p);
  }
}

// A terminal that moves lines moves the pictures in them, and curses likes to when a table scrolls.
static void no_line_is_moved(void **state) {
  const world *w = *state;
  pty p;
  start(&p, w, PTY_VT340);
  assert_true(pty_run(&p, "Contour", PATIENCE));
  settle(&p, 0);
  const size_t from = p.output.length;
  for (int i = 0; i < 40; i++) {
    pty_type(&p, "j");
    pty_take(&p, SIZE_MAX, 10);
  }
  settle(&p, 0);
  for (const char *at = p.output.data + from; (at = strstr(at, "\x1b[")) != NULL;) {
    at += 2;
    const size_t length = strspn(at, "0123456789;");
    if (strchr("LMSTr", at[length]) != NULL) fail_msg("CSI %.*s moves lines", (int)length + 1, at);
  }
  quit(&p);
}

static void a_contour_costs_little(void **state) {
  const world *w = *state;
  pty p;
  open_case(&p, w, PTY_VT340);
  pty_type(&p, "c");
  settle(&p, 0);
  for (int i = 0; i < 2; i++) {
    const size_t before = p.output.length, arrived = p.arrived;
    pty_type(&p, "m");
    settle(&p, 0);
    assert_int_equal(p.arrived, arrived + 1);
    assert_in_range(p.output.length - before, 1, CONTOUR_BYTES);
  }
  quit(&p);
}

// More keys than the way can carry pictures for: some of those between never come, the last one does, at full quality.
static void slow_link(void **state) {
  enum { KEYS = 40 };
  const world *w = *state;
  pty p;
  open_case(&p, w, PTY_VT340);
  const double rate = 60e3;
  pty_type(&p, "i");
  settle(&p, rate);
  const size_t arrived = p.arrived;
  for (int i = 0; i < KEYS; i++) {
    pty_type(&p, i % 2 == 0 ? "[" : "{");
    for (int step = 0; step < 4; step++) {
      pty_take(&p, (size_t)(rate / 100), 10);
      usleep(10000);
    }
  }
  assert_in_range(p.arrived - arrived, 1, KEYS / 2);
  settle(&p, rate);
  expect_like_a_repaint(&p);
  quit(&p);
}

// A terminal that stops taking anything neither hangs the workbench nor makes it forget what was typed meanwhile.
static void stopped_terminal(void **state) {
  const world *w = *state;
  pty p;
  open_case(&p, w, PTY_VT340);
  for (int i = 0; i < 20; i++) {
    pty_type(&p, "i");
    usleep(20000);
  }
  pty_type(&p, "4");
  sleep(1);
  assert_true(pty_run(&p, "encoder", PATIENCE));
  quit(&p);
}

// Below a shell, as a program that nobody could continue would not stop.
static void suspended(void **state) {
  const world *w = *state;
  const char *const argv[] = {"/bin/sh",  "-c",         "set -m; \"$0\" -C \"$1\"; echo STOPPED; read x; fg >/dev/null",
                              w->program, w->workspace, NULL};
  pty p;
  pty_start(&p, PTY_VT340, COLUMNS, ROWS, "xterm-256color", argv);
  assert_true(pty_run(&p, "Contour", PATIENCE));
  pty_type(&p, "\r");
  assert_true(pty_run(&p, "mask filled", PATIENCE));
  settle(&p, 0);
  pty_type(&p, "\x1a");
  assert_true(pty_run(&p, "STOPPED", PATIENCE));
  assert_true(pty_same_mode(&p));
  assert_non_null(memmem(p.output.data, p.output.length, "\x1b[?1049l", 8));
  const size_t from = p.output.length, arrived = p.arrived;
  pty_type(&p, "\n");
  settle(&p, 0);
  assert_true(p.arrived > arrived);
  pl_bitmap screen = blank();
  assert_true(compose(&screen, &p, from) > 0);
  pl_bitmap_clear(&screen);
  expect_like_a_repaint(&p);
  quit(&p);
}

static void resize_storm(void **state) {
  static const unsigned short sizes[][2] = {{1, 1}, {500, 200}, {80, 24}, {3, 90}, {120, 2}, {50, 12}, {200, 60}};
  const world *w = *state;
  pty p;
  open_case(&p, w, PTY_VT340);
  for (int i = 0; i < 200; i++) {
    const unsigned short *size = sizes[i % 7];
    const unsigned short pixels = (unsigned short)(i % 5 != 0);  // now and then a window tells no pixels
    const struct winsize window = {.ws_col = size[0],
                                   .ws_row = size[1],
                                   .ws_xpixel = (unsigned short)(pixels * size[0] * CELL_WIDTH),
                                   .ws_ypixel = (unsigned short)(pixels * size[1] * CELL_HEIGHT)};
    assert_int_equal(ioctl(p.master, TIOCSWINSZ, &window), 0);
    pty_take(&p, SIZE_MAX, 5);
    usleep(5000);
  }
  settle(&p, 0);
  assert_false(p.ended);
  const size_t from = p.output.length;
  const struct winsize last = {
      .ws_col = COLUMNS, .ws_row = ROWS, .ws_xpixel = COLUMNS * CELL_WIDTH, .ws_ypixel = ROWS * CELL_HEIGHT};
  assert_int_equal(ioctl(p.master, TIOCSWINSZ, &last), 0);
  settle(&p, 0);
  pl_bitmap screen = blank();
  assert_true(compose(&screen, &p, from) > 0);
  pl_bitmap_clear(&screen);
  quit(&p);
}

// Every answer that there is, late, in pieces, cut off: none becomes a key.
static void late_answers(void **state) {
  static const char *const answers[] = {"\x1bP>|XTerm(379)\x1b\\",
                                        "\x1b[?1;0;1024S",
                                        "\x1b[?2;0;1000;1000S",
                                        "\x1b[6;20;10t",
                                        "\x1b[4;600;800t",
                                        "\x1b[?2026;2$y",
                                        "\x1b[?1016;2$y",
                                        "\x1b_Gi=31;OK\x1b\\",
                                        "\x1b]11;rgb:0/0/0\x07",
                                        "\x1b[?63;1;2;4c",
                                        "\x1b[0n",
                                        "\x1b[24;80R",
                                        "\x1bP1$r0m\x18",
                                        "\x1b[?63;1;2;\x18"};
  const world *w = *state;
  pty p;
  start(&p, w, PTY_SILENT);
  assert_true(pty_run(&p, "Contour", PATIENCE));
  assert_non_null(memmem(p.output.data, p.output.length, "blocks", 6));
  settle(&p, 0);
  const size_t before = p.output.length;
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    char half[64];
    snprintf(half, sizeof half, "%.*s", (int)(strlen(answers[i]) / 2 + 1), answers[i]);
    pty_type(&p, half);
    pty_take(&p, SIZE_MAX, 10);
    pty_type(&p, answers[i] + strlen(half));
    pty_take(&p, SIZE_MAX, 10);
  }
  settle(&p, 0);
  assert_int_equal(p.output.length, before);  // a key, known or not, would have changed the screen
  quit(&p);
}

static void garbage(void **state) {
  static const char bytes[] = "\x1b\x1b\x1b[]P_\\;;0123456789?>$\x07\x18\xff\xc3";
  const world *w = *state;
  pty p;
  start(&p, w, PTY_VT340);
  assert_true(pty_run(&p, "Contour", PATIENCE));
  srand(7);
  for (int i = 0; i < 3000; i++) {
    pty_type(&p, (const char[]){bytes[(size_t)rand() % (sizeof bytes - 1)], '\0'});
    if (i % 50 == 0) pty_take(&p, SIZE_MAX, 1);
  }
  pty_type(&p, "\x18\x1b\\");
  settle(&p, 0);
  assert_false(p.ended);
  // At once behind more of it: what is damaged takes no key with it.
  pty_type(&p, "\xc3\xff\xe2\x82\x1b\x1b\x1b\x03");  // Esc three times, for whatever is open
  assert_true(pty_run(&p, NULL, PATIENCE));
  assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0);
  assert_true(pty_same_mode(&p));
  pty_close(&p);
}

// --graphics wins over what the terminal can do.
static void chosen_graphics(void **state) {
  static const char *const words[] = {"ascii", "blocks", "none", "sixel"};
  const world *w = *state;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    const char *const argv[] = {w->program, "-C", w->workspace, "--graphics", words[i], NULL};
    pty p;
    pty_start(&p, PTY_VT340, COLUMNS, ROWS, "xterm-256color", argv);
    const char *shown = strcmp(words[i], "none") == 0 ? "text only" : words[i];
    if (!pty_run(&p, shown, PATIENCE)) fail_msg("--graphics %s is not shown", words[i]);
    settle(&p, 0);
    size_t first = 0, length = 0;
    assert_int_equal(pty_sixels(&p, &first, &length) > 0, strcmp(words[i], "sixel") == 0);
    // Half blocks and shades.
    const bool halves = memmem(p.output.data, p.output.length, "\xe2\x96\x80", 3) != NULL;
    assert_int_equal(halves, strcmp(words[i], "blocks") == 0);
    quit(&p);
  }
  const char *const wrong[] = {w->program, "--graphics", "kitty", NULL};
  pty p;
  pty_start(&p, PTY_VT340, COLUMNS, ROWS, "xterm-256color", wrong);
  assert_true(pty_run(&p, NULL, PATIENCE));
  assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 2);
  assert_non_null(memmem(p.output.data, p.output.length, "auto, sixel, blocks, ascii or none", 34));
  pty_close(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_add_up),  cmocka_unit_test(no_line_is_moved), cmocka_unit_test(a_contour_costs_little),
      cmocka_unit_test(slow_link),       cmocka_unit_test(stopped_terminal), cmocka_unit_test(suspended),
      cmocka_unit_test(resize_storm),    cmocka_unit_test(late_answers),     cmocka_unit_test(garbage),
      cmocka_unit_test(chosen_graphics),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

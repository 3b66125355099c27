// Every screen at the sizes that people have, against golden texts, and at many others: whatever the size, the frame is
// whole, nothing reaches beyond the window, and pictures lie where ncurses leaves them alone.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

enum { MIN_COLS = 50, MIN_ROWS = 12, PICTURES_MAX = 300, COLS_MAX = 1000, DUMPS_MAX = 8 << 20 };

// How to come to each screen, and to what lies over one, and how many of the sizes have a golden text: of what lies
// over a screen one is enough, help has its own tests, and the form tells how much memory this machine has.
static const struct {
  const char *name, *script;
  size_t golden;
} screens[] = {
    {"data", "key 1\n", 3},           {"thumbs", "key 1 t\n", 3}, {"case", "key 2\n", 3},   {"folds", "key 3\n", 3},
    {"train", "key 4\n", 3},          {"form", "key 4 S\n", 0},   {"runs", "key 5\n", 3},   {"log", "key 6\n", 3},
    {"batch", "key 7\n", 3},          {"review", "key 8\n", 3},   {"help", "key 1 ?\n", 0}, {"jobs", "key 1 J\n", 1},
    {"asks", "key 4\ncmd stop\n", 1},
};

enum { SCREENS = sizeof screens / sizeof screens[0] };

static char *run_dumps(const world *w, const char *workspace, pty_kind kind, const char *script) {
  char *path = pl_path_join(w->root, "dumps");
  unlink(path);
  pty p;
  start_script(&p, w, workspace, kind, "xterm-256color", 120, 40, script);
  if (!pty_run(&p, NULL, 120.0) || !WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) {
    fail_msg("status %d after\n%s\n%s", p.status, script, p.output.data != NULL ? p.output.data : "");
  }
  assert_true(pty_same_mode(&p));
  pty_close(&p);
  pl_buf text;
  pl_buf_init(&text, DUMPS_MAX);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  free(path);
  return text.data;  // the caller frees
}

static void add_size(pl_buf *script, const world *w, int cols, int rows) {
  // Twice, because what one job brings may ask for another.
  pl_buf_printf(script, "size %dx%d\nwait-job\nwait-ms 1\nwait-job\ndump-more %s/dumps\n", cols, rows, w->root);
}

static void test_golden(void **state) {
  const world *w = *state;
  static const int sizes[][2] = {{80, 24}, {120, 40}, {200, 60}};
  for (size_t i = 0; i < SCREENS; i++) {
    if (screens[i].golden == 0) continue;
    pl_buf script;
    pl_buf_init(&script, 1 << 16);
    pl_buf_add_text(&script, screens[i].script);
    for (size_t k = 0; k < screens[i].golden; k++) add_size(&script, w, sizes[k][0], sizes[k][1]);
    char *dumps = run_dumps(w, w->workspace, PTY_VT340, script.data), *name = pl_xprintf("every_%s", screens[i].name);
    for (char *at = dumps; (at = strstr(at, w->root)) != NULL;)
      memcpy(at, "/tmp/pleura-screens-XXXXXX", strlen(w->root));
    compare(dumps, name);
    free(name);
    free(dumps);
    pl_buf_clear(&script);
  }
}

// Whether the text holds these words, be they on one line or on two.
static bool says(const char *text, const char *words) {
  pl_buf plain;
  pl_buf_init(&plain, DUMPS_MAX);
  for (const char *p = text; *p != '\0'; p++) {
    const bool blank = *p == ' ' || *p == '\n';
    if (!blank || plain.length == 0 || plain.data[plain.length - 1] != ' ') pl_buf_add(&plain, blank ? " " : p, 1);
  }
  const bool found = strstr(plain.data, words) != NULL;
  pl_buf_clear(&plain);
  return found;
}

// An empty workspace, and none at all: each screen says what fills it, by a command that there is.
static void test_empty(void **state) {
  const world *w = *state;
  static const struct {
    const char *screen, *words;
  } wanted[] = {{"data", ":import FOLDER"},  {"case", ":import FOLDER"}, {"folds", ":import FOLDER"},
                {"train", ":import FOLDER"}, {"runs", "pleura train"},   {"log", "pleura train"},
                {"batch", "import FOLDER"},  {"jobs", ":import FOLDER"}};
  char *blank = pl_path_join(w->root, "blank"), *yaml = pl_path_join(blank, "pleura.yaml");
  assert_int_equal(pl_fs_make_folders(blank, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(yaml, "", 0, NULL), PL_OK);
  const char *const workspaces[] = {w->empty, blank};
  for (size_t k = 0; k < 2; k++) {
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
      size_t screen = 0;
      while (strcmp(screens[screen].name, wanted[i].screen) != 0) screen++;
      pl_buf script;
      pl_buf_init(&script, 1 << 16);
      pl_buf_add_text(&script, screens[screen].script);
      add_size(&script, w, 80, 24);
      char *dump = run_dumps(w, workspaces[k], PTY_PLAIN, script.data);
      if (!says(dump, wanted[i].words)) {
        fail_msg("%s in %s does not say '%s':\n%s", wanted[i].screen, workspaces[k], wanted[i].words, dump);
      }
      free(dump);
      pl_buf_clear(&script);
    }
  }
  free(yaml);
  free(blank);
}

// ---- What holds at every size

typedef struct window {
  const char *name;
  int cols, rows;
  wchar_t (*cells)[COLS_MAX];  // rows of them; the second half of a wide character is 0
} window;

static void read_line(window *win, int row, const char *line, size_t length) {
  char *text = pl_xprintf("%.*s", (int)length, line);
  for (size_t i = 0; i < length; i++) {
    const unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte == 0x7f)
      fail_msg("%s at %dx%d: a control character in row %d", win->name, win->cols, win->rows, row);
  }
  wchar_t wide[COLS_MAX];
  const size_t count = mbstowcs(wide, text, COLS_MAX);
  assert_true(count < COLS_MAX);
  int x = 0;
  for (size_t i = 0; i < count; i++) {
    const int width = wcwidth(wide[i]);
    assert_true(width > 0);
    if (x + width > win->cols) fail_msg("%s at %dx%d: row %d is too long", win->name, win->cols, win->rows, row);
    win->cells[row][x] = wide[i];
    for (int k = 1; k < width; k++) win->cells[row][x + k] = 0;
    x += width;
  }
  while (x < win->cols) win->cells[row][x++] = L' ';
  free(text);
}

typedef struct rectangle {
  int x, y, cols, rows;
} rectangle;

// Below a picture there is nothing, right of it something, and none lies over another or over the frame.
static void check_pictures(const window *win, const rectangle *pictures, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const rectangle *a = &pictures[i];
    if (a->x < 0 || a->y < 1 || a->x + a->cols >= win->cols || a->y + a->rows > win->rows - 2) {
      fail_msg("%s at %dx%d: picture at %d,%d of %dx%d leaves its place", win->name, win->cols, win->rows, a->x, a->y,
               a->cols, a->rows);
    }
    for (int y = a->y; y < a->y + a->rows; y++) {
      for (int x = a->x; x < a->x + a->cols; x++) {
        if (win->cells[y][x] != L' ')
          fail_msg("%s at %dx%d: text below a picture, %d,%d", win->name, win->cols, win->rows, x, y);
      }
      if (win->cells[y][a->x + a->cols] == L' ') {
        fail_msg("%s at %dx%d: no border right of the picture at %d,%d", win->name, win->cols, win->rows, a->x, a->y);
      }
    }
    for (size_t k = i + 1; k < count; k++) {
      const rectangle *b = &pictures[k];
      assert_false(a->x < b->x + b->cols && b->x < a->x + a->cols && a->y < b->y + b->rows && b->y < a->y + a->rows);
    }
  }
}

static bool row_holds(const window *win, int row, const char *words) {
  char text[4 * COLS_MAX + 1];
  size_t used = 0;
  for (int x = 0; x < win->cols; x++) {
    const wchar_t c = win->cells[row][x];
    if (c != 0) text[used++] = c < 128 ? (char)c : '?';
  }
  text[used] = '\0';
  return strstr(text, words) != NULL;
}

static void check_frame(const window *win) {
  if (win->cols < MIN_COLS || win->rows < MIN_ROWS) {
    if (win->cols >= 20) assert_true(row_holds(win, win->rows / 2, "Too small"));
    return;
  }
  const bool framed = row_holds(win, 0, " pleura   1 Data") && row_holds(win, win->rows - 2, "40 cases");
  if (!framed) fail_msg("%s at %dx%d: the frame is not whole", win->name, win->cols, win->rows);
  // A hint is there whole or not at all: the line never ends in an elision.
  const bool hints = row_holds(win, win->rows - 1, "? Help");
  if (hints && row_holds(win, win->rows - 1, "..."))
    fail_msg("%s at %dx%d: a hint is cut", win->name, win->cols, win->rows);
}

// Reads one dump, "== COLSxROWS" and what follows; returns what is behind it.
static const char *check_dump(const char *name, const char *at, size_t *seen) {
  window win = {.name = name};
  assert_int_equal(sscanf(at, "== %dx%d\n", &win.cols, &win.rows), 2);
  assert_true(win.cols < COLS_MAX);
  win.cells = pl_xcalloc((size_t)win.rows, sizeof *win.cells);
  at = strchr(at, '\n') + 1;
  for (int row = 0; row < win.rows; row++) {
    const char *end = strchr(at, '\n');
    assert_non_null(end);
    read_line(&win, row, at, (size_t)(end - at));
    at = end + 1;
  }
  rectangle pictures[PICTURES_MAX];
  size_t count = 0;
  while (strncmp(at, "[picture", 8) == 0) {
    rectangle one;
    assert_true(count < PICTURES_MAX);
    assert_int_equal(sscanf(at, "[picture sixel at %d,%d of %dx%d", &one.x, &one.y, &one.cols, &one.rows), 4);
    pictures[count++] = one;
    at = strchr(at, '\n') + 1;
  }
  *seen += count;
  check_pictures(&win, pictures, count);
  check_frame(&win);
  free(win.cells);
  return at;
}

static void test_any_size(void **state) {
  const world *w = *state;
  size_t pictures = 0;
  static const int widths[] = {20, 49, 50, 51, 63, 80, 97, 113, 140, 177, 231, 300};
  static const int heights[] = {5, 11, 12, 13, 17, 23, 31, 43, 58, 77, 100};
  enum { WIDTHS = sizeof widths / sizeof widths[0], HEIGHTS = sizeof heights / sizeof heights[0] };
  for (size_t i = 0; i < SCREENS; i++) {
    pl_buf script;
    pl_buf_init(&script, 1 << 20);
    pl_buf_add_text(&script, screens[i].script);
    size_t count = 0;
    // Every width with some heights, other ones on each screen; the corners on all.
    for (size_t k = 0; k < WIDTHS; k++) {
      for (size_t m = 0; m < HEIGHTS; m++) {
        const bool corner = (k == 0 || k + 1 == WIDTHS) && (m == 0 || m + 1 == HEIGHTS);
        if (!corner && (m + k + i) % 16 != 0) continue;
        add_size(&script, w, widths[k], heights[m]);
        count++;
      }
    }
    char *dumps = run_dumps(w, w->workspace, PTY_VT340, script.data);
    const char *at = dumps;
    for (size_t k = 0; k < count; k++) at = check_dump(screens[i].name, at, &pictures);
    assert_int_equal(*at, '\0');
    free(dumps);
    pl_buf_clear(&script);
  }
  assert_true(pictures > SCREENS);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_any_size),
  };
  if (setlocale(LC_ALL, "C.UTF-8") == NULL) return 1;
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}

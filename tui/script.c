#include "tui/script.h"

#include <errno.h>
#include <fcntl.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/keymap.h"

enum { SCRIPT_MAX = 1 << 20, DUMP_MAX = 1 << 22, WAIT_RUN_SECONDS = 120, WAIT_JOB_SECONDS = 60 };

typedef enum step_result { STEP_DONE, STEP_WAIT, STEP_FAILED } step_result;

struct pl_script {
  pl_buf text;
  char *next;   // of the text
  size_t line;  // of `current`
  char *current;
  double began;  // when the current line began; 0 when it has not
  double fixed_time;
  pl_error error;
};

typedef struct script_verb {
  const char *word;
  step_result (*run)(pl_script *script, pl_app *app, const char *args);
} script_verb;

static const script_verb script_verbs[];
static const size_t script_verb_count;

pl_status pl_script_load(pl_script **out, const char *path, pl_error *err) {
  pl_script *script = pl_xcalloc(1, sizeof *script);
  pl_buf_init(&script->text, SCRIPT_MAX);
  const pl_status status = pl_fs_read(&script->text, path, err);
  if (status != PL_OK) {
    pl_script_destroy(script);
    return status;
  }
  script->next = script->text.data;
  *out = script;
  return PL_OK;
}

void pl_script_destroy(pl_script *script) {
  if (script == NULL) return;
  pl_buf_clear(&script->text);
  free(script);
}

pl_status pl_script_result(const pl_script *script, pl_error *err) {
  if (script->error.code != PL_OK && err != NULL) *err = script->error;
  return script->error.code;
}

static step_result do_key(pl_script *script, pl_app *app, const char *args) {
  for (const char *p = args; *p != '\0'; p += strspn(p, " ")) {
    const size_t length = strcspn(p, " ");
    const int key = pl_key_parse(p, length);
    if (key == PL_KEY_NONE) {
      pl_fail(&script->error, PL_E_FORMAT, "'%.*s' is no key", (int)length, p);
      return STEP_FAILED;
    }
    pl_app_key(app, key);
    p += length;
  }
  return STEP_DONE;
}

static step_result do_keys(pl_script *script, pl_app *app, const char *args) {
  for (const char *p = args; *p != '\0';) {
    size_t length = 1;
    while (((unsigned char)p[length] & 0xc0) == 0x80) length++;
    const int key = pl_key_parse(p, length);
    if (key == PL_KEY_NONE) {
      pl_fail(&script->error, PL_E_FORMAT, "the text is not UTF-8");
      return STEP_FAILED;
    }
    pl_app_key(app, key);
    p += length;
  }
  return STEP_DONE;
}

static step_result do_cmd(pl_script *script, pl_app *app, const char *args) {
  return pl_cmd_run_line(app, args, &script->error) == PL_OK ? STEP_DONE : STEP_FAILED;
}

static step_result do_mouse(pl_script *script, pl_app *app, const char *args) {
  static const char *const kinds[] = {[PL_MOUSE_PRESS] = "press",
                                      [PL_MOUSE_DRAG] = "drag",
                                      [PL_MOUSE_RELEASE] = "release",
                                      [PL_MOUSE_WHEEL_UP] = "wheel-up",
                                      [PL_MOUSE_WHEEL_DOWN] = "wheel-down"};
  char word[16] = "";
  int x = 0, y = 0, button = 1;
  const pl_caps *caps = pl_term_caps(app->term);
  if (sscanf(args, "%15s %d %d %d", word, &x, &y, &button) >= 3) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      if (strcmp(kinds[i], word) != 0) continue;
      const pl_mouse event = {.kind = (pl_mouse_kind)i,
                              .button = i < PL_MOUSE_WHEEL_UP ? button : 0,
                              .x = x,
                              .y = y,
                              .pixel_x = (x + 0.5) * (caps->cell_width > 0 ? caps->cell_width : 1),
                              .pixel_y = (y + 0.5) * (caps->cell_height > 0 ? caps->cell_height : 2)};
      pl_app_mouse(app, &event);
      return STEP_DONE;
    }
  }
  pl_fail(&script->error, PL_E_FORMAT, "mouse wants what happened, X and Y");
  return STEP_FAILED;
}

static double waited(const pl_script *script) {
  const pl_clock clock = pl_clock_system();
  return pl_clock_monotonic(&clock) - script->began;
}

static step_result do_wait_job(pl_script *script, pl_app *app, const char *args) {
  (void)args;
  if (pl_jobs_idle(app->jobs)) return STEP_DONE;
  if (waited(script) < WAIT_JOB_SECONDS) return STEP_WAIT;
  pl_fail(&script->error, PL_E_BUSY, "a job has not ended after %d s", WAIT_JOB_SECONDS);
  return STEP_FAILED;
}

static step_result do_wait_background(pl_script *script, pl_app *app, const char *args) {
  (void)args;
  pl_app_tell(app, PL_CHANGED_TIME | pl_tui_model_update(app->model));
  if (pl_joblist_running(&app->joblist) == NULL) return STEP_DONE;
  if (waited(script) < WAIT_RUN_SECONDS) return STEP_WAIT;
  pl_fail(&script->error, PL_E_BUSY, "a background job has not ended after %d s", WAIT_RUN_SECONDS);
  return STEP_FAILED;
}

static step_result do_wait_ms(pl_script *script, pl_app *app, const char *args) {
  (void)app;
  uint64_t milliseconds = 0;
  if (!pl_parse_u64(&milliseconds, args, strlen(args))) {
    pl_fail(&script->error, PL_E_FORMAT, "wait-ms wants a number");
    return STEP_FAILED;
  }
  return waited(script) * 1000.0 >= (double)milliseconds ? STEP_DONE : STEP_WAIT;
}

static step_result do_wait_file(pl_script *script, pl_app *app, const char *args) {
  (void)app;
  if (access(args, F_OK) == 0) return STEP_DONE;
  if (waited(script) < WAIT_RUN_SECONDS) return STEP_WAIT;
  pl_fail(&script->error, PL_E_BUSY, "%s is not there after %d s", args, WAIT_RUN_SECONDS);
  return STEP_FAILED;
}

static bool run_is_there(const pl_app *app, const char *args, bool *understood) {
  const pl_run_view *run = app->model->run;
  uint64_t epoch = 0;
  *understood = true;
  if (pl_begins_with(args, "phase ")) return run != NULL && strcmp(pl_phase_name(run->state.phase), args + 6) == 0;
  if (!pl_begins_with(args, "epoch ") || !pl_parse_u64(&epoch, args + 6, strlen(args + 6))) {
    *understood = false;
    return false;
  }
  const size_t count = run != NULL ? run->journal.epoch_count : 0;
  return count > 0 && run->journal.epochs[count - 1].epoch >= (int64_t)epoch;
}

static step_result do_wait_run(pl_script *script, pl_app *app, const char *args) {
  bool understood = false;
  if (run_is_there(app, args, &understood)) return STEP_DONE;
  if (!understood) {
    pl_fail(&script->error, PL_E_FORMAT, "wait-run wants 'epoch N' or 'phase NAME'");
    return STEP_FAILED;
  }
  if (waited(script) < WAIT_RUN_SECONDS) return STEP_WAIT;
  pl_fail(&script->error, PL_E_BUSY, "the run has not come to '%s' after %d s", args, WAIT_RUN_SECONDS);
  return STEP_FAILED;
}

static step_result do_size(pl_script *script, pl_app *app, const char *args) {
  (void)app;
  const char *x = strchr(args, 'x');
  uint64_t cols = 0, rows = 0;
  struct winsize size = {0};
  if (x == NULL || !pl_parse_u64(&cols, args, (size_t)(x - args)) || !pl_parse_u64(&rows, x + 1, strlen(x + 1)) ||
      cols == 0 || rows == 0 || cols > 1000 || rows > 1000) {
    pl_fail(&script->error, PL_E_FORMAT, "size wants COLSxROWS");
    return STEP_FAILED;
  }
  ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
  // Cells keep their pixels.
  if (size.ws_col > 0) size.ws_xpixel = (unsigned short)(size.ws_xpixel / size.ws_col * cols);
  if (size.ws_row > 0) size.ws_ypixel = (unsigned short)(size.ws_ypixel / size.ws_row * rows);
  size.ws_col = (unsigned short)cols;
  size.ws_row = (unsigned short)rows;
  ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
  pl_term_resize(app->term);
  pl_term_repaint(app->term, app->slots);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
  return STEP_DONE;
}

static double fixed_wall(void *context) { return ((const pl_script *)context)->fixed_time; }

static double real_monotonic(void *context) {
  (void)context;
  const pl_clock clock = pl_clock_system();
  return pl_clock_monotonic(&clock);
}

static step_result do_clock(pl_script *script, pl_app *app, const char *args) {
  if (!pl_parse_double(&script->fixed_time, args, strlen(args))) {
    pl_fail(&script->error, PL_E_FORMAT, "clock wants seconds since 1970");
    return STEP_FAILED;
  }
  app->clock = (pl_clock){.monotonic = real_monotonic, .wall = fixed_wall, .context = script};
  pl_app_tell(app, PL_CHANGED_TIME);
  return STEP_DONE;
}

static void add_row(pl_buf *out, int row) {
  size_t end = out->length;
  for (int column = 0; column < COLS; column++) {
    cchar_t cell;
    wchar_t text[CCHARW_MAX + 1] = L" ";
    attr_t attributes = 0;
    short pair = 0;
    if (mvwin_wch(stdscr, row, column, &cell) == OK) getcchar(&cell, text, &attributes, &pair, NULL);
    for (int i = 0; i < CCHARW_MAX && text[i] != L'\0'; i++) {
      char bytes[4];
      pl_buf_add(out, bytes, pl_utf8_put(bytes, (uint32_t)text[i]));
    }
    if (text[0] != L' ') end = out->length;
  }
  // Blanks at a line's end are not told apart from nothing.
  if (out->data != NULL && !out->failed) {
    out->length = end;
    out->data[end] = '\0';
  }
  pl_buf_add_text(out, "\n");
}

// The screen as it would be drawn now. The caller clears it.
static void dump_screen(pl_buf *out, pl_app *app) {
  pl_imgslots_begin(app->slots);
  const pl_canvas canvas = pl_term_canvas(app->term, app->slots);
  pl_app_draw(app, &canvas);
  for (int row = 0; row < LINES; row++) add_row(out, row);
  for (size_t i = 0; i < pl_imgslots_count(app->slots); i++) {
    const pl_picture *picture = NULL;
    const pl_area area = pl_imgslots_area(app->slots, i, &picture);
    pl_buf_printf(out, "[picture %s at %d,%d of %dx%d cells, %ux%u pixels]\n",
                  pl_picture_is_sixel(picture) ? "sixel" : "cells", area.x, area.y, area.cols, area.rows,
                  picture->width, picture->height);
  }
  app->dirty = true;
}

static step_result do_dump(pl_script *script, pl_app *app, const char *args) {
  pl_buf out;
  pl_buf_init(&out, DUMP_MAX);
  dump_screen(&out, app);
  const pl_status status = pl_fs_replace(args, out.data, out.length, &script->error);
  pl_buf_clear(&out);
  return status == PL_OK ? STEP_DONE : STEP_FAILED;
}

static step_result do_dump_more(pl_script *script, pl_app *app, const char *args) {
  pl_buf out;
  pl_buf_init(&out, DUMP_MAX);
  pl_buf_printf(&out, "== %dx%d\n", COLS, LINES);
  dump_screen(&out, app);
  const int fd = open(args, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  const ssize_t written = fd >= 0 ? write(fd, out.data, out.length) : -1;
  const bool whole = written == (ssize_t)out.length;
  if (!whole) pl_fail_errno(&script->error, errno, "cannot write %s", args);
  if (fd >= 0) close(fd);
  pl_buf_clear(&out);
  return whole ? STEP_DONE : STEP_FAILED;
}

static step_result run_line(pl_script *script, pl_app *app) {
  const char *line = script->current;
  const size_t length = strcspn(line, " ");
  for (size_t i = 0; i < script_verb_count; i++) {
    if (strlen(script_verbs[i].word) != length || memcmp(script_verbs[i].word, line, length) != 0) continue;
    return script_verbs[i].run(script, app, line[length] == ' ' ? line + length + 1 : "");
  }
  pl_fail(&script->error, PL_E_FORMAT, "unknown word '%.*s'", (int)length, line);
  return STEP_FAILED;
}

static bool take_line(pl_script *script) {
  while (script->next != NULL && *script->next != '\0') {
    char *line = script->next;
    char *end = strchr(line, '\n');
    script->next = end != NULL ? end + 1 : NULL;
    if (end != NULL) *end = '\0';
    script->line++;
    if (line[0] == '\0' || line[0] == '#') continue;
    script->current = line;
    script->began = real_monotonic(NULL);
    return true;
  }
  return false;
}

void pl_script_step(pl_script *script, pl_app *app) {
  while (!app->quit) {
    if (script->current == NULL && !take_line(script)) {
      app->quit = true;
      return;
    }
    const step_result result = run_line(script, app);
    if (result == STEP_WAIT) return;
    if (result == STEP_FAILED) {
      pl_wrap(&script->error, "script line %zu", script->line);
      app->quit = true;
      return;
    }
    script->current = NULL;
  }
}

static const script_verb script_verbs[] = {
    {"key", do_key},
    {"keys", do_keys},
    {"cmd", do_cmd},
    {"mouse", do_mouse},
    {"wait-background", do_wait_background},
    {"wait-job", do_wait_job},
    {"wait-ms", do_wait_ms},
    {"wait-run", do_wait_run},
    {"wait-file", do_wait_file},
    {"size", do_size},
    {"clock", do_clock},
    {"dump", do_dump},
    {"dump-more", do_dump_more},
};
static const size_t script_verb_count = sizeof script_verbs / sizeof script_verbs[0];

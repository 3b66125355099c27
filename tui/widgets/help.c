#include "tui/widgets/help.h"

#include <stdio.h>
#include <string.h>

#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/keymap.h"

enum { BOX_COLS = 112, KEY_COLS = 19, NAME_COLS = 19, EDGE_ROWS = 5, LINES_MAX = 256 };

// A line of the overlay: a heading (cmd NULL) or a command.
typedef struct help_line {
  const char *heading, *keys;
  const pl_cmd *cmd;
} help_line;

static bool matches(const pl_cmd *cmd, const char *keys, const char *filter) {
  if (filter[0] == '\0') return true;
  const char *const texts[] = {cmd->name, cmd->help, keys};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (texts[i] != NULL && strcasestr(texts[i], filter) != NULL) return true;
  }
  return false;
}

static int add_group(help_line *lines, int count, const pl_app *app, const char *heading, const char *screen) {
  const char *filter = app->help.filter.text;
  bool headed = false;
  for (size_t i = 0; i < pl_cmd_count() && count + 2 < LINES_MAX; i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    const bool here = screen == NULL ? cmd->screen == NULL : pl_cmd_belongs_to(cmd, screen);
    const char *keys = pl_settings_keys(&app->settings, i);
    if (!here || !matches(cmd, keys, filter)) continue;
    if (!headed) {
      if (count > 0) lines[count++] = (help_line){.heading = ""};
      lines[count++] = (help_line){.heading = heading};
      headed = true;
    }
    lines[count++] = (help_line){.cmd = cmd, .keys = keys != NULL ? keys : ""};
  }
  return count;
}

// This screen's commands first, then those for everywhere, then the other screens'.
static int collect(help_line *lines, const pl_app *app) {
  int count = add_group(lines, 0, app, pl_screens[app->active]->title, pl_screens[app->active]->name);
  count = add_group(lines, count, app, "Everywhere", NULL);
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (i != app->active) count = add_group(lines, count, app, pl_screens[i]->title, pl_screens[i]->name);
  }
  count = add_group(lines, count, app, "Jobs", "jobs");
  return count;
}

static pl_area box_of(const pl_app *app) {
  const pl_area body = pl_app_body(app);
  return pl_layout_centre(body, body.rows, BOX_COLS);
}

static int visible_rows(const pl_app *app) {
  const int rows = box_of(app).rows - EDGE_ROWS;
  return rows > 1 ? rows : 1;
}

void pl_help_open(pl_app *app) { app->help = (pl_help){.open = true}; }

void pl_help_key(pl_app *app, int key) {
  pl_help *help = &app->help;
  help_line lines[LINES_MAX];
  const int page = visible_rows(app);
  switch (key) {
    case PL_KEY_ESCAPE:
    case PL_KEY_ENTER:
    case PL_KEY_F1:
    case '?':
    case 3: help->open = false; return;
    case PL_KEY_UP: help->top--; break;
    case PL_KEY_DOWN: help->top++; break;
    case PL_KEY_PAGE_UP: help->top -= page; break;
    case PL_KEY_PAGE_DOWN: help->top += page; break;
    case PL_KEY_HOME: help->top = 0; break;
    case PL_KEY_END: help->top = LINES_MAX; break;
    default:
      if (pl_line_key(&help->filter, key)) help->top = 0;
      break;
  }
  const int last = collect(lines, app) - page;
  if (help->top > last) help->top = last;
  if (help->top < 0) help->top = 0;
}

static void draw_line(const pl_canvas *canvas, pl_area row, const help_line *line) {
  if (line->cmd == NULL) {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_LABEL, line->heading);
    return;
  }
  const pl_cmd *cmd = line->cmd;
  pl_canvas_text(canvas, row.y, row.x + 1, KEY_COLS - 2, PL_STYLE_STRONG, line->keys);
  // Where it is narrow, what a command does matters more than its name.
  const bool names = row.cols >= KEY_COLS + NAME_COLS + 30;
  int x = row.x + KEY_COLS;
  if (names) {
    pl_canvas_printf(canvas, row.y, x, NAME_COLS - 1, PL_STYLE_DIM, ":%s%s%s", cmd->name, cmd->args != NULL ? " " : "",
                     cmd->args != NULL ? cmd->args : "");
    x += NAME_COLS;
  }
  pl_canvas_text(canvas, row.y, x, row.x + row.cols - x, PL_STYLE_NORMAL, cmd->help);
}

void pl_help_draw(const pl_app *app, const pl_canvas *canvas) {
  const pl_area box = box_of(app);
  if (box.rows < EDGE_ROWS + 1) return;
  pl_canvas_box(canvas, box, "Help");
  help_line lines[LINES_MAX];
  const int count = collect(lines, app), page = visible_rows(app);
  const int x = box.x + 2, cols = box.cols - 4;
  const char *filter = app->help.filter.text;
  if (filter[0] != '\0') {
    pl_canvas_printf(canvas, box.y + 1, x, cols, PL_STYLE_STRONG, "Filter: %s", filter);
  } else {
    pl_canvas_text(canvas, box.y + 1, x, cols, PL_STYLE_DIM, "Type to filter by key, name or text");
  }
  for (int i = 0; i < page && app->help.top + i < count; i++) {
    draw_line(canvas, (pl_area){box.y + 3 + i, x, 1, cols}, &lines[app->help.top + i]);
  }
  if (count == 0) pl_canvas_text(canvas, box.y + 3, x, cols, PL_STYLE_NORMAL, "No command fits.");
  char where[64];
  const int last = app->help.top + page < count ? app->help.top + page : count;
  snprintf(where, sizeof where, "%d-%d of %d   Up/Down PgUp/PgDn scroll   Esc close", count > 0 ? app->help.top + 1 : 0,
           last, count);
  pl_canvas_text(canvas, box.y + box.rows - 2, x, cols, PL_STYLE_DIM, where);
}

#include "tui/widgets/prompt.h"

#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/keymap.h"

void pl_prompt_open(pl_app *app, const char *label, bool completes, const char *text,
                    void (*entered)(pl_app *app, const char *text)) {
  app->prompt = (pl_prompt){.open = true, .entered = entered, .completes = completes};
  pl_copy_text(app->prompt.label, sizeof app->prompt.label, label);
  pl_line_set(&app->prompt.line, text);
}

static void complete(pl_app *app, int step) {
  pl_prompt *prompt = &app->prompt;
  if (!prompt->completes || strchr(prompt->line.text, ' ') != NULL) return;
  const char *screen = pl_screens[app->active]->name;
  if (prompt->completion == 0) pl_copy_text(prompt->stem, sizeof prompt->stem, prompt->line.text);
  size_t count = 0;
  while (pl_cmd_complete(screen, prompt->stem, count) != NULL) count++;
  if (count == 0) return;
  size_t index = prompt->completion;  // one more than the candidate that stands there
  if (step > 0) {
    index = index % count + 1;
  } else {
    index = index <= 1 ? count : index - 1;
  }
  prompt->completion = index;
  pl_line_set(&prompt->line, pl_cmd_complete(screen, prompt->stem, index - 1)->name);
}

void pl_prompt_key(pl_app *app, int key) {
  pl_prompt *prompt = &app->prompt;
  if (key == PL_KEY_ESCAPE || key == 3 || (key == PL_KEY_BACKSPACE && prompt->line.length == 0)) {
    prompt->open = false;
    return;
  }
  if (key == PL_KEY_ENTER) {
    char text[PL_LINE_SIZE];
    pl_copy_text(text, sizeof text, prompt->line.text);
    prompt->open = false;
    prompt->entered(app, text);
    return;
  }
  if (key == PL_KEY_TAB || key == PL_KEY_BACKTAB) {
    complete(app, key == PL_KEY_TAB ? 1 : -1);
    return;
  }
  if (pl_line_key(&prompt->line, key)) prompt->completion = 0;
}

void pl_prompt_draw(const pl_app *app, const pl_canvas *canvas, pl_area area) {
  const pl_prompt *prompt = &app->prompt;
  const int label = pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_STRONG, prompt->label);
  area.x += label;
  area.cols -= label;
  // A long text is shown from where the cursor still has room.
  const char *text = prompt->line.text;
  char head[PL_LINE_SIZE];
  snprintf(head, sizeof head, "%.*s", (int)prompt->line.cursor, text);
  size_t skip = 0;
  while (pl_text_columns(head + skip) > area.cols - 3) {
    skip++;
    while (((unsigned char)head[skip] & 0xc0) == 0x80) skip++;
  }
  const int before = pl_text_columns(head + skip);
  pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_NORMAL, text + skip);
  char under[8] = " ";
  const char *at = text + prompt->line.cursor;
  size_t length = 1;
  while (*at != '\0' && ((unsigned char)at[length] & 0xc0) == 0x80) length++;
  if (*at != '\0') snprintf(under, sizeof under, "%.*s", (int)length, at);
  pl_canvas_text(canvas, area.y, area.x + before, 1, PL_STYLE_SELECTED, under);
  if (!prompt->completes || strchr(text, ' ') != NULL) return;
  // What it could become, right of what is typed.
  const char *stem = prompt->completion > 0 ? prompt->stem : text;
  int x = area.x + pl_text_columns(text + skip) + 3;
  for (size_t i = 0; x < area.x + area.cols - 4; i++) {
    const pl_cmd *cmd = pl_cmd_complete(pl_screens[app->active]->name, stem, i);
    if (cmd == NULL) break;
    const pl_style style = i + 1 == prompt->completion ? PL_STYLE_STRONG : PL_STYLE_DIM;
    x += pl_canvas_text(canvas, area.y, x, area.x + area.cols - x, style, cmd->name) + 2;
  }
}

#include "tui/widgets/prompt.h"

#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/keymap.h"
#include "tui/shellwords.h"

// What the word before the cursor could become. Only Tab may look at the disk for it.
static void find_candidates(pl_app *app, bool tab) {
  pl_prompt *prompt = &app->prompt;
  pl_candidates_clear(&prompt->candidates);
  prompt->chosen = 0;
  if (prompt->complete == NULL) return;
  prompt->word = pl_shellwords_last(prompt->line.text);
  char before[PL_LINE_SIZE];
  snprintf(before, sizeof before, "%.*s", (int)prompt->word, prompt->line.text);
  prompt->candidates = (pl_candidates){.word = prompt->line.text + prompt->word, .tab = tab};
  prompt->complete(app, before, &prompt->candidates);
  prompt->candidates.word = NULL;
}

void pl_prompt_open(pl_app *app, const char *label, pl_completer *complete, const char *text,
                    void (*entered)(pl_app *app, const char *text)) {
  pl_prompt_close(app);
  app->prompt = (pl_prompt){.open = true, .entered = entered, .complete = complete};
  pl_copy_text(app->prompt.label, sizeof app->prompt.label, label);
  pl_line_set(&app->prompt.line, text);
  find_candidates(app, false);
}

void pl_prompt_close(pl_app *app) {
  pl_candidates_clear(&app->prompt.candidates);
  app->prompt.open = false;
}

static void complete(pl_app *app, int step) {
  pl_prompt *prompt = &app->prompt;
  if (prompt->chosen == 0) find_candidates(app, true);
  const size_t count = prompt->candidates.count;
  if (count == 0) return;
  const size_t index = step > 0 ? prompt->chosen % count : (prompt->chosen > 1 ? prompt->chosen : count + 1) - 2;
  char text[2 * PL_LINE_SIZE];
  snprintf(text, sizeof text, "%.*s%s", (int)prompt->word, prompt->line.text, prompt->candidates.words[index]);
  // What does not fit is not put there in part.
  if (strlen(text) >= PL_LINE_SIZE) return;
  pl_line_set(&prompt->line, text);
  prompt->chosen = index + 1;
  // The only one is chosen; the next Tab goes on from there, into a folder or to the next word.
  if (count == 1) find_candidates(app, false);
}

void pl_prompt_key(pl_app *app, int key) {
  pl_prompt *prompt = &app->prompt;
  if (key == PL_KEY_ESCAPE || key == 3 || (key == PL_KEY_BACKSPACE && prompt->line.length == 0)) {
    pl_prompt_close(app);
    return;
  }
  if (key == PL_KEY_ENTER) {
    char text[PL_LINE_SIZE];
    pl_copy_text(text, sizeof text, prompt->line.text);
    pl_prompt_close(app);
    prompt->entered(app, text);
    return;
  }
  if (key == PL_KEY_TAB || key == PL_KEY_BACKTAB) {
    complete(app, key == PL_KEY_TAB ? 1 : -1);
    return;
  }
  if (pl_line_key(&prompt->line, key)) find_candidates(app, false);
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
  // What the word could become, right of what is typed; of a path its last part says which.
  int x = area.x + pl_text_columns(text + skip) + 3;
  for (size_t i = 0; i < prompt->candidates.count && x < area.x + area.cols - 4; i++) {
    const pl_style style = i + 1 == prompt->chosen ? PL_STYLE_STRONG : PL_STYLE_DIM;
    x += pl_canvas_text(canvas, area.y, x, area.x + area.cols - x, style,
                        pl_complete_last_part(prompt->candidates.words[i])) +
         2;
  }
}

#include "tui/widgets/confirm.h"

#include <stdio.h>

#include "core/base/str.h"
#include "tui/app.h"
#include "tui/keymap.h"

enum { BOX_COLS = 60, BOX_ROWS = 7 };

void pl_confirm_ask(pl_app *app, const char *question, void (*confirmed)(pl_app *app)) {
  app->confirm = (pl_confirm){.open = true, .confirmed = confirmed};
  pl_copy_text(app->confirm.question, sizeof app->confirm.question, question);
}

void pl_confirm_key(pl_app *app, int key) {
  if (key == 'y' || key == 'Y') {
    app->confirm.open = false;
    app->confirm.confirmed(app);
  } else if (key == 'n' || key == 'N' || key == PL_KEY_ESCAPE || key == 3 || key == 'q') {
    app->confirm.open = false;
    pl_app_say(app, "nothing was changed");
  }
}

void pl_confirm_draw(const pl_app *app, const pl_canvas *canvas) {
  // Lines break at spaces, so they are not all full; a long question gets a higher box.
  const int lines = pl_text_columns(app->confirm.question) / (BOX_COLS - 6 - 8) + 1;
  const pl_area box = pl_layout_centre(pl_app_body(app), lines + 4 > BOX_ROWS ? lines + 4 : BOX_ROWS, BOX_COLS);
  if (pl_area_empty(box)) return;
  pl_canvas_box(canvas, box, "Please confirm");
  const pl_area inner = {box.y + 2, box.x + 3, box.rows - 4, box.cols - 6};
  pl_canvas_wrapped(canvas, inner, PL_STYLE_NORMAL, app->confirm.question);
  pl_canvas_text(canvas, box.y + box.rows - 2, box.x + 3, box.cols - 6, PL_STYLE_STRONG, "y yes   n no");
}

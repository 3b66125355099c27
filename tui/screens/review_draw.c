// What the Review screen shows.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/screens/review_private.h"
#include "tui/widgets/bar.h"

static const char *const column_names[PL_REVIEW_COLUMNS] = {
    [PL_REVIEW_NUMBER] = "number",     [PL_REVIEW_LABEL] = "truth",   [PL_REVIEW_DICE] = "dice",
    [PL_REVIEW_FALSE_ALARM] = "extra", [PL_REVIEW_MISSED] = "missed", [PL_REVIEW_UNCERTAIN] = "unsure",
    [PL_REVIEW_DISAGREE] = "differ",
};

static pl_style pixels(char text[PL_TABLE_CELL_SIZE], uint64_t count, pl_style style) {
  snprintf(text, PL_TABLE_CELL_SIZE, "%" PRIu64, count);
  return count > 0 ? style : PL_STYLE_DIM;
}

static pl_style cell(const void *context, size_t at, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const pl_review_screen *self = context;
  const pl_review_row *row = pl_review_row_at(self, at);
  text[0] = '\0';
  if (row == NULL) return PL_STYLE_NORMAL;
  if (column == PL_REVIEW_NUMBER) {
    const bool seen = self->seen[self->order[at]];
    snprintf(text, PL_TABLE_CELL_SIZE, "%c%" PRIu32, seen ? '*' : ' ', row->number);
    return seen ? PL_STYLE_DIM : PL_STYLE_NORMAL;
  }
  const pl_score_case c = pl_review_score(self, row);
  const double dice = pl_score_dice(&c);
  switch ((pl_review_column)column) {
    case PL_REVIEW_LABEL: return pixels(text, c.truth, PL_STYLE_NORMAL);
    case PL_REVIEW_FALSE_ALARM: return pixels(text, c.predicted - c.hits, PL_STYLE_FALSE_ALARM);
    case PL_REVIEW_MISSED: return pixels(text, c.truth - c.hits, PL_STYLE_MISSED);
    case PL_REVIEW_DICE:
      snprintf(text, PL_TABLE_CELL_SIZE, "%.4f", dice);
      return dice >= 0.8 ? PL_STYLE_GOOD : dice < 0.5 ? PL_STYLE_BAD : PL_STYLE_NORMAL;
    case PL_REVIEW_UNCERTAIN:
      snprintf(text, PL_TABLE_CELL_SIZE, "%.3f", pl_levels_uncertainty(&row->levels));
      return PL_STYLE_NORMAL;
    case PL_REVIEW_DISAGREE:
      if (isfinite(row->disagreement)) snprintf(text, PL_TABLE_CELL_SIZE, "%.3f", row->disagreement);
      return PL_STYLE_NORMAL;
    case PL_REVIEW_NUMBER:
    case PL_REVIEW_COLUMNS: break;
  }
  return PL_STYLE_NORMAL;
}

static void number(char out[32], double value) {
  if (isfinite(value)) {
    snprintf(out, 32, "%.4f", value);
  } else {
    snprintf(out, 32, "?");
  }
}

// "top 0.50 [ ]   area 0 px ( )   bottom 0.50 { }"
static void draw_tuner(const pl_review_screen *self, const pl_canvas *canvas, pl_area row) {
  int x = row.x + 1;
  const int right = row.x + row.cols;
  char values[3][32];
  static const char *const names[] = {"top", "area", "bottom"}, *const keys[] = {"[ ]", "( )", "{ }"};
  snprintf(values[0], sizeof values[0], "%d.%02d", self->triplet.top / 100, self->triplet.top % 100);
  snprintf(values[1], sizeof values[1], "%" PRIu64 " px", self->triplet.area);
  snprintf(values[2], sizeof values[2], "%d.%02d", self->triplet.bottom / 100, self->triplet.bottom % 100);
  for (int i = 0; i < 3; i++) {
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, "%s ", names[i]);
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "%s ", values[i]);
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_KEY, "%s", keys[i]) + 3;
  }
  if (self->components == 0) return;
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, "without parts below %" PRIu64 " px", self->components);
}

// The fold's scores under these thresholds, and what they were at the start.
static void draw_scores(const pl_review_screen *self, const pl_canvas *canvas, pl_area row) {
  const pl_score_summary *now = &self->now;
  char dice[32], pos[32], neg[32], precision[32], recall[32];
  number(dice, now->dice);
  number(pos, now->dice_pos);
  number(neg, now->dice_neg);
  number(precision, now->precision);
  number(recall, now->recall);
  int x = row.x + 1;
  const int right = row.x + row.cols;
  x += pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_LABEL, "dice ");
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "%s ", dice);
  const double delta = now->dice - self->before.dice;
  if (isfinite(delta)) {
    const pl_style style = delta > 0 ? PL_STYLE_GOOD : delta < 0 ? PL_STYLE_BAD : PL_STYLE_DIM;
    x += pl_canvas_printf(canvas, row.y, x, right - x, style, "(%+.4f) ", delta);
  }
  if (self->components > 0 && !pl_review_counter_exact(self->counter)) {
    x += pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_WARN, "pending ");
  }
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, " positives %s  negatives %s  precision %s  recall %s",
                   pos, neg, precision, recall);
}

// How several runs come together.
static void together_text(char *out, size_t size, const pl_review_info *info) {
  if (info->runs < 2) {
    out[0] = '\0';
  } else if (info->most == 1) {
    snprintf(out, size, "%zu runs, each case by the one that held it out  ", info->runs);
  } else {
    snprintf(out, size, "%zu runs, the mean of %s%zu  ", info->runs, info->runs > info->most ? "up to " : "",
             info->most);
  }
}

static void draw_header(const pl_review_screen *self, const pl_canvas *canvas, pl_area header) {
  const pl_review_info *info = pl_review_counter_info(self->counter);
  int x = header.x + 1;
  const int right = header.x + header.cols, most = info->runs > 1 ? header.cols / 3 : header.cols - 2;
  // Words such as the name of a training of all folds may say it shorter.
  const bool shorter = info->runs > 1 && self->chosen != NULL && strlen(self->chosen) < strlen(info->names);
  char together[80];
  together_text(together, sizeof together, info);
  x += pl_canvas_text(canvas, header.y, x, most, PL_STYLE_STRONG, shorter ? self->chosen : info->names) + 2;
  x += pl_canvas_printf(canvas, header.y, x, right - x, PL_STYLE_NORMAL, "%zu cases, %zu with a pneumothorax  ",
                        self->order_count, self->now.positives);
  x += pl_canvas_text(canvas, header.y, x, right - x, PL_STYLE_NORMAL, together);
  if (self->against != NULL) {
    pl_canvas_printf(canvas, header.y, x, right - x, PL_STYLE_DIM, "against %s", self->against);
  }
  if (header.rows > 1) draw_tuner(self, canvas, (pl_area){header.y + 1, header.x, 1, header.cols});
  if (header.rows > 2) draw_scores(self, canvas, (pl_area){header.y + 2, header.x, 1, header.cols});
  const pl_area below = {header.y + 3, header.x + 1, header.rows - 3, header.cols - 2};
  if (below.rows > 0) pl_canvas_wrapped(canvas, below, PL_STYLE_WARN, info->warning);
}

// How many cases score how much: one line a tenth.
static void draw_histogram(const pl_review_screen *self, const pl_canvas *canvas, pl_area area) {
  size_t most = 1;
  for (int i = 0; i < PL_REVIEW_BINS; i++) most = self->bins[i] > most ? self->bins[i] : most;
  pl_canvas_text(canvas, area.y, area.x + 1, area.cols - 1, PL_STYLE_HEAD, "dice      cases");
  for (int i = 0; i < PL_REVIEW_BINS && i + 1 < area.rows; i++) {
    char count[32];
    snprintf(count, sizeof count, "%zu", self->bins[i]);
    const int y = area.y + 1 + i;
    pl_canvas_printf(canvas, y, area.x + 1, 9, PL_STYLE_LABEL, "%.1f..%.1f", i / 10.0, (i + 1) / 10.0);
    pl_bar_draw(canvas, y, area.x + 11, area.cols - 12, (double)self->bins[i] / (double)most, count);
  }
}

static const char *layer_words(const pl_review_screen *self, int pane) {
  static const char *const words[] = {"difference", "prediction", "truth", "plain"};
  if (self->split)
    return words[pane == 0 ? PL_REVIEW_TRUTH : self->layer == PL_REVIEW_TRUTH ? PL_REVIEW_PREDICTION : self->layer];
  if (self->blink) return words[self->blinked ? PL_REVIEW_PREDICTION : PL_REVIEW_TRUTH];
  return words[self->layer];
}

// Below the picture: what it shows, and in which colours.
static void draw_caption(const pl_review_screen *self, const pl_canvas *canvas, pl_area row,
                         const pl_review_shown *shown) {
  const pl_review_row *selected = pl_review_row_at(self, self->table.selected);
  int x = row.x + 1;
  const int right = row.x + row.cols;
  if (selected != NULL && shown->number != selected->number) {
    pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "#%" PRIu32 " is being read", selected->number);
    return;
  }
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "#%" PRIu32 " %s  ", shown->number,
                        layer_words(self, self->split ? 1 : 0));
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_HIT, "hit %" PRIu64 "  ", shown->agreement.hit);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_FALSE_ALARM, "extra %" PRIu64 "  ",
                        shown->agreement.false_alarm);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_MISSED, "missed %" PRIu64 "  ", shown->agreement.missed);
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "dice %.4f", pl_agreement_dice(&shown->agreement));
}

static void draw_pictures(const pl_review_screen *self, const pl_canvas *canvas, const pl_review_layout *layout) {
  const pl_review_shown shown = pl_review_view_shown(self->view);
  const int panes = self->split ? 2 : 1;
  for (int i = 0; i < panes; i++) {
    if (pl_area_empty(layout->pictures[i])) return;
    pl_canvas_vline(canvas, layout->borders[i], PL_STYLE_DIM);
    const int which = self->blink && !self->split && self->blinked ? 1 : i;
    const pl_picture *picture = shown.pictures[which];
    if (picture != NULL) pl_imgslots_want(canvas->slots, canvas, layout->pictures[i], picture);
  }
  if (shown.problem[0] != '\0') {
    pl_canvas_wrapped(canvas, layout->pictures[0], PL_STYLE_BAD, shown.problem);
  } else if (shown.number != 0) {
    draw_caption(self, canvas, layout->caption, &shown);
  }
}

static void draw_nothing(const pl_review_screen *self, const pl_canvas *canvas, pl_area body) {
  const pl_area message = pl_layout_centre(body, 6, body.cols - 4 < 70 ? body.cols - 4 : 70);
  char text[PL_ERROR_MESSAGE_MAX + 160];
  size_t done = 0, total = 0;
  pl_review_counter_progress(self->counter, &done, &total);
  if (self->app->model->run == NULL || self->folder == NULL) {
    snprintf(text, sizeof text, "There is no run to review; S on screen Train starts one.");
  } else if (!pl_review_counter_busy(self->counter)) {
    snprintf(text, sizeof text, "%s. ':eval %.60s' makes what is missing.", pl_review_counter_problem(self->counter),
             pl_review_words(self));
  } else if (total > 0) {
    snprintf(text, sizeof text, "Counting what %.60s predicts: %zu of %zu cases", pl_review_words(self), done, total);
  } else {
    snprintf(text, sizeof text, "Counting what %.60s predicts ...", pl_review_words(self));
  }
  pl_canvas_wrapped(canvas, message, PL_STYLE_NORMAL, text);
}

void pl_review_draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_review_screen *self = data;
  if (app->model->run == NULL || self->folder == NULL || self->order_count == 0) {
    draw_nothing(self, canvas, body);
    return;
  }
  const pl_review_layout layout = pl_review_layout_in(self, body);
  draw_header(self, canvas, layout.header);
  pl_table_column columns[PL_REVIEW_COLUMNS];
  for (int i = 0; i < PL_REVIEW_COLUMNS; i++) {
    columns[i] = (pl_table_column){.title = column_names[i], .cols = 7, .right = true};
  }
  const pl_table_view view = {.columns = columns,
                              .column_count = (size_t)pl_review_columns(self),
                              .sorted = (int)self->sort,
                              .descending = self->descending,
                              .selectable = true,
                              .cell = cell,
                              .context = self};
  pl_table_draw(&self->table, canvas, layout.table, &view);
  if (!pl_area_empty(layout.histogram)) draw_histogram(self, canvas, layout.histogram);
  if (!pl_area_empty(layout.pictures[0])) draw_pictures(self, canvas, &layout);
}

void pl_complete_review_columns(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  (void)before;
  for (int i = 0; i < PL_REVIEW_COLUMNS; i++) pl_candidates_add(out, column_names[i]);
}

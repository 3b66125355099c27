#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "tui/screens/runs_private.h"

enum { WORD_SIZE = 128 };

// ---- The filter

// One word of it: text alone, or a name, a sign and a value.
typedef struct condition {
  char name[WORD_SIZE], value[WORD_SIZE];
  char sign;  // '=', '<', '>', or 0 for text alone, which is in `value`
} condition;

static bool is_number_name(const char *name) { return strcmp(name, "best") == 0 || strcmp(name, "epoch") == 0; }

// Takes the next word off *text; false when there is none.
static bool next_word(condition *out, const char **text) {
  *text += strspn(*text, " ");
  const size_t length = strcspn(*text, " ");
  if (length == 0) return false;
  char word[WORD_SIZE];
  snprintf(word, sizeof word, "%.*s", (int)(length < WORD_SIZE ? length : WORD_SIZE - 1), *text);
  *text += length;
  const size_t at = strcspn(word, "=<>");
  *out = (condition){.sign = word[at]};
  if (word[at] == '\0') {
    (void)pl_copy_text(out->value, sizeof out->value, word);
  } else {
    snprintf(out->name, sizeof out->name, "%.*s", (int)at, word);
    (void)pl_copy_text(out->value, sizeof out->value, word + at + 1);
  }
  return true;
}

pl_status pl_runs_check_filter(const char *filter, pl_error *err) {
  condition c;
  double number = 0;
  while (next_word(&c, &filter)) {
    if (c.sign == 0) continue;
    const pl_option *option = pl_option_find(c.name);
    const bool state = strcmp(c.name, "state") == 0;
    if (option == NULL && !is_number_name(c.name) && !state) {
      return pl_fail(err, PL_E_USAGE, "'%.40s' is neither an option nor best, epoch or state", c.name);
    }
    const bool orders = c.sign != '=';
    if ((orders || is_number_name(c.name)) && !pl_parse_double(&number, c.value, strlen(c.value))) {
      return pl_fail(err, PL_E_USAGE, "%s%c wants a number, not '%.40s'", c.name, c.sign, c.value);
    }
    if (orders && (state || (option != NULL && option->type != PL_OPTION_INT && option->type != PL_OPTION_DOUBLE))) {
      return pl_fail(err, PL_E_USAGE, "%s is no number that could be above or below %s", c.name, c.value);
    }
  }
  return PL_OK;
}

static bool holds_number(const condition *c, double number) {
  double value = 0;
  if (!isfinite(number) || !pl_parse_double(&value, c->value, strlen(c->value))) return false;
  return c->sign == '=' ? number == value : c->sign == '<' ? number < value : number > value;
}

static bool holds(const condition *c, const pl_run_summary *run) {
  const pl_config *config = run->info != NULL ? &run->info->config : NULL;
  const char *phase = pl_phase_name(run->state.phase);
  int64_t epoch = -1;
  if (c->sign == 0) {
    return strcasestr(run->name, c->value) != NULL || strcasestr(phase, c->value) != NULL ||
           (config != NULL && strcasestr(config->encoder, c->value) != NULL);
  }
  if (strcmp(c->name, "state") == 0) return strcmp(phase, c->value) == 0;
  if (strcmp(c->name, "best") == 0) return holds_number(c, pl_run_summary_best(run, &epoch));
  if (strcmp(c->name, "epoch") == 0) return holds_number(c, (double)run->state.epoch);
  const pl_option *option = pl_option_find(c->name);
  char text[PL_OPTION_TEXT_MAX];
  if (config == NULL || option == NULL) return false;
  pl_config_get(text, config, option);
  double number = 0;
  if (pl_parse_double(&number, text, strlen(text)) && holds_number(c, number)) return true;
  return c->sign == '=' && strcmp(text, c->value) == 0;
}

static bool fits(const char *filter, const pl_run_summary *run) {
  condition c;
  while (next_word(&c, &filter)) {
    if (!holds(&c, run)) return false;
  }
  return true;
}

// ---- The order

// Below 0 when a comes first. What is unknown comes last in either direction.
static int compare_numbers(double a, double b, bool descending) {
  if (isfinite(a) != isfinite(b)) return isfinite(a) ? -1 : 1;
  if (!isfinite(a) || a == b) return 0;
  return (a < b) == descending ? 1 : -1;
}

static double delta_of(const pl_runs *self, const pl_run_summary *run) {
  const pl_run_summary *baseline = pl_runs_baseline(self);
  char why[PL_TABLE_CELL_SIZE] = "";
  int64_t epoch = -1;
  if (baseline == NULL || baseline == run) return (double)NAN;
  pl_run_incomparable(why, sizeof why, baseline, run);
  if (why[0] != '\0') return (double)NAN;
  return pl_run_summary_best(run, &epoch) - pl_run_summary_best(baseline, &epoch);
}

static double number_of(const pl_runs *self, const pl_run_summary *run, pl_runs_column column) {
  const pl_config *config = run->info != NULL ? &run->info->config : NULL;
  int64_t epoch = -1;
  const double best = pl_run_summary_best(run, &epoch);
  switch (column) {
    case PL_RUNS_SIZE: return config != NULL ? (double)config->size : (double)NAN;
    case PL_RUNS_FOLD: return config != NULL ? (double)config->fold : (double)NAN;
    case PL_RUNS_EPOCH: return run->state.epoch >= 0 ? (double)run->state.epoch : (double)NAN;
    case PL_RUNS_AT: return epoch >= 0 ? (double)epoch : (double)NAN;
    case PL_RUNS_DELTA: return delta_of(self, run);
    default: return best;
  }
}

static int compare(const void *left, const void *right, void *context) {
  const pl_runs *self = context;
  const size_t i = *(const size_t *)left, k = *(const size_t *)right;
  const pl_run_summary *a = &self->list.runs[i], *b = &self->list.runs[k];
  int order = 0;
  switch (self->sorted) {
    case PL_RUNS_MARK: break;
    case PL_RUNS_NAME: order = strcmp(a->name, b->name); break;
    case PL_RUNS_PHASE: order = strcmp(pl_phase_name(a->state.phase), pl_phase_name(b->state.phase)); break;
    case PL_RUNS_ENCODER:
      order = strcmp(a->info != NULL ? a->info->config.encoder : "?", b->info != NULL ? b->info->config.encoder : "?");
      break;
    default:
      order = compare_numbers(number_of(self, a, self->sorted), number_of(self, b, self->sorted), self->descending);
      if (order != 0) return order;
  }
  if (order == 0) order = i < k ? -1 : i > k;
  return self->descending ? -order : order;
}

static size_t row_of(const pl_runs *self, const char *folder) {
  for (size_t row = 0; row < self->shown; row++) {
    if (strcmp(pl_runs_row(self, row)->folder, folder) == 0) return row;
  }
  return self->shown;
}

// The newest of those shown: the list is in the order in which they began.
static size_t newest_row(const pl_runs *self) {
  size_t newest = 0;
  for (size_t row = 1; row < self->shown; row++) {
    if (self->order[row] > self->order[newest]) newest = row;
  }
  return newest;
}

void pl_runs_arrange(pl_runs *self) {
  self->order = pl_xrealloc(self->order, self->list.count + 1, sizeof *self->order);
  self->shown = 0;
  for (size_t i = 0; i < self->list.count; i++) {
    if (fits(self->filter, &self->list.runs[i])) self->order[self->shown++] = i;
  }
  qsort_r(self->order, self->shown, sizeof *self->order, compare, self);
  pl_table_fit(&self->table, self->shown, pl_runs_layout_of(self->app).table.rows);
  size_t row = self->follow ? newest_row(self) : row_of(self, self->selected);
  if (row == self->shown) row = self->table.selected;
  if (self->shown == 0) return;
  pl_table_select(&self->table, row);
  (void)pl_copy_text(self->selected, sizeof self->selected, pl_runs_row(self, self->table.selected)->folder);
}

void pl_runs_select(pl_runs *self, size_t row) {
  if (self->shown == 0) return;
  pl_table_select(&self->table, row);
  (void)pl_copy_text(self->selected, sizeof self->selected, pl_runs_row(self, self->table.selected)->folder);
  self->follow = self->table.selected == newest_row(self);
}

#include "tui/cli/score_words.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *pl_cli_number(char out[PL_CLI_NUMBER_SIZE], double value) {
  if (isnan(value)) return "-";
  (void)snprintf(out, PL_CLI_NUMBER_SIZE, "%.4f", value);
  return out;
}

static void print_score(const char *name, double value, const pl_interval *interval, const char *words) {
  char number[PL_CLI_NUMBER_SIZE], low[PL_CLI_NUMBER_SIZE], high[PL_CLI_NUMBER_SIZE], spread[80] = "";
  if (interval != NULL && !isnan(interval->low)) {
    (void)snprintf(spread, sizeof spread, "95 %% from %s to %s", pl_cli_number(low, interval->low),
                   pl_cli_number(high, interval->high));
  }
  printf("%-11s %-8s %-27s  %s\n", name, pl_cli_number(number, value), spread, words);
}

void pl_cli_print_scores(const pl_score_summary *s, const pl_score_intervals *i, double dice_batch) {
  char words[128];
  if (!isnan(dice_batch)) print_score("dice_batch", dice_batch, NULL, "soft, batch by batch");
  (void)snprintf(words, sizeof words, "of %zu images", s->cases);
  print_score("dice", s->dice, &i->dice, words);
  (void)snprintf(words, sizeof words, "of the %zu with a pneumothorax", s->positives);
  print_score("dice_pos", s->dice_pos, &i->dice_pos, words);
  (void)snprintf(words, sizeof words, "of the %zu without", s->cases - s->positives);
  print_score("dice_neg", s->dice_neg, &i->dice_neg, words);
  print_score("nothing", s->nothing, NULL, "what predicting nothing scores as dice");
  (void)snprintf(words, sizeof words, "of %zu said to have one, %zu have", s->true_positives + s->false_positives,
                 s->true_positives);
  print_score("precision", s->precision, &i->precision, words);
  (void)snprintf(words, sizeof words, "of %zu that have one, %zu are found", s->positives, s->true_positives);
  print_score("recall", s->recall, &i->recall, words);
}

json_t *pl_cli_number_json(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *pl_cli_interval_json(pl_interval interval) {
  return json_pack("[o, o]", pl_cli_number_json(interval.low), pl_cli_number_json(interval.high));
}

static void set(json_t *object, const char *key, size_t value) {
  (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_score(json_t *object, const char *key, double value, const pl_interval *interval) {
  (void)json_object_set_new(object, key, pl_cli_number_json(value));
  if (interval == NULL) return;
  char name[64];
  (void)snprintf(name, sizeof name, "%s_95", key);
  (void)json_object_set_new(object, name, pl_cli_interval_json(*interval));
}

json_t *pl_cli_scores_json(const pl_score_summary *s, const pl_score_intervals *i, double dice_batch) {
  json_t *o = json_object();
  set(o, "images", s->cases);
  set(o, "positives", s->positives);
  set_score(o, "dice_batch", dice_batch, NULL);
  set_score(o, "dice", s->dice, &i->dice);
  set_score(o, "dice_pos", s->dice_pos, &i->dice_pos);
  set_score(o, "dice_neg", s->dice_neg, &i->dice_neg);
  set_score(o, "nothing", s->nothing, NULL);
  set_score(o, "precision", s->precision, &i->precision);
  set_score(o, "recall", s->recall, &i->recall);
  set(o, "true_positives", s->true_positives);
  set(o, "false_positives", s->false_positives);
  set(o, "false_negatives", s->false_negatives);
  set(o, "true_negatives", s->true_negatives);
  return o;
}

pl_status pl_cli_print_json(json_t *object, pl_error *err) {
  char *text = object != NULL ? json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(object);
  if (text == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for the report");
  printf("%s\n", text);
  free(text);
  return PL_OK;
}

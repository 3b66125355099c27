#include "tui/cli/data_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "viewers/view_histogram.h"

enum { BAR_COLUMNS = 50, MERGED_BINS = 2, VANISHED_SHOWN = 20, GROUPS_SHOWN = 10, LINE_COLUMNS = 96 };

// What a measured mask is called: "#12", or its line in a table without a workspace.
static void mask_name(char *out, size_t size, const pl_data_report *report, size_t index) {
  if (report->cases != NULL) {
    snprintf(out, size, "#%u", report->cases[index]->number);
    return;
  }
  const pl_rle_image *image = report->masks[index].image;
  snprintf(out, size, "line %zu", report->table.rows[report->table.order[image->first]].line);
}

// ---- Counts

static void add_share(pl_buf *out, const char *name, size_t count, size_t all) {
  pl_buf_printf(out, "  %s %zu", name, count);
  if (all > 0) pl_buf_printf(out, " (%.1f %%)", 100.0 * (double)count / (double)all);
}

static void add_people(pl_buf *out, const pl_data_counts *n) {
  pl_buf_add_text(out, "sex       ");
  add_share(out, "F", n->female, n->cases);
  add_share(out, "M", n->male, n->cases);
  if (n->sex_unknown > 0) add_share(out, "unknown", n->sex_unknown, n->cases);
  pl_buf_add_text(out, "\nage       ");
  for (int i = 0; i < PL_AGE_BANDS; i++) {
    if (n->ages[i] == 0) continue;
    if (i + 1 < PL_AGE_BANDS) pl_buf_printf(out, "  %d-%d: %zu", 10 * i, 10 * i + 9, n->ages[i]);
    if (i + 1 == PL_AGE_BANDS) pl_buf_printf(out, "  %d and above: %zu", 10 * i, n->ages[i]);
  }
  if (n->age_unknown > 0) pl_buf_printf(out, "  unknown: %zu", n->age_unknown);
  pl_buf_add_text(out, "\nview      ");
  add_share(out, "PA", n->pa, n->cases);
  add_share(out, "AP", n->ap, n->cases);
  if (n->view_other > 0) add_share(out, "other", n->view_other, n->cases);
  if (n->view_unknown > 0) add_share(out, "unknown", n->view_unknown, n->cases);
  pl_buf_add_text(out, "\n");
}

static void add_counts(pl_buf *out, const pl_data_report *r) {
  const pl_data_counts *n = &r->counts;
  const pl_table_counts *t = &r->table_counts;
  if (n->cases > 0) {
    pl_buf_printf(out, "cases       %zu: %zu train, %zu test; %zu bad\n", n->cases, n->train, n->test, n->bad);
    pl_buf_printf(out, "labels    %s", r->manifest.labels == PL_LABELS_CORRECTED ? "  corrected:" : "");
    add_share(out, "positive", n->positive, n->positive + n->negative);
    add_share(out, "negative", n->negative, n->positive + n->negative);
    pl_buf_printf(out, "  unlabelled %zu\n", n->unlabelled);
  }
  if (t->rows > 0) {
    pl_buf_printf(out,
                  "table       %zu rows of %zu images, %zu with a mask; %zu images have several rows, at most %zu\n",
                  t->rows, t->images, t->positive, t->several, t->most_rows);
    if (t->bad_rows > 0) pl_buf_printf(out, "            %zu bad rows were left out\n", t->bad_rows);
    if (n->cases > 0 && r->absent > 0) pl_buf_printf(out, "            %zu of its images are not here\n", r->absent);
  }
  if (n->cases > 0) add_people(out, n);
}

// ---- Areas

static void add_bars(pl_buf *out, const pl_area_report *a, bool utf8) {
  // Pairs of bins, begun at whole halves of a decade and the like, so that the edges are round numbers.
  const int first = (int)lround(log10(a->edges[0]) * PL_AREA_BINS_PER_DECADE);
  const size_t shift = (size_t)(((first % MERGED_BINS) + MERGED_BINS) % MERGED_BINS);
  size_t pairs[PL_AREA_BINS_MAX] = {0}, count = 0, most = 1;
  for (size_t i = 0; i < a->bin_count; i++) {
    const size_t pair = (i + shift) / MERGED_BINS;
    pairs[pair] += a->bins[i];
    if (pairs[pair] > most) most = pairs[pair];
    count = pair + 1;
  }
  for (size_t i = 0; i < count; i++) {
    const double from = pow(10, (double)(first - (int)shift + (int)(i * MERGED_BINS)) / PL_AREA_BINS_PER_DECADE);
    const double to = from * pow(10, (double)MERGED_BINS / PL_AREA_BINS_PER_DECADE);
    size_t length = pairs[i] * BAR_COLUMNS / most;
    if (length == 0 && pairs[i] > 0) length = 1;
    pl_buf_printf(out, "  %8.0f to %8.0f  %6zu  ", from, to, pairs[i]);
    for (size_t k = 0; k < length; k++) pl_buf_add_text(out, utf8 ? "\xe2\x96\x88" : "#");
    pl_buf_add_text(out, "\n");
  }
}

static void add_areas(pl_buf *out, const pl_data_report *r, const pl_report_words *words) {
  const pl_area_report *a = &r->areas;
  pl_buf_printf(out, "\nMask areas, pixels of the source image (%zu masks)\n", a->count);
  if (a->count == 0) {
    pl_buf_add_text(out, "  there is no mask\n");
    return;
  }
  pl_buf_printf(out, "  %9s%9s%9s%9s%9s%9s%9s%9s\n", "smallest", "5 %", "25 %", "median", "75 %", "95 %", "largest",
                "mean");
  pl_buf_printf(out, "  %9.0f%9.0f%9.0f%9.0f%9.0f%9.0f%9.0f%9.0f\n", a->min, a->q05, a->q25, a->median, a->q75, a->q95,
                a->max, a->mean);
  if (words->with_bars) add_bars(out, a, words->utf8);
}

// ---- Ceiling

// A list that is broken into lines of usual width.
typedef struct list {
  pl_buf *out;
  size_t column, indent;
} list;

static list begin_list(pl_buf *out, const char *title, uint32_t size) {
  const size_t start = out->length;
  pl_buf_printf(out, "  %s at %u:", title, size);
  return (list){.out = out, .column = out->length - start, .indent = 4};
}

static void add_item(list *l, const char *text) {
  if (l->column + 1 + strlen(text) > LINE_COLUMNS) {
    pl_buf_printf(l->out, "\n%*s", (int)l->indent - 1, "");
    l->column = l->indent - 1;
  }
  pl_buf_printf(l->out, " %s", text);
  l->column += 1 + strlen(text);
}

static void add_worst(pl_buf *out, const pl_data_report *r, size_t k) {
  const pl_ceiling *c = &r->ceilings[k];
  list l = begin_list(out, "lowest", c->size);
  for (size_t i = 0; i < c->worst_count; i++) {
    char name[32], text[96];
    mask_name(name, sizeof name, r, c->worst[i]);
    const pl_ceiling_score *s = &r->scores[c->worst[i] * r->ceiling_count + k];
    snprintf(text, sizeof text, "%s %.3f (%llu px)%s", name, s->dice, (unsigned long long)s->area,
             i + 1 < c->worst_count ? "," : "");
    add_item(&l, text);
  }
  pl_buf_add_text(out, "\n");
}

static void add_vanished(pl_buf *out, const pl_data_report *r, size_t k) {
  const size_t all = r->ceilings[k].vanished;
  if (all == 0) return;
  size_t shown = 0;
  list l = begin_list(out, "vanish", r->ceilings[k].size);
  for (size_t i = 0; i < r->mask_count && shown < VANISHED_SHOWN; i++) {
    if (!r->scores[i * r->ceiling_count + k].vanished) continue;
    char name[32], text[40];
    mask_name(name, sizeof name, r, i);
    snprintf(text, sizeof text, "%s%s", name, ++shown < all ? "," : "");
    add_item(&l, text);
  }
  if (all > shown) pl_buf_printf(out, " and %zu more (--json lists all)", all - shown);
  pl_buf_add_text(out, "\n");
}

static void add_ceilings(pl_buf *out, const pl_data_report *r) {
  pl_buf_add_text(out,
                  "\nResolution ceiling: the dice that the true masks themselves reach after going down to a training\n"
                  "size (by import's area rule) and back up to their own (linear, inside from 0.5, as a submission\n"
                  "scales probabilities)\n");
  if (r->ceiling_count == 0) {
    pl_buf_add_text(out,
                    "  unknown: the workspace has no train-rle.csv, so the masks at their own size are not there\n");
    return;
  }
  pl_buf_printf(out, "  %5s%8s%9s%9s%9s%9s%14s\n", "size", "masks", "mean", "5 %", "lowest", "vanish", "mean, nearest");
  for (size_t k = 0; k < r->ceiling_count; k++) {
    const pl_ceiling *c = &r->ceilings[k];
    pl_buf_printf(out, "  %5u%8zu%9.4f%9.4f%9.4f%9zu%14.4f\n", c->size, c->count, c->mean, c->q05, c->min, c->vanished,
                  c->mean_nearest);
  }
  for (size_t k = 0; k < r->ceiling_count; k++) {
    if (r->ceilings[k].count > 0 && r->ceilings[k].min < 1) add_worst(out, r, k);
    add_vanished(out, r, k);
  }
  if (r->unmeasured > 0) {
    char why[PL_ERROR_MESSAGE_MAX];
    pl_safe_text(why, sizeof why, r->why_unmeasured, strlen(r->why_unmeasured));
    pl_buf_printf(out, "  %zu of the positives could not be measured; the first: %s\n", r->unmeasured, why);
  }
}

// ---- Duplicates

static void add_duplicates(pl_buf *out, const pl_data_report *r) {
  const pl_duplicates *d = &r->duplicates;
  pl_buf_printf(out, "\nDuplicates and leaks\nfiles      %zu groups of cases with the same file, byte for byte\n",
                d->group_count);
  for (size_t i = 0; i < d->group_count && i < GROUPS_SHOWN; i++) {
    pl_buf_add_text(out, "           ");
    for (size_t k = 0; k < d->groups[i].count; k++) {
      pl_buf_printf(out, "%s#%u", k > 0 ? " = " : "", r->manifest.cases[d->members[d->groups[i].first + k]].number);
    }
    pl_buf_add_text(out, d->groups[i].in_both_parts ? "  (in train and in test)\n" : "\n");
  }
  if (d->group_count > GROUPS_SHOWN) {
    pl_buf_printf(out, "           and %zu more (--json lists all)\n", d->group_count - GROUPS_SHOWN);
  }
  if (r->leaks_known) return;  // what they are, leaks.c says
  char why[PL_ERROR_MESSAGE_MAX];
  pl_safe_text(why, sizeof why, r->leaks_problem, strlen(r->leaks_problem));
  pl_buf_printf(out, "leaks      unknown: %s\n", why);
}

void pl_report_text(pl_buf *out, const pl_data_report *report, const pl_report_words *words) {
  char source[512];
  pl_safe_text(source, sizeof source, words->source, strlen(words->source));
  pl_buf_printf(out, "%s\n", source);
  add_counts(out, report);
  add_areas(out, report, words);
  add_ceilings(out, report);
  if (report->counts.cases > 0) add_duplicates(out, report);
}

// ---- Histogram

pl_status pl_report_histogram(pl_bitmap *out, const pl_data_report *report, uint32_t width, uint32_t height,
                              pl_error *err) {
  const pl_area_report *a = &report->areas;
  const pl_histogram_mark marks[] = {{"5 %", a->q05}, {"median", a->median}, {"95 %", a->q95}};
  char title[64];
  snprintf(title, sizeof title, "mask areas of %zu images", a->count);
  const pl_histogram_chart chart = {.title = title,
                                    .x_label = "pixels",
                                    .edges = a->edges,
                                    .bins = a->bins,
                                    .bin_count = a->bin_count,
                                    .log_x = true,
                                    .marks = marks,
                                    .mark_count = sizeof marks / sizeof marks[0]};
  return pl_view_histogram(out, &chart, width, height, err);
}

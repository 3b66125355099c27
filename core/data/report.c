#include "core/data/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/quantile.h"
#include "core/data/rle.h"

static void count_person(pl_data_counts *n, const pl_case *c) {
  int band = c->age / 10;
  if (c->age < 0) {
    n->age_unknown++;
  } else {
    n->ages[band < PL_AGE_BANDS ? band : PL_AGE_BANDS - 1]++;
  }
  n->female += c->sex == 'F';
  n->male += c->sex == 'M';
  n->sex_unknown += c->sex != 'F' && c->sex != 'M';
  n->pa += strcmp(c->view, "PA") == 0;
  n->ap += strcmp(c->view, "AP") == 0;
  n->view_unknown += c->view[0] == '\0';
  n->view_other += c->view[0] != '\0' && strcmp(c->view, "PA") != 0 && strcmp(c->view, "AP") != 0;
}

void pl_data_count(pl_data_counts *out, const pl_manifest *manifest) {
  pl_data_counts n = {.cases = manifest->count};
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    n.train += c->part == PL_PART_TRAIN;
    n.test += c->part == PL_PART_TEST;
    n.bad += c->status == PL_CASE_BAD;
    n.unlabelled += c->status == PL_CASE_UNLABELLED;
    n.positive += c->status == PL_CASE_OK && c->label == PL_LABEL_POSITIVE;
    n.negative += c->status == PL_CASE_OK && c->label == PL_LABEL_NEGATIVE;
    count_person(&n, c);
  }
  *out = n;
}

void pl_table_count(pl_table_counts *out, const pl_rle_table *table) {
  pl_table_counts n = {.rows = table->count, .bad_rows = table->problem_count, .images = table->image_count};
  for (size_t i = 0; i < table->image_count; i++) {
    const pl_rle_image *image = &table->images[i];
    n.positive += image->has_mask;
    n.several += image->count > 1;
    if (image->count > n.most_rows) n.most_rows = image->count;
  }
  *out = n;
}

// ---- Areas

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double edge(int k) { return pow(10, (double)k / PL_AREA_BINS_PER_DECADE); }

// The k with edge(k) <= area < edge(k + 1).
static int bin_of(double area) {
  int k = (int)floor(log10(area) * PL_AREA_BINS_PER_DECADE);
  while (edge(k) > area) k--;
  while (edge(k + 1) <= area) k++;
  return k;
}

void pl_area_count(pl_area_report *out, const uint64_t *areas, size_t count) {
  pl_area_report r = {0};
  double *values = pl_xcalloc(count + 1, sizeof *values), sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (areas[i] == 0) continue;
    values[r.count++] = (double)areas[i];
    sum += (double)areas[i];
  }
  qsort(values, r.count, sizeof *values, by_value);
  r.min = pl_quantile(values, r.count, 0);
  r.q05 = pl_quantile(values, r.count, 0.05);
  r.q25 = pl_quantile(values, r.count, 0.25);
  r.median = pl_quantile(values, r.count, 0.5);
  r.q75 = pl_quantile(values, r.count, 0.75);
  r.q95 = pl_quantile(values, r.count, 0.95);
  r.max = pl_quantile(values, r.count, 1);
  r.mean = r.count > 0 ? sum / (double)r.count : (double)NAN;
  if (r.count > 0) {
    int first = bin_of(r.min);
    r.bin_count = (size_t)(bin_of(r.max) - first) + 1;
    for (size_t i = 0; i <= r.bin_count; i++) r.edges[i] = edge(first + (int)i);
    for (size_t i = 0; i < r.count; i++) r.bins[bin_of(values[i]) - first]++;
  }
  free(values);
  *out = r;
}

// ---- Duplicates

typedef struct hashed {
  const char *hash;
  size_t index;
} hashed;

static int by_hash(const void *a, const void *b) {
  const hashed *x = a, *y = b;
  const int order = strcmp(x->hash, y->hash);
  return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

typedef struct group_key {
  pl_duplicate_group group;
  size_t index;  // of its first case
} group_key;

static int by_first_case(const void *a, const void *b) {
  const group_key *x = a, *y = b;
  return (x->index > y->index) - (x->index < y->index);
}

void pl_duplicates_find(pl_duplicates *out, const pl_manifest *manifest) {
  hashed *all = pl_xcalloc(manifest->count + 1, sizeof *all);
  group_key *keys = pl_xcalloc(manifest->count + 1, sizeof *keys);
  size_t count = 0, used = 0;
  for (size_t i = 0; i < manifest->count; i++) {
    const char *hash = manifest->cases[i].sha256;
    if (hash[0] != '\0') all[count++] = (hashed){.hash = hash, .index = i};
  }
  qsort(all, count, sizeof *all, by_hash);
  pl_duplicates d = {.members = pl_xcalloc(count + 1, sizeof *d.members)};
  for (size_t i = 0, end = 0; i < count; i = end) {
    for (end = i + 1; end < count && strcmp(all[end].hash, all[i].hash) == 0;) end++;
    if (end - i < 2) continue;
    pl_duplicate_group group = {.first = used, .count = end - i};
    for (size_t k = i; k < end; k++) {
      d.members[used++] = all[k].index;
      group.in_both_parts |= manifest->cases[all[k].index].part != manifest->cases[all[i].index].part;
    }
    keys[d.group_count++] = (group_key){.group = group, .index = all[i].index};
  }
  qsort(keys, d.group_count, sizeof *keys, by_first_case);
  d.groups = pl_xcalloc(d.group_count + 1, sizeof *d.groups);
  for (size_t i = 0; i < d.group_count; i++) d.groups[i] = keys[i].group;
  free(keys);
  free(all);
  *out = d;
}

void pl_duplicates_clear(pl_duplicates *duplicates) {
  free(duplicates->groups);
  free(duplicates->members);
  *duplicates = (pl_duplicates){0};
}

// ---- Everything

static void leave_out(pl_data_report *r, const pl_error *why) {
  if (r->unmeasured++ == 0) (void)pl_copy_text(r->why_unmeasured, sizeof r->why_unmeasured, why->message);
}

// Whether the image's rows make a mask of that size.
static pl_status check_mask(const pl_rle_table *table, const pl_ceiling_mask *mask, pl_error *err) {
  pl_status status = PL_OK;
  for (size_t i = 0; i < mask->image->count && status == PL_OK; i++) {
    const pl_rle_row *row = &table->rows[table->order[mask->image->first + i]];
    status = pl_rle_check(row->pixels, (uint64_t)mask->width * mask->height, err);
    if (status != PL_OK) pl_wrap(err, "line %zu, image of %ux%u", row->line, mask->width, mask->height);
  }
  return status;
}

static void add_mask(pl_data_report *r, const pl_ceiling_mask *mask, const pl_case *c) {
  pl_error why = {0};
  if (check_mask(&r->table, mask, &why) != PL_OK) {
    leave_out(r, &why);
    return;
  }
  if (c != NULL) r->cases[r->mask_count] = c;
  r->masks[r->mask_count++] = *mask;
}

static void gather_from_workspace(pl_data_report *r) {
  r->cases = pl_xcalloc(r->manifest.count + 1, sizeof *r->cases);
  r->masks = pl_xcalloc(r->manifest.count + 1, sizeof *r->masks);
  size_t present = 0;
  for (size_t i = 0; i < r->manifest.count; i++) {
    const pl_case *c = &r->manifest.cases[i];
    const pl_rle_image *image = pl_rle_table_find(&r->table, c->id);
    present += image != NULL && c->part == PL_PART_TRAIN;
    if (c->status != PL_CASE_OK || c->label != PL_LABEL_POSITIVE) continue;
    pl_error why = {0};
    if (image == NULL || !image->has_mask) {
      (void)pl_fail(&why, PL_E_NOTFOUND, "case #%u has no mask in the table", c->number);
    } else if (c->rows == 0 || c->cols == 0) {
      (void)pl_fail(&why, PL_E_NOTFOUND, "the size of case #%u is not known", c->number);
    }
    if (why.code != PL_OK) {
      leave_out(r, &why);
    } else {
      add_mask(r, &(pl_ceiling_mask){.image = image, .width = c->cols, .height = c->rows}, c);
    }
  }
  r->absent = r->table.image_count - present;
}

static void gather_from_table(pl_data_report *r, uint32_t width, uint32_t height) {
  r->masks = pl_xcalloc(r->table.image_count + 1, sizeof *r->masks);
  for (size_t i = 0; i < r->table.image_count; i++) {
    const pl_rle_image *image = &r->table.images[i];
    if (image->has_mask) add_mask(r, &(pl_ceiling_mask){.image = image, .width = width, .height = height}, NULL);
  }
}

static pl_status read_table(pl_data_report *r, const pl_report_options *o, pl_error *err) {
  char *path = o->table != NULL ? pl_xstrdup(o->table) : pl_label_table_path(o->workspace, o->labels);
  pl_status status = PL_OK;
  if (o->table != NULL || pl_fs_is_file(path)) status = pl_rle_table_load(&r->table, path, false, err);
  free(path);
  return status;
}

static pl_status measure(pl_data_report *r, const pl_report_options *o, pl_error *err) {
  r->scores = pl_xcalloc(r->mask_count * o->size_count + 1, sizeof *r->scores);
  pl_status status =
      pl_ceiling_measure(r->scores, &r->table, r->masks, r->mask_count, o->sizes, o->size_count, o->threads, err);
  if (status != PL_OK) return status;
  r->ceiling_count = o->size_count;
  for (size_t k = 0; k < o->size_count; k++) {
    pl_ceiling_summarise(&r->ceilings[k], r->scores, r->mask_count, o->sizes[k], k, o->size_count);
  }
  return PL_OK;
}

static void count_areas(pl_data_report *r) {
  size_t count = 0, most = r->manifest.count > r->mask_count ? r->manifest.count : r->mask_count;
  uint64_t *areas = pl_xcalloc(most + 1, sizeof *areas);
  if (r->ceiling_count > 0) {
    for (size_t i = 0; i < r->mask_count; i++) areas[count++] = r->scores[i * r->ceiling_count].area;
  } else {
    for (size_t i = 0; i < r->manifest.count; i++) areas[count++] = r->manifest.cases[i].mask_area;
  }
  pl_area_count(&r->areas, areas, count);
  free(areas);
}

// What is wrong with folds.csv is told in the report; what was asked for and cannot be had is a failure.
static pl_status find_leaks(pl_data_report *r, const pl_report_options *o, pl_error *err) {
  pl_error why = {0};
  char *path = pl_path_join(o->workspace, "folds.csv");
  r->leaks_known = pl_folds_load(&r->folds, path, &why) == PL_OK;
  free(path);
  (void)pl_copy_text(r->leaks_problem, sizeof r->leaks_problem, why.message);
  if (!r->leaks_known) return PL_OK;
  pl_folds_take_labels(&r->folds, &r->manifest);
  const pl_leak_sources sources = {.patients = o->patients,
                                   .manifest = &r->manifest,
                                   .skip_pictures = o->skip_pictures,
                                   .progress = o->progress,
                                   .context = o->context};
  return pl_leaks_find(&r->leaks, &r->folds, &sources, err);
}

pl_status pl_data_report_make(pl_data_report *out, const pl_report_options *options, pl_error *err) {
  pl_data_report r = {0};
  pl_status status = PL_OK;
  if (options->workspace != NULL) {
    status = pl_labels_load_manifest(&r.manifest, options->workspace, options->labels, err);
  }
  if (status == PL_OK) status = read_table(&r, options, err);
  if (status == PL_OK) {
    pl_data_count(&r.counts, &r.manifest);
    pl_table_count(&r.table_counts, &r.table);
  }
  if (status == PL_OK && r.table.count > 0) {
    if (options->workspace != NULL) gather_from_workspace(&r);
    if (options->workspace == NULL) gather_from_table(&r, options->width, options->height);
    status = measure(&r, options, err);
  }
  if (status == PL_OK) count_areas(&r);
  if (status == PL_OK) pl_duplicates_find(&r.duplicates, &r.manifest);
  if (status == PL_OK && options->workspace != NULL) status = find_leaks(&r, options, err);
  if (status != PL_OK) {
    pl_data_report_clear(&r);
    return status;
  }
  *out = r;
  return PL_OK;
}

void pl_data_report_clear(pl_data_report *report) {
  free(report->masks);
  free(report->cases);
  free(report->scores);
  pl_duplicates_clear(&report->duplicates);
  pl_leak_report_clear(&report->leaks);
  pl_folds_clear(&report->folds);
  pl_rle_table_clear(&report->table);
  pl_manifest_clear(&report->manifest);
  *report = (pl_data_report){0};
}

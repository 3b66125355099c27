#include "core/data/split.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"

static const char *const by_names[PL_SPLIT_BY_COUNT];

static pl_status check_count(int fold_count, size_t things, const char *what, pl_error *err) {
  if (fold_count < 2 || fold_count > PL_FOLDS_MAX) {
    return pl_fail(err, PL_E_USAGE, "%d folds: give 2 to %d", fold_count, PL_FOLDS_MAX);
  }
  if ((size_t)fold_count > things) {
    return pl_fail(err, PL_E_USAGE, "%d folds of only %zu %s: every fold needs one", fold_count, things, what);
  }
  return PL_OK;
}

// One image in the order in which images are dealt out.
typedef struct card {
  int group;     // dealt group by group: present before absent, with a mask before without
  uint64_t key;  // a shuffle that depends on the seed and the id alone
  size_t image;  // in table->images, which is sorted by id: decides ties
} card;

static int by_deal(const void *a, const void *b) {
  const card *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->image > y->image) - (x->image < y->image);
}

pl_status pl_split_by_image(int *folds, const pl_rle_table *table, const bool *present, int fold_count, uint64_t seed,
                            pl_error *err) {
  pl_status status = check_count(fold_count, table->image_count, "images", err);
  if (status != PL_OK) return status;
  uint64_t split_seed = pl_rng_derive(seed, "split");
  card *cards = pl_xcalloc(table->image_count, sizeof *cards);
  for (size_t i = 0; i < table->image_count; i++) {
    const pl_rle_image *image = &table->images[i];
    bool here = present == NULL || present[i];
    cards[i] = (card){
        .group = (here ? 0 : 2) + (image->has_mask ? 0 : 1), .key = pl_rng_derive(split_seed, image->id), .image = i};
  }
  qsort(cards, table->image_count, sizeof *cards, by_deal);
  // Going on with the next fold from group to group keeps the totals even as well.
  int fold = 0;
  for (size_t i = 0; i < table->image_count; i++) {
    const pl_rle_image *image = &table->images[cards[i].image];
    for (size_t k = 0; k < image->count; k++) folds[table->order[image->first + k]] = fold;
    fold = (fold + 1) % fold_count;
  }
  free(cards);
  return PL_OK;
}

pl_status pl_split_by_row(int *folds, const pl_rle_table *table, int fold_count, pl_error *err) {
  pl_status status = check_count(fold_count, table->count, "rows", err);
  if (status != PL_OK) return status;
  size_t total[2] = {0, 0}, allocation[2][PL_FOLDS_MAX] = {{0}};
  // Classes are numbered as they appear, and the sorted classes are dealt to the folds in turn.
  bool first = table->rows[0].has_mask;
  for (size_t i = 0; i < table->count; i++) total[table->rows[i].has_mask != first]++;
  if (total[0] < (size_t)fold_count && total[1] < (size_t)fold_count) {
    return pl_fail(err, PL_E_USAGE, "%d folds, but neither %zu nor %zu rows of a class fill them", fold_count, total[0],
                   total[1]);
  }
  for (size_t i = 0; i < table->count; i++) allocation[i >= total[0]][i % (size_t)fold_count]++;
  int at[2] = {0, 0};
  for (size_t i = 0; i < table->count; i++) {
    int class = table->rows[i].has_mask != first;
    while (allocation[class][at[class]] == 0) at[class]++;
    allocation[class][at[class]]--;
    folds[i] = at[class];
  }
  return PL_OK;
}

const char *pl_split_by_name(pl_split_by by) { return by < PL_SPLIT_BY_COUNT ? by_names[by] : ""; }

bool pl_split_by_find(pl_split_by *out, const char *name) {
  for (int i = 0; i < PL_SPLIT_BY_COUNT; i++) {
    if (strcmp(by_names[i], name) != 0) continue;
    *out = (pl_split_by)i;
    return true;
  }
  return false;
}

// Which of the table's images the workspace has with a label, or NULL when it has no cases; the caller frees.
static bool *find_present(const pl_manifest *m, const pl_rle_table *table) {
  if (m == NULL || m->count == 0) return NULL;
  bool *present = pl_xcalloc(table->image_count, sizeof *present);
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    const pl_rle_image *image = pl_rle_table_find(table, c->id);
    if (image != NULL && c->part == PL_PART_TRAIN && c->status == PL_CASE_OK) present[image - table->images] = true;
  }
  return present;
}

pl_status pl_split_make(int *folds, char source[PL_PATIENTS_SOURCE_SIZE], const pl_rle_table *table,
                        const pl_manifest *manifest, const pl_split_options *options, pl_error *err) {
  source[0] = '\0';
  if (options->by == PL_SPLIT_BY_ROW) return pl_split_by_row(folds, table, options->fold_count, err);
  bool *present = find_present(manifest, table);
  pl_status status = PL_OK;
  if (options->by == PL_SPLIT_BY_IMAGE) {
    status = pl_split_by_image(folds, table, present, options->fold_count, options->seed, err);
  } else {
    pl_patients patients = {0};
    status = pl_patients_find(&patients, options->patients, manifest, err);
    if (status == PL_OK) {
      status = pl_split_by_patient(folds, table, &patients, present, options->fold_count, options->seed, err);
      (void)pl_copy_text(source, PL_PATIENTS_SOURCE_SIZE, patients.source);
    }
    pl_patients_clear(&patients);
  }
  free(present);
  return status;
}

size_t pl_split_count(pl_fold_size *sizes, const pl_rle_table *table, const int *folds, int fold_count) {
  memset(sizes, 0, (size_t)fold_count * sizeof *sizes);
  size_t spread = 0;
  for (size_t i = 0; i < table->image_count; i++) {
    const pl_rle_image *image = &table->images[i];
    bool in_fold[PL_FOLDS_MAX] = {false};
    size_t in = 0;
    for (size_t k = 0; k < image->count; k++) {
      int fold = folds[table->order[image->first + k]];
      sizes[fold].rows++;
      if (in_fold[fold]) continue;
      in_fold[fold] = true;
      in++;
      sizes[fold].images++;
      sizes[fold].positives += image->has_mask;
    }
    spread += in > 1;
  }
  return spread;
}

static const char *const by_names[PL_SPLIT_BY_COUNT] = {
    [PL_SPLIT_BY_PATIENT] = "patient", [PL_SPLIT_BY_IMAGE] = "image", [PL_SPLIT_BY_ROW] = "row"};

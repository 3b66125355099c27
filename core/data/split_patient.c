// Dealing patients to folds. See split.h for what is promised.
//
// First the largest patients, each to the fold where it weighs least; the many patients with one image come last and
// even out. Then patients change places as long as that makes the folds more even. Two patients with equal numbers of
// images and positives are interchangeable for that, so it looks at kinds of patients, of which there are few.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/split.h"

// What is to be even. Images and positives among those present, and among all.
enum { PRESENT, PRESENT_POSITIVE, ALL, ALL_POSITIVE, MEASURES };
enum { POSITIVE_WEIGHT = 4, WORK_MAX = 20 * 1000 * 1000 };
static const int64_t weights[MEASURES] = {1, POSITIVE_WEIGHT, 1, POSITIVE_WEIGHT};

typedef struct group {
  size_t first, count;  // in `images` of the deal
  uint64_t key;         // a shuffle that depends on the seed and the smallest id alone
  int64_t has[MEASURES];
  size_t kind;
  int fold;
} group;

typedef struct member {
  const char *patient;  // NULL: nobody knows
  size_t image;         // in table->images, which is sorted by id
} member;

typedef struct deal {
  int fold_count;
  member *images;
  group *groups;  // in the order in which they are dealt
  size_t group_count, kind_count;
  int64_t (*held)[MEASURES];  // by each fold
  // Groups of one kind in one fold are a list: top[kind * fold_count + fold] is its first, below[group] the next one.
  size_t *top, *below;
} deal;

static const size_t NONE = SIZE_MAX;

static int by_patient(const void *a, const void *b) {
  const member *x = a, *y = b;
  if ((x->patient == NULL) != (y->patient == NULL)) return x->patient == NULL ? 1 : -1;
  const int order = x->patient == NULL ? 0 : strcmp(x->patient, y->patient);
  return order != 0 ? order : (x->image > y->image) - (x->image < y->image);
}

// Large ones first, among equals those with more positives, and what is left by the shuffle.
static int by_deal(const void *a, const void *b) {
  const group *x = a, *y = b;
  static const int order[MEASURES] = {ALL, ALL_POSITIVE, PRESENT, PRESENT_POSITIVE};
  for (int i = 0; i < MEASURES; i++) {
    if (x->has[order[i]] != y->has[order[i]]) return x->has[order[i]] > y->has[order[i]] ? -1 : 1;
  }
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return 0;
}

static void make_groups(deal *d, const pl_rle_table *table, const pl_patients *patients, const bool *present,
                        uint64_t seed) {
  const size_t count = table->image_count;
  d->images = pl_xcalloc(count, sizeof *d->images);
  d->groups = pl_xcalloc(count, sizeof *d->groups);
  for (size_t i = 0; i < count; i++) {
    d->images[i] = (member){.patient = pl_patients_of(patients, table->images[i].id), .image = i};
  }
  qsort(d->images, count, sizeof *d->images, by_patient);
  for (size_t i = 0; i < count; i++) {
    const member *m = &d->images[i];
    const pl_rle_image *image = &table->images[m->image];
    if (i == 0 || m->patient == NULL || d->images[i - 1].patient == NULL ||
        strcmp(m->patient, d->images[i - 1].patient) != 0) {
      d->groups[d->group_count++] = (group){.first = i, .key = pl_rng_derive(seed, image->id)};
    }
    group *g = &d->groups[d->group_count - 1];
    const bool here = present == NULL || present[m->image];
    g->count++;
    g->has[ALL]++;
    g->has[ALL_POSITIVE] += image->has_mask;
    g->has[PRESENT] += here;
    g->has[PRESENT_POSITIVE] += here && image->has_mask;
  }
  qsort(d->groups, d->group_count, sizeof *d->groups, by_deal);
  for (size_t i = 0; i < d->group_count; i++) {
    if (i > 0 && memcmp(d->groups[i].has, d->groups[i - 1].has, sizeof d->groups[i].has) != 0) d->kind_count++;
    d->groups[i].kind = d->kind_count;
  }
  d->kind_count++;
}

static void put(deal *d, size_t index, int fold) {
  group *g = &d->groups[index];
  g->fold = fold;
  for (int m = 0; m < MEASURES; m++) d->held[fold][m] += g->has[m];
  size_t *top = &d->top[g->kind * (size_t)d->fold_count + (size_t)fold];
  d->below[index] = *top;
  *top = index;
}

static size_t take(deal *d, size_t kind, int fold) {
  size_t *top = &d->top[kind * (size_t)d->fold_count + (size_t)fold];
  const size_t index = *top;
  *top = d->below[index];
  for (int m = 0; m < MEASURES; m++) d->held[fold][m] -= d->groups[index].has[m];
  return index;
}

static void deal_out(deal *d) {
  for (size_t i = 0; i < d->group_count; i++) {
    const group *g = &d->groups[i];
    int best = -1;
    int64_t least = 0;
    for (int k = 0; k < d->fold_count; k++) {
      // Among equal folds the shuffle decides.
      const int fold = (int)((g->key + (uint64_t)k) % (uint64_t)d->fold_count);
      // The sum of squares grows by this, up to what is the same for all folds.
      int64_t weight = 0;
      for (int m = 0; m < MEASURES; m++) weight += weights[m] * g->has[m] * d->held[fold][m];
      if (best < 0 || weight < least) best = fold, least = weight;
    }
    put(d, i, best);
  }
}

// No two folds differ by more than 1 in anything: it cannot be better.
static bool is_even(const deal *d) {
  for (int m = 0; m < MEASURES; m++) {
    int64_t least = d->held[0][m], most = least;
    for (int f = 1; f < d->fold_count; f++) {
      if (d->held[f][m] < least) least = d->held[f][m];
      if (d->held[f][m] > most) most = d->held[f][m];
    }
    if (most - least > 1) return false;
  }
  return true;
}

// How the sum of squares changes when `from` gives a group of one kind to `to` and gets one of `back` (NULL: nothing).
static int64_t change(const deal *d, int from, int to, const group *give, const group *back) {
  int64_t sum = 0;
  for (int m = 0; m < MEASURES; m++) {
    const int64_t moved = give->has[m] - (back != NULL ? back->has[m] : 0);
    sum += weights[m] * moved * (d->held[to][m] - d->held[from][m] + moved);
  }
  return sum;
}

// Makes the first exchange between two folds that helps; false when none does.
static bool exchange(deal *d, int from, int to, size_t *work) {
  const size_t folds = (size_t)d->fold_count;
  for (size_t kind = 0; kind < d->kind_count; kind++) {
    const size_t give = d->top[kind * folds + (size_t)from];
    if (give == NONE) continue;
    for (size_t other = 0; other <= d->kind_count; other++) {
      const size_t back = other < d->kind_count ? d->top[other * folds + (size_t)to] : NONE;
      if (++*work > WORK_MAX) return false;
      if (other == kind || (other < d->kind_count && back == NONE)) continue;
      if (change(d, from, to, &d->groups[give], back != NONE ? &d->groups[back] : NULL) >= 0) continue;
      const size_t given = take(d, kind, from);
      if (back != NONE) put(d, take(d, other, to), from);
      put(d, given, to);
      return true;
    }
  }
  return false;
}

static void even_out(deal *d) {
  size_t work = 0;
  bool better = true;
  while (better && work <= WORK_MAX && !is_even(d)) {
    better = false;
    for (int from = 0; from < d->fold_count; from++) {
      for (int to = 0; to < d->fold_count; to++) {
        if (from != to) better |= exchange(d, from, to, &work);
      }
    }
  }
}

static void write_folds(int *folds, const deal *d, const pl_rle_table *table) {
  for (size_t i = 0; i < d->group_count; i++) {
    const group *g = &d->groups[i];
    for (size_t k = 0; k < g->count; k++) {
      const pl_rle_image *image = &table->images[d->images[g->first + k].image];
      for (size_t r = 0; r < image->count; r++) folds[table->order[image->first + r]] = g->fold;
    }
  }
}

pl_status pl_split_by_patient(int *folds, const pl_rle_table *table, const pl_patients *patients, const bool *present,
                              int fold_count, uint64_t seed, pl_error *err) {
  if (fold_count < 2 || fold_count > PL_FOLDS_MAX) {
    return pl_fail(err, PL_E_USAGE, "%d folds: give 2 to %d", fold_count, PL_FOLDS_MAX);
  }
  deal d = {.fold_count = fold_count};
  make_groups(&d, table, patients, present, pl_rng_derive(seed, "split"));
  pl_status status = PL_OK;
  if (d.images[0].patient == NULL) {  // those without one come last
    status = pl_fail(err, PL_E_USAGE, "%s has none of the %zu images (such as %s): it is another set's map",
                     patients->source, table->image_count, table->images[0].id);
  } else if ((size_t)fold_count > d.group_count) {
    status = pl_fail(err, PL_E_USAGE, "%d folds of only %zu patients: every fold needs one", fold_count, d.group_count);
  } else {
    const size_t lists = d.kind_count * (size_t)fold_count;
    d.held = pl_xcalloc((size_t)fold_count, sizeof *d.held);
    d.top = pl_xcalloc(lists, sizeof *d.top);
    d.below = pl_xcalloc(d.group_count, sizeof *d.below);
    for (size_t i = 0; i < lists; i++) d.top[i] = NONE;
    deal_out(&d);
    even_out(&d);
    write_folds(folds, &d, table);
  }
  free(d.images);
  free(d.groups);
  free(d.held);
  free(d.top);
  free(d.below);
  return status;
}

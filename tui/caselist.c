#include "tui/caselist.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"

typedef struct filter_word {
  const char *word;
  void (*apply)(pl_case_filter *filter);
} filter_word;

static const filter_word filter_words[];
static const size_t filter_word_count;

static void want_positive(pl_case_filter *f) { f->label_set = true, f->label = PL_LABEL_POSITIVE; }

static void want_negative(pl_case_filter *f) { f->label_set = true, f->label = PL_LABEL_NEGATIVE; }

static void want_unlabelled(pl_case_filter *f) { f->status_set = true, f->status = PL_CASE_UNLABELLED; }

static void want_bad(pl_case_filter *f) { f->status_set = true, f->status = PL_CASE_BAD; }

static void want_train(pl_case_filter *f) { f->part_set = true, f->part = PL_PART_TRAIN; }

static void want_test(pl_case_filter *f) { f->part_set = true, f->part = PL_PART_TEST; }

const char *pl_case_filter_words(void) {
  return "positive negative unlabelled bad train test fold=N area>PIXELS area<PIXELS";
}

static bool parse_number(uint64_t *out, const char *word, size_t length, const char *prefix) {
  const size_t skip = strlen(prefix);
  return length > skip && memcmp(word, prefix, skip) == 0 && pl_parse_u64(out, word + skip, length - skip);
}

static bool parse_word(pl_case_filter *out, const char *word, size_t length) {
  const char *name = word;
  size_t name_length = length;
  if (length > 5 && memcmp(word, "part=", 5) == 0) name += 5, name_length -= 5;
  if (length > 6 && memcmp(word, "label=", 6) == 0) name += 6, name_length -= 6;
  for (size_t i = 0; i < filter_word_count; i++) {
    if (strlen(filter_words[i].word) == name_length && memcmp(filter_words[i].word, name, name_length) == 0) {
      filter_words[i].apply(out);
      return true;
    }
  }
  uint64_t number = 0;
  if (parse_number(&number, word, length, "fold=") && number <= 1000) {
    out->fold_set = true, out->fold = (int)number;
  } else if (parse_number(&number, word, length, "area>")) {
    out->area_min_set = true, out->area_min = number;
  } else if (parse_number(&number, word, length, "area<")) {
    out->area_max_set = true, out->area_max = number;
  } else {
    return false;
  }
  return true;
}

pl_status pl_case_filter_parse(pl_case_filter *out, const char *text, pl_error *err) {
  pl_case_filter filter = {0};
  for (const char *p = text + strspn(text, " "); *p != '\0'; p += strspn(p, " ")) {
    const size_t length = strcspn(p, " ");
    if (!parse_word(&filter, p, length)) {
      return pl_fail(err, PL_E_USAGE, "filter '%.*s' is unknown; words are: %s", (int)length, p,
                     pl_case_filter_words());
    }
    p += length;
  }
  if (!pl_copy_text(filter.text, sizeof filter.text, text)) {
    return pl_fail(err, PL_E_LIMIT, "the filter is longer than %d characters", PL_FILTER_SIZE - 1);
  }
  *out = filter;
  return PL_OK;
}

bool pl_case_filter_holds(const pl_case_filter *f, const pl_case *c) {
  // An area is known only where there is a label.
  const bool area_known = c->label != PL_LABEL_UNKNOWN;
  return (!f->part_set || c->part == f->part) && (!f->label_set || c->label == f->label) &&
         (!f->status_set || c->status == f->status) && (!f->fold_set || c->fold == f->fold) &&
         (!f->area_min_set || (area_known && c->mask_area > f->area_min)) &&
         (!f->area_max_set || (area_known && c->mask_area < f->area_max));
}

typedef struct sort_context {
  const pl_manifest *manifest;
  pl_case_sort sort;
  bool descending;
} sort_context;

// The sort value of a case; false when it is unknown.
static bool sort_value(int64_t *value, const pl_case *c, pl_case_sort sort) {
  switch (sort) {
    case PL_CASE_BY_PART: *value = c->part; return true;
    case PL_CASE_BY_FOLD: *value = c->fold; return c->fold >= 0;
    case PL_CASE_BY_LABEL: *value = c->label; return c->label != PL_LABEL_UNKNOWN;
    case PL_CASE_BY_AREA: *value = (int64_t)c->mask_area; return c->label != PL_LABEL_UNKNOWN;
    default: *value = c->number; return true;
  }
}

static int compare(const void *left, const void *right, void *context) {
  const sort_context *sort = context;
  const pl_case *a = &sort->manifest->cases[*(const size_t *)left];
  const pl_case *b = &sort->manifest->cases[*(const size_t *)right];
  int order = 0;
  if (sort->sort == PL_CASE_BY_ID) {
    order = strcmp(a->id, b->id);
  } else {
    int64_t x = 0, y = 0;
    const bool x_known = sort_value(&x, a, sort->sort), y_known = sort_value(&y, b, sort->sort);
    if (x_known != y_known) return x_known ? -1 : 1;
    if (x_known) order = (x > y) - (x < y);
  }
  if (order != 0) return sort->descending ? -order : order;
  return (a->number > b->number) - (a->number < b->number);
}

void pl_caselist_update(pl_caselist *list, const pl_manifest *manifest) {
  free(list->order);
  list->order = pl_xcalloc(manifest->count > 0 ? manifest->count : 1, sizeof *list->order);
  list->count = 0;
  for (size_t i = 0; i < manifest->count; i++) {
    if (pl_case_filter_holds(&list->filter, &manifest->cases[i])) list->order[list->count++] = i;
  }
  sort_context context = {.manifest = manifest, .sort = list->sort, .descending = list->descending};
  qsort_r(list->order, list->count, sizeof *list->order, compare, &context);
}

void pl_caselist_clear(pl_caselist *list) {
  free(list->order);
  *list = (pl_caselist){0};
}

bool pl_caselist_row(size_t *row, const pl_caselist *list, size_t index) {
  for (size_t i = 0; i < list->count; i++) {
    if (list->order[i] == index) {
      *row = i;
      return true;
    }
  }
  return false;
}

bool pl_caselist_search(size_t *row, const pl_caselist *list, const pl_manifest *manifest, const char *text,
                        size_t from) {
  const char *digits = text[0] == '#' ? text + 1 : text;
  uint64_t number = 0;
  const bool has_number = pl_parse_u64(&number, digits, strlen(digits));
  if (text[0] == '\0' || list->count == 0) return false;
  enum { BY_NUMBER, BY_ENDING, BY_PART };
  for (int how = BY_NUMBER; how <= BY_PART; how++) {
    for (size_t i = 0; i < list->count; i++) {
      const size_t at = (from + i) % list->count;
      const pl_case *c = &manifest->cases[list->order[at]];
      const bool fits = how == BY_NUMBER   ? has_number && c->number == number
                        : how == BY_ENDING ? pl_ends_with(c->id, text)
                                           : strstr(c->id, text) != NULL;
      if (fits) {
        *row = at;
        return true;
      }
    }
  }
  return false;
}

const char *pl_case_sort_name(pl_case_sort sort) {
  static const char *const names[PL_CASE_SORT_COUNT] = {
      [PL_CASE_BY_NUMBER] = "number", [PL_CASE_BY_PART] = "part",      [PL_CASE_BY_FOLD] = "fold",
      [PL_CASE_BY_LABEL] = "label",   [PL_CASE_BY_AREA] = "mask area", [PL_CASE_BY_ID] = "id",
  };
  return sort < PL_CASE_SORT_COUNT ? names[sort] : "";
}

static const filter_word filter_words[] = {
    {"positive", want_positive}, {"negative", want_negative}, {"unlabelled", want_unlabelled},
    {"bad", want_bad},           {"train", want_train},       {"test", want_test},
};
static const size_t filter_word_count = sizeof filter_words / sizeof filter_words[0];

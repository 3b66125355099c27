#include "tui/caselist.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"

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
    case PL_CASE_BY_AGE: *value = c->age; return c->age >= 0;
    case PL_CASE_BY_SEX: *value = c->sex; return c->sex != 0;
    case PL_CASE_BY_AREA: *value = (int64_t)c->mask_area; return c->label != PL_LABEL_UNKNOWN;
    default: *value = c->number; return true;
  }
}

// What a text column is sorted by; NULL when it is unknown.
static const char *sort_text(const pl_case *c, pl_case_sort sort) {
  switch (sort) {
    case PL_CASE_BY_ID: return c->id;
    case PL_CASE_BY_VIEW: return c->view[0] != '\0' ? c->view : NULL;
    default: return c->flag != NULL ? c->flag : c->note;
  }
}

static bool is_text(pl_case_sort sort) {
  return sort == PL_CASE_BY_ID || sort == PL_CASE_BY_VIEW || sort == PL_CASE_BY_NOTES;
}

// Flags come before notes, whatever they say.
static int compare_texts(const pl_case *a, const pl_case *b, pl_case_sort sort) {
  const char *x = sort_text(a, sort), *y = sort_text(b, sort);
  if (sort == PL_CASE_BY_NOTES && (a->flag != NULL) != (b->flag != NULL)) return a->flag != NULL ? -1 : 1;
  return strcmp(x, y);
}

static int compare(const void *left, const void *right, void *context) {
  const sort_context *sort = context;
  const pl_case *a = &sort->manifest->cases[*(const size_t *)left];
  const pl_case *b = &sort->manifest->cases[*(const size_t *)right];
  int order = 0;
  if (is_text(sort->sort)) {
    const bool x_known = sort_text(a, sort->sort) != NULL, y_known = sort_text(b, sort->sort) != NULL;
    if (x_known != y_known) return x_known ? -1 : 1;
    if (x_known) order = compare_texts(a, b, sort->sort);
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
    if (pl_filter_holds(&list->filter, &manifest->cases[i])) list->order[list->count++] = i;
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
      [PL_CASE_BY_NUMBER] = "number", [PL_CASE_BY_PART] = "part", [PL_CASE_BY_FOLD] = "fold",
      [PL_CASE_BY_LABEL] = "label",   [PL_CASE_BY_AREA] = "area", [PL_CASE_BY_AGE] = "age",
      [PL_CASE_BY_SEX] = "sex",       [PL_CASE_BY_VIEW] = "view", [PL_CASE_BY_NOTES] = "notes",
      [PL_CASE_BY_ID] = "id",
  };
  return sort < PL_CASE_SORT_COUNT ? names[sort] : "";
}

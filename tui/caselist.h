// Which cases a table shows, and in which order. Pure data over a manifest.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/manifest.h"

typedef enum pl_case_sort {
  PL_CASE_BY_NUMBER,
  PL_CASE_BY_PART,
  PL_CASE_BY_FOLD,
  PL_CASE_BY_LABEL,
  PL_CASE_BY_AREA,
  PL_CASE_BY_ID,
  PL_CASE_SORT_COUNT,
} pl_case_sort;

enum { PL_FILTER_SIZE = 128 };

// All set conditions must hold.
typedef struct pl_case_filter {
  char text[PL_FILTER_SIZE];  // as typed; "" for no filter
  bool part_set, label_set, fold_set, status_set, area_min_set, area_max_set;
  pl_part part;
  pl_label label;
  pl_case_status status;
  int fold;
  uint64_t area_min, area_max;  // at 1024x1024, both exclusive
} pl_case_filter;

typedef struct pl_caselist {
  size_t *order;  // indices of the manifest's cases
  size_t count;
  pl_case_sort sort;
  bool descending;
  pl_case_filter filter;
} pl_caselist;

// Reads words such as: positive negative unlabelled bad train test part=test fold=3 area>500 area<2000. PL_E_USAGE
// names the word that it does not know, and those that it does.
pl_status pl_case_filter_parse(pl_case_filter *out, const char *text, pl_error *err);
bool pl_case_filter_holds(const pl_case_filter *filter, const pl_case *c);

// The words as one line, for messages and help. Static string.
const char *pl_case_filter_words(void);

// Chooses and orders the rows anew. Unknown values come last in either direction; equal ones keep the numbers' order.
void pl_caselist_update(pl_caselist *list, const pl_manifest *manifest);
void pl_caselist_clear(pl_caselist *list);

// The row of a case, or the next row at or after `from` (going round) whose number is `text`, or whose id ends with it,
// or, when none does, holds it. False when nothing fits.
bool pl_caselist_row(size_t *row, const pl_caselist *list, size_t index);
bool pl_caselist_search(size_t *row, const pl_caselist *list, const pl_manifest *manifest, const char *text,
                        size_t from);

// The title of a column, for the table and for messages. Static string.
const char *pl_case_sort_name(pl_case_sort sort);

// Which cases a table shows, and in which order. Pure data over a manifest.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/data/filter.h"
#include "core/data/manifest.h"

typedef enum pl_case_sort {
  PL_CASE_BY_NUMBER,
  PL_CASE_BY_PART,
  PL_CASE_BY_FOLD,
  PL_CASE_BY_LABEL,
  PL_CASE_BY_AREA,
  PL_CASE_BY_AGE,
  PL_CASE_BY_SEX,
  PL_CASE_BY_VIEW,
  PL_CASE_BY_NOTES,  // flags, then notes
  PL_CASE_BY_ID,
  PL_CASE_SORT_COUNT,
} pl_case_sort;

typedef struct pl_caselist {
  size_t *order;  // indices of the manifest's cases
  size_t count;
  pl_case_sort sort;
  bool descending;
  pl_filter filter;
} pl_caselist;

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

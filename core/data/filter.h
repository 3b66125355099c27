// Which cases are meant: the language of the workbench's filter and of --where.
//
//   fold=2 mask>2000 sex=F        all three
//   positive | age<18             either
//   !(view=AP part=test)          not both
//
// A term is FIELD OP VALUE with = != < <= > >= and ~ (holds the text, letters' case ignored), without spaces around the
// operator, or a word alone: positive negative unlabelled bad train test. A value with spaces stands in "quotes". A
// space means and, | or, ! not; not binds closest, then and, then or. A comparison with something that is not known of
// a case is never true, neither = nor !=.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_FILTER_SIZE = 256, PL_FILTER_NODES = 64 };

typedef enum pl_filter_op {
  PL_FILTER_EQUAL,
  PL_FILTER_DIFFERENT,
  PL_FILTER_LESS,
  PL_FILTER_LESS_EQUAL,
  PL_FILTER_GREATER,
  PL_FILTER_GREATER_EQUAL,
  PL_FILTER_HOLDS,
  PL_FILTER_AND,
  PL_FILTER_OR,
  PL_FILTER_NOT,
} pl_filter_op;

// A comparison, or something about the results before it.
typedef struct pl_filter_node {
  pl_filter_op op;
  size_t field;               // of the table in filter.c
  double number;              // the value of a numeric field
  char text[PL_FILTER_SIZE];  // the value of any other
} pl_filter_node;

// In postfix order; without nodes it holds for every case. Plain data.
typedef struct pl_filter {
  char text[PL_FILTER_SIZE];  // as typed, without the spaces around it
  size_t count;
  pl_filter_node nodes[PL_FILTER_NODES];
} pl_filter;

// PL_E_USAGE says what is wrong, where, and which fields there are; PL_E_LIMIT for a text that is too long.
pl_status pl_filter_parse(pl_filter *out, const char *text, pl_error *err);

bool pl_filter_holds(const pl_filter *filter, const pl_case *c);

// Of the fields: name and what it is, for help and completion; NULL behind the last.
const char *pl_filter_field_name(size_t index);
const char *pl_filter_field_help(size_t index);

#ifdef __cplusplus
}
#endif

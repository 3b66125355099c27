// Shared by pickle.c (the stack machine) and pickle_tensors.c (what its values mean).
#pragma once

#include "core/net/pickle.h"

typedef enum value_kind {
  VALUE_NONE,
  VALUE_INTEGER,
  VALUE_TEXT,
  VALUE_TUPLE,
  VALUE_LIST,
  VALUE_DICT,  // keys and values alternate
  VALUE_NAME,  // of the list of known names
  VALUE_STORAGE,
  VALUE_TENSOR,
  VALUE_OTHER,  // passed over
} value_kind;

// What a known name means when it is called.
typedef enum name_meaning {
  NAME_STORAGE,    // the type of a storage's elements
  NAME_TENSOR,     // storage, offset, sizes, strides, ...
  NAME_PARAMETER,  // a tensor, ...
  NAME_DICT,
  NAME_OTHER,
} name_meaning;

typedef struct known_name {
  const char *module, *name;
  name_meaning meaning;
  pl_torch_type type;  // of a storage
} known_name;

typedef struct text_value {
  const char *bytes;  // in the pickle
  size_t length;
} text_value;

typedef struct storage_value {
  pl_torch_type type;
  text_value key;
  int64_t elements;
} storage_value;

typedef struct tensor_value {
  uint32_t storage;  // value
  int64_t offset;
  uint32_t sizes, strides;  // tuples
} tensor_value;

// Values are named by their index; items by indices, so that a value that is met again costs nothing.
typedef struct value {
  value_kind kind;
  union {
    struct {
      uint32_t *ids;
      uint32_t count, capacity;
    } items;
    int64_t integer;
    text_value text;
    const known_name *name;
    storage_value storage;
    tensor_value tensor;
  };
} value;

typedef struct machine {
  const unsigned char *bytes;
  size_t length, at;
  value *values;
  uint32_t value_count, value_capacity;
  uint32_t *stack, *marks, *memo;
  uint32_t depth, stack_capacity, mark_count, mark_capacity, memo_count, memo_capacity;
} machine;

// The row of that name, or NULL.
const known_name *pl_pickle_known(text_value module, text_value name);

// A storage from the tuple of a persistent id, a tensor from the arguments of its rebuilding; into *out.
pl_status pl_pickle_storage_of(value *out, const machine *m, const value *id, pl_error *err);
pl_status pl_pickle_tensor_of(value *out, const machine *m, const value *arguments, pl_error *err);

// Fills the result from the value that the pickle left.
pl_status pl_pickle_collect(pl_pickle *out, const machine *m, uint32_t root, pl_error *err);

// The tensors that a Python pickle of PyTorch's names, without running anything.
//
// A pickle is a program for a small stack machine (https://docs.python.org/3/library/pickletools.html); Python's reader
// imports and calls whatever it names. This one knows the instructions that torch.save writes and a short list of
// names, to each of which it gives a meaning of its own: a tensor, a parameter, a storage, a dictionary, or something
// that is passed over. Every other name and instruction is refused.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_PICKLE_NAME_MAX = 256,  // bytes of a tensor's or storage's name, with the terminator
  PL_PICKLE_RANK_MAX = 8,
  PL_PICKLE_TENSORS_MAX = 16384,
};

typedef enum pl_torch_type {
  PL_TORCH_F16,
  PL_TORCH_BF16,
  PL_TORCH_F32,
  PL_TORCH_F64,
  PL_TORCH_BOOL,
  PL_TORCH_U8,
  PL_TORCH_I8,
  PL_TORCH_I16,
  PL_TORCH_I32,
  PL_TORCH_I64,
} pl_torch_type;

size_t pl_torch_type_size(pl_torch_type type);  // bytes of an element

// A view of a storage: element (i, j, ...) lies at offset + i * strides[0] + j * strides[1] + ... of its elements. The
// numbers are checked against each other: no element lies outside the storage, and there are no more than it has.
typedef struct pl_pickle_tensor {
  char name[PL_PICKLE_NAME_MAX];
  char storage[PL_PICKLE_NAME_MAX];  // its key
  pl_torch_type type;
  int64_t storage_elements, offset, elements;
  int rank;
  int64_t sizes[PL_PICKLE_RANK_MAX], strides[PL_PICKLE_RANK_MAX];
} pl_pickle_tensor;

// A storage that a tensor of the pickle lies in, whether that is one of the dictionary's or not.
typedef struct pl_pickle_storage {
  char key[PL_PICKLE_NAME_MAX];
  pl_torch_type type;
} pl_pickle_storage;

// What a pickle held. Tensors in the dictionary's order, of a name that is there twice the last.
typedef struct pl_pickle {
  pl_pickle_tensor *tensors;
  size_t count;
  char within[PL_PICKLE_NAME_MAX];  // "state_dict" when they lay in that member of the outer dictionary, else ""
  pl_pickle_storage *storages;      // one may be there several times
  size_t storage_count;
  size_t others;                      // values beside them that are no tensors, such as an epoch's number
  char (*texts)[PL_PICKLE_NAME_MAX];  // when it was a list of texts: they
  size_t text_count;
  bool is_integer;  // when it was a number that fits
  int64_t integer;
} pl_pickle;

// Reads the pickle at the beginning of bytes[0 .. length); *used (may be NULL) is where it ends. The tensors are those
// of its dictionary, or of the one member of it that is a dictionary of tensors ("state_dict", "model", ... before
// others). PL_E_FORMAT when it is damaged, PL_E_UNSUPPORTED when it wants what we do not do, PL_E_LIMIT. The caller
// clears *out; on failure it is untouched.
pl_status pl_pickle_read(pl_pickle *out, const void *bytes, size_t length, size_t *used, pl_error *err);
void pl_pickle_clear(pl_pickle *pickle);  // fine on a zeroed struct

#ifdef __cplusplus
}
#endif

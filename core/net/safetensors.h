// Safetensors files (https://github.com/huggingface/safetensors, "Format"): a little-endian u64 with the header's
// length, a JSON header {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ...} and the bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_SAFETENSORS_NAME_MAX = 256,
  PL_SAFETENSORS_HEADER_MAX = 16 << 20,  // bytes; a network of a thousand tensors needs 0.2 MB
  PL_SAFETENSORS_COUNT_MAX = 65536,
};

// One tensor of a file. `dtype` is PL_F32, PL_F64, PL_I64 or PL_U8; types that we do not use have `known` false.
typedef struct pl_safetensor {
  char name[PL_SAFETENSORS_NAME_MAX];
  pl_dtype dtype;
  bool known;
  pl_shape shape;       // rank -1 when the file's has more than 4 dimensions
  uint64_t begin, end;  // of its bytes in the file's data
} pl_safetensor;

typedef struct pl_safetensors pl_safetensors;

// Opens a file and checks its header as a whole: lengths, types, no duplicates, the tensors cover the file's data
// without gaps and overlaps. PL_E_FORMAT says what is wrong, PL_E_LIMIT when the header is larger than we take.
pl_status pl_safetensors_open(pl_safetensors **out, const char *path, pl_error *err);
void pl_safetensors_close(pl_safetensors *file);  // takes NULL

size_t pl_safetensors_count(const pl_safetensors *file);
const pl_safetensor *pl_safetensors_at(const pl_safetensors *file, size_t index);
const pl_safetensor *pl_safetensors_find(const pl_safetensors *file, const char *name);  // NULL when there is none

// Reads a tensor's bytes into data[0 .. end-begin).
pl_status pl_safetensors_read(const pl_safetensors *file, const pl_safetensor *tensor, void *data, pl_error *err);

// Writing: the file appears under its name when finish succeeds, whole and on disk. Of `tensors` the name, dtype and
// shape are used; their bytes are added in that order.
typedef struct pl_safetensors_writer pl_safetensors_writer;

pl_status pl_safetensors_create(pl_safetensors_writer **out, const char *path, const pl_safetensor *tensors,
                                size_t count, pl_error *err);
pl_status pl_safetensors_add(pl_safetensors_writer *writer, const void *data, size_t length, pl_error *err);
// Ends the file and frees the writer, also on failure. `sha256` (PL_SHA256_HEX_SIZE bytes, may be NULL) gets the whole
// file's hash.
pl_status pl_safetensors_finish(pl_safetensors_writer *writer, char *sha256, pl_error *err);
void pl_safetensors_cancel(pl_safetensors_writer *writer);  // removes what was written; takes NULL

#ifdef __cplusplus
}
#endif

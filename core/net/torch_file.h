// Files that torch.save wrote (.pth, .pt): the zip form of PyTorch 1.6 and newer, and the older one of pickles in a
// row. Only tensors are read; nothing of what a file says is run (see pickle.h).
#pragma once

#include <stddef.h>

#include "core/base/status.h"
#include "core/net/pickle.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_TORCH_FILE_MAX ((size_t)4 << 30)  // bytes; the largest encoder's checkpoint with its optimizer has 1.6e9

typedef struct pl_torch_file pl_torch_file;

// Reads a file into memory and checks it as a whole. PL_E_FORMAT when it is damaged or something else, PL_E_UNSUPPORTED
// when it holds more than tensors (its message names what), PL_E_LIMIT, PL_E_IO, PL_E_NOTFOUND.
pl_status pl_torch_open(pl_torch_file **out, const char *path, pl_error *err);
// The same from memory, which must stay as it is until the file is closed. Messages name no file.
pl_status pl_torch_open_bytes(pl_torch_file **out, const void *bytes, size_t length, pl_error *err);
void pl_torch_close(pl_torch_file *file);  // takes NULL

// What it holds; borrowed.
const pl_pickle *pl_torch_contents(const pl_torch_file *file);

// Reads a tensor in row-major order, whatever its strides: elements * pl_torch_type_size(type) bytes, as they are.
pl_status pl_torch_read(pl_torch_file *file, const pl_pickle_tensor *tensor, void *data, pl_error *err);

// Writes all tensors of up to 4 dimensions to a safetensors file (whole or not at all): half precision as float32,
// small integers and truth values as int64, which changes no value; the others as they are. "module." of DataParallel
// in front of all names is taken away. `left` (may be NULL) is how many tensors were left out; `sha256` as in
// pl_weights_save.
pl_status pl_torch_to_safetensors(pl_torch_file *file, const char *path, size_t *left, char *sha256, pl_error *err);

#ifdef __cplusplus
}
#endif

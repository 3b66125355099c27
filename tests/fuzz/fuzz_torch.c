// Files of torch.save: any bytes are taken or refused, and the tensors that are taken lie in the file.
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/net/torch_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_torch_file *file = NULL;
  if (pl_torch_open_bytes(&file, bytes, length, NULL) != PL_OK) return 0;
  const pl_pickle *contents = pl_torch_contents(file);
  if (contents->count == 0) abort();
  for (size_t i = 0; i < contents->count; i++) {
    const pl_pickle_tensor *t = &contents->tensors[i];
    if (t->elements > t->storage_elements) abort();
    // A zip's storage may lie there packed: what is claimed is asked for only where the file could hold it.
    if ((uint64_t)t->storage_elements > (uint64_t)length * 1024) continue;
    void *data = pl_try_alloc((size_t)t->elements * pl_torch_type_size(t->type) + 1);
    if (data != NULL) (void)pl_torch_read(file, t, data, NULL);
    free(data);
  }
  pl_torch_close(file);
  return 0;
}

// A checkpoint's weights for other programs.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/safetensors.h"
#include "core/net/weights.h"

static pl_status copy_tensor(pl_safetensors_writer *writer, const pl_safetensors *file, const pl_safetensor *tensor,
                             pl_error *err) {
  size_t bytes = (size_t)(tensor->end - tensor->begin);
  void *data = pl_try_alloc(bytes + 1);
  if (data == NULL) return pl_fail(err, PL_E_NOMEM, "not enough memory for %s", tensor->name);
  pl_status status = pl_safetensors_read(file, tensor, data, err);
  if (status == PL_OK && tensor->dtype == PL_F64) {
    unsigned char *raw = data;  // in place: what is written lies before what is still to be read
    for (size_t i = 0; i < bytes / sizeof(double); i++) {
      double value = 0;
      memcpy(&value, raw + i * sizeof value, sizeof value);
      const float narrow = (float)value;
      memcpy(raw + i * sizeof narrow, &narrow, sizeof narrow);
    }
    bytes /= 2;
  }
  if (status == PL_OK) status = pl_safetensors_add(writer, data, bytes, err);
  free(data);
  return status;
}

static pl_status copy_all(const pl_safetensors *file, const char *to, char *sha256, pl_error *err) {
  const size_t count = pl_safetensors_count(file);
  pl_safetensor *tensors = pl_xcalloc(count + 1, sizeof *tensors);
  pl_status status = PL_OK;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    tensors[i] = *pl_safetensors_at(file, i);
    if (!tensors[i].known || tensors[i].shape.rank < 0) {
      status = pl_fail(err, PL_E_FORMAT, "tensor %s is of no type that a checkpoint has", tensors[i].name);
    }
    if (tensors[i].dtype == PL_F64) tensors[i].dtype = PL_F32;
  }
  pl_safetensors_writer *writer = NULL;
  if (status == PL_OK) status = pl_safetensors_create(&writer, to, tensors, count, err);
  free(tensors);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    status = copy_tensor(writer, file, pl_safetensors_at(file, i), err);
  }
  if (status == PL_OK) return pl_safetensors_finish(writer, sha256, err);
  pl_safetensors_cancel(writer);
  return status;
}

pl_status pl_weights_export(const char *from, const char *to, size_t *count, char *sha256, pl_error *err) {
  pl_safetensors *file = NULL;
  pl_status status = pl_safetensors_open(&file, from, err);
  if (status != PL_OK) return status;
  if (count != NULL) *count = pl_safetensors_count(file);
  status = copy_all(file, to, sha256, err);
  pl_safetensors_close(file);
  return status;
}

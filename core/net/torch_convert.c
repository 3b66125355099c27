// A torch.save file as safetensors.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/safetensors.h"
#include "core/net/torch_file.h"

static const char parallel[] = "module.";  // in front of the names of a DataParallel network

static pl_dtype target_type(pl_torch_type type) {
  switch (type) {
    case PL_TORCH_F16:
    case PL_TORCH_BF16:
    case PL_TORCH_F32: return PL_F32;
    case PL_TORCH_F64: return PL_F64;
    case PL_TORCH_U8: return PL_U8;
    case PL_TORCH_BOOL:
    case PL_TORCH_I8:
    case PL_TORCH_I16:
    case PL_TORCH_I32:
    case PL_TORCH_I64: return PL_I64;
  }
  return PL_F32;
}

// IEEE 754 binary16 as binary32: every value has its equal there.
static uint32_t widen_half(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return sign | 0x7f800000 | fraction << 13;
  if (exponent == 0 && fraction == 0) return sign;
  if (exponent == 0) {  // subnormal: 2^-24 times the fraction
    exponent = 1;
    while ((fraction & 1024) == 0) fraction <<= 1, exponent--;
    fraction &= 1023;
  }
  return sign | (exponent + 112) << 23 | fraction << 13;
}

// Element i of `from` as the target's type. Both are little-endian, as are the machines that this runs on.
static void widen(unsigned char *to, const unsigned char *from, pl_torch_type type, int64_t count) {
  const size_t size = pl_torch_type_size(type), target = pl_dtype_size(target_type(type));
  if (size == target) {
    memcpy(to, from, (size_t)count * size);
    return;
  }
  for (int64_t i = 0; i < count; i++, from += size, to += target) {
    uint64_t bits = 0;
    memcpy(&bits, from, size);
    switch (type) {
      case PL_TORCH_F16: bits = widen_half((uint16_t)bits); break;
      case PL_TORCH_BF16: bits <<= 16; break;
      case PL_TORCH_BOOL: bits = bits != 0; break;
      case PL_TORCH_I8: bits = (uint64_t)(int64_t)(int8_t)bits; break;
      case PL_TORCH_I16: bits = (uint64_t)(int64_t)(int16_t)bits; break;
      case PL_TORCH_I32: bits = (uint64_t)(int64_t)(int32_t)bits; break;
      default: break;
    }
    memcpy(to, &bits, target);
  }
}

static bool is_parallel(const pl_pickle *contents) {
  for (size_t i = 0; i < contents->count; i++) {
    if (!pl_begins_with(contents->tensors[i].name, parallel)) return false;
  }
  return true;
}

static void describe(pl_safetensor *out, const pl_pickle_tensor *tensor, bool strip) {
  *out = (pl_safetensor){
      .dtype = target_type(tensor->type), .known = true, .shape = {.rank = tensor->rank, .d = {1, 1, 1, 1}}};
  (void)pl_copy_text(out->name, sizeof out->name, tensor->name + (strip ? strlen(parallel) : 0));
  for (int d = 0; d < tensor->rank; d++) out->shape.d[d] = tensor->sizes[d];
}

static pl_status add_tensor(pl_safetensors_writer *writer, pl_torch_file *file, const pl_pickle_tensor *tensor,
                            pl_error *err) {
  const size_t count = (size_t)tensor->elements, target = pl_dtype_size(target_type(tensor->type));
  unsigned char *from = pl_try_alloc(count * pl_torch_type_size(tensor->type) + 1);
  unsigned char *to = pl_try_alloc(count * target + 1);
  pl_status status =
      from != NULL && to != NULL ? PL_OK : pl_fail(err, PL_E_NOMEM, "not enough memory for %s", tensor->name);
  if (status == PL_OK) status = pl_torch_read(file, tensor, from, err);
  if (status == PL_OK) {
    widen(to, from, tensor->type, tensor->elements);
    status = pl_safetensors_add(writer, to, count * target, err);
  }
  free(from);
  free(to);
  return status;
}

pl_status pl_torch_to_safetensors(pl_torch_file *file, const char *path, size_t *left, char *sha256, pl_error *err) {
  const pl_pickle *contents = pl_torch_contents(file);
  const bool strip = is_parallel(contents);
  pl_safetensor *tensors = pl_xcalloc(contents->count + 1, sizeof *tensors);
  size_t count = 0;
  for (size_t i = 0; i < contents->count; i++) {
    if (contents->tensors[i].rank <= 4) describe(&tensors[count++], &contents->tensors[i], strip);
  }
  pl_safetensors_writer *writer = NULL;
  pl_status status = pl_safetensors_create(&writer, path, tensors, count, err);
  free(tensors);
  for (size_t i = 0; status == PL_OK && i < contents->count; i++) {
    if (contents->tensors[i].rank <= 4) status = add_tensor(writer, file, &contents->tensors[i], err);
  }
  if (status != PL_OK) {
    pl_safetensors_cancel(writer);
    return status;
  }
  if (left != NULL) *left = contents->count - count;
  return pl_safetensors_finish(writer, sha256, err);
}

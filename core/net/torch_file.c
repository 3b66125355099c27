#include "core/net/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/archive.h"
#include "core/net/safetensors.h"

enum { PICKLE_MAX = 64 << 20, PREFIX_MAX = 512 };

// The older form begins with its magic number, 0x1950a86a20f9469cfc6c, and its version, 1001, each as a pickle.
static const unsigned char legacy_start[] = {0x80, 2,    0x8a, 10,  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
                                             0xa8, 0x50, 0x19, '.', 0x80, 2,    'M',  0xe9, 3,    '.'};

// Where a storage's bytes lie in the older form.
typedef struct legacy_storage {
  char key[PL_PICKLE_NAME_MAX];
  size_t begin, elements;
} legacy_storage;

struct pl_torch_file {
  pl_buf own;  // the bytes, when they were read from a file
  const unsigned char *bytes;
  size_t length;
  pl_pickle contents;
  pl_archive *archive;       // of the zip form, else NULL
  char prefix[PREFIX_MAX];   // its folder
  legacy_storage *storages;  // of the older form
  size_t storage_count;
  pl_buf storage;  // of the zip form, the one that was read last
  char storage_key[PL_PICKLE_NAME_MAX];
};

// True when bytes[0 .. length) begin as one of the two forms does.
static bool is_torch(const void *bytes, size_t length) {
  static const char zip[] = {'P', 'K', 3, 4};
  return (length >= sizeof zip && memcmp(bytes, zip, sizeof zip) == 0) ||
         (length >= sizeof legacy_start && memcmp(bytes, legacy_start, sizeof legacy_start) == 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// The zip form: PREFIX/data.pkl, PREFIX/data/KEY, and PREFIX/byteorder since PyTorch 2.1.

static pl_status find_prefix(pl_torch_file *file, pl_error *err) {
  static const char wanted[] = "/data.pkl";
  for (size_t i = 0; i < pl_archive_count(file->archive); i++) {
    const char *name = pl_archive_at(file->archive, i)->name;
    const size_t length = strlen(name);
    if (!pl_ends_with(name, wanted) || length - strlen(wanted) >= sizeof file->prefix) continue;
    memcpy(file->prefix, name, length - strlen(wanted));
    return PL_OK;
  }
  return pl_fail(err, PL_E_FORMAT, "it is a zip archive without data.pkl, so torch.save did not write it");
}

static pl_status read_member(pl_buf *out, pl_torch_file *file, const char *name, pl_error *err) {
  char *member = pl_xprintf("%s/%s", file->prefix, name);
  pl_status status = pl_archive_read(out, file->archive, member, err);
  free(member);
  return status;
}

static pl_status check_byte_order(pl_torch_file *file, pl_error *err) {
  pl_buf order;
  pl_buf_init(&order, 64);
  pl_status status = read_member(&order, file, "byteorder", NULL);
  const bool is_little = status == PL_E_NOTFOUND || (order.data != NULL && strcmp(order.data, "little") == 0);
  pl_buf_clear(&order);
  return is_little ? PL_OK : pl_fail(err, PL_E_UNSUPPORTED, "it was written on a big-endian machine");
}

static pl_status open_zip(pl_torch_file *file, pl_error *err) {
  pl_buf pickle;
  pl_buf_init(&pickle, PICKLE_MAX);
  pl_status status = pl_archive_open_bytes(&file->archive, file->bytes, file->length, err);
  if (status == PL_OK) status = find_prefix(file, err);
  if (status == PL_OK) status = check_byte_order(file, err);
  if (status == PL_OK) status = read_member(&pickle, file, "data.pkl", err);
  if (status == PL_OK) status = pl_pickle_read(&file->contents, pickle.data, pickle.length, NULL, err);
  pl_buf_clear(&pickle);
  return status;
}

static pl_status read_zip_storage(const unsigned char **out, pl_torch_file *file, const pl_pickle_tensor *tensor,
                                  size_t bytes, pl_error *err) {
  if (strcmp(file->storage_key, tensor->storage) != 0 || file->storage.data == NULL) {
    char name[PL_PICKLE_NAME_MAX + 8];
    (void)snprintf(name, sizeof name, "data/%s", tensor->storage);
    pl_buf_clear(&file->storage);
    pl_status status = read_member(&file->storage, file, name, err);
    if (status != PL_OK) return status;
    (void)pl_copy_text(file->storage_key, sizeof file->storage_key, tensor->storage);
  }
  if (file->storage.length != bytes) {
    return pl_fail(err, PL_E_FORMAT, "the storage of tensor %s has %zu bytes instead of %zu", tensor->name,
                   file->storage.length, bytes);
  }
  *out = (const unsigned char *)file->storage.data;
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The older form: magic, version, machine, contents, the storages' keys, each a pickle; then for each key its number of
// elements (8 bytes) and these.

static pl_status read_pickle(pl_pickle *out, pl_torch_file *file, size_t *at, pl_error *err) {
  size_t used = 0, left = file->length - *at;
  pl_status status = pl_pickle_read(out, file->bytes + *at, left, &used, err);
  if (status == PL_OK) *at += used;
  return status;
}

// The size of a storage's elements; 0 for one that nothing lies in.
static size_t element_size(const pl_pickle *contents, const char *key) {
  for (size_t i = 0; i < contents->storage_count; i++) {
    if (strcmp(contents->storages[i].key, key) == 0) return pl_torch_type_size(contents->storages[i].type);
  }
  return 0;
}

static pl_status find_storages(pl_torch_file *file, const pl_pickle *keys, size_t at, pl_error *err) {
  file->storages = pl_xcalloc(keys->text_count + 1, sizeof *file->storages);
  for (size_t i = 0; i < keys->text_count; i++) {
    legacy_storage *s = &file->storages[file->storage_count++];
    size_t size = element_size(&file->contents, keys->texts[i]), bytes = 0;
    uint64_t elements = 0;
    (void)pl_copy_text(s->key, sizeof s->key, keys->texts[i]);
    if (file->length - at < sizeof elements)
      return pl_fail(err, PL_E_FORMAT, "it ends before its tensors: it was cut off");
    for (size_t b = sizeof elements; b > 0; b--) elements = elements << 8 | file->bytes[at + b - 1];
    at += sizeof elements;
    if (size == 0) return pl_fail(err, PL_E_FORMAT, "it lists a storage that nothing lies in");
    if (!pl_mul_size(&bytes, (size_t)elements, size) || bytes > file->length - at) {
      return pl_fail(err, PL_E_FORMAT, "it ends within its tensors: it was cut off");
    }
    s->begin = at;
    s->elements = (size_t)elements;
    at += bytes;
  }
  return PL_OK;
}

static pl_status open_legacy(pl_torch_file *file, pl_error *err) {
  size_t at = sizeof legacy_start;
  pl_pickle machine = {0}, keys = {0};
  pl_status status = read_pickle(&machine, file, &at, err);
  if (status == PL_OK) status = read_pickle(&file->contents, file, &at, err);
  if (status == PL_OK) status = read_pickle(&keys, file, &at, err);
  if (status == PL_OK) status = find_storages(file, &keys, at, err);
  pl_pickle_clear(&machine);
  pl_pickle_clear(&keys);
  return status;
}

static pl_status read_legacy_storage(const unsigned char **out, const pl_torch_file *file,
                                     const pl_pickle_tensor *tensor, pl_error *err) {
  for (size_t i = 0; i < file->storage_count; i++) {
    const legacy_storage *s = &file->storages[i];
    if (strcmp(s->key, tensor->storage) != 0) continue;
    if (s->elements != (size_t)tensor->storage_elements) break;
    *out = file->bytes + s->begin;
    return PL_OK;
  }
  return pl_fail(err, PL_E_FORMAT, "the storage of tensor %s is missing or has another length", tensor->name);
}

// ---------------------------------------------------------------------------------------------------------------------

static pl_status read_file(pl_torch_file *file, pl_error *err) {
  if (!is_torch(file->bytes, file->length)) {
    return pl_fail(err, PL_E_FORMAT, "torch.save did not write it, or with a PyTorch older than 0.4");
  }
  pl_status status = file->bytes[0] == 'P' ? open_zip(file, err) : open_legacy(file, err);
  if (status == PL_OK && file->contents.count == 0)
    status = pl_fail(err, PL_E_FORMAT, "it holds no dictionary of tensors");
  return status;
}

static pl_torch_file *create(void) {
  pl_torch_file *file = pl_xcalloc(1, sizeof *file);
  pl_buf_init(&file->own, PL_TORCH_FILE_MAX);
  pl_buf_init(&file->storage, PL_TORCH_FILE_MAX);
  return file;
}

pl_status pl_torch_open_bytes(pl_torch_file **out, const void *bytes, size_t length, pl_error *err) {
  pl_torch_file *file = create();
  file->bytes = bytes;
  file->length = length;
  pl_status status = read_file(file, err);
  if (status == PL_OK) {
    *out = file;
  } else {
    pl_torch_close(file);
  }
  return status;
}

pl_status pl_torch_open(pl_torch_file **out, const char *path, pl_error *err) {
  pl_torch_file *file = create();
  pl_status status = pl_fs_read(&file->own, path, err);
  if (status == PL_OK) {
    file->bytes = file->own.data != NULL ? (const unsigned char *)file->own.data : (const unsigned char *)"";
    file->length = file->own.length;
    status = read_file(file, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  if (status == PL_OK) {
    *out = file;
  } else {
    pl_torch_close(file);
  }
  return status;
}

void pl_torch_close(pl_torch_file *file) {
  if (file == NULL) return;
  pl_archive_close(file->archive);
  pl_pickle_clear(&file->contents);
  pl_buf_clear(&file->own);
  pl_buf_clear(&file->storage);
  free(file->storages);
  free(file);
}

const pl_pickle *pl_torch_contents(const pl_torch_file *file) { return &file->contents; }

// Copies the view whose dimensions from `d` on are left; `at` is its first element in the storage.
static unsigned char *copy_view(unsigned char *to, const unsigned char *from, const pl_pickle_tensor *t, int d,
                                int64_t at, size_t size) {
  if (d == t->rank) {
    memcpy(to, from + (size_t)at * size, size);
    return to + size;
  }
  if (d + 1 == t->rank && t->strides[d] == 1) {
    memcpy(to, from + (size_t)at * size, (size_t)t->sizes[d] * size);
    return to + (size_t)t->sizes[d] * size;
  }
  for (int64_t i = 0; i < t->sizes[d]; i++) to = copy_view(to, from, t, d + 1, at + i * t->strides[d], size);
  return to;
}

pl_status pl_torch_read(pl_torch_file *file, const pl_pickle_tensor *tensor, void *data, pl_error *err) {
  if (tensor->elements == 0) return PL_OK;
  const size_t size = pl_torch_type_size(tensor->type);
  const unsigned char *from = NULL;
  size_t bytes = 0;
  if (!pl_mul_size(&bytes, (size_t)tensor->storage_elements, size)) {
    return pl_fail(err, PL_E_LIMIT, "the storage of tensor %s is too large", tensor->name);
  }
  pl_status status = file->archive != NULL ? read_zip_storage(&from, file, tensor, bytes, err)
                                           : read_legacy_storage(&from, file, tensor, err);
  if (status == PL_OK) (void)copy_view(data, from, tensor, 0, tensor->offset, size);
  return status;
}

#include "core/net/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"

enum { LENGTH_SIZE = 8 };  // of the header's length at the file's start

struct pl_safetensors {
  int fd;
  char *path;
  uint64_t data_start;
  pl_safetensor *tensors;
  size_t count;
};

typedef struct type_row {
  const char *name;
  size_t size;
  bool known;
  pl_dtype dtype;
} type_row;

static const type_row types[] = {
    {"F32", 4, true, PL_F32},  {"F64", 8, true, PL_F64},     {"I64", 8, true, PL_I64},     {"U8", 1, true, PL_U8},
    {"F16", 2, false, PL_F32}, {"BF16", 2, false, PL_F32},   {"I8", 1, false, PL_U8},      {"BOOL", 1, false, PL_U8},
    {"I16", 2, false, PL_I64}, {"U16", 2, false, PL_I64},    {"I32", 4, false, PL_I64},    {"U32", 4, false, PL_I64},
    {"U64", 8, false, PL_I64}, {"F8_E4M3", 1, false, PL_U8}, {"F8_E5M2", 1, false, PL_U8},
};

static const type_row *find_type(const char *name) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (strcmp(types[i].name, name) == 0) return &types[i];
  }
  return NULL;
}

static const char *type_name(pl_dtype dtype) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (types[i].known && types[i].dtype == dtype) return types[i].name;
  }
  return "";
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading.

static pl_status read_at(int fd, const char *path, uint64_t offset, void *data, size_t length, pl_error *err) {
  char *to = data;
  while (length > 0) {
    ssize_t n = pread(fd, to, length, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pl_fail_errno(err, errno, "cannot read %s", path);
    if (n == 0) return pl_fail(err, PL_E_FORMAT, "%s ends too early: it was cut off", path);
    to += n, offset += (uint64_t)n, length -= (size_t)n;
  }
  return PL_OK;
}

static pl_status parse_shape(pl_safetensor *tensor, size_t *elements, const json_t *shape, pl_error *err) {
  if (!json_is_array(shape)) return pl_fail(err, PL_E_FORMAT, "tensor %s has no shape", tensor->name);
  size_t rank = json_array_size(shape);
  *elements = 1;
  tensor->shape = (pl_shape){.rank = rank <= 4 ? (int32_t)rank : -1, .d = {1, 1, 1, 1}};
  for (size_t i = 0; i < rank; i++) {
    const json_t *item = json_array_get(shape, i);
    json_int_t size = json_is_integer(item) ? json_integer_value(item) : -1;
    if (size < 0 || !pl_mul_size(elements, *elements, (size_t)size)) {
      return pl_fail(err, PL_E_FORMAT, "the shape of tensor %s makes no sense", tensor->name);
    }
    if (i < 4) tensor->shape.d[i] = size;
  }
  return PL_OK;
}

static pl_status parse_tensor(pl_safetensor *tensor, const char *name, const json_t *entry, uint64_t data_size,
                              pl_error *err) {
  if (!pl_copy_text(tensor->name, sizeof tensor->name, name)) {
    return pl_fail(err, PL_E_LIMIT, "a tensor's name has more than %d bytes: %.80s...", PL_SAFETENSORS_NAME_MAX, name);
  }
  const char *type = json_string_value(json_object_get(entry, "dtype"));
  const type_row *row = type == NULL ? NULL : find_type(type);
  if (row == NULL) {
    return pl_fail(err, PL_E_FORMAT, "tensor %s has the type %.16s, which safetensors does not define", name,
                   type == NULL ? "nothing" : type);
  }
  tensor->dtype = row->dtype;
  tensor->known = row->known;
  size_t elements = 1, bytes = 0;
  pl_status status = parse_shape(tensor, &elements, json_object_get(entry, "shape"), err);
  if (status != PL_OK) return status;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
      json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin)) {
    return pl_fail(err, PL_E_FORMAT, "tensor %s has no usable data_offsets", name);
  }
  tensor->begin = (uint64_t)json_integer_value(begin);
  tensor->end = (uint64_t)json_integer_value(end);
  if (tensor->end > data_size) {
    return pl_fail(err, PL_E_FORMAT, "tensor %s ends at byte %llu of the data, which has %llu: the file was cut off",
                   name, (unsigned long long)tensor->end, (unsigned long long)data_size);
  }
  if (!pl_mul_size(&bytes, elements, row->size) || bytes != tensor->end - tensor->begin) {
    return pl_fail(err, PL_E_FORMAT, "the shape of tensor %s does not fit its %llu bytes", name,
                   (unsigned long long)(tensor->end - tensor->begin));
  }
  return PL_OK;
}

static int by_begin(const void *a, const void *b) {
  const pl_safetensor *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static pl_status check_cover(pl_safetensors *file, uint64_t data_size, pl_error *err) {
  if (file->count > 0) qsort(file->tensors, file->count, sizeof *file->tensors, by_begin);
  uint64_t end = 0;
  for (size_t i = 0; i < file->count; i++) {
    const pl_safetensor *tensor = &file->tensors[i];
    if (tensor->begin != end) {
      return pl_fail(err, PL_E_FORMAT, "tensor %s %s at byte %llu of the data", tensor->name,
                     tensor->begin < end ? "overlaps the one before it" : "leaves a gap before it",
                     (unsigned long long)tensor->begin);
    }
    end = tensor->end;
  }
  if (end != data_size) {
    return pl_fail(err, PL_E_FORMAT, "%llu bytes at the file's end belong to no tensor",
                   (unsigned long long)(data_size - end));
  }
  return PL_OK;
}

static pl_status parse_header(pl_safetensors *file, const json_t *root, uint64_t data_size, pl_error *err) {
  if (!json_is_object(root)) return pl_fail(err, PL_E_FORMAT, "the header is not a JSON object");
  if (json_object_size(root) > PL_SAFETENSORS_COUNT_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the file has %zu tensors, more than %d", json_object_size(root),
                   PL_SAFETENSORS_COUNT_MAX);
  }
  file->tensors = pl_xcalloc(json_object_size(root) + 1, sizeof *file->tensors);
  for (void *i = json_object_iter((json_t *)root); i != NULL; i = json_object_iter_next((json_t *)root, i)) {
    const char *name = json_object_iter_key(i);
    if (strcmp(name, "__metadata__") == 0) continue;
    pl_status status = parse_tensor(&file->tensors[file->count], name, json_object_iter_value(i), data_size, err);
    if (status != PL_OK) return status;
    file->count++;
  }
  return check_cover(file, data_size, err);
}

static pl_status read_header(pl_safetensors *file, uint64_t file_size, pl_error *err) {
  unsigned char prefix[LENGTH_SIZE];
  pl_status status = read_at(file->fd, file->path, 0, prefix, sizeof prefix, err);
  if (status != PL_OK) return status;
  uint64_t length = 0;
  for (int i = LENGTH_SIZE - 1; i >= 0; i--) length = length << 8 | prefix[i];
  if (memcmp(prefix, "PK\3\4", 4) == 0 || memcmp(prefix, "\x80\2\x8a\x0a", 4) == 0) {
    return pl_fail(err, PL_E_FORMAT,
                   "it is a file of PyTorch's torch.save; 'pleura weights import FILE' makes safetensors");
  }
  if (length > PL_SAFETENSORS_HEADER_MAX) {
    return pl_fail(err, PL_E_LIMIT,
                   "its header would be %llu bytes, more than %d: it is damaged or no safetensors file",
                   (unsigned long long)length, PL_SAFETENSORS_HEADER_MAX);
  }
  if (length > file_size - LENGTH_SIZE) return pl_fail(err, PL_E_FORMAT, "it ends inside its header: it was cut off");
  char *text = pl_xmalloc((size_t)length + 1);
  status = read_at(file->fd, file->path, LENGTH_SIZE, text, (size_t)length, err);
  json_error_t problem;
  json_t *root = NULL;
  if (status == PL_OK) {
    root = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL) status = pl_fail(err, PL_E_FORMAT, "its header is not JSON: %s", problem.text);
  }
  free(text);
  file->data_start = LENGTH_SIZE + length;
  if (status == PL_OK) status = parse_header(file, root, file_size - file->data_start, err);
  json_decref(root);
  return status;
}

pl_status pl_safetensors_open(pl_safetensors **out, const char *path, pl_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  pl_safetensors *file = pl_xcalloc(1, sizeof *file);
  file->fd = fd;
  file->path = pl_xstrdup(path);
  struct stat st;
  pl_status status = PL_OK;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    status = pl_fail(err, PL_E_IO, "it is not a regular file");
  } else if (st.st_size < LENGTH_SIZE) {
    status = pl_fail(err, PL_E_FORMAT, "it has only %lld bytes: it is no safetensors file", (long long)st.st_size);
  } else {
    status = read_header(file, (uint64_t)st.st_size, err);
  }
  if (status != PL_OK) {
    pl_safetensors_close(file);
    pl_wrap(err, "%s", path);
    return status;
  }
  *out = file;
  return PL_OK;
}

void pl_safetensors_close(pl_safetensors *file) {
  if (file == NULL) return;
  close(file->fd);
  free(file->path);
  free(file->tensors);
  free(file);
}

size_t pl_safetensors_count(const pl_safetensors *file) { return file->count; }

const pl_safetensor *pl_safetensors_at(const pl_safetensors *file, size_t index) {
  return index < file->count ? &file->tensors[index] : NULL;
}

const pl_safetensor *pl_safetensors_find(const pl_safetensors *file, const char *name) {
  for (size_t i = 0; i < file->count; i++) {
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  }
  return NULL;
}

pl_status pl_safetensors_read(const pl_safetensors *file, const pl_safetensor *tensor, void *data, pl_error *err) {
  return read_at(file->fd, file->path, file->data_start + tensor->begin, data, (size_t)(tensor->end - tensor->begin),
                 err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing.

struct pl_safetensors_writer {
  int fd;
  char *path, *aside;
  uint64_t left;  // bytes of data still to come
  pl_sha256 hash;
};

static json_t *header_of(const pl_safetensor *tensors, size_t count, uint64_t *data_size) {
  json_t *root = json_object();
  json_object_set_new(root, "__metadata__", json_pack("{s:s}", "format", "pt"));
  uint64_t offset = 0;
  for (size_t i = 0; i < count; i++) {
    json_t *shape = json_array();
    for (int32_t d = 0; d < tensors[i].shape.rank; d++)
      json_array_append_new(shape, json_integer(tensors[i].shape.d[d]));
    uint64_t end = offset + (uint64_t)pl_shape_elements(&tensors[i].shape) * pl_dtype_size(tensors[i].dtype);
    json_object_set_new(root, tensors[i].name,
                        json_pack("{s:s, s:o, s:[I,I]}", "dtype", type_name(tensors[i].dtype), "shape", shape,
                                  "data_offsets", (json_int_t)offset, (json_int_t)end));
    offset = end;
  }
  *data_size = offset;
  return root;
}

static pl_status write_bytes(pl_safetensors_writer *writer, const void *data, size_t length, pl_error *err) {
  const char *from = data;
  pl_sha256_add(&writer->hash, data, length);
  while (length > 0) {
    ssize_t n = write(writer->fd, from, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pl_fail_errno(err, errno, "cannot write %s", writer->path);
    from += n, length -= (size_t)n;
  }
  return PL_OK;
}

static pl_status write_header(pl_safetensors_writer *writer, const pl_safetensor *tensors, size_t count,
                              pl_error *err) {
  json_t *root = header_of(tensors, count, &writer->left);
  char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
  json_decref(root);
  if (text == NULL) return pl_fail(err, PL_E_INTERNAL, "cannot make the header of %s", writer->path);
  // Padded with spaces, so that the data begins at a multiple of 8.
  size_t length = strlen(text), padded = (length + 7) & ~(size_t)7;
  unsigned char prefix[LENGTH_SIZE];
  for (int i = 0; i < LENGTH_SIZE; i++) prefix[i] = (unsigned char)(padded >> (8 * i));
  pl_status status = write_bytes(writer, prefix, sizeof prefix, err);
  if (status == PL_OK) status = write_bytes(writer, text, length, err);
  if (status == PL_OK) status = write_bytes(writer, "       ", padded - length, err);
  free(text);
  return status;
}

static void free_writer(pl_safetensors_writer *writer) {
  free(writer->path);
  free(writer->aside);
  free(writer);
}

pl_status pl_safetensors_create(pl_safetensors_writer **out, const char *path, const pl_safetensor *tensors,
                                size_t count, pl_error *err) {
  pl_safetensors_writer *writer = pl_xcalloc(1, sizeof *writer);
  writer->path = pl_xstrdup(path);
  writer->aside = pl_xprintf("%s.tmp-%ld-XXXXXX", path, (long)getpid());
  pl_sha256_init(&writer->hash);
  writer->fd = mkostemp(writer->aside, O_CLOEXEC);
  if (writer->fd < 0) {
    pl_status status = pl_fail_errno(err, errno, "cannot create a file beside %s", path);
    free_writer(writer);
    return status;
  }
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(writer->fd, 0666 & ~mask);
  pl_status status = write_header(writer, tensors, count, err);
  if (status != PL_OK) {
    pl_safetensors_cancel(writer);
    return status;
  }
  *out = writer;
  return PL_OK;
}

pl_status pl_safetensors_add(pl_safetensors_writer *writer, const void *data, size_t length, pl_error *err) {
  if (length > writer->left) return pl_fail(err, PL_E_USAGE, "more bytes than the header of %s says", writer->path);
  writer->left -= length;
  return write_bytes(writer, data, length, err);
}

static pl_status sync_parent(const char *path, pl_error *err) {
  const char *slash = strrchr(path, '/');
  char *folder = slash == NULL ? pl_xstrdup(".") : pl_xprintf("%.*s", slash == path ? 1 : (int)(slash - path), path);
  pl_status status = pl_fs_sync_folder(folder, err);
  free(folder);
  return status;
}

pl_status pl_safetensors_finish(pl_safetensors_writer *writer, char *sha256, pl_error *err) {
  pl_status status = PL_OK;
  if (writer->left > 0) {
    status =
        pl_fail(err, PL_E_USAGE, "%s lacks %llu bytes of its tensors", writer->path, (unsigned long long)writer->left);
  } else if (fsync(writer->fd) != 0) {
    status = pl_fail_errno(err, errno, "cannot write %s to disk", writer->path);
  } else if (rename(writer->aside, writer->path) != 0) {
    status = pl_fail_errno(err, errno, "cannot replace %s", writer->path);
  }
  if (status != PL_OK) {
    pl_safetensors_cancel(writer);
    return status;
  }
  close(writer->fd);
  status = sync_parent(writer->path, err);
  if (status == PL_OK && sha256 != NULL) pl_sha256_finish(&writer->hash, sha256);
  free_writer(writer);
  return status;
}

void pl_safetensors_cancel(pl_safetensors_writer *writer) {
  if (writer == NULL) return;
  close(writer->fd);
  unlink(writer->aside);
  free_writer(writer);
}

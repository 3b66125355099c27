// Making the packed cache: threads decode, and write one after the other in the order of the cases, so that the same
// pictures give the same file.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/pack_private.h"
#include "core/image/png_io.h"

enum { THREADS_MAX = 64 };

// One case's pictures, decoded.
typedef struct pictures {
  pack_entry entry;
  pl_image image, mask;  // mask without pixels when it is empty
} pictures;

typedef struct builder {
  const pl_manifest *manifest;
  const pl_pack_build_options *options;
  pl_pack_report *report;
  const size_t *cases;  // that have pictures, by rising number
  size_t total;
  int fd;

  pthread_mutex_t mutex;  // guards everything below, and the file
  pthread_cond_t turn;
  size_t next;     // case that the next free thread takes
  size_t written;  // cases that are done
  uint64_t end;    // of the file so far
  pack_entry *entries;
  pl_status status;
  pl_error *err;
} builder;

static pl_status write_all(int fd, uint64_t at, const void *bytes, size_t length, pl_error *err) {
  const uint8_t *p = bytes;
  while (length > 0) {
    ssize_t n = pwrite(fd, p, length, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pl_fail_errno(err, errno, "cannot write the packed cache");
    p += n;
    at += (uint64_t)n;
    length -= (size_t)n;
  }
  return PL_OK;
}

// Decoding, without the mutex

static pl_status read_picture(pl_image *out, pack_source *source, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PACK_FILE_MAX);
  if (!pl_pack_stat(source, path)) return pl_fail(err, PL_E_NOTFOUND, "there is no %s", path);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    pl_sha256_bytes(source->hash, bytes.data, bytes.length);
    status = pl_png_decode(out, bytes.data, bytes.length, err);
    if (status != PL_OK) status = pl_wrap(err, "%s", path);
  }
  if (status == PL_OK && (bytes.length != source->size || out->type != PL_PIXEL_U8)) {
    status = pl_fail(err, PL_E_FORMAT, "%s %s", path,
                     out->type != PL_PIXEL_U8 ? "does not have 8 bits a pixel" : "is being changed");
    pl_image_clear(out);
  }
  pl_buf_clear(&bytes);
  return status;
}

// The mask becomes 0 or 255, and no pixels at all when it is empty.
static pl_status read_mask(pictures *p, const pl_case *c, const char *path, pl_error *err) {
  if (c->label != PL_LABEL_POSITIVE && !pl_fs_is_file(path)) return PL_OK;
  pl_status status = read_picture(&p->mask, &p->entry.mask, path, err);
  if (status != PL_OK) return status;
  if (p->mask.width != p->image.width || p->mask.height != p->image.height) {
    return pl_fail(err, PL_E_FORMAT, "%s does not have the size of its image", path);
  }
  bool empty = true;
  for (size_t i = 0; i < pl_image_bytes(&p->mask); i++) {
    p->mask.u8[i] = p->mask.u8[i] != 0 ? 255 : 0;
    empty = empty && p->mask.u8[i] == 0;
  }
  if (empty) pl_image_clear(&p->mask);
  return PL_OK;
}

static pl_status decode(pictures *p, const pl_manifest *manifest, const pl_case *c, pl_error *err) {
  char *image = pl_case_image_path(manifest, c), *mask = pl_case_mask_path(manifest, c);
  p->entry.number = c->number;
  pl_sha256_bytes(p->entry.id_hash, c->id, strlen(c->id));
  pl_status status = read_picture(&p->image, &p->entry.image, image, err);
  if (status == PL_OK) status = read_mask(p, c, mask, err);
  if (status == PL_OK) {
    p->entry.width = p->image.width;
    p->entry.height = p->image.height;
    pl_pack_plane_hash(p->entry.plane_hash, p->image.u8, p->mask.u8, pl_image_bytes(&p->image));
  }
  free(image);
  free(mask);
  return status;
}

// Writing, with the mutex

static pl_status add_plane(builder *b, uint64_t *offset, const pl_image *plane, pl_error *err) {
  *offset = (b->end + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
  b->end = *offset + pl_image_bytes(plane);
  return write_all(b->fd, *offset, plane->u8, pl_image_bytes(plane), err);
}

static pl_status add_pictures(builder *b, pictures *p, pl_error *err) {
  pl_status status = add_plane(b, &p->entry.image_offset, &p->image, err);
  if (status == PL_OK && p->mask.u8 != NULL) status = add_plane(b, &p->entry.mask_offset, &p->mask, err);
  if (status == PL_OK) b->entries[b->report->packed++] = p->entry;
  return status;
}

static void finish_case(builder *b, pictures *p, pl_status decoded, const pl_case *c, const pl_error *problem) {
  if (decoded == PL_OK) {
    b->status = add_pictures(b, p, b->err);
  } else if (decoded == PL_E_NOMEM) {
    b->status = decoded;
    if (b->err != NULL) *b->err = *problem;
  } else if (b->report->left_out++ == 0) {
    (void)snprintf(b->report->reason, sizeof b->report->reason, "case #%u: %.200s", (unsigned)c->number,
                   problem->message);
  }
  b->written++;
  const pl_pack_build_options *o = b->options;
  if (o->progress != NULL) o->progress(o->context, b->written, b->total);
  if (b->status == PL_OK && o->cancelled != NULL && o->cancelled(o->context))
    b->status = pl_fail(b->err, PL_E_CANCELLED, "stopped");
}

static void *work(void *context) {
  builder *b = context;
  (void)pthread_mutex_lock(&b->mutex);
  while (b->status == PL_OK && b->next < b->total) {
    size_t place = b->next++;
    const pl_case *c = &b->manifest->cases[b->cases[place]];
    (void)pthread_mutex_unlock(&b->mutex);
    pictures p = {.entry = {.number = 0}};
    pl_error problem = {0};
    pl_status decoded = decode(&p, b->manifest, c, &problem);
    (void)pthread_mutex_lock(&b->mutex);
    while (b->status == PL_OK && b->written != place) (void)pthread_cond_wait(&b->turn, &b->mutex);
    if (b->status == PL_OK) finish_case(b, &p, decoded, c, &problem);
    (void)pthread_cond_broadcast(&b->turn);
    pl_image_clear(&p.image);
    pl_image_clear(&p.mask);
  }
  (void)pthread_mutex_unlock(&b->mutex);
  return NULL;
}

static pl_status write_index(builder *b, pl_error *err) {
  size_t bytes = b->report->packed * sizeof(pack_entry);
  pack_header h = {.byte_order = PACK_BYTE_ORDER, .entry_size = sizeof(pack_entry), .count = b->report->packed};
  memcpy(h.magic, PACK_MAGIC, sizeof h.magic);
  h.index_offset = (b->end + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
  h.file_size = h.index_offset + bytes;
  pl_sha256_bytes(h.index_hash, b->entries, bytes);
  pl_status status = write_all(b->fd, h.index_offset, b->entries, bytes, err);
  if (status == PL_OK) status = write_all(b->fd, 0, &h, sizeof h, err);
  // A file whose index is empty still has the length that the header says.
  if (status == PL_OK && ftruncate(b->fd, (off_t)h.file_size) != 0)
    status = pl_fail_errno(err, errno, "cannot write the packed cache");
  b->report->bytes = h.file_size;
  return status;
}

static pl_status fill(builder *b, pl_error *err) {
  pthread_t threads[THREADS_MAX];
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t wanted = b->options->threads != 0 ? b->options->threads : processors > 0 ? (size_t)processors : 1, started = 0;
  if (wanted > THREADS_MAX) wanted = THREADS_MAX;
  (void)pthread_mutex_init(&b->mutex, NULL);
  (void)pthread_cond_init(&b->turn, NULL);
  while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, b) == 0) started++;
  (void)work(b);
  for (size_t i = 0; i < started; i++) (void)pthread_join(threads[i], NULL);
  (void)pthread_cond_destroy(&b->turn);
  (void)pthread_mutex_destroy(&b->mutex);
  return b->status == PL_OK ? write_index(b, err) : b->status;
}

// The file to write to, locked against others who make it. One that was put in place meanwhile is not touched.
static pl_status open_part(int *out, const char *path, pl_error *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot write %s", path);
  if (pl_lock_file(fd, path, NULL) != PL_OK || !pl_lock_is_of(fd, path)) {
    close(fd);
    return pl_fail(err, PL_E_BUSY, "another pleura is making the packed cache");
  }
  if (ftruncate(fd, 0) != 0) {
    pl_status status = pl_fail_errno(err, errno, "cannot write %s", path);
    close(fd);
    return status;
  }
  *out = fd;
  return PL_OK;
}

static int by_number(const void *a, const void *b, void *context) {
  const pl_manifest *m = context;
  uint32_t x = m->cases[*(const size_t *)a].number, y = m->cases[*(const size_t *)b].number;
  return (x > y) - (x < y);
}

static pl_status build(builder *b, const char *part, const char *path, pl_error *err) {
  pl_status status = fill(b, err);
  if (status == PL_OK && fsync(b->fd) != 0) status = pl_fail_errno(err, errno, "cannot write %s", part);
  if (status == PL_OK && rename(part, path) != 0) status = pl_fail_errno(err, errno, "cannot put %s in place", path);
  if (status == PL_OK) return pl_fs_sync_folder(b->manifest->workspace, err);
  (void)unlink(part);
  return status;
}

pl_status pl_pack_build(pl_pack_report *out, const pl_manifest *manifest, const pl_pack_build_options *options,
                        pl_error *err) {
  *out = (pl_pack_report){.packed = 0};
  char *path = pl_path_join(manifest->workspace, PL_PACK_FILE), *part = pl_xprintf("%s.part", path);
  size_t *cases = pl_xcalloc(manifest->count + 1, sizeof *cases);
  builder b = {.manifest = manifest,
               .options = options,
               .report = out,
               .cases = cases,
               .end = sizeof(pack_header),
               .entries = pl_xcalloc(manifest->count + 1, sizeof(pack_entry)),
               .err = err};
  for (size_t i = 0; i < manifest->count; i++) {
    if (pl_pack_wants(&manifest->cases[i])) cases[b.total++] = i;
  }
  qsort_r(cases, b.total, sizeof *cases, by_number, (void *)(uintptr_t)manifest);
  pl_status status = pl_access_check(manifest->workspace, pl_access_nothing, err);
  if (status == PL_OK) status = open_part(&b.fd, part, err);
  if (status == PL_OK) {
    status = build(&b, part, path, err);
    close(b.fd);
  }
  free(b.entries);
  free(cases);
  free(part);
  free(path);
  return status;
}

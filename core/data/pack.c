#include "core/data/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/access.h"
#include "core/data/pack_private.h"
#include "core/image/image.h"

_Static_assert(sizeof(pack_header) == 128 && sizeof(pack_entry) == 360, "no hidden padding in the file");

enum { UNSEEN, GOOD, DAMAGED };  // of a case's planes

struct pl_pack {
  const pl_manifest *manifest;
  char *path;
  const uint8_t *map;
  size_t size;
  const pack_entry *entries;
  size_t entry_count;
  const pack_entry **by_case;  // NULL when the case is not in the pack or out of date
  atomic_uchar *states;        // by case
  pl_pack_counts counts;       // all but `damaged`
  atomic_size_t damaged;
};

bool pl_pack_wants(const pl_case *c) { return c->status != PL_CASE_BAD && !c->corrected; }

void pl_pack_plane_hash(char hex[PL_SHA256_HEX_SIZE], const uint8_t *image, const uint8_t *mask, size_t pixels) {
  pl_sha256 hash;
  pl_sha256_init(&hash);
  pl_sha256_add(&hash, image, pixels);
  if (mask != NULL) pl_sha256_add(&hash, mask, pixels);
  pl_sha256_finish(&hash, hex);
}

bool pl_pack_stat(pack_source *out, const char *path) {
  struct stat info;
  *out = (pack_source){.size = 0};
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  out->size = (uint64_t)info.st_size;
  out->seconds = (int64_t)info.st_mtim.tv_sec;
  out->nanoseconds = (int64_t)info.st_mtim.tv_nsec;
  return true;
}

// Opening

static pl_status map_file(pl_pack *pack, pl_error *err) {
  int fd = open(pack->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return pl_fail(err, PL_E_NOTFOUND, "there is no %s", pack->path);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open %s", pack->path);
  struct stat info;
  pl_status status = PL_OK;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || (uint64_t)info.st_size < sizeof(pack_header)) {
    status = pl_fail(err, PL_E_FORMAT, "%s is not a pack: it is no file or too short", pack->path);
  } else {
    pack->size = (size_t)info.st_size;
    void *map = mmap(NULL, pack->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
      status = pl_fail_errno(err, errno, "cannot map %s", pack->path);
    else
      pack->map = map;
  }
  close(fd);
  return status;
}

// Whether `length` bytes at `offset` lie between header and index.
static bool is_inside(uint64_t offset, uint64_t length, uint64_t end) {
  return offset >= sizeof(pack_header) && offset <= end && length <= end - offset;
}

static bool is_sound(const pack_entry *e, const pack_entry *before, uint64_t end) {
  if (e->width < 1 || e->width > PL_IMAGE_SIDE_MAX || e->height < 1 || e->height > PL_IMAGE_SIDE_MAX) return false;
  uint64_t pixels = (uint64_t)e->width * e->height;
  if (!is_inside(e->image_offset, pixels, end)) return false;
  if (e->mask_offset != 0 && !is_inside(e->mask_offset, pixels, end)) return false;
  return before == NULL || e->number > before->number;
}

static pl_status check_index(pl_pack *pack, pl_error *err) {
  const pack_header *h = (const pack_header *)(const void *)pack->map;
  if (memcmp(h->magic, PACK_MAGIC, sizeof h->magic) != 0 || h->byte_order != PACK_BYTE_ORDER ||
      h->entry_size != sizeof(pack_entry)) {
    return pl_fail(err, PL_E_FORMAT, "%s is not a pack of this version", pack->path);
  }
  size_t bytes = 0;
  if (h->file_size != pack->size || h->count > PACK_CASES_MAX || h->index_offset % PACK_ALIGN != 0 ||
      !pl_mul_size(&bytes, (size_t)h->count, sizeof(pack_entry)) || h->index_offset < sizeof *h ||
      h->index_offset > pack->size || pack->size - h->index_offset != bytes) {
    return pl_fail(err, PL_E_FORMAT, "%s is truncated: it has %zu bytes, its header says %llu", pack->path, pack->size,
                   (unsigned long long)h->file_size);
  }
  char hash[PL_SHA256_HEX_SIZE];
  pl_sha256_bytes(hash, pack->map + h->index_offset, bytes);
  if (memcmp(hash, h->index_hash, sizeof hash) != 0) {
    return pl_fail(err, PL_E_FORMAT, "%s is damaged: its index does not have its hash", pack->path);
  }
  pack->entries = (const pack_entry *)(const void *)(pack->map + h->index_offset);
  pack->entry_count = (size_t)h->count;
  for (size_t i = 0; i < pack->entry_count; i++) {
    if (is_sound(&pack->entries[i], i > 0 ? &pack->entries[i - 1] : NULL, h->index_offset)) continue;
    return pl_fail(err, PL_E_FORMAT, "%s is damaged: entry %zu of its index makes no sense", pack->path, i);
  }
  return PL_OK;
}

static const pack_entry *find_entry(const pl_pack *pack, uint32_t number) {
  size_t low = 0, high = pack->entry_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (pack->entries[middle].number < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low < pack->entry_count && pack->entries[low].number == number ? &pack->entries[low] : NULL;
}

// Whether a file is the one that something was made from. Its bytes are only looked at when its time is another one, as
// in a copy of a workspace.
static bool is_source(const pack_source *was, const char *path) {
  pack_source now;
  if (!pl_pack_stat(&now, path)) return was->size == 0;
  if (now.size != was->size || now.size == 0) return false;
  if (now.seconds == was->seconds && now.nanoseconds == was->nanoseconds) return true;
  return pl_sha256_file(now.hash, path, NULL) == PL_OK && memcmp(now.hash, was->hash, sizeof now.hash) == 0;
}

static bool is_fresh(const pl_pack *pack, const pack_entry *e, const pl_case *c) {
  char id_hash[PL_SHA256_HEX_SIZE];
  pl_sha256_bytes(id_hash, c->id, strlen(c->id));
  if (memcmp(id_hash, e->id_hash, sizeof id_hash) != 0) return false;
  char *image = pl_case_image_path(pack->manifest, c), *mask = pl_case_mask_path(pack->manifest, c);
  // Without a file of its own only a case that is not positive has an (empty) mask.
  bool fresh =
      is_source(&e->image, image) && is_source(&e->mask, mask) && (e->mask.size != 0 || c->label != PL_LABEL_POSITIVE);
  free(image);
  free(mask);
  return fresh;
}

static pl_status match_cases(pl_pack *pack, const pl_progress *progress, pl_error *err) {
  const pl_manifest *m = pack->manifest;
  size_t found = 0;
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    const pack_entry *e = find_entry(pack, c->number);
    pl_status status = pl_progress_tell(progress, (int64_t)i, (int64_t)m->count, err);
    if (status != PL_OK) return status;
    found += e != NULL;
    if (!pl_pack_wants(c)) continue;
    pack->counts.pictures++;
    if (e == NULL) continue;
    bool fresh = is_fresh(pack, e, c);
    if (fresh) pack->by_case[i] = e;
    pack->counts.packed += fresh;
    pack->counts.stale += !fresh;
  }
  pack->counts.left_over = pack->entry_count - found;
  pack->counts.bytes = pack->size;
  return PL_OK;
}

pl_status pl_pack_open(pl_pack **out, const pl_manifest *manifest, pl_error *err) {
  return pl_pack_open_told(out, manifest, NULL, err);
}

pl_status pl_pack_open_told(pl_pack **out, const pl_manifest *manifest, const pl_progress *progress, pl_error *err) {
  pl_pack *pack = pl_xcalloc(1, sizeof *pack);
  pack->manifest = manifest;
  pack->path = pl_path_join(manifest->workspace, PL_PACK_FILE);
  pack->by_case = pl_xcalloc(manifest->count + 1, sizeof(const pack_entry *));
  pack->states = pl_xcalloc(manifest->count + 1, sizeof *pack->states);
  pl_status status = map_file(pack, err);
  if (status == PL_OK) status = check_index(pack, err);
  if (status == PL_OK) status = match_cases(pack, progress, err);
  if (status != PL_OK) {
    pl_pack_close(pack);
    return status;
  }
  *out = pack;
  return PL_OK;
}

void pl_pack_close(pl_pack *pack) {
  if (pack == NULL) return;
  if (pack->map != NULL) (void)munmap((void *)(uintptr_t)pack->map, pack->size);
  free(pack->path);
  free(pack->by_case);
  free(pack->states);
  free(pack);
}

// Reading

static bool has_its_hash(const pl_pack *pack, const pack_entry *e) {
  char hash[PL_SHA256_HEX_SIZE];
  const uint8_t *mask = e->mask_offset != 0 ? pack->map + e->mask_offset : NULL;
  pl_pack_plane_hash(hash, pack->map + e->image_offset, mask, (size_t)e->width * e->height);
  return memcmp(hash, e->plane_hash, sizeof hash) == 0;
}

bool pl_pack_find(pl_pack *pack, size_t index, pl_pack_picture *out) {
  const pack_entry *e = pack->by_case[index];
  if (e == NULL) return false;
  unsigned char state = atomic_load_explicit(&pack->states[index], memory_order_relaxed);
  if (state == UNSEEN) {
    // Two threads may both look; they find the same, and the one that notes it first counts.
    unsigned char unseen = UNSEEN;
    state = has_its_hash(pack, e) ? GOOD : DAMAGED;
    if (atomic_compare_exchange_strong(&pack->states[index], &unseen, state) && state == DAMAGED)
      atomic_fetch_add(&pack->damaged, 1);
  }
  if (state != GOOD) return false;
  *out = (pl_pack_picture){.width = e->width,
                           .height = e->height,
                           .image = pack->map + e->image_offset,
                           .mask = e->mask_offset != 0 ? pack->map + e->mask_offset : NULL};
  return true;
}

pl_pack_counts pl_pack_count(const pl_pack *pack) {
  pl_pack_counts counts = pack->counts;
  counts.damaged = atomic_load(&pack->damaged);
  return counts;
}

pl_status pl_pack_verify(pl_pack *pack, pl_error *err) {
  for (size_t i = 0; i < pack->entry_count; i++) {
    if (has_its_hash(pack, &pack->entries[i])) continue;
    return pl_fail(err, PL_E_FORMAT,
                   "%s is damaged: the pictures of case #%u do not have their hash; 'pleura pack' makes "
                   "it anew",
                   pack->path, (unsigned)pack->entries[i].number);
  }
  return PL_OK;
}

bool pl_pack_is_current(const pl_manifest *manifest) {
  pl_pack *pack = NULL;
  if (pl_pack_open(&pack, manifest, NULL) != PL_OK) return false;
  pl_pack_counts c = pl_pack_count(pack);
  pl_pack_close(pack);
  return c.packed == c.pictures && c.left_over == 0;
}

pl_status pl_pack_remove(const pl_manifest *manifest, pl_error *err) {
  char *path = pl_path_join(manifest->workspace, PL_PACK_FILE);
  pl_status status = pl_access_check(manifest->workspace, pl_access_nothing, err);
  if (status == PL_OK) status = pl_fs_remove_tree(path, err);
  free(path);
  return status;
}

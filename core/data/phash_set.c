// The hashes of all pictures of a workspace, kept in its phash.csv.
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/access.h"
#include "core/data/csvio.h"
#include "core/data/phash.h"
#include "core/image/png_io.h"

enum { THREADS_MAX = 16, HEX = 16 * PL_PHASH_WORDS, KEPT_COLUMNS = 4 };

// What tells whether a picture is still the one that was hashed.
typedef struct stamp {
  int64_t size, time;  // bytes, nanoseconds
} stamp;

typedef struct kept {
  char *id;
  stamp stamp;
  pl_phash hash;
} kept;

typedef struct kept_table {
  kept *items;
  size_t count, room;
} kept_table;

static bool parse_hash(pl_phash *out, pl_csv_field field) {
  if (field.length != HEX || strspn(field.text, "0123456789abcdef") != HEX) return false;
  for (int w = 0; w < PL_PHASH_WORDS; w++) {
    out->bits[w] = 0;
    for (int i = 0; i < 16; i++) {
      const char digit = field.text[16 * w + i];
      out->bits[w] = out->bits[w] << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
  }
  return true;
}

// A row that cannot be read is one picture that is hashed again.
static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  (void)line, (void)err;
  kept_table *table = context;
  kept item = {0};
  if (problem != NULL || count != KEPT_COLUMNS || pl_id_problem(fields[0].text, fields[0].length) != NULL ||
      !pl_parse_i64(&item.stamp.size, fields[1].text, fields[1].length) ||
      !pl_parse_i64(&item.stamp.time, fields[2].text, fields[2].length) || !parse_hash(&item.hash, fields[3])) {
    return PL_OK;
  }
  if (table->count == table->room) {
    table->room = table->room != 0 ? 2 * table->room : 1024;
    table->items = pl_xrealloc(table->items, table->room, sizeof *table->items);
  }
  item.id = pl_xstrdup(fields[0].text);
  table->items[table->count++] = item;
  return PL_OK;
}

static int by_id(const void *a, const void *b) { return strcmp(((const kept *)a)->id, ((const kept *)b)->id); }

static kept_table read_kept(const char *path) {
  kept_table table = {0};
  (void)pl_csv_parse_file(path, on_row, &table, NULL);
  if (table.count > 1) qsort(table.items, table.count, sizeof *table.items, by_id);
  return table;
}

static void free_kept(kept_table *table) {
  for (size_t i = 0; i < table->count; i++) free(table->items[i].id);
  free(table->items);
}

static void write_kept(const char *path, const pl_manifest *m, const pl_phash_set *set, const stamp *stamps) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_buf_add_text(&text, "ImageId,size,time,hash\n");
  for (size_t i = 0; i < m->count; i++) {
    if (!set->known[i]) continue;
    pl_csv_add_field(&text, m->cases[i].id);
    pl_buf_printf(&text, ",%" PRId64 ",%" PRId64 ",", stamps[i].size, stamps[i].time);
    for (int w = 0; w < PL_PHASH_WORDS; w++) pl_buf_printf(&text, "%016" PRIx64, set->hashes[i].bits[w]);
    pl_buf_add_text(&text, "\n");
  }
  if (!text.failed) (void)pl_fs_replace(path, text.data, text.length, NULL);
  pl_buf_clear(&text);
}

typedef struct job {
  const pl_manifest *manifest;
  pl_phash_set *set;  // each case is written only by the worker that took it
  const size_t *wanted;
  size_t count;
  pl_phash_progress *progress;
  void *context;
  pthread_mutex_t mutex;  // guards the fields below
  size_t next, done;
  bool cancelled;
} job;

static void hash_one(job *j, size_t index) {
  pl_image image = {0};
  char *path = pl_case_image_path(j->manifest, &j->manifest->cases[index]);
  if (pl_png_read(&image, path, NULL) == PL_OK) {
    j->set->known[index] = pl_phash_image(&j->set->hashes[index], &image, NULL) == PL_OK;
  }
  pl_image_clear(&image);
  free(path);
}

static void *worker(void *context) {
  job *j = context;
  pthread_mutex_lock(&j->mutex);
  while (!j->cancelled && j->next < j->count) {
    const size_t index = j->wanted[j->next++];
    pthread_mutex_unlock(&j->mutex);
    hash_one(j, index);
    pthread_mutex_lock(&j->mutex);
    j->done++;
    if (j->progress != NULL && !j->cancelled && !j->progress(j->context, j->done, j->count)) j->cancelled = true;
  }
  pthread_mutex_unlock(&j->mutex);
  return NULL;
}

static void run_workers(job *j) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t count = processors > 0 ? (size_t)processors : 1, started = 0;
  if (count > THREADS_MAX) count = THREADS_MAX;
  if (count > j->count) count = j->count;
  pthread_t threads[THREADS_MAX];
  while (started + 1 < count && pthread_create(&threads[started], NULL, worker, j) == 0) started++;
  worker(j);
  for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

// Takes what was kept; lists the pictures that must be read.
static size_t find_wanted(size_t *wanted, stamp *stamps, pl_phash_set *set, const pl_manifest *m,
                          const kept_table *table) {
  size_t count = 0;
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    if (c->part != PL_PART_TRAIN || c->status == PL_CASE_BAD) continue;
    char *path = pl_case_image_path(m, c);
    struct stat st;
    const bool there = stat(path, &st) == 0;
    free(path);
    if (!there) continue;
    stamps[i] = (stamp){st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    const kept key = {.id = c->id};
    const kept *found = table->count == 0 ? NULL : bsearch(&key, table->items, table->count, sizeof key, by_id);
    if (found != NULL && found->stamp.size == stamps[i].size && found->stamp.time == stamps[i].time) {
      set->hashes[i] = found->hash;
      set->known[i] = true;
    } else {
      wanted[count++] = i;
    }
  }
  return count;
}

pl_status pl_phash_workspace(pl_phash_set *out, const pl_manifest *manifest, pl_phash_progress *progress, void *context,
                             pl_error *err) {
  const size_t count = manifest->count > 0 ? manifest->count : 1;
  pl_phash_set set = {.hashes = pl_xcalloc(count, sizeof *set.hashes),
                      .known = pl_xcalloc(count, sizeof *set.known),
                      .count = manifest->count};
  char *path = pl_path_join(manifest->workspace, "phash.csv");
  kept_table table = read_kept(path);
  size_t *wanted = pl_xcalloc(count, sizeof *wanted);
  stamp *stamps = pl_xcalloc(count, sizeof *stamps);
  job j = {.manifest = manifest,
           .set = &set,
           .wanted = wanted,
           .count = find_wanted(wanted, stamps, &set, manifest, &table),
           .progress = progress,
           .context = context,
           .mutex = PTHREAD_MUTEX_INITIALIZER};
  if (j.count > 0) run_workers(&j);
  pthread_mutex_destroy(&j.mutex);
  for (size_t i = 0; i < j.count; i++) set.unreadable += !set.known[wanted[i]];
  // Also what was done before a cancellation is worth keeping, where this user may.
  const bool keeps = j.count > 0 && pl_access_check(path, pl_access_nothing, NULL) == PL_OK;
  if (keeps) write_kept(path, manifest, &set, stamps);
  free_kept(&table);
  free(wanted);
  free(stamps);
  free(path);
  if (j.cancelled) {
    pl_phash_set_clear(&set);
    return pl_fail(err, PL_E_CANCELLED, "stopped while the pictures were read");
  }
  *out = set;
  return PL_OK;
}

void pl_phash_set_clear(pl_phash_set *set) {
  free(set->hashes);
  free(set->known);
  *set = (pl_phash_set){0};
}

// The packed cache: what is in it is what the PNGs say, or it is not taken.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/data/loader.h"
#include "core/data/pack.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/loader_fixture.h"

static char *pack_path(const workspace *w) { return pl_path_join(w->folder, PL_PACK_FILE); }

static pl_pack_report build(const workspace *w, unsigned threads) {
  pl_pack_report report;
  pl_error err = {0};
  pl_pack_build_options options = {.threads = threads};
  if (pl_pack_build(&report, &w->manifest, &options, &err) != PL_OK) fail_msg("%s", err.message);
  return report;
}

static pl_pack *open_pack(const workspace *w) {
  pl_pack *pack = NULL;
  pl_error err = {0};
  if (pl_pack_open(&pack, &w->manifest, &err) != PL_OK) fail_msg("%s", err.message);
  return pack;
}

// Whether a case is taken from the pack; if so it must be what the PNGs say.
static bool is_packed(const workspace *w, pl_pack *pack, size_t i) {
  pl_pack_picture p;
  if (!pl_pack_find(pack, i, &p)) return false;
  uint8_t image[4 * SIZE * SIZE], mask[4 * SIZE * SIZE], empty[4 * SIZE * SIZE] = {0};
  pl_error err = {0};
  if (pl_loader_read(image, mask, &w->manifest, i, p.width, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(p.width, i == 5 ? 2 * SIZE : SIZE);
  assert_int_equal(p.height, p.width);
  assert_memory_equal(p.image, image, (size_t)p.width * p.height);
  assert_memory_equal(p.mask != NULL ? p.mask : empty, mask, (size_t)p.width * p.height);
  return true;
}

static void it_holds_what_the_pngs_say(void **state) {
  workspace *w = *state;
  pl_error err = {0};
  pl_pack *pack = NULL;
  assert_int_equal(pl_pack_open(&pack, &w->manifest, &err), PL_E_NOTFOUND);
  assert_false(pl_pack_is_current(&w->manifest));
  char first[PL_SHA256_HEX_SIZE], other[PL_SHA256_HEX_SIZE], *path = pack_path(w);
  for (unsigned threads = 1; threads <= 4; threads++) {
    pl_pack_report report = build(w, threads);
    assert_int_equal(report.packed, CASES);
    assert_int_equal(report.left_out, 0);
    // Whatever the number of threads, it is the same file.
    assert_int_equal(pl_sha256_file(threads == 1 ? first : other, path, &err), PL_OK);
    if (threads > 1) assert_string_equal(first, other);
  }
  pack = open_pack(w);
  for (size_t i = 0; i < CASES; i++) assert_true(is_packed(w, pack, i));
  pl_pack_counts c = pl_pack_count(pack);
  assert_int_equal(c.pictures, CASES);
  assert_int_equal(c.packed, CASES);
  assert_int_equal(c.stale + c.damaged + c.left_over, 0);
  assert_int_equal(pl_pack_verify(pack, &err), PL_OK);
  assert_true(pl_pack_is_current(&w->manifest));
  // Who has it open keeps it.
  assert_int_equal(pl_pack_remove(&w->manifest, &err), PL_OK);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(pl_pack_verify(pack, &err), PL_OK);
  assert_true(is_packed(w, pack, 3));
  pl_pack_close(pack);
  assert_int_equal(pl_pack_remove(&w->manifest, &err), PL_OK);
  free(path);
}

static void what_changed_is_not_taken(void **state) {
  workspace *w = *state;
  (void)build(w, 2);
  char *image = pl_case_image_path(&w->manifest, &w->cases[9]), *mask = pl_case_mask_path(&w->manifest, &w->cases[12]);
  char *id = w->cases[20].id, *away = pl_path_join(w->folder, "away");
  // Another time alone, as in a copy of a workspace, is no change.
  assert_int_equal(utimensat(AT_FDCWD, image, (struct timespec[]){{.tv_sec = 1000}, {.tv_sec = 1000}}, 0), 0);
  pl_pack *pack = open_pack(w);
  assert_true(is_packed(w, pack, 9));
  pl_pack_close(pack);
  // Another picture of the same case, a mask that is gone, another case of the same number.
  char *source = pl_case_image_path(&w->manifest, &w->cases[10]);
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  assert_int_equal(pl_fs_read(&bytes, source, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(image, bytes.data, bytes.length, NULL), PL_OK);
  pl_buf_clear(&bytes);
  free(source);
  assert_int_equal(rename(mask, away), 0);
  w->cases[20].id = w->ids[19];
  pack = open_pack(w);
  for (size_t i = 0; i < CASES; i++) assert_int_equal(is_packed(w, pack, i), i != 9 && i != 12 && i != 20);
  pl_pack_counts c = pl_pack_count(pack);
  assert_int_equal(c.packed, CASES - 3);
  assert_int_equal(c.stale, 3);
  assert_false(pl_pack_is_current(&w->manifest));
  pl_pack_close(pack);
  w->cases[20].id = id;
  assert_int_equal(rename(away, mask), 0);
  write_planes(w, 9, SIZE);
  // A new case is missing in it, one that is gone is left over.
  (void)build(w, 2);
  assert_true(pl_pack_is_current(&w->manifest));
  uint32_t number = w->cases[22].number;
  w->cases[22].number = 500;
  pack = open_pack(w);
  c = pl_pack_count(pack);
  assert_int_equal(c.packed, CASES - 1);
  assert_int_equal(c.stale, 0);
  assert_int_equal(c.left_over, 1);
  assert_false(is_packed(w, pack, 22));
  pl_pack_close(pack);
  w->cases[22].number = number;
  free(image);
  free(mask);
  free(away);
}

static void write_bytes(const char *path, const char *bytes, size_t length) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, length), length);
  assert_int_equal(close(fd), 0);
}

// Cut anywhere it is refused; with any byte changed it is refused, or the case is not taken, or it was padding.
static void damage_is_found(void **state) {
  workspace *w = *state;
  (void)build(w, 2);
  char *path = pack_path(w);
  pl_buf whole;
  pl_buf_init(&whole, 1 << 24);
  assert_int_equal(pl_fs_read(&whole, path, NULL), PL_OK);
  pl_error err = {0};
  pl_pack *pack = NULL;
  for (size_t length = 0; length < whole.length; length += length < 200 ? 1 : 997) {
    write_bytes(path, whole.data, length);
    assert_int_equal(pl_pack_open(&pack, &w->manifest, &err), PL_E_FORMAT);
    assert_non_null(strstr(err.message, PL_PACK_FILE));
  }
  size_t refused = 0, dropped = 0;
  for (size_t at = 0; at < whole.length; at += at < 128 ? 1 : 211) {
    whole.data[at] = (char)(whole.data[at] ^ 0x10);
    write_bytes(path, whole.data, whole.length);
    whole.data[at] = (char)(whole.data[at] ^ 0x10);
    if (pl_pack_open(&pack, &w->manifest, &err) != PL_OK) {
      assert_int_equal(err.code, PL_E_FORMAT);
      refused++;
      continue;
    }
    size_t taken = 0;
    for (size_t i = 0; i < CASES; i++) taken += is_packed(w, pack, i);
    assert_in_range(taken, CASES - 1, CASES);
    assert_int_equal(pl_pack_count(pack).damaged, CASES - taken);
    assert_int_equal(pl_pack_verify(pack, &err), taken == CASES ? PL_OK : PL_E_FORMAT);
    dropped += taken < CASES;
    pl_pack_close(pack);
  }
  assert_in_range(refused, 100, 1000);
  assert_in_range(dropped, 50, 1000);
  // A folder or a link in its place is none.
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink("/dev/zero", path), 0);
  assert_int_not_equal(pl_pack_open(&pack, &w->manifest, &err), PL_OK);
  assert_int_equal(unlink(path), 0);
  pl_buf_clear(&whole);
  free(path);
}

static bool at_once(void *context) {
  (void)context;
  return true;
}

static void building_leaves_out_or_leaves_alone(void **state) {
  workspace *w = *state;
  (void)build(w, 2);
  char *path = pack_path(w), *part = pl_xprintf("%s.part", path);
  char before[PL_SHA256_HEX_SIZE], after[PL_SHA256_HEX_SIZE];
  assert_int_equal(pl_sha256_file(before, path, NULL), PL_OK);
  char *image = pl_case_image_path(&w->manifest, &w->cases[7]);
  assert_int_equal(truncate(image, 60), 0);
  pl_error err = {0};
  pl_pack_report report;
  pl_pack_build_options cancelled = {.threads = 2, .cancelled = at_once};
  assert_int_equal(pl_pack_build(&report, &w->manifest, &cancelled, &err), PL_E_CANCELLED);
  assert_int_equal(pl_sha256_file(after, path, NULL), PL_OK);
  assert_string_equal(before, after);
  assert_int_equal(access(part, F_OK), -1);
  report = build(w, 2);
  assert_int_equal(report.packed, CASES - 1);
  assert_int_equal(report.left_out, 1);
  assert_non_null(strstr(report.reason, "#107"));
  pl_pack *pack = open_pack(w);
  assert_false(is_packed(w, pack, 7));
  assert_true(is_packed(w, pack, 8));
  pl_pack_close(pack);
  write_planes(w, 7, SIZE);
  assert_int_equal(pl_pack_remove(&w->manifest, &err), PL_OK);
  free(image);
  free(part);
  free(path);
}

// A loader gives the same with and without, also where the pack is damaged.
static void loaders_see_no_difference(void **state) {
  workspace *w = *state;
  (void)build(w, 2);
  char *path = pack_path(w);
  int fd = open(path, O_WRONLY);
  assert_int_equal(pwrite(fd, "?", 1, 2000), 1);
  assert_int_equal(close(fd), 0);
  pl_pack *pack = open_pack(w);
  pl_error err = {0};
  pl_loader *loaders[2];
  for (int k = 0; k < 2; k++) {
    pl_loader_options options = {
        .size = SIZE, .batch = 4, .workers = 3, .prefetch = 3, .cache_bytes = 1 << 16, .pack = k == 1 ? pack : NULL};
    assert_int_equal(pl_loader_create(&loaders[k], &w->manifest, &options, &err), PL_OK);
  }
  for (uint64_t epoch = 1; epoch <= 3; epoch++) {
    pl_loader_pass pass = {.order = w->order,
                           .count = CASES,
                           .augment = pl_augment_list_find("winner"),
                           .strength = 1,
                           .seed = 4,
                           .epoch = epoch};
    for (int k = 0; k < 2; k++) assert_int_equal(pl_loader_start(loaders[k], &pass, &err), PL_OK);
    for (size_t at = 0; at < CASES; at += 4) {
      const pl_batch *a = NULL, *b = NULL;
      assert_int_equal(pl_loader_next(loaders[0], &a, &err), PL_OK);
      assert_int_equal(pl_loader_next(loaders[1], &b, &err), PL_OK);
      assert_int_equal(a->count, b->count);
      assert_memory_equal(a->image, b->image, a->count * SIZE * SIZE);
      assert_memory_equal(a->mask, b->mask, a->count * SIZE * SIZE);
      assert_memory_equal(a->augmentations, b->augmentations, a->count * sizeof *a->augmentations);
    }
  }
  assert_int_equal(pl_pack_count(pack).damaged, 1);
  for (int k = 0; k < 2; k++) pl_loader_destroy(loaders[k]);
  pl_pack_close(pack);
  assert_int_equal(pl_pack_remove(&w->manifest, &err), PL_OK);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_holds_what_the_pngs_say),
      cmocka_unit_test(what_changed_is_not_taken),
      cmocka_unit_test(damage_is_found),
      cmocka_unit_test(building_leaves_out_or_leaves_alone),
      cmocka_unit_test(loaders_see_no_difference),
  };
  return cmocka_run_group_tests(tests, make_workspace, remove_workspace);
}

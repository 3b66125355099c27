#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/loader.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/loader_fixture.h"

static pl_loader *make_loader(const workspace *w, unsigned workers, size_t cache_bytes) {
  pl_loader *loader = NULL;
  pl_error err = {0};
  pl_loader_options options = {.size = SIZE, .batch = 4, .workers = workers, .prefetch = 3, .cache_bytes = cache_bytes};
  if (pl_loader_create(&loader, &w->manifest, &options, &err) != PL_OK) fail_msg("%s", err.message);
  return loader;
}

// What place `at` of a pass should hold, made by itself.
static pl_augmentation make_sample(const workspace *w, const pl_loader_pass *pass, size_t at, uint8_t *image,
                                   uint8_t *mask) {
  pl_error err = {0};
  size_t index = pass->order[at];
  if (pl_loader_read(image, mask, &w->manifest, index, SIZE, &err) != PL_OK) fail_msg("%s", err.message);
  pl_augment_place place = {.seed = pass->seed,
                            .epoch = pass->epoch,
                            .image = w->cases[index].number,
                            .width = SIZE,
                            .height = SIZE,
                            .strength = pass->strength};
  for (size_t i = 0; i < at; i++) place.repeat += pass->order[i] == index;
  pl_augment_plan plan;
  pl_augment_room room = {0};
  pl_augment_draw(&plan, pass->augment, &place);
  assert_int_equal(pl_augment_apply(image, mask, &plan, &room, &err), PL_OK);
  pl_augment_room_clear(&room);
  return pl_augment_affine(&plan);
}

static void check_batch(const workspace *w, const pl_batch *batch, const pl_loader_pass *pass, size_t position) {
  uint8_t image[SIZE * SIZE], mask[SIZE * SIZE];
  size_t left = pass->count - position;
  assert_int_equal(batch->count, left < 4 ? left : 4);
  assert_int_equal(batch->position, position);
  for (size_t i = 0; i < batch->count; i++) {
    assert_int_equal(batch->cases[i], pass->order[position + i]);
    pl_augmentation want = make_sample(w, pass, position + i, image, mask);
    assert_memory_equal(batch->image + i * SIZE * SIZE, image, sizeof image);
    assert_memory_equal(batch->mask + i * SIZE * SIZE, mask, sizeof mask);
    assert_memory_equal(&batch->augmentations[i], &want, sizeof want);
  }
}

static void run_pass(const workspace *w, pl_loader *loader, const pl_loader_pass *pass) {
  pl_error err = {0};
  assert_int_equal(pl_loader_start(loader, pass, &err), PL_OK);
  for (size_t position = pass->first; position < pass->count; position += 4) {
    const pl_batch *batch = NULL;
    if (pl_loader_next(loader, &batch, &err) != PL_OK) fail_msg("%s", err.message);
    assert_non_null(batch);
    check_batch(w, batch, pass, position);
  }
  for (int i = 0; i < 2; i++) {  // the end stays the end
    const pl_batch *batch = (const pl_batch *)loader;
    assert_int_equal(pl_loader_next(loader, &batch, &err), PL_OK);
    assert_null(batch);
  }
}

// The reads themselves against what was written.
static void single_reads_are_right(void **state) {
  workspace *w = *state;
  uint8_t image[SIZE * SIZE], mask[SIZE * SIZE];
  pl_error err = {0};
  assert_int_equal(pl_loader_read(image, mask, &w->manifest, 3, SIZE, &err), PL_OK);
  for (uint32_t p = 0; p < SIZE * SIZE; p++) {
    assert_int_equal(image[p], pl_rng_below(1, 3, p, 256));
    assert_int_equal(mask[p], pl_rng_below(2, 3, p / 7, 3) == 0 ? 255 : 0);
  }
  // Twice the size: every pixel is the mean of four.
  assert_int_equal(pl_loader_read(image, mask, &w->manifest, 5, SIZE, &err), PL_OK);
  for (uint32_t y = 0; y < SIZE; y++) {
    for (uint32_t x = 0; x < SIZE; x++) {
      uint64_t at = (uint64_t)4 * SIZE * y + 2 * x, sum = 2;
      sum += pl_rng_below(1, 5, at, 256) + pl_rng_below(1, 5, at + 1, 256);
      sum += pl_rng_below(1, 5, at + 2 * SIZE, 256) + pl_rng_below(1, 5, at + 2 * SIZE + 1, 256);
      assert_int_equal(image[y * SIZE + x], sum / 4);
    }
  }
  memset(mask, 1, sizeof mask);
  assert_int_equal(pl_loader_read(image, mask, &w->manifest, 6, SIZE, &err), PL_OK);
  for (size_t p = 0; p < sizeof mask; p++) assert_int_equal(mask[p], 0);
}

static void batches_do_not_depend_on_workers(void **state) {
  workspace *w = *state;
  static const unsigned workers[] = {1, 2, 3, 4, 13};
  static const size_t caches[] = {0, 5 * 2 * SIZE * SIZE + 3, 1 << 20};
  const pl_augment_list *blog = pl_augment_list_find("blog"), *winner = pl_augment_list_find("winner");
  size_t twice[2 * CASES];  // every case comes twice, and is changed in another way
  for (size_t i = 0; i < 2 * CASES; i++) twice[i] = w->order[i % CASES];
  for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
    for (size_t k = 0; k < sizeof caches / sizeof caches[0]; k++) {
      pl_loader *loader = make_loader(w, workers[i], caches[k]);
      pl_loader_pass pass = {.order = w->order, .count = CASES, .strength = 1, .seed = 3};
      for (pass.epoch = 0; pass.epoch < 2; pass.epoch++) {
        pass.augment = blog;
        run_pass(w, loader, &pass);
        pass.augment = winner;
        run_pass(w, loader, &pass);
        run_pass(w, loader, &(pl_loader_pass){.order = w->order, .count = CASES});
      }
      pass.first = 8;
      run_pass(w, loader, &pass);
      run_pass(w, loader, &(pl_loader_pass){.order = w->order, .count = 0});
      run_pass(w, loader,
               &(pl_loader_pass){
                   .order = twice, .count = 2 * CASES, .first = 20, .augment = winner, .strength = 1, .seed = 5});
      pl_loader_destroy(loader);
    }
  }
}

// An image's draws do not hang on where in the epoch it comes.
static void draws_follow_the_image(void **state) {
  workspace *w = *state;
  size_t backwards[CASES];
  for (size_t i = 0; i < CASES; i++) backwards[i] = w->order[CASES - 1 - i];
  pl_loader_pass forth = {.order = w->order, .count = CASES, .augment = pl_augment_list_find("winner"), .strength = 1};
  pl_loader_pass back = forth;
  back.order = backwards;
  size_t changed = 0;
  for (size_t i = 0; i < CASES; i++) {
    uint8_t a[2][SIZE * SIZE], b[2][SIZE * SIZE];
    pl_augmentation there = make_sample(w, &forth, i, a[0], a[1]),
                    here = make_sample(w, &back, CASES - 1 - i, b[0], b[1]);
    assert_memory_equal(&there, &here, sizeof here);
    assert_memory_equal(a, b, sizeof a);
    pl_augmentation nothing = pl_augment_identity();
    changed += memcmp(&there, &nothing, sizeof there) != 0;
  }
  assert_in_range(changed, 5, CASES);
}

static void the_cache_keeps_what_fits(void **state) {
  workspace *w = *state;
  pl_loader *loader = make_loader(w, 2, 1 << 20);
  pl_loader_pass pass = {.order = w->order, .count = CASES};
  run_pass(w, loader, &pass);
  char *path = pl_path_join(w->folder, "images");
  char *away = pl_path_join(w->folder, "away");
  assert_int_equal(rename(path, away), 0);
  pl_error err = {0};
  assert_int_equal(pl_loader_start(loader, &pass, &err), PL_OK);
  const pl_batch *batch = NULL;
  size_t batches = 0;
  while (pl_loader_next(loader, &batch, &err) == PL_OK && batch != NULL) batches++;
  assert_int_equal(err.code, PL_OK);
  assert_int_equal(batches, 6);
  pl_loader_destroy(loader);
  loader = make_loader(w, 2, 0);  // without a cache the files are missed
  assert_int_equal(pl_loader_start(loader, &pass, &err), PL_OK);
  assert_int_equal(pl_loader_next(loader, &batch, &err), PL_E_NOTFOUND);
  pl_loader_destroy(loader);
  assert_int_equal(rename(away, path), 0);
  free(path);
  free(away);
}

static void spoil(const char *path, const char *how) {
  if (strcmp(how, "missing") == 0) {
    assert_int_equal(unlink(path), 0);
  } else {
    assert_int_equal(truncate(path, 60), 0);
  }
}

static void bad_files_name_their_case(void **state) {
  workspace *w = *state;
  static const struct {
    const char *how;
    bool mask;
    pl_status want;
  } cases[] = {{"missing", false, PL_E_NOTFOUND},
               {"cut", false, PL_E_FORMAT},
               {"missing", true, PL_E_NOTFOUND},
               {"cut", true, PL_E_FORMAT}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    // Position 11 has case 77 % 23 = 8 (negative), position 12 case 84 % 23 = 15 (positive).
    const pl_case *c = &w->cases[15];
    char *path = cases[k].mask ? pl_case_mask_path(&w->manifest, c) : pl_case_image_path(&w->manifest, c);
    spoil(path, cases[k].how);
    for (unsigned workers = 1; workers <= 4; workers += 3) {
      pl_loader *loader = make_loader(w, workers, 0);
      pl_loader_pass pass = {.order = w->order, .count = CASES};
      pl_error err = {0};
      assert_int_equal(pl_loader_start(loader, &pass, &err), PL_OK);
      const pl_batch *batch = NULL;
      for (int i = 0; i < 3; i++) assert_int_equal(pl_loader_next(loader, &batch, &err), PL_OK);
      pl_status status = pl_loader_next(loader, &batch, &err);
      assert_int_equal(status, cases[k].want);
      assert_int_equal(err.code, status);
      if (strstr(err.message, "#115 (case15)") == NULL || strstr(err.message, path) == NULL)
        fail_msg("%s", err.message);
      assert_int_equal(pl_loader_next(loader, &batch, &err), status);  // and it stays over
      pl_loader_destroy(loader);
    }
    free(path);
    write_planes(w, 15, SIZE);
  }
}

static void a_pass_can_be_dropped(void **state) {
  workspace *w = *state;
  size_t order[4000];
  for (size_t i = 0; i < 4000; i++) order[i] = i % CASES;
  pl_loader *loader = make_loader(w, 2, 0);
  pl_loader_pass pass = {.order = order, .count = 4000};
  const pl_batch *batch = NULL;
  pl_error err = {0};
  assert_int_equal(pl_loader_start(loader, &pass, &err), PL_OK);
  assert_int_equal(pl_loader_next(loader, &batch, &err), PL_OK);
  run_pass(w, loader, &(pl_loader_pass){.order = w->order, .count = CASES});
  pl_loader_destroy(loader);
}

static void bad_options_are_refused(void **state) {
  workspace *w = *state;
  static const pl_loader_options bad[] = {
      {.size = 0, .batch = 4, .workers = 1, .prefetch = 2},
      {.size = 8, .batch = 0, .workers = 1, .prefetch = 2},
      {.size = 8, .batch = 4, .workers = 0, .prefetch = 2},
      {.size = 8, .batch = 4, .workers = 1, .prefetch = 1},
      {.size = 8, .batch = SIZE_MAX / 8, .workers = 1, .prefetch = 2},
  };
  pl_error err = {0};
  pl_loader *loader = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(pl_loader_create(&loader, &w->manifest, &bad[i], &err), PL_E_USAGE);
    assert_null(loader);
  }
  loader = make_loader(w, 1, 0);
  const pl_batch *batch = NULL;
  assert_int_equal(pl_loader_next(loader, &batch, &err), PL_OK);  // nothing begun: nothing comes
  assert_null(batch);
  size_t outside = CASES;
  assert_int_equal(pl_loader_start(loader, &(pl_loader_pass){.order = &outside, .count = 1}, &err), PL_E_USAGE);
  pl_loader_destroy(loader);
  pl_loader_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(single_reads_are_right),    cmocka_unit_test(batches_do_not_depend_on_workers),
      cmocka_unit_test(the_cache_keeps_what_fits), cmocka_unit_test(bad_files_name_their_case),
      cmocka_unit_test(a_pass_can_be_dropped),     cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(draws_follow_the_image),
  };
  return cmocka_run_group_tests(tests, make_workspace, remove_workspace);
}

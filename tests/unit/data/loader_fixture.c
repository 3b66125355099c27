#include "tests/unit/data/loader_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/image/png_io.h"
#include "tests/tools/testing.h"

void write_planes(const workspace *w, size_t i, uint32_t size) {
  pl_error err = {0};
  pl_image image, mask;
  assert_int_equal(pl_image_init(&image, size, size, PL_PIXEL_U8, PL_IMAGE_GREY, &err), PL_OK);
  assert_int_equal(pl_image_init(&mask, size, size, PL_PIXEL_U8, PL_IMAGE_MASK, &err), PL_OK);
  for (uint32_t p = 0; p < size * size; p++) {
    image.u8[p] = (uint8_t)pl_rng_below(1, i, p, 256);
    mask.u8[p] = w->cases[i].label == PL_LABEL_POSITIVE && pl_rng_below(2, i, p / 7, 3) == 0 ? 255 : 0;
  }
  char *path = pl_case_image_path(&w->manifest, &w->cases[i]);
  if (pl_png_write(path, &image, PL_PNG_FAST, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  path = pl_case_mask_path(&w->manifest, &w->cases[i]);
  if (i != 6 && pl_png_write(path, &mask, PL_PNG_FAST, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  pl_image_clear(&image);
  pl_image_clear(&mask);
}

int make_workspace(void **state) {
  workspace *w = pl_xcalloc(1, sizeof *w);
  w->folder = pl_xstrdup("/tmp/pleura-loader-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->manifest = (pl_manifest){.workspace = w->folder, .cases = w->cases, .count = CASES, .fold_count = 5};
  pl_error err = {0};
  static const char *const folders[] = {"images", "masks"};
  for (size_t i = 0; i < 2; i++) {
    char *path = pl_path_join(w->folder, folders[i]);
    assert_int_equal(pl_fs_make_folders(path, &err), PL_OK);
    free(path);
  }
  for (size_t i = 0; i < CASES; i++) {
    snprintf(w->ids[i], sizeof w->ids[i], "case%zu", i);
    w->cases[i] = (pl_case){.number = (uint32_t)i + 100,
                            .id = w->ids[i],
                            .status = PL_CASE_OK,
                            .label = i % 3 == 0 && i != 6 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE};
    w->order[i] = i * 7 % CASES;
    write_planes(w, i, i == 5 ? 2 * SIZE : SIZE);
  }
  *state = w;
  return 0;
}

int remove_workspace(void **state) {
  workspace *w = *state;
  pl_error err = {0};
  assert_int_equal(pl_fs_remove_tree(w->folder, &err), PL_OK);
  free(w->folder);
  free(w);
  return 0;
}

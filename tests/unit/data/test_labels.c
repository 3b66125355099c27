// Corrected tables, masks, and the choice between original and corrected labels.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/labels_private.h"
#include "core/data/pack.h"
#include "core/data/rle.h"
#include "core/image/png_io.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/label_fixture.h"
#include "tests/unit/data/real.h"

enum { TEXT_MAX = 64 << 20 };

// ---- The table

static void expect_table(const char *text, const label_row *rows, size_t count, const char *expected) {
  pl_buf in, out;
  pl_buf_init(&in, TEXT_MAX);
  pl_buf_init(&out, TEXT_MAX);
  (void)pl_buf_add_text(&in, text);
  pl_error err = {0};
  if (pl_label_rewrite_table(&out, &in, rows, count, &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(out.data, expected);
  pl_buf_clear(&in);
  pl_buf_clear(&out);
}

static void rows_are_replaced(void **state) {
  (void)state;
  static const label_row rows[] = {{"a", "1 2"}, {"b", "-1"}, {"z", "7 7"}};
  // Nothing to replace: the same bytes, whatever they are.
  const char *odd = "\xEF\xBB\xBFImageId , EncodedPixels\r\n\n\n a,  1 2\r\"b\" ,\"3\n4\"\n\nc";
  expect_table(odd, NULL, 0, odd);
  expect_table("ImageId,EncodedPixels\nc,1 1\na, 5 5\na,9 9\nb,1 1\nd", rows, 2,
               "ImageId,EncodedPixels\nc,1 1\na,1 2\nb,-1\nd");
  // The last row without a line end, and one that is new.
  expect_table("a,5 5\nc, 1 1", &rows[2], 1, "a,5 5\nc, 1 1\nz,7 7\n");
  expect_table("c,1 1\r\na,5 5", rows, 1, "c,1 1\r\na,1 2\r\n");
  // Columns in another order, with further ones; has_mask is said anew.
  expect_table("who,EncodedPixels,has_mask,ImageId\nx,1 1,1,c\n\"y,y\",1 1,1,b\nq,3 3,1,b\n", &rows[1], 1,
               "who,EncodedPixels,has_mask,ImageId\nx,1 1,1,c\n\"y,y\",-1,0,b\n");
  // A stray quote costs its own line only, and stays.
  expect_table("c,\"1 1\na,5 5\n", rows, 1, "c,\"1 1\na,1 2\n");
}

static void check_finds_differences(void **state) {
  (void)state;
  static const label_row rows[] = {{"b", "1 2"}};
  const char *original = "a,0 1\nb,-1\nb,0 3\nc,-1\n";
  static const struct {
    const char *written;
    bool good;
  } all[] = {
      {"a,0 1\nb,1 2\nc,-1\n", true},
      {"a,0 1\nc,-1\nb,1 2\n", true},
      {"a,0 2\nb,1 2\nc,-1\n", false},
      {"a,0 1\nb,1 2\n", false},
      {"a,0 1\nb,1 2\nc,-1\nd,-1\n", false},
      {"a,0 1\nb,1 3\nc,-1\n", false},
      {"c,-1\nb,1 2\na,0 1\n", false},
      {"a,0 1\nb,1 2\nb,1 2\nc,-1\n", false},
      {"a,0 1\nc,-1\n", false},
      {"a,0 1\nb,1 2\nc,-1\nx,1\n", false},
  };
  pl_rle_table before = {0};
  assert_int_equal(pl_rle_table_parse(&before, original, strlen(original), true, NULL), PL_OK);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_rle_table after = {0};
    assert_int_equal(pl_rle_table_parse(&after, all[i].written, strlen(all[i].written), false, NULL), PL_OK);
    const pl_status status = pl_label_check_table(&after, &before, rows, 1, NULL);
    if ((status == PL_OK) != all[i].good) fail_msg("table %zu", i);
    pl_rle_table_clear(&after);
  }
  pl_rle_table_clear(&before);
}

// ---- A workspace

static void corrections_become_a_table(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "two");
  dab(edit, false, 0, 39, 29);
  finish(edit, "one pixel more");
  pl_label_edit_close(edit);
  edit = open_edit(w, "one");
  dab(edit, true, 9, 3, 5);
  finish(edit, "there is none");
  pl_label_edit_close(edit);
  edit = open_edit(w, "bare");
  dab(edit, false, 0, 0, 1);
  finish(edit, "never labelled");
  // Drawn, but not finished: not in the table.
  dab(edit, false, 4, 20, 20);
  pl_label_edit_close(edit);
  edit = open_edit(w, "none");
  dab(edit, false, 4, 20, 20);
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 3);
  char *text = read_text(w, "corrected-rle.csv"), *original = read_text(w, "train-rle.csv");
  assert_string_equal(text,
                      "ImageId, EncodedPixels\r\n"
                      "two,0 5 55 5 10 2 1122 1\r\n"
                      "none,-1\r\n"
                      "one,-1\r\n"
                      "stranger, 0  7\r\n"
                      "broken,1 2 3\r\n"
                      "bare,1 1\r\n");
  assert_string_equal(original, label_table_text);
  free(text);
  free(original);
  pl_corrections c = {0};
  pl_error err = {0};
  assert_int_equal(pl_corrections_load(&c, w->folder, &err), PL_OK);
  assert_int_equal(c.count, 3);
  const pl_correction *two = pl_corrections_find(&c, "two");
  assert_int_equal(two->area, 13);
  assert_int_equal(two->original_area, 12);
  assert_int_equal(two->added, 1);
  assert_int_equal(two->removed, 0);
  assert_string_equal(two->finished.why, "one pixel more");
  assert_null(pl_corrections_find(&c, "none"));
  assert_int_equal(pl_corrections_check(&c, w->folder, &err), PL_OK);
  pl_corrections_clear(&c);
  // Nothing is left aside.
  assert_false(exists(w, "corrected-rle.csv.part"));
}

static void drawing_the_original_again_is_no_correction(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "two");
  dab(edit, false, 0, 39, 29);
  dab(edit, true, 0, 39, 29);
  finish(edit, "as it was");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 0);
  assert_false(exists(w, "corrected-rle.csv"));
}

static void export_again_and_nothing_left(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "two");
  dab(edit, false, 1, 30, 20);
  finish(edit, "more");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 1);
  assert_true(exists(w, "masks-corrected/two.png"));
  edit = open_edit(w, "two");
  assert_int_equal(pl_label_edit_revert(edit, "no", NULL), PL_OK);
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 0);
  assert_false(exists(w, "corrected-rle.csv"));
  assert_false(exists(w, "masks-corrected"));
  assert_false(exists(w, "corrections/labels.json"));
  assert_true(exists(w, "corrections/two.jsonl"));
}

// Masks as the training reads them: 20x20 of a 40x30 label, inside where at least half of the area is.
static void masks_are_prepared(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "none");
  for (int y = 12; y < 18; y++) {
    assert_int_equal(pl_label_edit_press(edit, (pl_brush){.radius = 0}, 10, y, NULL), PL_OK);
    assert_int_equal(pl_label_edit_move(edit, 19, y, NULL), PL_OK);
  }
  finish(edit, "a block of 10 by 6");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 1);
  char *path = pl_path_join(w->folder, "masks-corrected/none.png");
  pl_image mask = {0};
  assert_int_equal(pl_png_read(&mask, path, NULL), PL_OK);
  free(path);
  assert_int_equal(mask.width, LABEL_SIDE);
  assert_int_equal(mask.height, LABEL_SIDE);
  for (uint32_t y = 0; y < LABEL_SIDE; y++) {
    for (uint32_t x = 0; x < LABEL_SIDE; x++) {
      const bool inside = x >= 5 && x < 10 && y >= 8 && y < 12;
      if (mask.u8[y * LABEL_SIDE + x] != (inside ? 255 : 0)) fail_msg("pixel %u,%u", x, y);
    }
  }
  pl_image_clear(&mask);
}

static void applying(void **state) {
  label_workspace *w = *state;
  pl_error err = {0};
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_ORIGINAL, &err), PL_OK);
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_E_NOTFOUND);
  pl_label_edit *edit = open_edit(w, "one");
  dab(edit, true, 9, 3, 5);
  finish(edit, "none");
  pl_label_edit_close(edit);
  edit = open_edit(w, "bare");
  dab(edit, false, 1, 10, 10);
  finish(edit, "new");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 2);
  pl_pack_report report;
  assert_int_equal(pl_pack_build(&report, &w->manifest, &(pl_pack_build_options){.threads = 1}, &err), PL_OK);
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_OK);
  const pl_case *one = case_of(w, "one"), *bare = case_of(w, "bare"), *two = case_of(w, "two");
  assert_int_equal(one->label, PL_LABEL_NEGATIVE);
  assert_int_equal(one->mask_area, 0);
  assert_int_equal(bare->label, PL_LABEL_POSITIVE);
  assert_int_equal(bare->status, PL_CASE_OK);
  assert_int_equal(bare->mask_area, 9);
  assert_true(one->corrected && bare->corrected && !two->corrected);
  assert_int_equal(w->manifest.labels, PL_LABELS_CORRECTED);
  char *path = pl_case_mask_path(&w->manifest, bare);
  assert_true(pl_ends_with(path, "masks-corrected/bare.png"));
  free(path);
  // The packed cache has the original masks: it must not be asked about these two, and lacks nothing else.
  pl_pack *pack = NULL;
  assert_int_equal(pl_pack_open(&pack, &w->manifest, &err), PL_OK);
  pl_pack_picture picture;
  for (size_t i = 0; i < w->manifest.count; i++) {
    assert_int_equal(pl_pack_find(pack, i, &picture), !w->manifest.cases[i].corrected);
  }
  assert_int_equal(pl_pack_count(pack).pictures, 3);
  assert_int_equal(pl_pack_count(pack).packed, 3);
  pl_pack_close(pack);
  // A mask that is gone.
  path = pl_path_join(w->folder, "masks-corrected/one.png");
  assert_int_equal(unlink(path), 0);
  free(path);
  reload(w);
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "masks-corrected/one.png"));
  // The manifest is as it was.
  bare = case_of(w, "bare");
  assert_int_equal(w->manifest.labels, PL_LABELS_ORIGINAL);
  assert_false(bare->corrected);
  assert_int_equal(bare->label, PL_LABEL_UNKNOWN);
}

static ino_t inode_of(const label_workspace *w, const char *name) {
  char *path = pl_path_join(w->folder, name);
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  free(path);
  return st.st_ino;
}

// Exporting again writes no mask that is there already, and makes one that somebody changed anew.
static void masks_are_kept(void **state) {
  label_workspace *w = *state;
  static const char name[] = "masks-corrected/one.png";
  pl_label_edit *edit = open_edit(w, "one");
  dab(edit, true, 2, 3, 5);
  finish(edit, "smaller");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 1);
  const ino_t first = inode_of(w, name);
  char *mask = read_text(w, name);
  edit = open_edit(w, "two");
  dab(edit, false, 2, 3, 5);
  finish(edit, "larger");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 2);
  assert_true(inode_of(w, name) == first);
  write_text(w, name, "no mask");
  assert_int_equal(export_labels(w), 2);
  char *again = read_text(w, name);
  assert_string_equal(again, mask);  // as far as the first 0
  free(mask);
  free(again);
}

static void changed_tables_are_noticed(void **state) {
  label_workspace *w = *state;
  pl_error err = {0};
  pl_label_edit *edit = open_edit(w, "one");
  dab(edit, true, 9, 3, 5);
  finish(edit, "none");
  pl_label_edit_close(edit);
  assert_int_equal(export_labels(w), 1);
  // Somebody edits the corrected table by hand.
  write_text(w, "corrected-rle.csv", "one,-1\n");
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "corrected-rle.csv"));
  assert_int_equal(export_labels(w), 1);
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_OK);
  // Other rows of another case: exporting again takes them along.
  write_text(w, "train-rle.csv", "ImageId,EncodedPixels\none,  93 4 26 4\nnone, 3 3\n");
  assert_int_equal(pl_labels_apply(&w->manifest, PL_LABELS_CORRECTED, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "train-rle.csv changed"));
  assert_int_equal(export_labels(w), 1);
  char *text = read_text(w, "corrected-rle.csv");
  assert_string_equal(text, "ImageId,EncodedPixels\none,-1\nnone, 3 3\n");
  free(text);
  // Other rows of the corrected case: refused, and what was there stays.
  write_text(w, "train-rle.csv", "ImageId,EncodedPixels\none,-1\nnone, 3 3\n");
  assert_int_equal(pl_labels_export(NULL, w->folder, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "the correction of one"));
  text = read_text(w, "corrected-rle.csv");
  assert_string_equal(text, "ImageId,EncodedPixels\none,-1\nnone, 3 3\n");
  free(text);
  pl_label_status *all = NULL;
  size_t count = 0;
  assert_int_equal(pl_labels_status(&all, &count, w->folder, &err), PL_OK);
  assert_int_equal(count, 1);
  assert_int_equal(all[0].status, PL_E_USAGE);
  pl_label_statuses_free(all, count);
}

static void hostile_files(void **state) {
  const label_workspace *w = *state;
  static const char *const texts[] = {
      "",
      "{",
      "[]",
      "{\"cases\":[]}",
      "{\"cases\":[{}],\"original_sha256\":\"\",\"corrected_sha256\":\"\"}",
      "{\"cases\":[{\"id\":\"../"
      "x\",\"area\":1,\"original_area\":1,\"added\":1,\"removed\":1,\"user\":\"\",\"host\":\"\","
      "\"why\":\"\",\"mask_sha256\":\"\"}],\"original_sha256\":\"\",\"corrected_sha256\":\"\"}"};
  char *folder = pl_path_join(w->folder, "corrections");
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  free(folder);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    write_text(w, "corrections/labels.json", texts[i]);
    pl_corrections c = {0};
    pl_error err = {0};
    assert_int_equal(pl_corrections_load(&c, w->folder, &err), PL_E_FORMAT);
    assert_non_null(strstr(err.message, "labels.json"));
  }
  write_text(w, "corrections/one.jsonl", "{\"event\":\"stroke\"}\n");
  assert_int_equal(pl_labels_export(NULL, w->folder, NULL), PL_E_FORMAT);
}

// ---- The real table: all rows of untouched cases are the same bytes.

static void real_table(void **state) {
  (void)state;
  pl_buf text, out;
  pl_buf_init(&text, TEXT_MAX);
  pl_buf_init(&out, TEXT_MAX);
  real_unpacked(&text, "siim/train-rle.csv.gz");
  assert_int_equal(pl_label_rewrite_table(&out, &text, NULL, 0, NULL), PL_OK);
  assert_int_equal(out.length, text.length);
  assert_memory_equal(out.data, text.data, text.length);
  // Every thirtieth image, as its own mask: those with one row keep it, those with several get their union.
  pl_rle_table t = {0};
  assert_int_equal(pl_rle_table_parse(&t, text.data, text.length, true, NULL), PL_OK);
  label_row *rows = pl_xcalloc(t.image_count, sizeof *rows);
  size_t count = 0;
  for (size_t i = 0; i < t.image_count; i += 30) {
    char hash[PL_SHA256_HEX_SIZE];
    pl_image mask = {0};
    assert_int_equal(pl_label_original(&mask, hash, &t, t.images[i].id, 1024, 1024, NULL), PL_OK);
    pl_buf runs;
    pl_buf_init(&runs, TEXT_MAX);
    assert_int_equal(pl_rle_encode(&runs, &mask, NULL), PL_OK);
    rows[count++] = (label_row){.id = t.images[i].id, .runs = runs.data};
    pl_image_clear(&mask);
  }
  pl_buf_reset(&out);
  assert_int_equal(pl_label_rewrite_table(&out, &text, rows, count, NULL), PL_OK);
  pl_rle_table written = {0};
  assert_int_equal(pl_rle_table_parse(&written, out.data, out.length, true, NULL), PL_OK);
  pl_error err = {0};
  if (pl_label_check_table(&written, &t, rows, count, &err) != PL_OK) fail_msg("%s", err.message);
  // Line by line: what is not one of these cases is there, in its order, byte for byte.
  const char *a = text.data, *b = out.data;
  size_t same = 0;
  while (*a != '\0') {
    const size_t length = strcspn(a, "\n") + 1, id = strcspn(a, ",\n");
    char *name = pl_xprintf("%.*s", (int)id, a);
    bool replaced = false;
    for (size_t low = 0, high = count; low < high && !replaced;) {
      const size_t middle = (low + high) / 2;
      const int order = strcmp(name, rows[middle].id);
      replaced = order == 0;
      low = order > 0 ? middle + 1 : low;
      high = order > 0 ? high : middle;
    }
    free(name);
    if (!replaced) {
      while (*b != '\0' && strncmp(a, b, length) != 0) b += strcspn(b, "\n") + 1;
      assert_true(*b != '\0');
      b += length;
      same++;
    }
    a += length;
  }
  print_message("%zu cases replaced, %zu lines the same bytes in the same order\n", count, same);
  assert_int_equal(written.image_count, t.image_count);
  for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)rows[i].runs);
  free(rows);
  pl_rle_table_clear(&written);
  pl_rle_table_clear(&t);
  pl_buf_clear(&text);
  pl_buf_clear(&out);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, make_label_workspace, remove_label_workspace)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_replaced),
      cmocka_unit_test(check_finds_differences),
      WITH(corrections_become_a_table),
      WITH(drawing_the_original_again_is_no_correction),
      WITH(export_again_and_nothing_left),
      WITH(masks_are_prepared),
      WITH(applying),
      WITH(masks_are_kept),
      WITH(changed_tables_are_noticed),
      WITH(hostile_files),
      cmocka_unit_test(real_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

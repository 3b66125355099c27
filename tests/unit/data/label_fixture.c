#include "tests/unit/data/label_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "tests/tools/testing.h"

// With Windows' line ends, no two rows of a kind.
const char *const label_table_text =
    "ImageId, EncodedPixels\r\n"
    "two, 0 5\r\n"
    "none,-1\r\n"
    "two,60 5 10 2\r\n"
    "one,  93 4 26 4\r\n"
    "stranger, 0  7\r\n"
    "broken,1 2 3\r\n";

void write_text(const label_workspace *w, const char *name, const char *text) {
  char *path = pl_path_join(w->folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

char *read_text(const label_workspace *w, const char *name) {
  char *path = pl_path_join(w->folder, name);
  pl_buf text;
  pl_buf_init(&text, 1 << 24);
  pl_error err = {0};
  if (pl_fs_read(&text, path, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  return text.data != NULL ? text.data : pl_xstrdup("");
}

bool exists(const label_workspace *w, const char *name) {
  char *path = pl_path_join(w->folder, name);
  const bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

void reload(label_workspace *w) {
  pl_manifest_clear(&w->manifest);
  pl_error err = {0};
  if (pl_manifest_load(&w->manifest, w->folder, &err) != PL_OK) fail_msg("%s", err.message);
}

static void write_picture(const label_workspace *w, const char *id) {
  pl_image image;
  assert_int_equal(pl_image_init(&image, LABEL_SIDE, LABEL_SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  char *path = pl_xprintf("%s/images/%s.png", w->folder, id);
  assert_int_equal(pl_png_write(path, &image, PL_PNG_FAST, NULL), PL_OK);
  free(path);
  path = pl_xprintf("%s/masks/%s.png", w->folder, id);
  assert_int_equal(pl_png_write(path, &image, PL_PNG_FAST, NULL), PL_OK);
  free(path);
  pl_image_clear(&image);
}

int make_label_workspace(void **state) {
  static const char *const ids[LABEL_CASES] = {"one", "two", "none", "bare", "test"};
  label_workspace *w = pl_xcalloc(1, sizeof *w);
  w->folder = pl_xstrdup("/tmp/pleura-labels-XXXXXX");
  if (mkdtemp(w->folder) == NULL) return -1;
  for (size_t i = 0; i < 2; i++) {
    char *path = pl_path_join(w->folder, i == 0 ? "images" : "masks");
    assert_int_equal(pl_fs_make_folders(path, NULL), PL_OK);
    free(path);
  }
  for (size_t i = 0; i < LABEL_CASES; i++) write_picture(w, ids[i]);
  write_text(w, "train-rle.csv", label_table_text);
  write_text(w, "pleura.yaml", "");
  write_text(w, "cases.csv",
             "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n"
             "1,one,train,,,30,40,ok,1,8,,,,\n"
             "2,two,train,,,30,40,ok,1,12,,,,\n"
             "3,none,train,,,30,40,ok,0,0,,,,\n"
             "4,bare,train,,,30,40,unlabelled,,,,,,\n"
             "5,test,test,,,30,40,ok,,,,,,\n");
  reload(w);
  *state = w;
  return 0;
}

int remove_label_workspace(void **state) {
  label_workspace *w = *state;
  pl_manifest_clear(&w->manifest);
  const int failed = pl_fs_remove_tree(w->folder, NULL) != PL_OK;
  free(w->folder);
  free(w);
  return failed;
}

const pl_case *case_of(const label_workspace *w, const char *id) {
  for (size_t i = 0; i < w->manifest.count; i++) {
    if (strcmp(w->manifest.cases[i].id, id) == 0) return &w->manifest.cases[i];
  }
  fail_msg("there is no case %s", id);
  return NULL;
}

pl_label_edit *open_edit(const label_workspace *w, const char *id) {
  pl_label_edit *edit = NULL;
  pl_error err = {0};
  if (pl_label_edit_open(&edit, w->folder, case_of(w, id), &err) != PL_OK) fail_msg("%s", err.message);
  return edit;
}

void dab(pl_label_edit *edit, bool erase, int radius, int x, int y) {
  pl_error err = {0};
  if (pl_label_edit_press(edit, (pl_brush){.erase = erase, .radius = radius}, x, y, &err) != PL_OK ||
      pl_label_edit_lift(edit, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
}

void finish(pl_label_edit *edit, const char *why) {
  pl_error err = {0};
  if (pl_label_edit_finish(edit, why, &err) != PL_OK) fail_msg("%s", err.message);
}

size_t export_labels(const label_workspace *w) {
  size_t count = 0;
  pl_error err = {0};
  if (pl_labels_export(&count, w->folder, &err) != PL_OK) fail_msg("%s", err.message);
  return count;
}

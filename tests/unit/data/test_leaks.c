// Leaks between folds: rows of an image, images of a patient, copies of pictures; and the hash that finds the copies.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/leaks.h"
#include "core/data/phantom.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "core/image/dicom.h"
#include "core/image/dicom_write.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/real.h"

enum { TEXT_MAX = 64 << 20, SIDE = 256 };

static char folder[] = "/tmp/pleura-leaks-XXXXXX";

static int set_up(void **state) {
  (void)state;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(pl_dicom_setup(NULL), PL_OK);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
  return 0;
}

static pl_folds parse(const char *text) {
  pl_folds folds = {0};
  pl_error err = {0};
  if (pl_folds_parse(&folds, text, strlen(text), &err) != PL_OK) fail_msg("%s", err.message);
  return folds;
}

static char *write_file(const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  return path;
}

static pl_leak_report find(const pl_folds *folds, const char *map, const pl_manifest *manifest) {
  pl_leak_report r = {0};
  pl_error err = {0};
  const pl_leak_sources sources = {.patients = map, .manifest = manifest};
  if (pl_leaks_find(&r, folds, &sources, &err) != PL_OK) fail_msg("%s", err.message);
  return r;
}

static void test_unknown(void **state) {
  (void)state;
  pl_folds folds = parse("fname,fold,exist_labels\na.png,0,1\nb.png,1,0\n");
  pl_leak_report r = find(&folds, NULL, NULL);
  assert_false(r.patients_known);
  assert_non_null(strstr(r.patients_problem, "--patients"));
  assert_false(r.copies_known);
  assert_false(pl_leaks_any(&r));
  pl_leak_report_clear(&r);
  // Another set's map is a mistake to be told, not a clean bill.
  char *map = write_file("other.csv", "ImageId,patient\nx,P\n");
  const pl_leak_sources sources = {.patients = map};
  pl_error err = {0};
  assert_int_equal(pl_leaks_find(&r, &folds, &sources, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "another set's map"));
  free(map);
  pl_folds_clear(&folds);
}

static void test_patients(void **state) {
  (void)state;
  pl_folds folds = parse(
      "ImageId,EncodedPixels,has_mask,kfold\na,1 1,1,0\na,5 1,1,2\nb,-1,0,0\nc,-1,0,1\nd,-1,0,1\ne,-1,0,2\nf,-1,0,2\n");
  char *map = write_file("map.csv", "ImageId,patient\na,P\nb,P\nc,Q\nd,Q\ne,R\nunused,Q\n");
  pl_leak_report r = find(&folds, map, NULL);
  assert_int_equal(r.spread_images, 1);
  assert_true(r.patients_known);
  assert_string_equal(r.patients_source, "map.csv");
  assert_int_equal(r.patient_count, 3);
  assert_int_equal(r.without_patient, 1);
  assert_int_equal(r.patient_leaks, 1);
  assert_int_equal(r.patients[0].count, 2);
  assert_int_equal(r.patients[0].fold_count, 2);
  assert_string_equal(folds.images[r.members[r.patients[0].first]].id, "a");
  assert_int_equal(r.image_leaks[0], PL_LEAK_IMAGE | PL_LEAK_PATIENT);
  assert_int_equal(r.image_leaks[1], PL_LEAK_PATIENT);
  for (int i = 2; i < 6; i++) assert_int_equal(r.image_leaks[i], 0);
  const pl_fold_report wanted[] = {{.rows = 2, .images = 2, .positives = 1, .leaks = 2},
                                   {.rows = 2, .images = 2},
                                   {.rows = 3, .images = 3, .positives = 1, .leaks = 1}};
  assert_int_equal(r.fold_count, 3);
  assert_memory_equal(r.folds, wanted, sizeof wanted);
  assert_true(pl_leaks_any(&r));
  pl_leak_report_clear(&r);
  pl_folds_clear(&folds);
  free(map);
}

// ---- The hash

static void draw(pl_image *out, uint64_t index) {
  pl_phantom_case c = {0};
  assert_int_equal(pl_phantom_draw(&c, 3, index / 2, index, SIDE, index % 3 == 0, NULL), PL_OK);
  *out = c.image;
  c.image = (pl_image){0};
  pl_phantom_case_clear(&c);
}

static pl_image with_curve(const pl_image *in, double gain, double offset, double gamma) {
  pl_image out = {0};
  assert_int_equal(pl_image_init(&out, in->width, in->height, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  for (size_t i = 0; i < (size_t)in->width * in->height; i++) {
    const double v = 255.0 * pow(in->u8[i] / 255.0, gamma) * gain + offset;
    out.u8[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
  }
  return out;
}

static pl_image with_size(const pl_image *in, uint32_t width, uint32_t height) {
  pl_image out = {0};
  assert_int_equal(pl_image_resize(&out, in, width, height, NULL), PL_OK);
  return out;
}

static pl_image encoded(const pl_image *in, int quality) {
  const pl_dicom_identity identity = {.instance_uid = "2.25.1",
                                      .study_uid = "2.25.2",
                                      .series_uid = "2.25.3",
                                      .patient_id = "x",
                                      .age = "001Y",
                                      .sex = "F",
                                      .view = "PA",
                                      .date = "19010101",
                                      .pixel_spacing = 1};
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 24);
  assert_int_equal(pl_dicom_write_jpeg(&bytes, in, &identity, quality, NULL), PL_OK);
  pl_dicom dicom = {0};
  assert_int_equal(pl_dicom_decode(&dicom, bytes.data, bytes.length, NULL), PL_OK);
  pl_image out = dicom.image;
  dicom.image = (pl_image){0};
  pl_dicom_clear(&dicom);
  pl_buf_clear(&bytes);
  return out;
}

enum { COPIES = 9 };

static void make_copies(pl_image out[COPIES], const pl_image *in) {
  size_t n = 0;
  out[n++] = encoded(in, 90);
  out[n++] = encoded(in, 30);
  out[n++] = with_size(in, in->width / 2, in->height / 2);
  out[n++] = with_size(in, in->width * 3 / 2, in->height * 3 / 2);
  out[n++] = with_size(in, in->width / 4, in->height / 3);
  out[n++] = with_curve(in, 1.05, 0, 1);
  out[n++] = with_curve(in, 1, 10, 1);
  out[n++] = with_curve(in, 0.85, 5, 1);
  out[n++] = with_curve(in, 1, 0, 0.9);
}

static bool is_copy(const pl_image *a, const pl_image *b, unsigned *distance) {
  pl_phash hash_a, hash_b;
  bool same = false;
  assert_int_equal(pl_phash_image(&hash_a, a, NULL), PL_OK);
  assert_int_equal(pl_phash_image(&hash_b, b, NULL), PL_OK);
  assert_int_equal(pl_phash_same(&same, a, b, NULL), PL_OK);
  *distance = pl_phash_distance(&hash_a, &hash_b);
  return *distance <= PL_PHASH_NEAR && same;
}

static void check_pictures(const pl_image *pictures, size_t count, const char *what) {
  unsigned worst = 0, nearest = 255, distance = 0;
  for (size_t i = 0; i < count; i++) {
    pl_image copies[COPIES];
    make_copies(copies, &pictures[i]);
    for (size_t k = 0; k < COPIES; k++) {
      if (!is_copy(&pictures[i], &copies[k], &distance)) {
        fail_msg("%s: copy %zu of picture %zu is not found", what, k, i);
      }
      if (distance > worst) worst = distance;
      pl_image_clear(&copies[k]);
    }
    for (size_t j = 0; j < i; j++) {
      if (is_copy(&pictures[i], &pictures[j], &distance)) {
        fail_msg("%s: pictures %zu and %zu are taken for copies", what, i, j);
      }
      if (distance < nearest) nearest = distance;
    }
  }
  print_message("%s: copies differ in at most %u bits, %zu pictures in at least %u\n", what, worst, count, nearest);
}

static void test_hash(void **state) {
  (void)state;
  enum { PICTURES = 16 };
  pl_image pictures[PICTURES];
  for (size_t i = 0; i < PICTURES; i++) draw(&pictures[i], i);
  check_pictures(pictures, PICTURES, "synthetic");
  for (size_t i = 0; i < PICTURES; i++) pl_image_clear(&pictures[i]);
}

// Nothing can be said of pictures without structure.
static void test_flat_hash(void **state) {
  (void)state;
  pl_image flat = {0}, small = {0};
  assert_int_equal(pl_image_init(&flat, 64, 64, PL_PIXEL_U16, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&small, 1, 1, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  for (size_t i = 0; i < 64 * 64; i++) flat.u16[i] = 777;
  pl_phash hash = {.bits = {1, 2, 3, 4}};
  assert_int_equal(pl_phash_image(&hash, &flat, NULL), PL_OK);
  for (int w = 0; w < PL_PHASH_WORDS; w++) assert_int_equal(hash.bits[w], 0);
  bool same = true;
  assert_int_equal(pl_phash_same(&same, &flat, &flat, NULL), PL_OK);
  assert_false(same);
  assert_int_equal(pl_phash_same(&same, &small, &flat, NULL), PL_OK);
  assert_false(same);
  pl_image_clear(&flat);
  pl_image_clear(&small);
}

static size_t real_count;
static pl_image real_pictures[60];

static pl_status add_real(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  size_t *seen = context;
  if (!strstr(path, ".png") || real_count == sizeof real_pictures / sizeof *real_pictures || (*seen)++ % 4 != 0) {
    return PL_OK;
  }
  const pl_status status = pl_png_read(&real_pictures[real_count], path, err);
  real_count += status == PL_OK;
  return status;
}

static void test_real_hash(void **state) {
  (void)state;
  char *some = real_file("jsrt200/images/JPCLN001.png");
  *strrchr(some, '/') = '\0';
  size_t seen = 0;
  assert_int_equal(pl_fs_walk(some, add_real, &seen, NULL), PL_OK);
  assert_int_equal(real_count, sizeof real_pictures / sizeof *real_pictures);
  check_pictures(real_pictures, real_count, "JSRT");
  for (size_t i = 0; i < real_count; i++) pl_image_clear(&real_pictures[i]);
  free(some);
}

static void test_real_siim_hash(void **state) {
  (void)state;
  enum { PICTURES = 3 };
  static const char *const names[PICTURES] = {"5798.1517875190.796716", "5803.1517875190.948211",
                                              "5806.1517875190.997408"};
  pl_image pictures[PICTURES];
  for (size_t i = 0; i < PICTURES; i++) {
    char *name = pl_xprintf("siim/dicom/1.2.276.0.7230010.3.1.4.8323329.%s.dcm", names[i]), *path = real_file(name);
    pl_buf bytes;
    pl_buf_init(&bytes, 1 << 24);
    pl_dicom dicom = {0};
    assert_int_equal(pl_fs_read(&bytes, path, NULL), PL_OK);
    assert_int_equal(pl_dicom_decode(&dicom, bytes.data, bytes.length, NULL), PL_OK);
    pictures[i] = dicom.image;
    dicom.image = (pl_image){0};
    pl_dicom_clear(&dicom);
    pl_buf_clear(&bytes);
    free(name);
    free(path);
  }
  check_pictures(pictures, PICTURES, "SIIM");
  for (size_t i = 0; i < PICTURES; i++) pl_image_clear(&pictures[i]);
}

// ---- Copies in a workspace

static void write_picture(const pl_manifest *m, size_t index, const pl_image *image) {
  char *path = pl_case_image_path(m, &m->cases[index]);
  assert_int_equal(pl_png_write(path, image, PL_PNG_FAST, NULL), PL_OK);
  free(path);
}

static bool refuse(void *context, size_t done, size_t total) {
  (void)done, (void)total;
  (*(size_t *)context)++;
  return false;
}

// Cases a to f; b is a brighter, smaller a in another fold, c a copy of a in the same one, f cannot be read.
static void test_copies(void **state) {
  (void)state;
  char *workspace = pl_path_join(folder, "w"), *images = pl_xprintf("%s/w/images", folder);
  char *kept = pl_xprintf("%s/w/phash.csv", folder), *cases = pl_xprintf("%s/w/cases.csv", folder);
  assert_int_equal(pl_workspace_init(workspace, NULL), PL_OK);
  assert_int_equal(pl_fs_make_folders(images, NULL), PL_OK);
  const char text[] =
      "number,ImageId,part,status,has_mask,mask_area\n1,a,train,ok,1,100\n2,b,train,ok,1,300\n3,c,train,ok,0,0\n"
      "4,d,train,ok,0,0\n5,e,train,ok,0,0\n6,f,train,ok,0,0\n7,g,test,ok,,\n";
  assert_int_equal(pl_fs_replace(cases, text, sizeof text - 1, NULL), PL_OK);
  pl_manifest m = {0};
  assert_int_equal(pl_manifest_load(&m, workspace, NULL), PL_OK);
  pl_image a = {0}, d = {0}, e = {0};
  draw(&a, 20), draw(&d, 30), draw(&e, 40);
  pl_image smaller = with_size(&a, 100, 120), b = with_curve(&smaller, 1.05, 5, 1), c = encoded(&a, 60);
  const pl_image *const pictures[] = {&a, &b, &c, &d, &e};
  for (size_t i = 0; i < 5; i++) write_picture(&m, i, pictures[i]);
  char *broken = pl_case_image_path(&m, &m.cases[5]);
  assert_int_equal(pl_fs_replace(broken, "no picture", 10, NULL), PL_OK);
  pl_folds folds = parse("ImageId,kfold,has_mask\na,0,1\nb,1,1\nc,0,0\nd,1,0\ne,0,0\nf,1,0\nz,1,0\n");
  for (int round = 0; round < 2; round++) {
    pl_leak_report r = find(&folds, NULL, &m);
    assert_true(r.copies_known);
    assert_int_equal(r.pictures, 5);
    assert_int_equal(r.unreadable, 1);
    assert_int_equal(r.copy_count, 2);  // a and b, c and b
    for (size_t i = 0; i < 2; i++) assert_true(r.copies[i].a == 1 || r.copies[i].b == 1);
    for (size_t i = 0; i < 3; i++) assert_int_equal(r.image_leaks[i], PL_LEAK_COPY);
    for (size_t i = 3; i < 7; i++) assert_int_equal(r.image_leaks[i], 0);
    assert_int_equal(r.folds[0].leaks, 2);
    assert_int_equal(r.folds[1].leaks, 1);
    assert_int_equal(r.folds[1].mask_area, 300);
    assert_int_equal(r.folds[1].measured, 1);
    pl_leak_report_clear(&r);
    assert_true(pl_fs_is_file(kept));
  }
  // What was kept is not read again; a picture that changed is. Stopping is heard.
  size_t asked = 0;
  pl_phash_set set = {0};
  assert_int_equal(pl_fs_remove_tree(broken, NULL), PL_OK);
  assert_int_equal(pl_phash_workspace(&set, &m, refuse, &asked, NULL), PL_OK);
  assert_int_equal(asked, 0);
  pl_phash_set_clear(&set);
  write_picture(&m, 3, &smaller);
  assert_int_equal(pl_phash_workspace(&set, &m, refuse, &asked, NULL), PL_E_CANCELLED);
  assert_int_equal(asked, 1);
  pl_leak_report r = find(&folds, NULL, &m);
  assert_int_equal(r.copy_count, 4);  // d is now one more of them in fold 1
  pl_leak_report_clear(&r);
  // A list of hashes that is rubbish is made anew.
  assert_int_equal(pl_fs_replace(kept, "a,1,2,\n\"\x1b", 9, NULL), PL_OK);
  r = find(&folds, NULL, &m);
  assert_int_equal(r.copy_count, 4);
  pl_leak_report_clear(&r);
  pl_image *const made[] = {&a, &b, &c, &d, &e, &smaller};
  for (size_t i = 0; i < 6; i++) pl_image_clear(made[i]);
  pl_folds_clear(&folds);
  pl_manifest_clear(&m);
  free(broken);
  free(workspace);
  free(images);
  free(kept);
  free(cases);
}

// Splitting the real rows as the blog does puts 526 images and 1,775 patients into several folds; by patient, none.
static void test_real_leaks(void **state) {
  (void)state;
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  real_unpacked(&text, "siim/siim-to-nih-id.csv.gz");
  char *map = write_file("nih.csv", text.data), *path = pl_path_join(folder, "folds.csv");
  pl_buf_reset(&text);
  real_unpacked(&text, "siim/train-rle.csv.gz");
  pl_rle_table t = {0};
  assert_int_equal(pl_rle_table_parse(&t, text.data, text.length, true, NULL), PL_OK);
  int *numbers = pl_xcalloc(t.count, sizeof *numbers);
  char source[PL_PATIENTS_SOURCE_SIZE];
  for (int by = 0; by < PL_SPLIT_BY_COUNT; by++) {
    const pl_split_options options = {.by = (pl_split_by)by, .fold_count = 5, .seed = 42, .patients = map};
    assert_int_equal(pl_split_make(numbers, source, &t, NULL, &options, NULL), PL_OK);
    assert_int_equal(pl_folds_save(path, &t, numbers, NULL), PL_OK);
    pl_folds folds = {0};
    assert_int_equal(pl_folds_load(&folds, path, NULL), PL_OK);
    pl_leak_report r = find(&folds, map, NULL);
    print_message("by %s: %zu images and %zu of %zu patients are in several folds\n", pl_split_by_name(options.by),
                  r.spread_images, r.patient_leaks, r.patient_count);
    assert_int_equal(r.patient_count, 6171);
    assert_int_equal(r.spread_images, by == PL_SPLIT_BY_ROW ? 526 : 0);
    if (by == PL_SPLIT_BY_PATIENT) assert_int_equal(r.patient_leaks, 0);
    if (by == PL_SPLIT_BY_ROW) assert_int_equal(r.patient_leaks, 1775);
    pl_leak_report_clear(&r);
    pl_folds_clear(&folds);
  }
  free(numbers);
  pl_rle_table_clear(&t);
  pl_buf_clear(&text);
  free(map);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unknown),   cmocka_unit_test(test_patients),   cmocka_unit_test(test_hash),
      cmocka_unit_test(test_flat_hash), cmocka_unit_test(test_real_hash),  cmocka_unit_test(test_real_siim_hash),
      cmocka_unit_test(test_copies),    cmocka_unit_test(test_real_leaks),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

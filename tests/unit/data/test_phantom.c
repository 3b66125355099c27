#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/phantom.h"
#include "core/data/rle.h"
#include "core/image/dicom.h"
#include "core/image/dicom_write.h"
#include "tests/tools/testing.h"

static char *make_folder(void) {
  char *folder = pl_xstrdup("/tmp/pleura-phantom-XXXXXX");
  assert_non_null(mkdtemp(folder));
  return folder;
}

static void remove_folder(char *folder) {
  pl_error err = {0};
  assert_int_equal(pl_fs_remove_tree(folder, &err), PL_OK);
  free(folder);
}

static char *read_text(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  pl_buf text;
  pl_buf_init(&text, 1 << 24);
  pl_error err = {0};
  if (pl_fs_read(&text, path, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  return text.data;
}

static pl_phantom_options small_set(void) {
  pl_phantom_options options = pl_phantom_options_default();
  options.cases = 40;
  options.size = 128;
  options.seed = 9;
  options.positive = 0.5;
  return options;
}

static void drawing_is_a_function_of_its_numbers(void **state) {
  (void)state;
  pl_error err = {0};
  pl_phantom_case a, b, c;
  assert_int_equal(pl_phantom_draw(&a, 1, 2, 3, 160, true, &err), PL_OK);
  assert_int_equal(pl_phantom_draw(&b, 1, 2, 3, 160, true, &err), PL_OK);
  assert_int_equal(pl_phantom_draw(&c, 2, 2, 3, 160, true, &err), PL_OK);
  assert_memory_equal(a.image.u8, b.image.u8, pl_image_bytes(&a.image));
  assert_memory_equal(a.mask.u8, b.mask.u8, pl_image_bytes(&a.mask));
  assert_memory_not_equal(a.image.u8, c.image.u8, pl_image_bytes(&a.image));
  pl_phantom_case_clear(&a);
  pl_phantom_case_clear(&b);
  pl_phantom_case_clear(&c);
}

// Mean grey of the mask, and of what lies up to `reach` pixels beside it in its rows.
static void measure(const pl_phantom_case *c, int reach, double *inside, double *around) {
  int size = (int)c->image.width;
  double sums[2] = {0}, counts[2] = {0};
  for (int y = 0; y < size; y++) {
    for (int x = 0; x < size; x++) {
      bool in = c->mask.u8[y * size + x] != 0, near = false;
      for (int u = -reach; u <= reach && !in && !near; u++) {
        near = x + u >= 0 && x + u < size && c->mask.u8[y * size + x + u] != 0;
      }
      if (!in && !near) continue;
      sums[near] += c->image.u8[y * size + x];
      counts[near]++;
    }
  }
  assert_true(counts[0] > 0 && counts[1] > 0);
  *inside = sums[0] / counts[0];
  *around = sums[1] / counts[1];
}

static void masks_cover_the_dark_air(void **state) {
  (void)state;
  pl_error err = {0};
  enum { CASES = 24 };
  size_t split = 0, areas[CASES];
  for (uint64_t i = 0; i < CASES; i++) {
    pl_phantom_case c;
    assert_int_equal(pl_phantom_draw(&c, 4, i, i, 256, true, &err), PL_OK);
    areas[i] = (size_t)pl_mask_area(&c.mask) * 16;  // as at 1024
    assert_in_range(areas[i], 2000, 170000);
    double inside, around;
    measure(&c, 4, &inside, &around);
    if (inside > 0.88 * around) fail_msg("case %d: mask %.1f, around it %.1f", (int)i, inside, around);
    for (size_t p = 0; p < pl_image_bytes(&c.mask); p++) {
      uint8_t any = 0;
      for (size_t r = 0; r < c.region_count; r++) any |= c.region[r].u8[p];
      if (any != c.mask.u8[p]) fail_msg("case %d: the union of its regions is not the mask", (int)i);
    }
    split += c.region_count > 1;
    pl_phantom_case_clear(&c);
  }
  assert_in_range(split, 1, 15);
  pl_phantom_case c;
  assert_int_equal(pl_phantom_draw(&c, 4, 1, 1, 256, false, &err), PL_OK);
  assert_int_equal(pl_mask_area(&c.mask), 0);
  assert_int_equal(c.region_count, 0);
  pl_phantom_case_clear(&c);
}

static pl_status hash_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  char hex[PL_SHA256_HEX_SIZE];
  pl_status status = pl_sha256_file(hex, path, err);
  const char *inside = strstr(path + strlen("/tmp/pleura-phantom-"), "/");
  pl_buf_printf(context, "%s %s\n", hex, inside);
  return status;
}

static char *hash_folder(const char *folder) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  pl_error err = {0};
  if (pl_fs_walk(folder, hash_file, &text, &err) != PL_OK) fail_msg("%s", err.message);
  return text.data;
}

static void same_seed_same_bytes(void **state) {
  (void)state;
  char *hashes[3];
  for (unsigned i = 0; i < 3; i++) {
    char *folder = make_folder();
    pl_phantom_options options = small_set();
    options.cases = 12;
    options.threads = i == 0 ? 1 : 3;
    options.seed = i == 2 ? 10 : 9;
    pl_error err = {0};
    if (pl_phantom_write(folder, &options, &err) != PL_OK) fail_msg("%s", err.message);
    hashes[i] = hash_folder(folder);
    remove_folder(folder);
  }
  assert_string_equal(hashes[0], hashes[1]);
  assert_string_not_equal(hashes[0], hashes[2]);
  for (int i = 0; i < 3; i++) free(hashes[i]);
}

typedef struct found {
  const char *id;
  char path[512];
} found;

static pl_status find_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  (void)err;
  found *f = context;
  if (strncmp(pl_path_base(path), f->id, strlen(f->id)) == 0) pl_copy_text(f->path, sizeof f->path, path);
  return PL_OK;
}

// The bytes of the pixel element: undefined length, an empty offset table, one fragment, the delimiter.
static void check_encapsulation(const char *bytes, size_t length) {
  static const unsigned char head[] = {0xe0, 0x7f, 0x10, 0x00, 'O', 'B', 0, 0, 0xff, 0xff, 0xff, 0xff,
                                       0xfe, 0xff, 0x00, 0xe0, 0,   0,   0, 0, 0xfe, 0xff, 0x00, 0xe0};
  static const unsigned char tail[] = {0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0};
  const char *at = memmem(bytes, length, head, sizeof head);
  assert_non_null(at);
  uint32_t fragment;
  memcpy(&fragment, at + sizeof head, 4);
  const char *jpeg = at + sizeof head + 4;
  assert_int_equal((unsigned char)jpeg[0], 0xff);
  assert_int_equal((unsigned char)jpeg[1], 0xd8);
  assert_int_equal(jpeg + fragment - bytes + (ptrdiff_t)sizeof tail, length);
  assert_memory_equal(jpeg + fragment, tail, sizeof tail);
}

// Decodes the file of an image, compares it with the drawing, and returns it as drawn.
static void check_image(const char *folder, const char *id, const pl_phantom_case *drawn, const char *patient) {
  found f = {.id = id};
  pl_error err = {0};
  assert_int_equal(pl_fs_walk(folder, find_file, &f, &err), PL_OK);
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 24);
  if (pl_fs_read(&bytes, f.path, &err) != PL_OK) fail_msg("%s", err.message);
  check_encapsulation(bytes.data, bytes.length);
  pl_dicom dicom;
  if (pl_dicom_decode(&dicom, bytes.data, bytes.length, &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(dicom.transfer_syntax, "1.2.840.10008.1.2.4.50");
  assert_string_equal(dicom.modality, "CR");
  assert_string_equal(dicom.view, drawn->view);
  assert_string_equal(dicom.patient, patient);
  assert_int_equal(dicom.age, drawn->age);
  assert_int_equal(dicom.sex, drawn->sex);
  assert_int_equal(dicom.bits_stored, 8);
  assert_false(dicom.is_signed || dicom.is_monochrome1 || dicom.has_rescale || dicom.window_count > 0);
  assert_int_equal(dicom.image.width, drawn->image.width);
  assert_int_equal(dicom.image.height, drawn->image.height);
  double sum = 0;
  int most = 0;
  for (size_t i = 0; i < pl_image_bytes(&drawn->image); i++) {
    int difference = abs(dicom.image.u8[i] - drawn->image.u8[i]);
    sum += difference;
    if (difference > most) most = difference;
  }
  assert_true(sum / (double)pl_image_bytes(&drawn->image) < 2.5);
  assert_in_range(most, 1, 30);
  pl_dicom_clear(&dicom);
  pl_buf_clear(&bytes);
}

// One image of the written set: `rows` lines of the table from `line` on; returns the line behind them.
static char *check_case(const char *folder, char *line, char *patient_line, uint64_t index, size_t *rows,
                        size_t *positives) {
  char *comma = strchr(line, ','), *patient_comma = strchr(patient_line, ',');
  size_t id_length = (size_t)(comma - line);
  assert_int_equal(id_length, patient_comma - patient_line);
  assert_memory_equal(line, patient_line, id_length);
  assert_true(pl_begins_with(line, "2.25."));
  assert_true(pl_begins_with(patient_comma, ",SYN"));
  char id[65] = "", patient[32] = "";
  memcpy(id, line, id_length);
  memcpy(patient, patient_comma + 1, strcspn(patient_comma + 1, "\n"));
  uint64_t number = strtoull(patient + 3, NULL, 10);
  bool positive = memcmp(comma, ", -1\n", 5) != 0;
  pl_error err = {0};
  pl_phantom_case drawn;
  assert_int_equal(pl_phantom_draw(&drawn, 9, number, index, 128, positive, &err), PL_OK);
  pl_image mask;
  assert_int_equal(pl_image_init(&mask, 128, 128, PL_PIXEL_U8, PL_IMAGE_MASK, &err), PL_OK);
  *rows = 0;
  while (strncmp(line, id, id_length) == 0) {
    char *end = strchr(line, '\n'), *text = strchr(line, ',') + 1;
    *end = '\0';
    if (pl_rle_decode(&mask, text, &err) != PL_OK) fail_msg("%s", err.message);
    line = end + 1;
    (*rows)++;
  }
  assert_memory_equal(mask.u8, drawn.mask.u8, pl_image_bytes(&mask));
  assert_int_equal(pl_mask_area(&mask) > 0, positive);
  *positives += positive;
  if (index < 6) check_image(folder, id, &drawn, patient);
  pl_image_clear(&mask);
  pl_phantom_case_clear(&drawn);
  return line;
}

static size_t count_lines(const char *text) {
  size_t count = 0;
  for (; *text != '\0'; text++) count += *text == '\n';
  return count;
}

static void tables_describe_the_files(void **state) {
  (void)state;
  char *folder = make_folder();
  pl_phantom_options options = small_set();
  pl_error err = {0};
  if (pl_dicom_setup(&err) != PL_OK) fail_msg("%s", err.message);
  if (pl_phantom_write(folder, &options, &err) != PL_OK) fail_msg("%s", err.message);
  char *rle = read_text(folder, "train-rle.csv"), *sample = read_text(folder, "sample_submission.csv");
  char *patients = read_text(folder, "patients.csv");
  assert_true(pl_begins_with(rle, "ImageId, EncodedPixels\n"));
  assert_true(pl_begins_with(sample, "ImageId,EncodedPixels\n"));
  assert_true(pl_begins_with(patients, "ImageId,patient\n"));
  assert_int_equal(pl_phantom_test_count(40), 6);
  assert_int_equal(count_lines(sample), 1 + 6);
  assert_int_equal(count_lines(patients), 1 + 46);
  char *line = strchr(rle, '\n') + 1, *patient_line = strchr(patients, '\n') + 1;
  size_t positives = 0, several = 0, shared = 0;
  for (uint64_t i = 0; i < 40; i++) {
    size_t rows = 0;
    line = check_case(folder, line, patient_line, i, &rows, &positives);
    several += rows > 1;
    char *next = strchr(patient_line, '\n') + 1;
    char *a = strchr(patient_line, ','), *b = strchr(next, ',');
    shared += strncmp(a, b, (size_t)(next - a)) == 0;
    patient_line = next;
  }
  assert_string_equal(line, "");
  assert_int_equal(positives, 20);
  assert_true(several >= 1);
  assert_true(shared >= 1);
  // A second set does not go on top of the first.
  assert_int_equal(pl_phantom_write(folder, &options, &err), PL_E_EXISTS);
  free(rle);
  free(sample);
  free(patients);
  remove_folder(folder);
}

static bool stop_at_three(void *context, size_t done, size_t total) {
  (void)context;
  (void)total;
  return done < 3;
}

static void bad_options_are_refused(void **state) {
  (void)state;
  char *folder = make_folder();
  pl_error err = {0};
  pl_phantom_options options = small_set();
  options.size = 63;
  assert_int_equal(pl_phantom_write(folder, &options, &err), PL_E_USAGE);
  options = small_set();
  options.positive = 1.1;
  assert_int_equal(pl_phantom_write(folder, &options, &err), PL_E_USAGE);
  options = small_set();
  options.cases = 0;
  assert_int_equal(pl_phantom_write(folder, &options, &err), PL_E_USAGE);
  options = small_set();
  options.progress = stop_at_three;
  assert_int_equal(pl_phantom_write(folder, &options, &err), PL_E_CANCELLED);
  char *table = pl_path_join(folder, "train-rle.csv");
  assert_false(pl_fs_is_file(table));  // an incomplete set has no table
  free(table);
  remove_folder(folder);
  pl_phantom_options one = {.cases = 1, .size = 64};
  pl_status status = pl_phantom_write("/proc/nothing/here", &one, &err);
  assert_int_equal(status, err.code);
  assert_true(err.code < 0);
}

static void dicom_writer_checks_its_input(void **state) {
  (void)state;
  pl_error err = {0};
  pl_image image;
  assert_int_equal(pl_image_init(&image, 16, 16, PL_PIXEL_U8, PL_IMAGE_GREY, &err), PL_OK);
  pl_dicom_identity good = {.instance_uid = "2.25.1",
                            .study_uid = "2.25.2",
                            .series_uid = "2.25.3",
                            .patient_id = "SYN0001",
                            .age = "001Y",
                            .sex = "F",
                            .view = "PA",
                            .date = "19010101",
                            .pixel_spacing = 0.1};
  pl_buf out;
  pl_buf_init(&out, 1 << 20);
  assert_int_equal(pl_dicom_write_jpeg(&out, &image, &good, 0, &err), PL_E_USAGE);
  pl_dicom_identity bad = good;
  bad.study_uid = "not a uid";
  assert_int_equal(pl_dicom_write_jpeg(&out, &image, &bad, 90, &err), PL_E_USAGE);
  image.meaning = PL_IMAGE_MASK;
  assert_int_equal(pl_dicom_write_jpeg(&out, &image, &good, 90, &err), PL_E_USAGE);
  image.meaning = PL_IMAGE_GREY;
  pl_buf tiny;
  pl_buf_init(&tiny, 100);
  assert_int_equal(pl_dicom_write_jpeg(&tiny, &image, &good, 90, &err), PL_E_LIMIT);
  assert_int_equal(pl_dicom_write_jpeg(&out, &image, &good, 90, &err), PL_OK);
  pl_buf_clear(&tiny);
  pl_buf_clear(&out);
  pl_image_clear(&image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(drawing_is_a_function_of_its_numbers),
      cmocka_unit_test(masks_cover_the_dark_air),
      cmocka_unit_test(same_seed_same_bytes),
      cmocka_unit_test(tables_describe_the_files),
      cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(dicom_writer_checks_its_input),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

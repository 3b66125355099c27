#include "core/data/prepare.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/csvio.h"
#include "core/data/manifest.h"
#include "core/data/rle.h"
#include "core/image/decode.h"
#include "core/image/dicom_write.h"
#include "core/image/png_io.h"
#include "tests/tools/testing.h"

enum { SIDE = 96 };

// A folder as Kaggle's archive unpacks, and beside it room for a workspace.
typedef struct fixture {
  char root[32];
  char *data, *workspace;
} fixture;

static void write_text(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static void write_dicom_of(const char *root, const char *part, const char *id, int level, uint32_t width,
                           uint32_t height) {
  pl_image image = {0};
  assert_int_equal(pl_image_init(&image, width, height, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  memset(image.u8, level, pl_image_bytes(&image));
  pl_dicom_identity who = {.instance_uid = "1.2.3",
                           .study_uid = "1.2.4",
                           .series_uid = "1.2.5",
                           .patient_id = "SECRET-PATIENT",
                           .age = "045Y",
                           .sex = "F",
                           .view = "PA",
                           .date = "20190101",
                           .pixel_spacing = 0.14};
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  pl_error err = {0};
  if (pl_dicom_write_jpeg(&bytes, &image, &who, 90, &err) != PL_OK) fail_msg("%s", err.message);
  char *folder = pl_xprintf("%s/%s/study-%s/series", root, part, id), *path = pl_xprintf("%s/%s.dcm", folder, id);
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(path, bytes.data, bytes.length, NULL), PL_OK);
  free(folder);
  free(path);
  pl_buf_clear(&bytes);
  pl_image_clear(&image);
}

static void write_dicom(const char *root, const char *part, const char *id, int level) {
  write_dicom_of(root, part, id, level, SIDE, SIDE);
}

static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  (void)pl_copy_text(f->root, sizeof f->root, "/tmp/pleura-test-XXXXXX");
  if (mkdtemp(f->root) == NULL) return -1;
  f->data = pl_path_join(f->root, "data");
  f->workspace = pl_path_join(f->root, "ws");
  write_dicom(f->data, "dicom-images-train", "id.1", 10);
  write_dicom(f->data, "dicom-images-train", "id.2", 50);
  write_dicom(f->data, "dicom-images-train", "id.3", 90);
  write_dicom(f->data, "dicom-images-train", "id.4", 130);
  write_dicom(f->data, "dicom-images-train", "id.5", 170);
  write_dicom(f->data, "dicom-images-test", "id.6", 210);
  // id.1: two rows that overlap, columns 0 to 47 in all. id.2 and id.3 are negative, id.4 has no row, id.5 a damaged
  // one.
  write_text(f->data, "train-rle.csv",
             "ImageId, EncodedPixels\nid.1,0 3840\nid.2, -1\nid.1,2880 1728\nid.3,-1\nid.5,0 10\nid.5,1 2 3\n"
             "gone.1,-1\ngone.2,5 5\ngone.2,50 5\n");
  write_text(f->data, "sample_submission.csv", "ImageId,EncodedPixels\nid.6,-1\nid.7,-1\n");
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int failed = pl_fs_remove_tree(f->root, NULL) != PL_OK;
  free(f->data);
  free(f->workspace);
  free(f);
  return failed;
}

static pl_import_summary import_as(const fixture *f, uint32_t size, pl_import_resize resize, bool keep_aspect) {
  pl_import_options options = {.workspace = f->workspace,
                               .folder = f->data,
                               .size = size,
                               .resize = resize,
                               .keep_aspect = keep_aspect,
                               .threads = 2};
  pl_import_summary s = {0};
  pl_error err = {0};
  if (pl_import_run(&s, &options, &err) != PL_OK) fail_msg("%s", err.message);
  return s;
}

static pl_import_summary import(const fixture *f, uint32_t size) {
  return import_as(f, size, PL_IMPORT_RESIZE_AREA, false);
}

static void import_counts(const fixture *f, uint32_t size, size_t unchanged) {
  pl_import_summary s = import(f, size);
  assert_int_equal(s.unchanged, unchanged);
  pl_import_summary_clear(&s);
}

static pl_manifest load(const fixture *f) {
  pl_manifest m = {0};
  pl_error err = {0};
  if (pl_manifest_load(&m, f->workspace, &err) != PL_OK) fail_msg("%s", err.message);
  return m;
}

static pl_image read_png(const fixture *f, const char *folder, const char *id) {
  char *path = pl_xprintf("%s/%s/%s.png", f->workspace, folder, id);
  pl_image image = {0};
  pl_error err = {0};
  if (pl_png_read(&image, path, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  return image;
}

static bool exists(const fixture *f, const char *name) {
  char *path = pl_path_join(f->workspace, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static void check_cases(const fixture *f) {
  pl_manifest m = load(f);
  assert_int_equal(m.count, 6);
  assert_int_equal(m.fold_count, 5);
  for (size_t i = 0; i < 6; i++) {
    const pl_case *c = &m.cases[i];
    char id[8];
    snprintf(id, sizeof id, "id.%zu", i + 1);
    assert_int_equal(c->number, i + 1);
    assert_string_equal(c->id, id);
    assert_int_equal(c->part, i < 5 ? PL_PART_TRAIN : PL_PART_TEST);
    assert_int_equal(c->rows, SIDE);
    assert_int_equal(c->cols, SIDE);
    assert_int_equal(c->age, 45);
    assert_int_equal(c->sex, 'F');
    assert_string_equal(c->view, "PA");
    assert_int_equal(strlen(c->sha256), 64);
    assert_int_equal(c->source[0], '/');
    assert_string_equal(c->patient, m.cases[0].patient);
    assert_int_equal(strlen(c->patient), 12);
  }
  assert_int_equal(m.cases[0].label, PL_LABEL_POSITIVE);
  assert_int_equal(m.cases[0].mask_area, 48 * SIDE);
  assert_int_equal(m.cases[1].label, PL_LABEL_NEGATIVE);
  assert_int_equal(m.cases[3].status, PL_CASE_UNLABELLED);
  assert_int_equal(m.cases[3].label, PL_LABEL_UNKNOWN);
  assert_int_equal(m.cases[4].status, PL_CASE_UNLABELLED);
  assert_int_equal(m.cases[5].status, PL_CASE_OK);
  assert_int_equal(m.cases[5].label, PL_LABEL_UNKNOWN);
  assert_true(m.cases[0].fold >= 0 && m.cases[3].fold < 0 && m.cases[5].fold < 0);
  pl_manifest_clear(&m);
}

static void test_kaggle_folder(void **state) {
  const fixture *f = *state;
  pl_import_summary s = import(f, 32);
  assert_int_equal(s.images, 6);
  assert_int_equal(s.train, 5);
  assert_int_equal(s.test, 1);
  assert_int_equal(s.positives, 1);
  assert_int_equal(s.negatives, 2);
  assert_int_equal(s.unlabelled, 2);
  assert_int_equal(s.masks, 1);
  assert_int_equal(s.bad, 0);
  assert_int_equal(s.unchanged, 0);
  assert_int_equal(s.rows, 9);
  assert_int_equal(s.bad_rows, 1);
  assert_int_equal(s.row_problems[0].line, 7);
  assert_int_equal(s.ids_without_image, 2);
  assert_int_equal(s.rows_without_image, 3);
  assert_int_equal(s.sample_ids, 2);
  assert_int_equal(s.sample_without_image, 1);
  assert_true(s.made_workspace);
  assert_true(s.made_folds);
  assert_int_equal(s.failure_count, 1);
  assert_non_null(strstr(s.failures[0].path, "id.5.dcm"));
  pl_import_summary_clear(&s);
  check_cases(f);
  pl_image image = read_png(f, "images", "id.4"), mask = read_png(f, "masks", "id.1");
  assert_int_equal(image.width, 32);
  for (size_t i = 0; i < 32 * 32; i++) {
    assert_in_range(image.u8[i], 129, 131);
    assert_int_equal(mask.u8[i], i % 32 < 16 ? 255 : 0);
  }
  pl_image_clear(&image);
  pl_image_clear(&mask);
  mask = read_png(f, "masks", "id.2");
  assert_int_equal(pl_mask_area(&mask), 0);
  pl_image_clear(&mask);
  assert_false(exists(f, "masks/id.4.png"));
  assert_false(exists(f, "masks/id.5.png"));
  assert_false(exists(f, "masks/id.6.png"));
  assert_true(exists(f, "train-rle.csv"));
  assert_true(exists(f, "sample_submission.csv"));
  // Nothing in the workspace may tell who the patient is.
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  char *path = pl_path_join(f->workspace, "cases.csv");
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  assert_null(strstr(text.data, "SECRET"));
  free(path);
  pl_buf_clear(&text);
}

static void test_again(void **state) {
  const fixture *f = *state;
  pl_import_summary s = import(f, 32);
  pl_import_summary_clear(&s);
  s = import(f, 32);
  assert_int_equal(s.unchanged, 6);
  assert_false(s.made_workspace);
  assert_false(s.made_folds);
  assert_int_equal(s.positives, 1);
  assert_int_equal(s.masks, 1);
  pl_import_summary_clear(&s);
  check_cases(f);
  // A new image in front, a changed one, and a picture that was removed.
  write_dicom(f->data, "dicom-images-train", "id.0", 10);
  write_dicom(f->data, "dicom-images-train", "id.2", 60);
  char *path = pl_path_join(f->workspace, "images/id.3.png");
  assert_int_equal(unlink(path), 0);
  s = import(f, 32);
  assert_int_equal(s.unchanged, 4);
  assert_int_equal(access(path, F_OK), 0);
  free(path);
  pl_import_summary_clear(&s);
  pl_manifest m = load(f);
  assert_int_equal(m.count, 7);
  assert_string_equal(m.cases[0].id, "id.1");
  assert_string_equal(m.cases[6].id, "id.0");
  assert_int_equal(m.cases[6].number, 7);
  pl_manifest_clear(&m);
  s = import(f, 40);
  assert_int_equal(s.unchanged, 0);
  pl_import_summary_clear(&s);
  pl_image mask = read_png(f, "masks", "id.1");
  assert_int_equal(mask.width, 40);
  pl_image_clear(&mask);
}

static void test_new_labels(void **state) {
  const fixture *f = *state;
  pl_import_summary s = import(f, 32);
  pl_import_summary_clear(&s);
  write_text(f->data, "train-rle.csv", "id.1,-1\nid.2,0 9216\nid.3,-1\nid.4,9000 1000\n");
  s = import(f, 32);
  assert_int_equal(s.unchanged, 6);
  assert_true(s.rle_differs);
  assert_int_equal(s.positives, 1);
  assert_int_equal(s.negatives, 2);
  // The run of id.4 ends behind its 96 x 96 pixels.
  assert_int_equal(s.failure_count, 1);
  assert_non_null(strstr(s.failures[0].reason, "ends behind"));
  pl_import_summary_clear(&s);
  pl_image mask = read_png(f, "masks", "id.2");
  assert_int_equal(pl_mask_area(&mask), 32 * 32);
  pl_image_clear(&mask);
  mask = read_png(f, "masks", "id.1");
  assert_int_equal(pl_mask_area(&mask), 0);
  pl_image_clear(&mask);
}

static void test_bad_files(void **state) {
  const fixture *f = *state;
  write_text(f->data, "dicom-images-train/broken.dcm", "this is not DICOM");
  write_text(f->data, "dicom-images-train/notes.txt", "x");
  write_dicom(f->data, "dicom-images-test", "id.1", 1);
  pl_import_summary s = import(f, 32);
  assert_int_equal(s.images, 8);
  assert_int_equal(s.other_files, 1);
  assert_int_equal(s.bad, 2);
  assert_int_equal(s.refused[PL_REFUSAL_DAMAGED], 1);
  assert_int_equal(s.refused[PL_REFUSAL_OTHER], 1);  // the second id.1
  assert_false(s.unconfined);
  assert_int_equal(s.failure_count, 3);
  pl_import_summary_clear(&s);
  pl_manifest m = load(f);
  size_t index = 0;
  assert_int_equal(pl_manifest_find(&index, &m, "broken", NULL), PL_OK);
  assert_int_equal(m.cases[index].status, PL_CASE_BAD);
  assert_int_equal(m.count, 7);
  pl_manifest_clear(&m);
  pl_import_options options = {.workspace = f->workspace, .folder = f->data, .size = 32, .strict = true};
  pl_error err = {0};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_FORMAT);
  pl_import_summary_clear(&s);
}

// A file that crashes the decoder, or hangs it, costs that file only.
static void test_crashing_file(void **state) {
  const fixture *f = *state;
  write_text(f->data, "dicom-images-train/crash.dcm", "crash");
  write_text(f->data, "dicom-images-train/a-first.dcm", "crash");
  write_text(f->data, "dicom-images-train/exit.dcm", "exit");
  const char *build = getenv("PLEURA_BUILD");
  char *helper = pl_path_join(build != NULL ? build : "build/dev", "bin/decode_helper");
  pl_import_options options = {.workspace = f->workspace, .folder = f->data, .size = 32, .executable = helper};
  pl_import_summary s = {0};
  pl_error err = {0};
  setenv("DECODE_HELPER_PLAYS", "1", 1);
  pl_status status = pl_import_run(&s, &options, &err);
  unsetenv("DECODE_HELPER_PLAYS");
  if (status != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(s.images, 9);
  assert_int_equal(s.bad, 3);
  assert_int_equal(s.refused[PL_REFUSAL_CRASHED], 3);
  assert_int_equal(s.positives + s.negatives + s.unlabelled, 5);
  assert_non_null(strstr(s.failures[0].reason, "the decoder crashed (signal 11)"));
  pl_import_summary_clear(&s);
  pl_image image = read_png(f, "images", "id.6");
  assert_int_equal(image.width, 32);
  pl_image_clear(&image);
  free(helper);
}

static void test_parts_by_option(void **state) {
  const fixture *f = *state;
  char *images = pl_path_join(f->data, "dicom-images-train/study-id.2");
  pl_import_options options = {.workspace = f->workspace, .images = images, .size = 32};
  pl_import_summary s = {0};
  pl_error err = {0};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_OK);
  assert_int_equal(s.images, 1);
  assert_int_equal(s.unlabelled, 1);
  assert_null(s.rle_file);
  pl_import_summary_clear(&s);
  // The archive in a folder of its own, and a flat folder of images.
  options = (pl_import_options){.workspace = f->workspace, .folder = f->root, .size = 32};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_OK);
  pl_import_summary_clear(&s);
  options.folder = images;
  assert_int_equal(pl_import_run(&s, &options, &err), PL_OK);
  assert_int_equal(s.train, 1);
  pl_import_summary_clear(&s);
  free(images);
}

static void test_refused(void **state) {
  const fixture *f = *state;
  pl_import_summary s = {0};
  pl_error err = {0};
  char *empty = pl_path_join(f->root, "empty");
  assert_int_equal(pl_fs_make_folders(empty, NULL), PL_OK);
  pl_import_options options = {.workspace = f->workspace, .folder = empty};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_NOTFOUND);
  pl_import_summary_clear(&s);
  options.folder = "/nowhere/at/all";
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_NOTFOUND);
  pl_import_summary_clear(&s);
  options.folder = NULL;
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_USAGE);
  pl_import_summary_clear(&s);
  options.folder = f->data;
  options.size = 7;
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_USAGE);
  pl_import_summary_clear(&s);
  // None of these has touched the workspace.
  assert_int_not_equal(access(f->workspace, F_OK), 0);
  assert_int_equal(pl_workspace_init(f->workspace, NULL), PL_OK);
  char *settings = pl_path_join(f->workspace, PL_WORKSPACE_FILE);
  int lock = open(settings, O_RDWR | O_CLOEXEC);
  assert_int_equal(flock(lock, LOCK_EX), 0);
  options.size = 32;
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_BUSY);
  close(lock);
  pl_import_summary_clear(&s);
  free(settings);
  free(empty);
}

static bool always(void *context) {
  (*(int *)context)++;
  return *(int *)context > 8;  // after the list of files
}

static void test_cancelled(void **state) {
  const fixture *f = *state;
  for (int i = 10; i < 60; i++) {
    char id[16];
    snprintf(id, sizeof id, "id.%d", i);
    write_dicom(f->data, "dicom-images-test", id, i);
  }
  int asked = -50;
  pl_import_options options = {.workspace = f->workspace, .folder = f->data, .size = 32, .threads = 1};
  options.cancelled = always;
  options.context = &asked;
  pl_import_summary s = {0};
  pl_error err = {0};
  pl_status status = pl_import_run(&s, &options, &err);
  assert_true(status == PL_E_CANCELLED || status == PL_OK);
  pl_import_summary_clear(&s);
  // Whatever is listed is whole, and the next import ends the work.
  pl_manifest m = load(f);
  size_t before = m.count;
  pl_manifest_clear(&m);
  s = import(f, 32);
  assert_int_equal(s.unchanged, before);
  assert_int_equal(s.images, 56);
  pl_import_summary_clear(&s);
  m = load(f);
  assert_int_equal(m.count, 56);
  pl_manifest_clear(&m);
}

// Ends the process when so many images are done.
static void die(void *context, const pl_import_progress *progress) {
  if (progress->done >= *(const size_t *)context) kill(getpid(), SIGKILL);
}

static pl_status check_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  (void)context;
  if (!pl_ends_with(path, ".png")) return PL_OK;
  pl_image image = {0};
  pl_status status = pl_png_read(&image, path, err);
  pl_image_clear(&image);
  return status;
}

// Runs an import in a process of its own and kills it there: after `done` images, or after some milliseconds.
static void import_killed(const fixture *f, size_t done, unsigned milliseconds) {
  pid_t child = fork();
  if (child == 0) {
    pl_import_options options = {.workspace = f->workspace, .folder = f->data, .size = 64, .threads = 2};
    if (milliseconds == 0) options.progress = die;
    options.context = &done;
    pl_import_summary s = {0};
    (void)pl_import_run(&s, &options, NULL);
    // Too fast for the timer: as good as killed behind the end.
    (void)kill(getpid(), SIGKILL);
  }
  if (milliseconds > 0) {
    usleep(milliseconds * 1000);
    kill(child, SIGKILL);
  }
  int ended = 0;
  assert_int_equal(waitpid(child, &ended, 0), child);
  assert_true(WIFSIGNALED(ended));
}

static pl_status add_to_hash(void *context, const char *path, uint64_t size, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  pl_status status = pl_fs_read(&bytes, path, err);
  pl_sha256_add(context, path, strlen(path) + 1);
  pl_sha256_add(context, &size, sizeof size);
  if (bytes.length > 0) pl_sha256_add(context, bytes.data, bytes.length);
  pl_buf_clear(&bytes);
  return status;
}

// Of the pictures' names and bytes, and of the tables.
static void hash_workspace(char hex[PL_SHA256_HEX_SIZE], const fixture *f) {
  static const char *const parts[] = {"images", "masks", "cases.csv", "folds.csv", "train-rle.csv"};
  pl_sha256 hash;
  pl_sha256_init(&hash);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    char *path = pl_path_join(f->workspace, parts[i]);
    pl_error err = {0};
    pl_status status = i < 2 ? pl_fs_walk(path, add_to_hash, &hash, &err) : add_to_hash(&hash, path, 0, &err);
    if (status != PL_OK) fail_msg("%s", err.message);
    free(path);
  }
  pl_sha256_finish(&hash, hex);
}

static void remove_prepared(const fixture *f) {
  static const char *const parts[] = {"images", "masks", "cases.csv", "folds.csv", "train-rle.csv", ".prepared.csv"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    char *path = pl_path_join(f->workspace, parts[i]);
    if (access(path, F_OK) == 0) assert_int_equal(i < 2 ? pl_fs_remove_tree(path, NULL) : unlink(path), 0);
    free(path);
  }
}

// Wherever an import is killed, the next one ends with the same bytes as one that was left alone.
static void test_killed(void **state) {
  const fixture *f = *state;
  for (int i = 10; i < 80; i++) {
    char id[16];
    snprintf(id, sizeof id, "id.%d", i);
    write_dicom(f->data, "dicom-images-test", id, i);
  }
  char expected[PL_SHA256_HEX_SIZE], hex[PL_SHA256_HEX_SIZE];
  import_counts(f, 64, 0);
  hash_workspace(expected, f);
  static const struct {
    size_t done;
    unsigned milliseconds;
  } moments[] = {{3, 0}, {40, 0}, {76, 0}, {0, 5}, {0, 30}, {0, 70}, {0, 120}};
  for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
    remove_prepared(f);
    import_killed(f, moments[i].done, moments[i].milliseconds);
    // Every picture that there is can be read; half ones lie under another name, and the next import removes them.
    pl_error err = {0};
    if (pl_fs_walk(f->workspace, check_file, NULL, &err) != PL_OK) fail_msg("%s", err.message);
    char *folder = pl_path_join(f->workspace, "images");
    assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
    free(folder);
    write_text(f->workspace, "images/id.1.png.part", "half");
    pl_import_summary s = import(f, 64);
    assert_int_equal(s.images, 76);
    assert_int_equal(s.bad, 0);
    assert_in_range(s.unchanged, moments[i].done, 76);  // what was finished before is not done again
    pl_import_summary_clear(&s);
    hash_workspace(hex, f);
    assert_string_equal(hex, expected);
  }
}

static pl_buf read_text(const fixture *f, const char *name) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  char *path = pl_path_join(f->workspace, name);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  free(path);
  return text;
}

// Neither a picture that was cut off nor a line that was, nor one that lies, is believed.
static void test_torn_files(void **state) {
  const fixture *f = *state;
  import_counts(f, 32, 0);
  pl_buf whole = read_text(f, "images/id.3.png"), records = read_text(f, ".prepared.csv");
  pl_buf cases = read_text(f, "cases.csv");
  // The first half has a good header.
  char *path = pl_path_join(f->workspace, "images/id.3.png");
  assert_int_equal(pl_fs_replace(path, whole.data, whole.length / 2, NULL), PL_OK);
  import_counts(f, 32, 5);
  pl_buf again = read_text(f, "images/id.3.png");
  assert_int_equal(again.length, whole.length);
  assert_memory_equal(again.data, whole.data, whole.length);
  import_counts(f, 32, 6);
  // Another picture in its place, as whole as can be.
  pl_buf other = read_text(f, "images/id.2.png");
  assert_int_equal(pl_fs_replace(path, other.data, other.length, NULL), PL_OK);
  import_counts(f, 32, 5);
  // A mask that is gone or wrong is made again, and its image is not.
  write_text(f->workspace, "masks/id.1.png", "not a picture");
  import_counts(f, 32, 6);
  pl_image mask = read_png(f, "masks", "id.1");
  assert_int_equal(pl_mask_area(&mask), 32 * 16);
  pl_image_clear(&mask);
  // Records that end in the middle of a line, and one whose bytes have changed.
  char *list = pl_path_join(f->workspace, ".prepared.csv");
  assert_int_equal(pl_fs_replace(list, records.data, records.length - 5, NULL), PL_OK);
  import_counts(f, 32, 5);
  import_counts(f, 32, 6);
  char *id = strstr(records.data, ",id.4,");
  assert_non_null(id);
  id[4] = '5';
  assert_int_equal(pl_fs_replace(list, records.data, records.length, NULL), PL_OK);
  import_counts(f, 32, 5);
  // Without any record everything is made again, to the same workspace.
  assert_int_equal(unlink(list), 0);
  import_counts(f, 32, 0);
  pl_buf cases_again = read_text(f, "cases.csv");
  assert_string_equal(cases.data, cases_again.data);
  free(list);
  free(path);
  pl_buf_clear(&whole);
  pl_buf_clear(&records);
  pl_buf_clear(&cases);
  pl_buf_clear(&cases_again);
  pl_buf_clear(&again);
  pl_buf_clear(&other);
}

// A label that went away takes its mask with it.
static void test_stale_masks(void **state) {
  const fixture *f = *state;
  import_counts(f, 32, 0);
  assert_true(exists(f, "masks/id.2.png"));
  write_text(f->data, "train-rle.csv", "id.1,0 3840\nid.3,-1\n");
  import_counts(f, 32, 6);
  assert_false(exists(f, "masks/id.2.png"));
  assert_true(exists(f, "masks/id.1.png"));
  assert_true(exists(f, "masks/id.3.png"));
}

static void check_size(const fixture *f, const char *folder, const char *id, uint32_t width, uint32_t height) {
  pl_image image = read_png(f, folder, id);
  assert_int_equal(image.width, width);
  assert_int_equal(image.height, height);
  pl_image_clear(&image);
}

static void test_resize_rules(void **state) {
  const fixture *f = *state;
  // Wide: 96 x 48. Its mask is the left half: 48 columns of 48.
  write_dicom_of(f->data, "dicom-images-train", "wide", 200, SIDE, SIDE / 2);
  write_text(f->data, "train-rle.csv", "id.1,0 3840\nid.1,2880 1728\nid.2,-1\nid.3,-1\nwide,0 2304\n");
  pl_import_summary s = import_as(f, 0, PL_IMPORT_RESIZE_NONE, false);
  assert_int_equal(s.unchanged, 0);
  pl_import_summary_clear(&s);
  check_size(f, "images", "wide", SIDE, SIDE / 2);
  check_size(f, "masks", "wide", SIDE, SIDE / 2);
  check_size(f, "masks", "id.2", SIDE, SIDE);
  s = import_as(f, 64, PL_IMPORT_RESIZE_AREA, true);
  assert_int_equal(s.unchanged, 0);
  pl_import_summary_clear(&s);
  pl_image image = read_png(f, "images", "wide"), mask = read_png(f, "masks", "wide");
  assert_int_equal(image.height, 64);
  for (size_t y = 0; y < 64; y++) {
    for (size_t x = 0; x < 64; x++) {
      bool inside = y >= 16 && y < 48;
      assert_in_range(image.u8[y * 64 + x], inside ? 199 : 0, inside ? 201 : 0);
      assert_int_equal(mask.u8[y * 64 + x], inside && x < 32 ? 255 : 0);
    }
  }
  pl_image_clear(&image);
  pl_image_clear(&mask);
  s = import_as(f, 64, PL_IMPORT_RESIZE_AREA, true);
  assert_int_equal(s.unchanged, 7);
  pl_import_summary_clear(&s);
  // The reference's masks are grey at the edge. Columns 0 to 39 and 30 to 47 of 96 are added up; what is above 255 is
  // saturated, so only the last edge is seen. The numbers are scikit-image's.
  s = import_as(f, 32, PL_IMPORT_RESIZE_REFERENCE, false);
  assert_int_equal(s.unchanged, 0);
  assert_int_equal(s.masks, 2);
  pl_import_summary_clear(&s);
  mask = read_png(f, "masks", "id.1");
  const uint8_t expected[] = {255, 255, 240, 15, 0};
  assert_memory_equal(mask.u8 + 32 * 7 + 13, expected, sizeof expected);
  pl_image_clear(&mask);
  pl_manifest m = load(f);
  size_t index = 0;
  assert_int_equal(pl_manifest_find(&index, &m, "id.1", NULL), PL_OK);
  assert_int_equal(m.cases[index].mask_area, 48 * SIDE);
  pl_manifest_clear(&m);
  // A part of the images alone, in another way: the rest is left and counted.
  char *test_images = pl_path_join(f->data, "dicom-images-test");
  pl_import_options options = {.workspace = f->workspace, .test_images = test_images, .size = 40};
  assert_int_equal(pl_import_run(&s, &options, NULL), PL_OK);
  assert_int_equal(s.images, 1);
  assert_int_equal(s.other_recipe, 6);
  pl_import_summary_clear(&s);
  options.resize = PL_IMPORT_RESIZE_NONE;
  pl_error err = {0};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_USAGE);
  pl_import_summary_clear(&s);
  free(test_images);
}

// The real images

static char *real_path(const char *name) {
  const char *data = getenv("PLEURA_DATA"), *source = getenv("PLEURA_SOURCE");
  char *root = data != NULL ? pl_xstrdup(data) : pl_path_join(source != NULL ? source : ".", "../shared/data");
  char *path = pl_path_join(root, name);
  free(root);
  return path;
}

static void unpack(const char *packed, const char *path) {
  pid_t child = fork();
  if (child == 0) {
    if (freopen(path, "w", stdout) == NULL) _exit(1);
    execlp("gzip", "gzip", "-dc", packed, (char *)NULL);
    _exit(1);
  }
  int ended = -1;
  assert_int_equal(waitpid(child, &ended, 0), child);
  assert_int_equal(ended, 0);
}

typedef struct truth {
  const pl_manifest *manifest;
  size_t rows;
} truth;

// cases.csv of the data: ImageId, has_pneumothorax, mask_area_px, patient, sex, age, view.
static pl_status on_truth(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                          pl_error *err) {
  truth *t = context;
  assert_null(problem);
  assert_int_equal(count, 7);
  if (line == 1) return PL_OK;
  size_t index = 0;
  pl_status status = pl_manifest_find(&index, t->manifest, fields[0].text, err);
  if (status != PL_OK) return status;
  const pl_case *c = &t->manifest->cases[index];
  uint64_t area = 0;
  if (fields[2].length > 0) assert_true(pl_parse_u64(&area, fields[2].text, fields[2].length));
  assert_int_equal(c->mask_area, area);
  assert_int_equal(c->label, fields[1].text[0] - '0');
  assert_int_equal(c->sex, fields[4].text[0]);
  assert_string_equal(c->view, fields[6].text);
  t->rows++;
  return PL_OK;
}

static void test_real(void **state) {
  const fixture *f = *state;
  char *images = real_path("siim/dicom"), *packed = real_path("siim/train-rle.csv.gz");
  char *cases = real_path("siim/cases.csv"), *rle = pl_path_join(f->root, "train-rle.csv");
  bool there = pl_fs_is_folder(images) && pl_fs_is_file(packed) && pl_fs_is_file(cases);
  if (there) {
    unpack(packed, rle);
    pl_import_options options = {.workspace = f->workspace, .images = images, .rle = rle};
    pl_import_summary s = {0};
    pl_error err = {0};
    if (pl_import_run(&s, &options, &err) != PL_OK) fail_msg("%s", err.message);
    assert_int_equal(s.images, 150);
    assert_int_equal(s.masks, 75);
    assert_int_equal(s.positives, 75);
    assert_int_equal(s.negatives, 75);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.rows, 12954);
    assert_int_equal(s.ids_without_image, 12047 - 150);
    pl_import_summary_clear(&s);
    pl_manifest m = load(f);
    truth t = {.manifest = &m};
    if (pl_csv_parse_file(cases, on_truth, &t, &err) != PL_OK) fail_msg("%s", err.message);
    assert_int_equal(t.rows, 150);
    size_t in_fold[5] = {0};
    for (size_t i = 0; i < m.count; i++) in_fold[m.cases[i].fold]++;
    for (int k = 0; k < 5; k++) assert_int_equal(in_fold[k], 30);
    pl_manifest_clear(&m);
  } else {
    print_message("skipped: no %s\n", images);
  }
  free(images);
  free(packed);
  free(cases);
  free(rle);
  if (!there) skip();
}

int main(int argc, char **argv) {
  // The import starts this same program as its decode helper.
  if (argc == 2 && strcmp(argv[1], "decode") == 0) return pl_decode_serve(STDIN_FILENO);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_kaggle_folder, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_new_labels, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_crashing_file, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_parts_by_option, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_torn_files, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_stale_masks, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_resize_rules, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_real, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

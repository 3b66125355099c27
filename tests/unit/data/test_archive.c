#include "core/data/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/data/phantom.h"
#include "core/data/prepare.h"
#include "core/data/source.h"
#include "core/image/decode.h"
#include "tests/tools/testing.h"
#include "tests/tools/zip_maker.h"

enum { CASES = 5, TESTS = 1, SIDE = 64, BOMB_BYTES = 80 << 20 };

typedef struct fixture {
  char root[32];
  char *data, *zip, *workspace;
} fixture;

static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  (void)pl_copy_text(f->root, sizeof f->root, "/tmp/pleura-test-XXXXXX");
  if (mkdtemp(f->root) == NULL) return -1;
  f->data = pl_path_join(f->root, "data");
  f->zip = pl_path_join(f->root, "siim.zip");
  f->workspace = pl_path_join(f->root, "ws");
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int failed = pl_fs_remove_tree(f->root, NULL) != PL_OK;
  free(f->data);
  free(f->zip);
  free(f->workspace);
  free(f);
  return failed;
}

// Archives

static pl_status open_made(pl_archive **out, pl_buf *bytes, const zip_maker_member *members, size_t count,
                           pl_error *err) {
  pl_buf_init(bytes, 1 << 20);
  zip_maker_add(bytes, members, count);
  assert_false(bytes->failed);
  return pl_archive_open_bytes(out, bytes->data, bytes->length, err);
}

static const char *problem_of(const pl_archive *a, const char *name) {
  for (size_t i = 0; i < pl_archive_count(a); i++) {
    if (strcmp(pl_archive_at(a, i)->name, name) == 0) return pl_archive_at(a, i)->problem;
  }
  fail_msg("there is no member %s", name);
  return NULL;
}

static void test_hostile_members(void **state) {
  (void)state;
  static const zip_maker_member members[] = {
      {.name = "good.dcm", .bytes = "good"},
      {.name = "folder/", .bytes = ""},
      {.name = "../up.dcm", .bytes = "x"},
      {.name = "a/../../up.dcm", .bytes = "x"},
      {.name = "/etc/passwd", .bytes = "x"},
      {.name = "C:/x.dcm", .bytes = "x"},
      {.name = "a\\..\\x.dcm", .bytes = "x"},
      {.name = "tab\t.dcm", .bytes = "x"},
      {.name = "nul.dcm\0.exe", .name_length = 12, .bytes = "x"},
      {.name = "", .bytes = "x"},
      {.name = "twice.dcm", .bytes = "x"},
      {.name = "twice.dcm", .bytes = "y"},
      {.name = "link.dcm", .bytes = "/etc/passwd", .unix_mode = S_IFLNK | 0777},
      {.name = "device.dcm", .bytes = "x", .unix_mode = S_IFCHR | 0666},
      {.name = "file.dcm", .bytes = "plain", .unix_mode = S_IFREG | 0644},
      {.name = "secret.dcm", .bytes = "0123456789ab", .flags = 1},
      {.name = "bzip2.dcm", .bytes = "x", .method = 12},
      {.name = "bomb.dcm", .bytes = "x", .size = 0x7fffffff, .method = 8},
  };
  static const struct {
    const char *name, *problem;
  } expected[] = {
      {"good.dcm", NULL},
      {"folder/", NULL},
      {"file.dcm", NULL},
      {"../up.dcm", "leads out"},
      {"a/../../up.dcm", "leads out"},
      {"/etc/passwd", "absolute"},
      {"C:/x.dcm", "absolute"},
      {"a\\..\\x.dcm", "backslash"},
      {"tab\t.dcm", "control"},
      {"", "empty"},
      {"twice.dcm", "twice"},
      {"link.dcm", "link"},
      {"device.dcm", "device"},
      {"secret.dcm", "encrypted"},
      {"bzip2.dcm", "another way"},
  };
  // Without the bomb: it would make the archive as a whole one.
  size_t count = sizeof members / sizeof members[0] - 1;
  pl_archive *a = NULL;
  pl_buf bytes, out;
  pl_buf_init(&out, 100);
  pl_error err = {0};
  if (open_made(&a, &bytes, members, count, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(pl_archive_count(a), count);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    const char *problem = problem_of(a, expected[i].name);
    if (expected[i].problem == NULL) {
      assert_null(problem);
    } else {
      assert_non_null(problem);
      if (strstr(problem, expected[i].problem) == NULL) fail_msg("%s: %s", expected[i].name, problem);
      assert_int_equal(pl_archive_read(&out, a, expected[i].name, &err), PL_E_UNSUPPORTED);
    }
  }
  // Nothing is cut off at a NUL: what is behind it still says that this is no image.
  assert_null(problem_of(a, "nul.dcm .exe"));
  assert_int_equal(out.length, 0);
  assert_int_equal(pl_archive_read(&out, a, "file.dcm", &err), PL_OK);
  assert_string_equal(out.data, "plain");
  assert_int_equal(pl_archive_read(&out, a, "gone", &err), PL_E_NOTFOUND);
  pl_archive_close(a);
  pl_buf_clear(&out);
  pl_buf_clear(&bytes);
  assert_int_equal(open_made(&a, &bytes, members, count + 1, &err), PL_E_LIMIT);
  assert_non_null(strstr(err.message, "far more"));
  pl_buf_clear(&bytes);
}

// What the directory says about lengths and checksums is never believed.
static void test_lies(void **state) {
  (void)state;
  static const zip_maker_member members[] = {
      {.name = "crc", .bytes = "abc", .crc = 1},
      {.name = "short", .bytes = "abc", .size = 4},
      {.name = "long", .bytes = "abcdef", .size = 3},
      {.name = "noise", .bytes = "\x05not deflated", .method = 8, .size = 100},
      {.name = "good", .bytes = "abc"},
  };
  pl_archive *a = NULL;
  pl_buf bytes;
  pl_error err = {0};
  if (open_made(&a, &bytes, members, 5, &err) != PL_OK) fail_msg("%s", err.message);
  for (size_t i = 0; i < 5; i++) {
    pl_buf out;
    pl_buf_init(&out, 1000);
    assert_int_equal(pl_archive_read(&out, a, members[i].name, &err), i == 4 ? PL_OK : PL_E_FORMAT);
    pl_buf_clear(&out);
  }
  pl_buf small;
  pl_buf_init(&small, 2);
  assert_int_equal(pl_archive_read(&small, a, "good", &err), PL_E_LIMIT);
  pl_buf_clear(&small);
  pl_archive_close(a);
  pl_buf_clear(&bytes);
}

// Many members that share their packed bytes, and archives that end too early.
static void test_overlap_and_cuts(void **state) {
  (void)state;
  enum { MANY = 200 };
  static const char content[] =
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
  zip_maker_member members[MANY];
  char names[MANY][16];
  for (size_t i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "%zu.dcm", i);
    members[i] = (zip_maker_member){.name = names[i], .bytes = content, .at = i > 0 ? &members[0] : NULL};
  }
  pl_archive *a = NULL;
  pl_buf bytes;
  pl_error err = {0};
  assert_int_equal(open_made(&a, &bytes, members, MANY, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "on top of each other"));
  pl_buf_clear(&bytes);
  for (size_t i = 1; i < MANY; i++) members[i].at = NULL;
  assert_int_equal(open_made(&a, &bytes, members, MANY, &err), PL_OK);
  pl_archive_close(a);
  for (size_t length = 0; length < bytes.length; length += 97) {
    assert_int_equal(pl_archive_open_bytes(&a, bytes.data, length, &err), PL_E_FORMAT);
  }
  pl_buf_clear(&bytes);
}

// Import

static void add_to(zip_t *zip, const char *name, const void *bytes, size_t length) {
  void *copy = pl_xmalloc(length + 1);
  memcpy(copy, bytes, length);
  zip_source_t *source = zip_source_buffer(zip, copy, length, 1);
  if (source == NULL || zip_file_add(zip, name, source, 0) < 0) fail_msg("%s: %s", name, zip_strerror(zip));
}

typedef struct packer {
  zip_t *zip;
  const char *prefix;
  size_t skip;  // of the paths
} packer;

static pl_status pack_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  packer *p = context;
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 24);
  pl_status status = pl_fs_read(&bytes, path, err);
  char *name = pl_xprintf("%s%s", p->prefix, path + p->skip);
  if (status == PL_OK) add_to(p->zip, name, bytes.data, bytes.length);
  free(name);
  pl_buf_clear(&bytes);
  return status;
}

static void make_phantom(const fixture *f) {
  pl_phantom_options o = pl_phantom_options_default();
  o.cases = CASES;
  o.size = SIDE;
  o.positive = 0.4;
  pl_error err = {0};
  if (pl_phantom_write(f->data, &o, &err) != PL_OK) fail_msg("%s", err.message);
}

static zip_t *open_zip(const fixture *f, int flags) {
  int why = 0;
  zip_t *zip = zip_open(f->zip, flags, &why);
  if (zip == NULL) fail_msg("libzip fails with %d", why);
  return zip;
}

static void pack(const fixture *f, const char *prefix) {
  packer p = {.zip = open_zip(f, ZIP_CREATE | ZIP_TRUNCATE), .prefix = prefix, .skip = strlen(f->data) + 1};
  pl_error err = {0};
  if (pl_fs_walk(f->data, pack_file, &p, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(zip_close(p.zip), 0);
}

static pl_status import_from(pl_import_summary *s, const char *folder, const char *workspace, pl_error *err) {
  pl_import_options o = {.workspace = workspace, .folder = folder, .size = 32, .threads = 2};
  return pl_import_run(s, &o, err);
}

static pl_import_summary import_zip(const fixture *f) {
  pl_import_summary s = {0};
  pl_error err = {0};
  if (import_from(&s, f->zip, f->workspace, &err) != PL_OK) fail_msg("%s", err.message);
  return s;
}

static void same_file(const char *one, const char *two, const char *name) {
  char *a = pl_path_join(one, name), *b = pl_path_join(two, name);
  char first[PL_SHA256_HEX_SIZE], second[PL_SHA256_HEX_SIZE];
  assert_int_equal(pl_sha256_file(first, a, NULL), PL_OK);
  assert_int_equal(pl_sha256_file(second, b, NULL), PL_OK);
  assert_string_equal(first, second);
  free(a);
  free(b);
}

// The archive gives what the unpacked folder gives.
static void test_import(void **state) {
  const fixture *f = *state;
  make_phantom(f);
  pack(f, "siim/");
  zip_t *zip = open_zip(f, 0);
  add_to(zip, "__MACOSX/siim/dicom-images-train/._x.dcm", "litter", 6);
  add_to(zip, "siim/dicom-images-train/README.txt", "words", 5);
  assert_int_equal(zip_close(zip), 0);
  char *other = pl_path_join(f->root, "ws-folder");
  pl_import_summary s = {0}, t = import_zip(f);
  pl_error err = {0};
  assert_int_equal(import_from(&s, f->data, other, &err), PL_OK);
  assert_int_equal(t.train, CASES);
  assert_int_equal(t.test, TESTS);
  assert_int_equal(t.bad, 0);
  assert_int_equal(t.other_files, 1);
  assert_int_equal(t.positives, s.positives);
  assert_int_equal(t.masks, 2);
  assert_int_equal(t.sample_ids, TESTS);
  assert_int_equal(t.sample_without_image, 0);
  pl_manifest m = {0}, n = {0};
  assert_int_equal(pl_manifest_load(&m, f->workspace, &err), PL_OK);
  assert_int_equal(pl_manifest_load(&n, other, &err), PL_OK);
  assert_int_equal(m.count, CASES + TESTS);
  pl_decoder *decoder = NULL;
  assert_int_equal(pl_decoder_create(&decoder, NULL, &err), PL_OK);
  for (size_t i = 0; i < m.count; i++) {
    const pl_case *c = &m.cases[i];
    assert_string_equal(c->id, n.cases[i].id);
    assert_string_equal(c->sha256, n.cases[i].sha256);
    char *name = pl_xprintf("images/%s.png", c->id);
    same_file(f->workspace, other, name);
    free(name);
    // The case says where it came from, and can be read again from there.
    const char *member = strstr(c->source, ".zip!/siim/dicom-images-");
    assert_non_null(member);
    assert_true(pl_begins_with(c->source, f->zip));
    pl_dicom dicom = {0};
    if (pl_source_decode(&dicom, c->source, decoder, &err) != PL_OK) fail_msg("%s", err.message);
    assert_int_equal(dicom.image.width, SIDE);
    pl_dicom_clear(&dicom);
  }
  pl_decoder_destroy(decoder);
  same_file(f->workspace, f->data, "train-rle.csv");
  same_file(f->workspace, f->data, "sample_submission.csv");
  same_file(f->workspace, other, "folds.csv");
  pl_manifest_clear(&m);
  pl_manifest_clear(&n);
  pl_import_summary_clear(&s);
  pl_import_summary_clear(&t);
  // Again: nothing to do. And the unpacked folder is the same content.
  s = import_zip(f);
  assert_int_equal(s.unchanged, CASES + TESTS);
  pl_import_summary_clear(&s);
  assert_int_equal(import_from(&s, f->data, f->workspace, &err), PL_OK);
  assert_int_equal(s.unchanged, CASES + TESTS);
  pl_import_summary_clear(&s);
  free(other);
}

static pl_buf read_whole(const char *path) {
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 24);
  pl_error err = {0};
  if (pl_fs_read(&bytes, path, &err) != PL_OK) fail_msg("%s", err.message);
  return bytes;
}

static void test_import_hostile(void **state) {
  const fixture *f = *state;
  make_phantom(f);
  pack(f, "");
  zip_t *zip = open_zip(f, 0);
  add_to(zip, "dicom-images-train/../../../evil.dcm", "x", 1);
  add_to(zip, "/tmp/pleura-evil.dcm", "x", 1);
  add_to(zip, "dicom-images-train/text.dcm", "no DICOM", 8);
  add_to(zip, "dicom-images-train/link.dcm", "/etc/passwd", 11);
  zip_int64_t link = zip_name_locate(zip, "dicom-images-train/link.dcm", 0);
  assert_int_equal(zip_file_set_external_attributes(zip, (zip_uint64_t)link, 0, ZIP_OPSYS_UNIX,
                                                    (zip_uint32_t)(S_IFLNK | 0777) << 16),
                   0);
  char *zeros = pl_xcalloc(BOMB_BYTES, 1);
  add_to(zip, "dicom-images-train/bomb.dcm", zeros, BOMB_BYTES);
  free(zeros);
  // So many bytes that the archive as a whole is in proportion.
  char *noise = pl_xmalloc(BOMB_BYTES / 100);
  for (size_t i = 0; i < BOMB_BYTES / 100; i++) noise[i] = (char)((i * 2654435761u) >> 13);
  add_to(zip, "noise.bin", noise, BOMB_BYTES / 100);
  zip_int64_t stored = zip_name_locate(zip, "noise.bin", 0);
  assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)stored, ZIP_CM_STORE, 0), 0);
  free(noise);
  assert_int_equal(zip_close(zip), 0);
  pl_import_summary s = import_zip(f);
  assert_int_equal(s.refused[PL_REFUSAL_MEMBER], 4);
  assert_int_equal(s.refused[PL_REFUSAL_DAMAGED], 1);
  assert_int_equal(s.bad, 5);
  assert_int_equal(s.failure_count, 5);
  assert_int_equal(s.positives + s.negatives, CASES);
  pl_import_summary_clear(&s);
  assert_int_not_equal(access("/tmp/pleura-evil.dcm", F_OK), 0);
  char *evil = pl_path_join(f->root, "evil.dcm");
  assert_int_not_equal(access(evil, F_OK), 0);
  free(evil);
  // Strictly, the first of them ends it.
  pl_import_options o = {.workspace = f->workspace, .folder = f->zip, .size = 32, .strict = true};
  pl_error err = {0};
  assert_int_equal(pl_import_run(&s, &o, &err), PL_E_FORMAT);
  pl_import_summary_clear(&s);
}

// A damaged member costs one image; an archive that was cut off is refused before anything is written.
static void test_import_damaged(void **state) {
  const fixture *f = *state;
  make_phantom(f);
  pack(f, "siim/");
  pl_buf bytes = read_whole(f->zip);
  pl_import_summary s = {0};
  pl_error err = {0};
  assert_int_equal(pl_fs_replace(f->zip, bytes.data, bytes.length / 2, NULL), PL_OK);
  assert_int_equal(import_from(&s, f->zip, f->workspace, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "not a whole zip archive"));
  pl_import_summary_clear(&s);
  assert_int_not_equal(access(f->workspace, F_OK), 0);
  assert_int_equal(pl_fs_replace(f->zip, "PK this is text", 15, NULL), PL_OK);
  assert_int_equal(import_from(&s, f->zip, f->workspace, &err), PL_E_USAGE);
  pl_import_summary_clear(&s);
  // The packed bytes of the first image.
  char *first = memmem(bytes.data, bytes.length, ".dcm", 4);
  assert_non_null(first);
  memset(first + 60, 0x55, 40);
  assert_int_equal(pl_fs_replace(f->zip, bytes.data, bytes.length, NULL), PL_OK);
  s = import_zip(f);
  assert_int_equal(s.refused[PL_REFUSAL_DAMAGED], 1);
  assert_int_equal(s.bad, 1);
  pl_import_summary_clear(&s);
  pl_buf_clear(&bytes);
}

static void test_sources(void **state) {
  const fixture *f = *state;
  static const zip_maker_member members[] = {{.name = "a/b.csv", .bytes = "text"}};
  pl_buf bytes, out;
  pl_buf_init(&bytes, 1 << 16);
  pl_buf_init(&out, 100);
  zip_maker_add(&bytes, members, 1);
  char *odd = pl_xprintf("%s/odd!/x", f->root), *folder = pl_xprintf("%s/odd!", f->root);
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(odd, bytes.data, bytes.length, NULL), PL_OK);
  char *source = pl_xprintf("%s" PL_SOURCE_SEPARATOR "a/b.csv", odd), *gone = pl_xprintf("%s!/gone", odd);
  pl_error err = {0};
  if (pl_source_read(&out, source, &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(out.data, "text");
  assert_int_equal(pl_source_read(&out, gone, &err), PL_E_NOTFOUND);
  assert_int_equal(pl_source_read(&out, "/nowhere/x.zip!/a", &err), PL_E_NOTFOUND);
  free(odd);
  free(folder);
  free(source);
  free(gone);
  pl_buf_clear(&bytes);
  pl_buf_clear(&out);
}

int main(int argc, char **argv) {
  // The import starts this same program as its decode helper.
  if (argc == 2 && strcmp(argv[1], "decode") == 0) return pl_decode_serve(STDIN_FILENO);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hostile_members),
      cmocka_unit_test(test_lies),
      cmocka_unit_test(test_overlap_and_cuts),
      cmocka_unit_test_setup_teardown(test_import, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_import_hostile, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_import_damaged, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_sources, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/image/decode.h"
#include "core/image/png_io.h"
#include "dicom_maker.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

static char *helper_path(void) {
  const char *build = getenv("PLEURA_BUILD");
  return pl_path_join(build != NULL ? build : "build/dev", "bin/decode_helper");
}

static pl_decoder *make_decoder(double deadline) {
  pl_decoder *decoder = NULL;
  char *helper = helper_path();
  pl_decoder_options options = {.executable = helper, .deadline = deadline};
  assert_int_equal(pl_decoder_create(&decoder, &options, NULL), PL_OK);
  free(helper);
  return decoder;
}

static char *file_with(const char *name, const void *bytes, size_t length) {
  char *path = scratch_path(name);
  assert_int_equal(pl_fs_replace(path, bytes, length, NULL), PL_OK);
  return path;
}

static char *jpeg_file(void) {
  made_dicom made = maker_defaults(16, 16, 8, maker_jpeg);
  made.transfer_syntax = "1.2.840.10008.1.2.4.50";
  made.encapsulated = 1;
  made.pixel_bytes = sizeof maker_jpeg;
  made.centre = "100";
  made.width = "50";
  made.age = "031Y";
  made.patient_name = "DOE^JANE";
  made.birth_date = "19891231";
  made.burned_in = "NO";
  made.detector_spacing = "0.2\\0.2";
  pl_buf file;
  pl_buf_init(&file, 1 << 16);
  maker_file(&file, &made);
  char *path = file_with("good.dcm", file.data, file.length);
  pl_buf_clear(&file);
  return path;
}

static void a_helper_decodes_file_after_file(void **state) {
  (void)state;
  pl_decoder *decoder = make_decoder(0);
  assert_false(pl_decoder_is_confined(decoder));
  char *path = jpeg_file(), hex[PL_SHA256_HEX_SIZE], file_hash[PL_SHA256_HEX_SIZE], expected[PL_SHA256_HEX_SIZE];
  assert_int_equal(pl_sha256_file(expected, path, NULL), PL_OK);
  // Beyond the number of files that one helper serves.
  for (int i = 0; i < 205; i++) {
    pl_error err = {0};
    pl_dicom dicom;
    if (pl_decoder_read(decoder, &dicom, file_hash, path, &err) != PL_OK) fail_msg("%s", err.message);
    plane_hash(hex, &dicom.image);
    assert_string_equal(hex, maker_jpeg_hash);
    assert_string_equal(file_hash, expected);
    assert_int_equal(dicom.age, 31);
    assert_int_equal(dicom.window_count, 1);
    assert_true(dicom.windows[0].centre == 100 && dicom.windows[0].width == 50);
    assert_string_equal(dicom.view, "AP");
    assert_string_equal(dicom.patient_name, "DOE^JANE");
    assert_string_equal(dicom.birth_date, "19891231");
    assert_int_equal(dicom.burned_in, PL_DICOM_NO);
    assert_int_equal(dicom.spacing_source, PL_SPACING_DETECTOR);
    pl_dicom_clear(&dicom);
  }
  assert_true(pl_decoder_is_confined(decoder));
  // A refusal leaves the helper alive, and names the file.
  char *bad = file_with("bad.dcm", "not a DICOM file at all", 23);
  pl_error err = {0};
  pl_dicom dicom;
  assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, bad, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "bad.dcm"));
  assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, "/nonexistent.dcm", &err), PL_E_NOTFOUND);
  assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, path, &err), PL_OK);
  pl_dicom_clear(&dicom);
  free(bad);
  free(path);
  pl_decoder_destroy(decoder);
}

static void large_planes_pass(void **state) {
  (void)state;
  enum { SIDE = 3000 };
  uint8_t *pixels = malloc((size_t)SIDE * SIDE * 2);
  for (size_t i = 0; i < (size_t)SIDE * SIDE * 2; i++) pixels[i] = (uint8_t)(i * 31 + (i >> 9));
  made_dicom made = maker_defaults(SIDE, SIDE, 16, pixels);
  pl_buf file;
  pl_buf_init(&file, 1 << 26);
  maker_file(&file, &made);
  char *path = file_with("large.dcm", file.data, file.length);
  pl_decoder *decoder = make_decoder(0);
  pl_error err = {0};
  pl_dicom dicom;
  if (pl_decoder_read(decoder, &dicom, NULL, path, &err) != PL_OK) fail_msg("%s", err.message);
  assert_memory_equal(dicom.image.data, pixels, (size_t)SIDE * SIDE * 2);
  pl_dicom_clear(&dicom);
  pl_decoder_destroy(decoder);
  pl_buf_clear(&file);
  free(pixels);
  free(path);
}

// One decoder, one bad file after the other: each costs one message, and the next file is served again.
static void a_misbehaving_helper_costs_one_file(void **state) {
  (void)state;
  const struct {
    const char *bytes, *words;
  } cases[] = {
      {"crash", "crashed (signal 11)"}, {"exit", "exit code 3"},    {"hang", "did not finish within 1 s"},
      {"close", "crashed (signal 9)"},  {"half", "did not finish"}, {"huge", "makes no sense"},
      {"type", "makes no sense"},       {"text", "makes no sense"}, {"windows", "makes no sense"},
      {"status", "makes no sense"},
  };
  assert_int_equal(setenv("DECODE_HELPER_PLAYS", "1", 1), 0);
  pl_decoder *decoder = make_decoder(1);
  char *good = file_with("play-good", "good", 4);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *path = file_with("play-bad", cases[i].bytes, strlen(cases[i].bytes));
    pl_error err = {0};
    pl_dicom dicom = {.age = 77};
    pl_status status = pl_decoder_read(decoder, &dicom, NULL, path, &err);
    if (strcmp(cases[i].bytes, "huge") == 0) {
      assert_int_equal(status, PL_E_LIMIT);
    } else if (status != PL_E_FORMAT || strstr(err.message, cases[i].words) == NULL) {
      fail_msg("%s: %s: %s", cases[i].bytes, pl_status_name(status), err.message);
    }
    assert_non_null(strstr(err.message, "play-bad"));
    assert_int_equal(dicom.age, 77);
    if (pl_decoder_read(decoder, &dicom, NULL, good, &err) != PL_OK)
      fail_msg("after %s: %s", cases[i].bytes, err.message);
    assert_memory_equal(dicom.image.u8, "abcd", 4);
    pl_dicom_clear(&dicom);
    free(path);
  }
  free(good);
  pl_decoder_destroy(decoder);
  unsetenv("DECODE_HELPER_PLAYS");
}

static void a_helper_that_cannot_start_is_reported(void **state) {
  (void)state;
  const struct {
    const char *executable, *words;
  } cases[] = {{"/nonexistent/pleura", "cannot start"}, {"/bin/true", "exit code 0"}, {"/bin/echo", "/bin/echo"}};
  char *path = jpeg_file();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_decoder_options options = {.executable = cases[i].executable, .deadline = 5};
    pl_decoder *decoder = NULL;
    assert_int_equal(pl_decoder_create(&decoder, &options, NULL), PL_OK);
    pl_error err = {0};
    pl_dicom dicom;
    assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, path, &err), PL_E_INTERNAL);
    if (strstr(err.message, cases[i].words) == NULL) fail_msg("%s", err.message);
    pl_decoder_destroy(decoder);
  }
  free(path);
  assert_int_equal(setenv("PLEURA_DECODE_HELPER", "1", 1), 0);
  pl_decoder *decoder = NULL;
  assert_int_equal(pl_decoder_create(&decoder, NULL, NULL), PL_E_USAGE);
  unsetenv("PLEURA_DECODE_HELPER");
}

static void a_helper_is_confined(void **state) {
  (void)state;
  char *helper = helper_path();
  pid_t pid = fork();
  if (pid == 0) {
    execl(helper, helper, "probe", (char *)NULL);
    _exit(99);
  }
  int how = 0;
  assert_int_equal(waitpid(pid, &how, 0), pid);
  free(helper);
  assert_true(WIFEXITED(how));
  if (WEXITSTATUS(how) == 77) {
    print_message("skipped: this kernel has no seccomp filters\n");
    skip();
  }
  assert_int_equal(WEXITSTATUS(how), 0);
}

static void a_helper_exits_when_its_socket_closes(void **state) {
  (void)state;
  // The helper reads its socket from standard input: /dev/null there is a socket that has closed.
  char *helper = helper_path();
  pid_t pid = fork();
  if (pid == 0) {
    if (freopen("/dev/null", "r+", stdin) == NULL) _exit(98);
    execl(helper, helper, "decode", (char *)NULL);
    _exit(99);
  }
  int how = 0;
  assert_int_equal(waitpid(pid, &how, 0), pid);
  free(helper);
  assert_true(WIFEXITED(how));
  assert_int_equal(WEXITSTATUS(how), 0);
}

// Changed bytes all over a file: whatever DCMTK does, this process gets an answer.
static void changed_bytes_are_survived(void **state) {
  (void)state;
  char *path = jpeg_file();
  pl_buf file;
  pl_buf_init(&file, 1 << 16);
  assert_int_equal(pl_fs_read(&file, path, NULL), PL_OK);
  free(path);
  pl_decoder *decoder = make_decoder(0);
  int refused = 0, decoded = 0;
  for (size_t i = 128; i < file.length; i += 3) {
    char before = file.data[i];
    file.data[i] = (char)(before ^ (char)(1u << (i % 8)));
    path = file_with("changed.dcm", file.data, file.length);
    pl_error err = {0};
    pl_dicom dicom;
    if (pl_decoder_read(decoder, &dicom, NULL, path, &err) == PL_OK) {
      decoded++;
      pl_dicom_clear(&dicom);
    } else {
      refused++;
    }
    file.data[i] = before;
    free(path);
  }
  assert_true(refused > 10 && decoded > 10);
  pl_decoder_destroy(decoder);
  pl_buf_clear(&file);
}

// An element that says it has gigabytes more than the file: DCMTK asks for them, the helper's limit refuses.
static void a_length_beyond_memory_costs_one_file(void **state) {
  (void)state;
  const uint8_t bytes[16] = {1, 2, 3}, tag[] = {0xe0, 0x7f, 0x10, 0x00};
  made_dicom made = maker_defaults(4, 4, 8, bytes);
  pl_buf file;
  pl_buf_init(&file, 1 << 16);
  maker_file(&file, &made);
  uint8_t *element = memmem(file.data, file.length, tag, sizeof tag);
  assert_non_null(element);
  pl_decoder *decoder = make_decoder(0);
  char *good = jpeg_file();
  for (uint8_t top = 0x20; top >= 0x20; top = (uint8_t)(top + 0x1f)) {
    element[11] = top;  // the last byte of a length of four
    char *path = file_with("long.dcm", file.data, file.length);
    pl_error err = {0};
    pl_dicom dicom;
    assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, path, &err), PL_E_FORMAT);
    assert_int_equal(pl_decoder_read(decoder, &dicom, NULL, good, &err), PL_OK);
    pl_dicom_clear(&dicom);
    free(path);
  }
  pl_decoder_destroy(decoder);
  free(good);
  pl_buf_clear(&file);
}

static void png_and_dicom_are_told_apart(void **state) {
  (void)state;
  pl_error err = {0};
  pl_image image;
  assert_int_equal(pl_image_init(&image, 4, 3, PL_PIXEL_U16, PL_IMAGE_GREY, &err), PL_OK);
  image.u16[5] = 40000;
  char *png = scratch_path("picture.png"), *dicom_path = jpeg_file();
  assert_int_equal(pl_png_write(png, &image, PL_PNG_FAST, &err), PL_OK);
  pl_decoder *decoder = make_decoder(0);
  pl_dicom dicom;
  assert_int_equal(pl_image_read_any(&dicom, png, decoder, &err), PL_OK);
  assert_int_equal(dicom.image.u16[5], 40000);
  assert_int_equal(dicom.bits_stored, 16);
  assert_int_equal(dicom.age, -1);
  assert_true(dicom.rescale_slope == 1);
  pl_dicom_clear(&dicom);
  assert_int_equal(pl_image_read_any(&dicom, dicom_path, decoder, &err), PL_OK);
  assert_int_equal(dicom.image.width, 16);
  pl_dicom_clear(&dicom);
  assert_int_equal(pl_image_read_any(&dicom, "/nonexistent", decoder, &err), PL_E_NOTFOUND);
  pl_decoder_destroy(decoder);
  pl_image_clear(&image);
  free(png);
  free(dicom_path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_helper_decodes_file_after_file),
      cmocka_unit_test(large_planes_pass),
      cmocka_unit_test(a_misbehaving_helper_costs_one_file),
      cmocka_unit_test(a_helper_that_cannot_start_is_reported),
      cmocka_unit_test(a_helper_is_confined),
      cmocka_unit_test(a_helper_exits_when_its_socket_closes),
      cmocka_unit_test(changed_bytes_are_survived),
      cmocka_unit_test(a_length_beyond_memory_costs_one_file),
      cmocka_unit_test(png_and_dicom_are_told_apart),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  scratch_remove();
  return failed;
}

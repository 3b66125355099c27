// Real files through helper processes, against pydicom: the same stored values, or a reason; and never a crash.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/decode.h"
#include "core/image/refusal.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

enum { TABLE_MAX = 1 << 20, HASH_DIGITS = 16, LINE_FIELDS = 26 };

// INDEX.csv: what each file is, and what pydicom 2.3.1 makes of it.
enum {
  COLUMN_SYNTAX = 4,
  COLUMN_PHOTOMETRIC = 6,
  COLUMN_ALLOCATED = 8,
  COLUMN_FRAMES = 14,
  COLUMN_DECODE = 22,
  COLUMN_HASH = 25,
};

static const char *const big_endian = "1.2.840.10008.1.2.2";
static const char *const jpeg_2000 = "1.2.840.10008.1.2.4.9";

// What became of the files.
typedef struct tally {
  int files, equal, beyond;  // beyond: decoded although pydicom has no decoder for it
  int refused[PL_REFUSAL_COUNT];
} tally;

static pl_decoder *make_decoder(void) {
  pl_decoder *decoder = NULL;
  const char *build = getenv("PLEURA_BUILD");
  char *helper = pl_path_join(build != NULL ? build : "build/dev", "bin/decode_helper");
  pl_decoder_options options = {.executable = helper};
  assert_int_equal(pl_decoder_create(&decoder, &options, NULL), PL_OK);
  free(helper);
  return decoder;
}

// The next field of a line, cut off in place; quoted ones keep their quotes.
static char *next_field(char **rest) {
  char *start = *rest, *end = start;
  if (start == NULL) return (char *)"";
  for (bool quoted = false; *end != '\0' && (quoted || *end != ','); end++) quoted ^= *end == '"';
  *rest = *end == ',' ? end + 1 : NULL;
  *end = '\0';
  return start;
}

// Calls `on_line` with the fields of every line but the first.
static void each_line(const char *path, void (*on_line)(void *context, char *fields[LINE_FIELDS]), void *context) {
  pl_buf text;
  pl_buf_init(&text, TABLE_MAX);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  char *line = strchr(text.data, '\n') + 1;
  while (line != NULL && *line != '\0') {
    char *end = strpbrk(line, "\r\n"), *fields[LINE_FIELDS], *rest = line;
    char *next = end != NULL ? end + strspn(end, "\r\n") : NULL;
    if (end != NULL) *end = '\0';
    for (size_t i = 0; i < LINE_FIELDS; i++) fields[i] = next_field(&rest);
    on_line(context, fields);
    line = next;
  }
  pl_buf_clear(&text);
}

// The hash of pixel_array's bytes, which pydicom leaves in the file's byte order.
static void hash_like_pydicom(char hex[PL_SHA256_HEX_SIZE], const pl_dicom *dicom) {
  size_t count = (size_t)dicom->image.width * dicom->image.height, size = dicom->bits_allocated / 8u;
  bool swapped = strcmp(dicom->transfer_syntax, big_endian) == 0;
  uint8_t *bytes = pl_xmalloc(count * size);
  for (size_t i = 0; i < count; i++) {
    unsigned value = dicom->image.type == PL_PIXEL_U8 ? dicom->image.u8[i] : dicom->image.u16[i];
    for (size_t k = 0; k < size; k++) bytes[i * size + k] = (uint8_t)(value >> 8 * (swapped ? size - 1 - k : k));
  }
  pl_sha256_bytes(hex, bytes, count * size);
  hex[HASH_DIGITS] = '\0';
  free(bytes);
}

static void print_tally(const char *what, const tally *t) {
  char line[512];
  int n =
      snprintf(line, sizeof line, "%s: %d files, %d equal to pydicom, %d more decoded that pydicom has no decoder for",
               what, t->files, t->equal, t->beyond);
  for (int i = 0; i < PL_REFUSAL_COUNT; i++) {
    if (t->refused[i] == 0) continue;
    n += snprintf(line + n, sizeof line - (size_t)n, "%s%d %s", strstr(line, "refused") == NULL ? "; refused: " : ", ",
                  t->refused[i], pl_refusal_name((pl_refusal)i));
  }
  print_message("%s\n", line);
}

// The indexed files

typedef struct conformance {
  tally tally;
  const char *folder;
  pl_decoder *decoder;
} conformance;

// Grey, of 8 or 16 bits, with one frame, in a transfer syntax that DCMTK has a decoder for, and fine for pydicom.
static bool is_promised(char *fields[LINE_FIELDS]) {
  int bits = (int)strtol(fields[COLUMN_ALLOCATED], NULL, 10), frames = (int)strtol(fields[COLUMN_FRAMES], NULL, 10);
  return strcmp(fields[COLUMN_DECODE], "ok") == 0 && strncmp(fields[COLUMN_PHOTOMETRIC], "MONOCHROME", 10) == 0 &&
         (bits == 8 || bits == 16) && frames <= 1 && strncmp(fields[COLUMN_SYNTAX], jpeg_2000, strlen(jpeg_2000)) != 0;
}

static void check_indexed(void *context, char *fields[LINE_FIELDS]) {
  conformance *c = context;
  tally *t = &c->tally;
  char *path = pl_path_join(c->folder, fields[0]), hex[PL_SHA256_HEX_SIZE];
  pl_error err = {0};
  pl_dicom dicom;
  pl_status status = pl_decoder_read(c->decoder, &dicom, NULL, path, &err);
  t->files++;
  if (status == PL_OK) {
    hash_like_pydicom(hex, &dicom);
    if (strcmp(fields[COLUMN_DECODE], "ok") != 0) {
      t->beyond++;
    } else if (strcmp(hex, fields[COLUMN_HASH]) == 0) {
      t->equal++;
    } else {
      fail_msg("%s: %s, not %s", path, hex, fields[COLUMN_HASH]);
    }
    pl_dicom_clear(&dicom);
  } else {
    if (err.message[0] == '\0' || is_promised(fields)) fail_msg("%s: %s", path, err.message);
    t->refused[pl_refusal_of(&err)]++;
  }
  free(path);
}

static void conformance_files_equal_pydicom(void **state) {
  (void)state;
  char *index = data_path("dicom-conformance/INDEX.csv"), *folder = data_path("dicom-conformance");
  if (index == NULL) {
    print_message("skipped: no dicom-conformance under PLEURA_DATA\n");
    skip();
  }
  conformance c = {.folder = folder, .decoder = make_decoder()};
  each_line(index, check_indexed, &c);
  print_tally("dicom-conformance", &c.tally);
  assert_int_equal(c.tally.files, 143);
  assert_int_equal(c.tally.equal, 52);
  assert_int_equal(c.tally.refused[PL_REFUSAL_CRASHED], 0);
  assert_int_equal(c.tally.refused[PL_REFUSAL_OTHER], 0);
  pl_decoder_destroy(c.decoder);
  free(index);
  free(folder);
}

// The 150 real images, by the hashes of their files: tests/golden/image/siim-pixels.csv was made by pydicom 2.3.1 with
// Pillow 9.4.

typedef struct expectation {
  const char *file;  // first digits of the hash
  char pixels[HASH_DIGITS + 1];
  bool found;
} expectation;

static void look_up(void *context, char *fields[LINE_FIELDS]) {
  expectation *e = context;
  if (strncmp(fields[0], e->file, HASH_DIGITS) != 0) return;
  snprintf(e->pixels, sizeof e->pixels, "%s", fields[1]);
  e->found = true;
}

static void siim_files_equal_pydicom(void **state) {
  (void)state;
  char *folder = data_path("siim/dicom"), **names;
  if (folder == NULL) {
    print_message("skipped: no SIIM files under PLEURA_DATA\n");
    skip();
  }
  const char *source = getenv("PLEURA_SOURCE");
  char *golden = pl_path_join(source != NULL ? source : ".", "tests/golden/image/siim-pixels.csv");
  pl_decoder *decoder = make_decoder();
  tally t = {0};
  size_t count;
  assert_int_equal(pl_fs_list(&names, &count, folder, NULL), PL_OK);
  for (size_t i = 0; i < count; i++) {
    char *path = pl_path_join(folder, names[i]), file[PL_SHA256_HEX_SIZE], pixels[PL_SHA256_HEX_SIZE];
    pl_dicom dicom;
    pl_error err = {0};
    if (pl_decoder_read(decoder, &dicom, file, path, &err) != PL_OK) fail_msg("%s", err.message);
    expectation e = {.file = file};
    each_line(golden, look_up, &e);
    hash_like_pydicom(pixels, &dicom);
    if (!e.found || strcmp(pixels, e.pixels) != 0) fail_msg("%s: %s, not %s", path, pixels, e.pixels);
    t.files++;
    t.equal++;
    pl_dicom_clear(&dicom);
    free(path);
  }
  print_tally("SIIM-ACR", &t);
  assert_int_equal(t.equal, 150);
  pl_decoder_destroy(decoder);
  pl_fs_free_names(names, count);
  free(golden);
  free(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conformance_files_equal_pydicom),
      cmocka_unit_test(siim_files_equal_pydicom),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

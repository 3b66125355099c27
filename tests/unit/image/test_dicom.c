#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/dicom.h"
#include "core/image/refusal.h"
#include "core/image/spacing.h"
#include "dicom_maker.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

enum { FILE_MAX = 1 << 20 };

static const char jpeg_baseline[] = "1.2.840.10008.1.2.4.50";
static const char rle_lossless[] = "1.2.840.10008.1.2.5";

static pl_status decode_made(pl_dicom *out, const made_dicom *made, pl_error *err) {
  pl_buf file;
  pl_buf_init(&file, FILE_MAX);
  maker_file(&file, made);
  pl_status status = pl_dicom_decode(out, file.data, file.length, err);
  pl_buf_clear(&file);
  return status;
}

static pl_dicom decode_good(const made_dicom *made) {
  pl_error err = {0};
  pl_dicom dicom;
  if (decode_made(&dicom, made, &err) != PL_OK) fail_msg("refused: %s", err.message);
  return dicom;
}

// Checks that the file is refused with that code, that the message has those words, and that it is counted as that
// kind.
static void refused_as(const made_dicom *made, pl_status code, const char *words, pl_refusal kind) {
  pl_error err = {0};
  pl_dicom dicom = {.age = 12345};
  pl_status status = decode_made(&dicom, made, &err);
  if (status != code || strstr(err.message, words) == NULL) {
    fail_msg("wanted %s with \"%s\", got %s: %s", pl_status_name(code), words, pl_status_name(status), err.message);
  }
  assert_int_equal(dicom.age, 12345);
  (void)pl_wrap(&err, "2 frames of colour in JPEG 2000/no pixel data.dcm");  // what a path is called does not matter
  assert_string_equal(pl_refusal_name(pl_refusal_of(&err)), pl_refusal_name(kind));
}

static void refused(const made_dicom *made, pl_status code, const char *words) {
  refused_as(made, code, words, code == PL_E_LIMIT ? PL_REFUSAL_TOO_LARGE : PL_REFUSAL_DAMAGED);
}

static void stored_values_come_out_unchanged(void **state) {
  (void)state;
  const uint8_t bytes[] = {0, 1, 127, 128, 254, 255};
  made_dicom made = maker_defaults(2, 3, 8, bytes);
  pl_dicom dicom = decode_good(&made);
  assert_int_equal(dicom.image.type, PL_PIXEL_U8);
  assert_int_equal(dicom.image.width, 3);
  assert_int_equal(dicom.image.height, 2);
  assert_memory_equal(dicom.image.u8, bytes, sizeof bytes);
  pl_dicom_clear(&dicom);

  made.representation = 1;
  dicom = decode_good(&made);
  const int16_t negative[] = {0, 1, 127, -128, -2, -1};
  assert_int_equal(dicom.image.type, PL_PIXEL_S16);
  assert_memory_equal(dicom.image.s16, negative, sizeof negative);
  pl_dicom_clear(&dicom);

  const uint8_t words[] = {0x00, 0x00, 0xff, 0x0f, 0x34, 0x12, 0xff, 0xff};
  made = maker_defaults(2, 2, 16, words);
  made.stored = 12;
  made.photometric = "MONOCHROME1";
  dicom = decode_good(&made);
  const uint16_t unsigned_words[] = {0, 0x0fff, 0x1234, 0xffff};
  assert_int_equal(dicom.image.meaning, PL_IMAGE_GREY_INVERSE);
  assert_int_equal(dicom.bits_stored, 12);
  assert_memory_equal(dicom.image.u16, unsigned_words, sizeof unsigned_words);
  pl_dicom_clear(&dicom);

  made.representation = 1;
  dicom = decode_good(&made);
  assert_int_equal(dicom.image.s16[3], -1);
  pl_dicom_clear(&dicom);
}

static void odd_lengths_and_zero_padding_are_fine(void **state) {
  (void)state;
  const uint8_t bytes[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
  made_dicom made = maker_defaults(3, 3, 8, bytes);
  pl_dicom dicom = decode_good(&made);
  assert_memory_equal(dicom.image.u8, bytes, 9);
  pl_dicom_clear(&dicom);
  made.pixel_bytes = 16;
  dicom = decode_good(&made);
  assert_memory_equal(dicom.image.u8, bytes, 9);
  pl_dicom_clear(&dicom);
}

static void attributes_are_read(void **state) {
  (void)state;
  const uint8_t bytes[4] = {0};
  made_dicom made = maker_defaults(2, 2, 8, bytes);
  made.age = "27";
  made.spacing = "0.14300000000000002\\0.15";
  made.slope = "2";
  made.intercept = "-1024";
  made.centre = "40\\50";
  made.width = "400\\0";
  made.voi_function = "SIGMOID";
  pl_dicom dicom = decode_good(&made);
  assert_int_equal(dicom.age, 27);
  assert_int_equal(dicom.sex, 'F');
  assert_string_equal(dicom.view, "AP");
  assert_string_equal(dicom.modality, "DX");
  assert_string_equal(dicom.patient, "patient-7");
  assert_string_equal(dicom.transfer_syntax, "1.2.840.10008.1.2.1");
  assert_true(dicom.row_spacing == 0.14300000000000002 && dicom.column_spacing == 0.15);
  assert_true(dicom.has_rescale && dicom.rescale_slope == 2 && dicom.rescale_intercept == -1024);
  assert_int_equal(dicom.window_count, 1);  // a width of 0 is no window
  assert_true(dicom.windows[0].centre == 40 && dicom.windows[0].width == 400);
  assert_int_equal(dicom.voi_function, PL_VOI_SIGMOID);
  pl_dicom_clear(&dicom);
}

// What is personal is read for those who ask, and what the file says about that.
static void persons_are_read(void **state) {
  (void)state;
  const uint8_t bytes[4] = {0};
  made_dicom made = maker_defaults(2, 2, 8, bytes);
  pl_dicom dicom = decode_good(&made);
  assert_string_equal(dicom.patient_name, "");
  assert_int_equal(dicom.identity_removed, PL_DICOM_UNSAID);
  assert_int_equal(dicom.burned_in, PL_DICOM_UNSAID);
  pl_dicom_clear(&dicom);
  made.patient_name = "DOE^JANE";
  made.birth_date = "19700131";
  made.study_date = "20201231";
  made.identity_removed = "NO";
  made.burned_in = "YES";
  dicom = decode_good(&made);
  assert_string_equal(dicom.patient_name, "DOE^JANE");
  assert_string_equal(dicom.birth_date, "19700131");
  assert_string_equal(dicom.study_date, "20201231");
  assert_int_equal(dicom.identity_removed, PL_DICOM_NO);
  assert_int_equal(dicom.burned_in, PL_DICOM_YES);
  pl_dicom_clear(&dicom);
  made.identity_removed = "PERHAPS";
  dicom = decode_good(&made);
  assert_int_equal(dicom.identity_removed, PL_DICOM_UNSAID);
  pl_dicom_clear(&dicom);
}

static void spacings_say_where_they_are_from(void **state) {
  (void)state;
  const uint8_t bytes[4] = {0};
  made_dicom made = maker_defaults(2, 2, 8, bytes);
  pl_dicom dicom = decode_good(&made);
  assert_int_equal(dicom.spacing_source, PL_SPACING_NONE);
  assert_int_equal(pl_spacing_judge(&dicom), PL_SPACING_UNKNOWN);
  pl_dicom_clear(&dicom);
  made.detector_spacing = "0.1\\0.2";
  dicom = decode_good(&made);
  assert_int_equal(dicom.spacing_source, PL_SPACING_DETECTOR);
  assert_true(dicom.row_spacing == 0.1 && dicom.column_spacing == 0.2);
  assert_int_equal(pl_spacing_judge(&dicom), PL_SPACING_DOUBTFUL);
  pl_dicom_clear(&dicom);
  made.spacing = "0.5\\0.5";
  dicom = decode_good(&made);
  assert_int_equal(dicom.spacing_source, PL_SPACING_PIXEL);
  assert_true(dicom.row_spacing == 0.5);
  pl_dicom_clear(&dicom);
  made.calibration = "FIDUCIAL";
  dicom = decode_good(&made);
  assert_int_equal(dicom.spacing_source, PL_SPACING_CALIBRATED);
  assert_int_equal(pl_spacing_judge(&dicom), PL_SPACING_TRUSTED);
  pl_dicom_clear(&dicom);
}

// The competition's pictures are doubted at every spacing that they have, films of children and adults are not.
static void spacings_are_judged(void **state) {
  (void)state;
  static const struct {
    uint32_t width, height;
    double spacing;
    pl_spacing_trust trust;
  } cases[] = {
      {1024, 1024, 0.115, PL_SPACING_DOUBTFUL},  {1024, 1024, 0.143, PL_SPACING_DOUBTFUL},
      {1024, 1024, 0.1988, PL_SPACING_DOUBTFUL}, {2500, 3000, 0.143, PL_SPACING_TRUSTED},
      {1024, 1024, 0.35, PL_SPACING_TRUSTED},    {1200, 1600, 0.15, PL_SPACING_TRUSTED},  // 18 x 24 cm
      {1600, 1200, 0.15, PL_SPACING_TRUSTED},    {1024, 1024, 0, PL_SPACING_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const pl_dicom dicom = {.image = {.width = cases[i].width, .height = cases[i].height},
                            .row_spacing = cases[i].spacing,
                            .column_spacing = cases[i].spacing,
                            .spacing_source = PL_SPACING_PIXEL};
    assert_int_equal(pl_spacing_judge(&dicom), cases[i].trust);
  }
  const pl_dicom siim = {.image = {.width = 1024, .height = 1024}, .row_spacing = 0.143, .column_spacing = 0.143};
  char text[160];
  pl_spacing_explain(text, sizeof text, &siim);
  assert_string_equal(text, "0.143 mm a pixel would make this 146 x 146 mm: it was probably shrunk");
}

static void ages_in_all_units(void **state) {
  (void)state;
  const uint8_t bytes[4] = {0};
  const struct {
    const char *text;
    int years;
  } cases[] = {{"045Y", 45}, {"030M", 2},  {"104W", 1}, {"800D", 2}, {"7", 7},
               {"0Y", 0},    {"999Y", -1}, {"x", -1},   {"", -1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    made_dicom made = maker_defaults(2, 2, 8, bytes);
    made.age = cases[i].text;
    pl_dicom dicom = decode_good(&made);
    assert_int_equal(dicom.age, cases[i].years);
    assert_true(!dicom.has_rescale && dicom.rescale_slope == 1 && dicom.rescale_intercept == 0);
    pl_dicom_clear(&dicom);
  }
}

static void headers_that_lie_are_refused(void **state) {
  (void)state;
  const uint8_t bytes[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  const made_dicom good = maker_defaults(4, 4, 8, bytes);
  made_dicom made = good;
  made.rows = 65535;
  refused(&made, PL_E_LIMIT, "65535 rows");
  made = good;
  made.rows = 16384;
  made.columns = 16384;
  refused(&made, PL_E_FORMAT, "the pixel data has 16 bytes");
  made = good;
  made.rows = 5;
  refused(&made, PL_E_FORMAT, "need 20");
  made = good;
  made.rows = 3;
  refused(&made, PL_E_FORMAT, "need 12");
  made = good;
  made.rows = 0;
  refused(&made, PL_E_LIMIT, "0 rows");
  made = good;
  made.frames = "2";
  refused_as(&made, PL_E_UNSUPPORTED, "2 frames", PL_REFUSAL_FRAMES);
  made.frames = "4294967297";
  refused_as(&made, PL_E_UNSUPPORTED, "frames", PL_REFUSAL_FRAMES);
  made.frames = "-1";
  refused(&made, PL_E_FORMAT, "Number of Frames");
  made = good;
  made.allocated = 16;
  refused(&made, PL_E_FORMAT, "need 32");
  made.allocated = 32;
  refused_as(&made, PL_E_UNSUPPORTED, "32 bits", PL_REFUSAL_BITS);
  made = good;
  made.stored = 12;
  refused(&made, PL_E_FORMAT, "Bits Stored");
  made = good;
  made.representation = 2;
  refused(&made, PL_E_FORMAT, "Pixel Representation");
  made = good;
  made.samples = 3;
  refused_as(&made, PL_E_UNSUPPORTED, "colour", PL_REFUSAL_COLOUR);
  made = good;
  made.photometric = "PALETTE COLOR";
  refused_as(&made, PL_E_UNSUPPORTED, "PALETTE COLOR", PL_REFUSAL_COLOUR);
  made.photometric = "\033[31mRED";
  refused_as(&made, PL_E_UNSUPPORTED, "\\x1b[31mRED", PL_REFUSAL_COLOUR);
  made = good;
  made.pixels = NULL;
  refused_as(&made, PL_E_UNSUPPORTED, "no pixel data", PL_REFUSAL_NO_PIXELS);
  made = good;
  made.transfer_syntax = "1.2.840.10008.1.2.4.90";
  made.encapsulated = 1;
  refused_as(&made, PL_E_UNSUPPORTED, "JPEG 2000", PL_REFUSAL_JPEG2000);
}

static void every_truncation_is_refused(void **state) {
  (void)state;
  const uint8_t bytes[16] = {1, 2, 3};
  made_dicom made = maker_defaults(4, 4, 8, bytes);
  pl_buf whole;
  pl_buf_init(&whole, FILE_MAX);
  maker_file(&whole, &made);
  for (size_t n = 0; n < whole.length; n++) {
    pl_error err = {0};
    pl_dicom dicom;
    assert_int_not_equal(pl_dicom_decode(&dicom, whole.data, n, &err), PL_OK);
    assert_int_not_equal(err.message[0], '\0');
  }
  pl_buf_clear(&whole);
}

static made_dicom made_jpeg(void) {
  made_dicom made = maker_defaults(16, 16, 8, maker_jpeg);
  made.transfer_syntax = jpeg_baseline;
  made.encapsulated = 1;
  made.pixel_bytes = sizeof maker_jpeg;
  return made;
}

static void jpeg_equals_libjpeg(void **state) {
  (void)state;
  made_dicom made = made_jpeg();
  const size_t splits[] = {0, 200, 300};
  for (size_t i = 0; i < 3; i++) {
    made.split = splits[i];
    made.offsets = (int)(i & 1);
    pl_dicom dicom = decode_good(&made);
    char hex[PL_SHA256_HEX_SIZE];
    plane_hash(hex, &dicom.image);
    assert_string_equal(hex, maker_jpeg_hash);
    assert_string_equal(dicom.transfer_syntax, jpeg_baseline);
    pl_dicom_clear(&dicom);
  }
}

// The retired processes 6 and 10, and a progressive stream that says it is baseline.
static void progressive_jpeg_is_decoded(void **state) {
  (void)state;
  const char *const syntaxes[] = {"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", jpeg_baseline};
  for (size_t i = 0; i < 3; i++) {
    made_dicom made = made_jpeg();
    made.transfer_syntax = syntaxes[i];
    made.pixels = maker_jpeg_progressive;
    made.pixel_bytes = sizeof maker_jpeg_progressive;
    pl_dicom dicom = decode_good(&made);
    char hex[PL_SHA256_HEX_SIZE];
    plane_hash(hex, &dicom.image);
    assert_string_equal(hex, maker_jpeg_hash);
    pl_dicom_clear(&dicom);
    made.pixel_bytes -= 10;
    refused(&made, PL_E_FORMAT, "cut off");
  }
}

static void bad_jpeg_is_refused(void **state) {
  (void)state;
  made_dicom made = made_jpeg();
  made.rows = 17;
  refused(&made, PL_E_FORMAT, "the JPEG stream 16 of 16");
  made = made_jpeg();
  made.rows = made.columns = 16384;
  refused(&made, PL_E_FORMAT, "the JPEG stream 16 of 16");
  made = made_jpeg();
  made.pixel_bytes -= 20;
  refused(&made, PL_E_FORMAT, "cut off");
  made.pixel_bytes = 60;
  refused(&made, PL_E_FORMAT, "no frame header");
  made = made_jpeg();
  made.offsets = 2;
  refused_as(&made, PL_E_UNSUPPORTED, "2 frames", PL_REFUSAL_FRAMES);
  made = made_jpeg();
  made.pixels = "this is not a JPEG";
  made.pixel_bytes = 18;
  refused(&made, PL_E_FORMAT, "not a JPEG");
  made.pixel_bytes = 0;
  refused(&made, PL_E_FORMAT, "not a JPEG");
  made = made_jpeg();
  made.transfer_syntax = NULL;  // says uncompressed, but is not
  refused(&made, PL_E_FORMAT, "");
  made = made_jpeg();
  made.encapsulated = 0;  // the other way round
  refused(&made, PL_E_FORMAT, "");
}

static void rle_is_decoded_and_checked(void **state) {
  (void)state;
  // Two segments (high bytes, low bytes) of a 2 x 2 picture of 0x0102 0x0102 0x0102 0x0304 (PS3.5 Annex G): a run is
  // 1-n and a byte, a literal n-1 and n bytes.
  uint8_t stream[64 + 8] = {2, 0, 0, 0, 64, 0, 0, 0, 68};
  const uint8_t segments[] = {0xfe, 0x01, 0x00, 0x03, 0xfe, 0x02, 0x00, 0x04};
  memcpy(stream + 64, segments, sizeof segments);
  made_dicom made = maker_defaults(2, 2, 16, stream);
  made.transfer_syntax = rle_lossless;
  made.encapsulated = 1;
  made.pixel_bytes = sizeof stream;
  pl_dicom dicom = decode_good(&made);
  const uint16_t expected[] = {0x0102, 0x0102, 0x0102, 0x0304};
  assert_memory_equal(dicom.image.u16, expected, sizeof expected);
  pl_dicom_clear(&dicom);

  made.rows = 3;
  refused(&made, PL_E_FORMAT, "");
  made.rows = 2;
  stream[0] = 3;
  refused(&made, PL_E_FORMAT, "3 segments");
  stream[0] = 2;
  stream[8] = 200;
  refused(&made, PL_E_FORMAT, "RLE segment 2");
  made.pixel_bytes = 40;
  refused(&made, PL_E_FORMAT, "RLE header");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stored_values_come_out_unchanged),
      cmocka_unit_test(odd_lengths_and_zero_padding_are_fine),
      cmocka_unit_test(attributes_are_read),
      cmocka_unit_test(ages_in_all_units),
      cmocka_unit_test(persons_are_read),
      cmocka_unit_test(spacings_say_where_they_are_from),
      cmocka_unit_test(spacings_are_judged),
      cmocka_unit_test(persons_are_read),
      cmocka_unit_test(spacings_say_where_they_are_from),
      cmocka_unit_test(spacings_are_judged),
      cmocka_unit_test(headers_that_lie_are_refused),
      cmocka_unit_test(every_truncation_is_refused),
      cmocka_unit_test(jpeg_equals_libjpeg),
      cmocka_unit_test(progressive_jpeg_is_decoded),
      cmocka_unit_test(bad_jpeg_is_refused),
      cmocka_unit_test(rle_is_decoded_and_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

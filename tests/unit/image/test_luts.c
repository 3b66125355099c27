// Look-up tables and several windows of a DICOM file: read, passed between processes, applied, and chosen from.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/image/decode.h"
#include "core/image/lut.h"
#include "dicom_maker.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

enum { FILE_MAX = 1 << 20 };

static pl_dicom decode_good(const made_dicom *made) {
  pl_buf file;
  pl_buf_init(&file, FILE_MAX);
  maker_file(&file, made);
  pl_error err = {0};
  pl_dicom dicom = {0};
  if (pl_dicom_decode(&dicom, file.data, file.length, &err) != PL_OK) fail_msg("refused: %s", err.message);
  pl_buf_clear(&file);
  return dicom;
}

static void assert_view(const pl_dicom *dicom, const pl_window *window, const uint8_t expected[4]) {
  pl_image out;
  assert_int_equal(pl_lut_apply(&out, dicom, window, NULL), PL_OK);
  assert_memory_equal(out.u8, expected, 4);
  pl_image_clear(&out);
}

static const int16_t signed_pixels[] = {-3, -1, 0, 5};
static const uint16_t modality_data[] = {100, 200, 300, 400};
static const uint16_t voi_data[] = {0, 1023, 4095};

// PS3.3 C.11.1.1: values below the first one mapped give the first entry, those above the last one the last.
static void modality_table_goes_first(void **state) {
  (void)state;
  const made_lut modality = {.descriptor = {4, (uint16_t)-2, 16}, .vr = "SS", .data = modality_data, .bytes = 8};
  made_dicom made = maker_defaults(2, 2, 16, signed_pixels);
  made.representation = 1;
  made.slope = "7";  // the table takes its place
  made.modality_lut = &modality;
  pl_dicom dicom = decode_good(&made);
  assert_true(dicom.has_modality_lut && !dicom.has_voi_lut);
  assert_int_equal(dicom.modality_lut.count, 4);
  assert_int_equal(dicom.modality_lut.first, -2);
  const double expected[] = {100, 200, 300, 400};
  for (size_t i = 0; i < 4; i++) {
    double got = pl_lut_rescale(&dicom, (uint16_t)signed_pixels[i]);
    if (got != expected[i]) fail_msg("%d becomes %g, not %g", signed_pixels[i], got, expected[i]);
  }
  // The whole range, 100 to 400.
  assert_view(&dicom, NULL, (uint8_t[]){0, 85, 170, 255});
  // The training path does not see it.
  assert_memory_equal(dicom.image.s16, signed_pixels, sizeof signed_pixels);
  pl_dicom_clear(&dicom);
  assert_null(dicom.modality_lut.values);
}

// A 12-bit table over 10, 11, 12, after a rescale; its outputs are spread over 0..255.
static void voi_table_is_the_first_choice(void **state) {
  (void)state;
  const uint8_t pixels[] = {0, 20, 22, 60};
  const made_lut voi = {.descriptor = {3, 10, 12}, .vr = "US", .data = voi_data, .bytes = 6, .name = "SOFT"};
  made_dicom made = maker_defaults(2, 2, 8, pixels);
  made.slope = "0.5";
  made.centre = "8\\15";
  made.width = "11\\20";
  made.window_names = "NARROW\\WIDE";
  made.voi_luts = &voi;
  made.voi_lut_count = 1;
  pl_dicom dicom = decode_good(&made);
  assert_int_equal(pl_lut_choices(&dicom), 3);
  assert_view(&dicom, NULL, (uint8_t[]){0, 0, 64, 255});  // 1023/4095 * 255 = 63.7
  size_t choice = 99;
  assert_int_equal(pl_lut_find_choice(&choice, &dicom, "wide", NULL), PL_OK);
  assert_int_equal(choice, 2);
  pl_window window = pl_lut_choice(&dicom, choice);
  assert_true(window.centre == 15 && window.width == 20 && window.table == NULL);
  assert_int_equal(pl_lut_find_choice(&choice, &dicom, "2", NULL), PL_OK);
  assert_int_equal(choice, 1);
  pl_error err = {0};
  assert_int_equal(pl_lut_find_choice(&choice, &dicom, "4", &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "1 table SOFT; 2 NARROW 8,11; 3 WIDE 15,20"));
  window = pl_lut_full_window(&dicom);
  assert_true(window.centre == 15 && window.width == 30);
  // 8-bit entries, two in a word.
  const uint8_t bytes[] = {10, 20, 255, 0};
  const made_lut packed = {.descriptor = {3, 0, 8}, .vr = "US", .data = bytes, .bytes = 4};
  made.voi_luts = &packed;
  pl_dicom_clear(&dicom);
  dicom = decode_good(&made);
  assert_view(&dicom, NULL, (uint8_t[]){10, 255, 255, 255});
  pl_dicom_clear(&dicom);
}

// Tables only change how a picture looks: one that makes no sense is left out, and the picture stays.
static void wrong_tables_are_left_out(void **state) {
  (void)state;
  const uint8_t pixels[] = {0, 20, 22, 60};
  made_lut luts[3] = {
      {.descriptor = {300, 0, 12}, .vr = "US", .data = voi_data, .bytes = 6},  // 0x012c entries, 3 there
      {.descriptor = {3, 0, 3}, .vr = "US", .data = voi_data, .bytes = 6},     // 3 bits
      {.descriptor = {0, 0, 16}, .vr = "US", .data = voi_data, .bytes = 6},    // 0 stands for 65536
  };
  made_dicom made = maker_defaults(2, 2, 8, pixels);
  made.modality_lut = &luts[2];
  made.voi_luts = luts;
  made.voi_lut_count = 3;
  pl_dicom dicom = decode_good(&made);
  assert_true(dicom.has_voi_lut && dicom.has_modality_lut);
  assert_int_equal(dicom.voi_lut_count, 0);
  assert_int_equal(dicom.modality_lut.count, 0);
  pl_error err = {0};
  size_t choice = 0;
  assert_int_equal(pl_lut_find_choice(&choice, &dicom, "1", &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "none at all"));
  pl_dicom_clear(&dicom);
  // More than we keep.
  uint16_t table[] = {1, 2, 3};
  made_lut many[PL_DICOM_LUTS_MAX + 2];
  for (size_t i = 0; i < PL_DICOM_LUTS_MAX + 2; i++) {
    many[i] = (made_lut){.descriptor = {3, 0, 16}, .vr = "US", .data = table, .bytes = 6};
  }
  made.voi_luts = many;
  made.voi_lut_count = PL_DICOM_LUTS_MAX + 2;
  dicom = decode_good(&made);
  assert_int_equal(dicom.voi_lut_count, PL_DICOM_LUTS_MAX);
  pl_dicom_clear(&dicom);
}

// Through a helper process and back.
static void tables_travel(void **state) {
  (void)state;
  uint16_t *large = calloc(PL_DICOM_LUT_ENTRIES_MAX / 2, sizeof *large);
  for (uint32_t i = 0; i < PL_DICOM_LUT_ENTRIES_MAX / 2; i++) large[i] = (uint16_t)(i * 2 + 1);
  const made_lut modality = {
      .descriptor = {4, (uint16_t)-2, 16}, .vr = "SS", .data = modality_data, .bytes = 8, .name = "OD"};
  const made_lut luts[2] = {{.descriptor = {PL_DICOM_LUT_ENTRIES_MAX / 2, 0, 16},
                             .vr = "US",
                             .data = large,
                             .bytes = PL_DICOM_LUT_ENTRIES_MAX},
                            {.descriptor = {3, 100, 12}, .vr = "US", .data = voi_data, .bytes = 6, .name = "SOFT"}};
  made_dicom made = maker_defaults(2, 2, 16, signed_pixels);
  made.representation = 1;
  made.modality_lut = &modality;
  made.voi_luts = luts;
  made.voi_lut_count = 2;
  pl_buf file;
  pl_buf_init(&file, FILE_MAX);
  maker_file(&file, &made);
  char *path = scratch_path("tables.dcm");
  assert_int_equal(pl_fs_replace(path, file.data, file.length, NULL), PL_OK);
  const char *build = getenv("PLEURA_BUILD");
  char *helper = pl_path_join(build != NULL ? build : "build/dev", "bin/decode_helper");
  pl_decoder_options options = {.executable = helper};
  pl_decoder *decoder = NULL;
  assert_int_equal(pl_decoder_create(&decoder, &options, NULL), PL_OK);
  for (int round = 0; round < 2; round++) {  // the second one shows that nothing was left in the socket
    pl_dicom dicom = {0};
    pl_error err = {0};
    if (pl_decoder_read(decoder, &dicom, NULL, path, &err) != PL_OK) fail_msg("%s", err.message);
    assert_int_equal(dicom.modality_lut.count, 4);
    assert_int_equal(dicom.modality_lut.first, -2);
    assert_string_equal(dicom.modality_lut.name, "OD");
    assert_memory_equal(dicom.modality_lut.values, modality_data, sizeof modality_data);
    assert_int_equal(dicom.voi_lut_count, 2);
    assert_memory_equal(dicom.voi_luts[0].values, large, PL_DICOM_LUT_ENTRIES_MAX);
    assert_int_equal(dicom.voi_luts[1].first, 100);
    assert_int_equal(dicom.voi_luts[1].bits, 12);
    assert_string_equal(dicom.voi_luts[1].name, "SOFT");
    assert_memory_equal(dicom.image.s16, signed_pixels, sizeof signed_pixels);
    pl_dicom_clear(&dicom);
  }
  pl_decoder_destroy(decoder);
  free(helper);
  free(path);
  free(large);
  pl_buf_clear(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(modality_table_goes_first),
      cmocka_unit_test(voi_table_is_the_first_choice),
      cmocka_unit_test(wrong_tables_are_left_out),
      cmocka_unit_test(tables_travel),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  scratch_remove();
  return failed;
}

// Tables of folds and maps of patients: any bytes are read or refused; what is read can be moved, written and read
// again without a row or a column lost, and is looked at for leaks.
#include <stdbool.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/data/folds.h"
#include "core/data/leaks.h"
#include "core/data/patients.h"
#include "tests/fuzz/fuzz.h"

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void check_map(const char *bytes, size_t length) {
  pl_patients map = {0};
  if (pl_patients_parse(&map, bytes, length, NULL) != PL_OK) return;
  require(map.count > 0 && map.patient_count > 0 && map.patient_count <= map.count);
  require(pl_patients_of(&map, "../x") == NULL);
  pl_patients_clear(&map);
}

static void check_leaks(const pl_folds *folds) {
  pl_leak_report report = {0};
  const pl_leak_sources sources = {.skip_pictures = true};
  require(pl_leaks_find(&report, folds, &sources, NULL) == PL_OK);
  size_t rows = 0;
  for (size_t i = 0; i < report.fold_count; i++) rows += report.folds[i].rows;
  require(rows == folds->count && !report.patients_known && !report.copies_known);
  pl_leak_report_clear(&report);
}

static void check_moved(pl_folds *folds) {
  const size_t rows = folds->count, images = folds->image_count, columns = folds->header_count;
  for (size_t i = 0; i < images; i++) {
    require(i == 0 || strcmp(folds->images[i - 1].id, folds->images[i].id) < 0);
    require(pl_folds_find(folds, folds->images[i].id) == &folds->images[i]);
    pl_folds_move(folds, &folds->images[i], (int)(i % PL_FOLD_NUMBERS_MAX));
  }
  pl_buf text;
  pl_buf_init(&text, 64 << 20);
  require(pl_folds_write(&text, folds, NULL) == PL_OK);
  pl_folds again = {0};
  require(pl_folds_parse(&again, text.data, text.length, NULL) == PL_OK);
  require(again.count == rows && again.image_count == images && again.header_count == columns);
  for (size_t i = 0; i < rows; i++) {
    const pl_folds_row *a = &folds->rows[i], *b = &again.rows[i];
    require(a->field_count == b->field_count && a->fold == b->fold && a->label == b->label);
    for (size_t k = 0; k < a->field_count; k++) require(strcmp(a->fields[k], b->fields[k]) == 0);
  }
  pl_folds_clear(&again);
  pl_buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_folds folds = {0};
  if (pl_folds_parse(&folds, (const char *)bytes, length, NULL) == PL_OK) {
    check_leaks(&folds);
    check_moved(&folds);
    pl_folds_clear(&folds);
  }
  check_map((const char *)bytes, length);
  return 0;
}

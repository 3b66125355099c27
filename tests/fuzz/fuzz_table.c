// RLE tables: any bytes are read or refused; what is read is grouped and split without a row lost.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "tests/fuzz/fuzz.h"

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void check_table(const pl_rle_table *table) {
  size_t rows = 0;
  for (size_t i = 0; i < table->image_count; i++) {
    require(i == 0 || strcmp(table->images[i - 1].id, table->images[i].id) < 0);
    require(strchr(table->images[i].id, '/') == NULL);
    require(pl_rle_table_find(table, table->images[i].id) == &table->images[i]);
    rows += table->images[i].count;
  }
  require(rows == table->count && table->count > 0);
  int *folds = pl_xcalloc(table->count, sizeof *folds);
  pl_fold_size sizes[3];
  if (pl_split_by_row(folds, table, 3, NULL) == PL_OK) (void)pl_split_count(sizes, table, folds, 3);
  if (pl_split_by_image(folds, table, NULL, 3, 1, NULL) == PL_OK) {
    require(pl_split_count(sizes, table, folds, 3) == 0);
  }
  free(folds);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_rle_table table = {0};
  if (pl_rle_table_parse(&table, (const char *)bytes, length, false, NULL) == PL_OK) {
    check_table(&table);
    bool clean = table.problem_count == 0;
    pl_rle_table_clear(&table);
    require((pl_rle_table_parse(&table, (const char *)bytes, length, true, NULL) == PL_OK) == clean);
    pl_rle_table_clear(&table);
  }
  return 0;
}

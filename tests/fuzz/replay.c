// Runs a harness over the files of a folder and over cut and flipped variants of each, where libFuzzer is not there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "tests/fuzz/fuzz.h"

enum { VARIANTS = 200, FILE_MAX = 1 << 20 };

static size_t runs_of(const pl_buf *file) {
  LLVMFuzzerTestOneInput((const uint8_t *)file->data, file->length);
  for (uint64_t v = 0; v < VARIANTS && file->length > 0; v++) {
    // A fresh block of exactly this length, so that a sanitizer sees the first byte read too far.
    size_t length = (size_t)pl_rng_below(v, 0, 0, file->length + 1);
    if (v % 2 == 1) length = file->length;
    uint8_t *copy = pl_xmalloc(length);
    memcpy(copy, file->data, length);
    for (uint64_t k = 0; v % 2 == 1 && k < 1 + v % 5; k++) {
      copy[pl_rng_below(v, 1, k, length)] = (uint8_t)pl_rng_below(v, 2, k, 256);
    }
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
  }
  return 1 + VARIANTS;
}

static pl_status on_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  pl_buf file;
  pl_buf_init(&file, FILE_MAX);
  pl_status status = pl_fs_read(&file, path, err);
  if (status == PL_OK) *(size_t *)context += runs_of(&file);
  pl_buf_clear(&file);
  return status;
}

int main(int argc, char **argv) {
  size_t runs = 0;
  pl_error err = {0};
  if (argc != 2 || pl_fs_walk(argv[1], on_file, &runs, &err) != PL_OK || runs == 0) {
    fprintf(stderr, "%s: %s\n", argv[0], err.message[0] != '\0' ? err.message : "give the folder of the corpus");
    return 1;
  }
  printf("%zu inputs\n", runs);
  return 0;
}

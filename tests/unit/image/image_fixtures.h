// What the tests of this folder share: where real data lies, scratch folders, hashes of planes.
#pragma once

#include <stdbool.h>

#include "core/base/hash.h"
#include "core/image/image.h"

// PLEURA_DATA, or ../shared/data beside the source folder, joined with `name`. The caller frees. NULL when absent.
char *data_path(const char *name);

// The test's own scratch folder, made on the first call; removed by scratch_remove. Borrowed.
const char *scratch_folder(void);
void scratch_remove(void);

// `name` in the scratch folder; the caller frees.
char *scratch_path(const char *name);

// The hash of a plane's bytes (little endian).
void plane_hash(char hex[PL_SHA256_HEX_SIZE], const pl_image *image);

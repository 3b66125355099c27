#include "image_fixtures.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"

static char scratch[64];

char *data_path(const char *name) {
  const char *data = getenv("PLEURA_DATA"), *source = getenv("PLEURA_SOURCE");
  char *root = data != NULL ? pl_xstrdup(data) : pl_path_join(source != NULL ? source : ".", "../shared/data");
  char *path = pl_path_join(root, name);
  free(root);
  if (access(path, R_OK) == 0) return path;
  free(path);
  return NULL;
}

const char *scratch_folder(void) {
  if (scratch[0] == '\0') {
    char *made = pl_xstrdup("/tmp/pleura-image-XXXXXX");
    assert_non_null(mkdtemp(made));
    for (size_t i = 0; made[i] != '\0' && i + 1 < sizeof scratch; i++) scratch[i] = made[i];
    free(made);
  }
  return scratch;
}

void scratch_remove(void) {
  if (scratch[0] != '\0') (void)pl_fs_remove_tree(scratch, NULL);
  scratch[0] = '\0';
}

char *scratch_path(const char *name) { return pl_path_join(scratch_folder(), name); }

void plane_hash(char hex[PL_SHA256_HEX_SIZE], const pl_image *image) {
  pl_sha256_bytes(hex, image->data, pl_image_bytes(image));
}

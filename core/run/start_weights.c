#include "core/run/start_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/net/weights.h"

// The encoder's fetched weights, or NULL. The caller frees it.
static char *find_fetched(const pl_config *config) {
  char *path = pl_weights_cache_path(config->encoder);
  if (path != NULL && pl_fs_is_file(path)) return path;
  free(path);
  return NULL;
}

void pl_start_weights_choose(pl_config *config) {
  char *fetched = config->weights[0] == '\0' ? find_fetched(config) : NULL;
  if (fetched != NULL && strlen(fetched) < sizeof config->weights) {
    (void)pl_copy_text(config->weights, sizeof config->weights, fetched);
  }
  free(fetched);
}

void pl_start_weights_describe(char *out, size_t size, const pl_config *config) {
  char words[PL_OPTION_TEXT_MAX + 64];
  const bool random = strcmp(config->weights, PL_WEIGHTS_RANDOM) == 0;
  char *fetched = config->weights[0] == '\0' ? find_fetched(config) : NULL;
  if (fetched != NULL) {
    (void)snprintf(words, sizeof words, "encoder: ImageNet weights from %s", fetched);
  } else if (random || config->weights[0] == '\0') {
    char how[256];
    pl_weights_describe_random(how, sizeof how, random ? NULL : config->encoder);
    (void)snprintf(words, sizeof words, "encoder: %s", how);
  } else {
    (void)snprintf(words, sizeof words, "encoder: from %s", config->weights);
  }
  (void)pl_safe_text(out, size, words, strlen(words));
  free(fetched);
}

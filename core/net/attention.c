// The table of decoder attentions, and scse: "Concurrent spatial and channel squeeze and excitation" (Roy, Navab,
// Wachinger, MICCAI 2018) as segmentation_models.pytorch has it.
#include <stdio.h>
#include <string.h>

#include "core/net/build.h"
#include "core/net/model.h"

enum { NAME_SIZE = 80, REDUCTION = 16 };

static int32_t conv1x1(pl_build *build, int32_t x, const char *owner, const char *part, int32_t in, int32_t out) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.attention.%s", owner, part);
  return pl_build_conv(build, x, name,
                       &(pl_build_conv_spec){.in = in,
                                             .out = out,
                                             .kernel = 1,
                                             .stride = 1,
                                             .groups = 1,
                                             .bias = true,
                                             .init = PL_BUILD_KAIMING_UNIFORM_IN});
}

static int32_t unary(pl_build *build, pl_op op, int32_t x, const char *owner, const char *part) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.attention.%s", owner, part);
  return pl_build_unary(build, op, x, name);
}

static int32_t binary(pl_build *build, pl_op op, int32_t a, int32_t b, const char *owner, const char *part) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.attention.%s", owner, part);
  return pl_build_binary(build, op, a, b, name);
}

// x * cSE(x) + x * sSE(x): a factor for each channel, from the means, and one for each pixel, from its channels.
static int32_t scse(pl_build *build, int32_t x, const char *name, int32_t channels) {
  int32_t c = unary(build, PL_OP_MEAN_HW, x, name, "cSE.0");
  c = conv1x1(build, c, name, "cSE.1", channels, channels / REDUCTION);
  c = unary(build, PL_OP_RELU, c, name, "cSE.2");
  c = conv1x1(build, c, name, "cSE.3", channels / REDUCTION, channels);
  c = unary(build, PL_OP_SIGMOID, c, name, "cSE.4");
  int32_t s = conv1x1(build, x, name, "sSE.0", channels, 1);
  s = unary(build, PL_OP_SIGMOID, s, name, "sSE.1");
  return binary(build, PL_OP_ADD, binary(build, PL_OP_SCALE_CHANNELS, x, c, name, "cSE"),
                binary(build, PL_OP_SCALE_PIXELS, x, s, name, "sSE"), name, "add");
}

static const pl_attention_row rows[] = {
    {.attention = {"none", "as it is"}, .forward = NULL},
    {.attention = {"scse", "spatial and channel squeeze and excitation"}, .forward = scse},
};

size_t pl_attention_count(void) { return sizeof rows / sizeof rows[0]; }

const pl_attention *pl_attention_at(size_t index) {
  return index < pl_attention_count() ? &rows[index].attention : NULL;
}

const pl_attention_row *pl_attention_row_find(const char *name) {
  for (size_t i = 0; i < pl_attention_count(); i++) {
    if (strcmp(rows[i].attention.name, name) == 0) return &rows[i];
  }
  return NULL;
}

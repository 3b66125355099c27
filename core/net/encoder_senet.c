// SE-ResNet and SE-ResNeXt (Hu, Shen, Sun: "Squeeze-and-excitation networks", CVPR 2018; Xie et al.: "Aggregated
// residual transformations for deep neural networks", CVPR 2017) under the names of Cadene's
// pretrained-models.pytorch.
#include <stdio.h>

#include "core/net/build.h"

enum { NAME_SIZE = 80, REDUCTION = 16 };

typedef struct part {
  pl_build *build;
  const char *block;  // "encoder.layer1.0"
} part;

static int32_t conv(const part *p, int32_t x, const char *what, pl_build_conv_spec spec) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.%s", p->block, what);
  return pl_build_conv(p->build, x, name, &spec);
}

static int32_t norm(const part *p, int32_t x, const char *what, int32_t channels) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.%s", p->block, what);
  return pl_build_batch_norm(p->build, x, name, channels);
}

static int32_t unary(const part *p, pl_op op, int32_t x, const char *what) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.%s", p->block, what);
  return pl_build_unary(p->build, op, x, name);
}

static int32_t binary(const part *p, pl_op op, int32_t a, int32_t b, const char *what) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.%s", p->block, what);
  return pl_build_binary(p->build, op, a, b, name);
}

static int32_t squeeze_excite(const part *p, int32_t x, int32_t channels) {
  const int32_t inner = channels / REDUCTION;
  int32_t s = unary(p, PL_OP_MEAN_HW, x, "se_module.mean");
  s = conv(p, s, "se_module.fc1",
           (pl_build_conv_spec){.in = channels, .out = inner, .kernel = 1, .stride = 1, .groups = 1, .bias = true});
  s = unary(p, PL_OP_RELU, s, "se_module.relu");
  s = conv(p, s, "se_module.fc2",
           (pl_build_conv_spec){.in = inner, .out = channels, .kernel = 1, .stride = 1, .groups = 1, .bias = true});
  s = unary(p, PL_OP_SIGMOID, s, "se_module.sigmoid");
  return binary(p, PL_OP_SCALE_CHANNELS, x, s, "se_module");
}

static int32_t bottleneck(const part *p, const pl_encoder_row *row, int32_t x, int32_t in, int32_t planes,
                          int32_t stride, bool downsample) {
  const int32_t width = pl_encoder_row_width(row, planes), out = 4 * planes;
  // Caffe's SE-ResNet halves in the first convolution, SE-ResNeXt in the grouped one.
  const int32_t stride1 = row->groups == 1 ? stride : 1, stride2 = row->groups == 1 ? 1 : stride;
  int32_t y =
      conv(p, x, "conv1", (pl_build_conv_spec){.in = in, .out = width, .kernel = 1, .stride = stride1, .groups = 1});
  y = unary(p, PL_OP_RELU, norm(p, y, "bn1", width), "relu1");
  y = conv(
      p, y, "conv2",
      (pl_build_conv_spec){.in = width, .out = width, .kernel = 3, .stride = stride2, .pad = 1, .groups = row->groups});
  y = unary(p, PL_OP_RELU, norm(p, y, "bn2", width), "relu2");
  y = conv(p, y, "conv3", (pl_build_conv_spec){.in = width, .out = out, .kernel = 1, .stride = 1, .groups = 1});
  y = squeeze_excite(p, norm(p, y, "bn3", out), out);
  if (downsample) {
    x = conv(p, x, "downsample.0",
             (pl_build_conv_spec){.in = in, .out = out, .kernel = 1, .stride = stride, .groups = 1});
    x = norm(p, x, "downsample.1", out);
  }
  return unary(p, PL_OP_RELU, binary(p, PL_OP_ADD, y, x, "add"), "relu3");
}

void pl_encoder_senet(pl_build *build, const pl_encoder_row *row, int32_t x, int32_t features[PL_ENCODER_STAGES]) {
  const part stem = {build, "encoder.layer0"};
  x = conv(&stem, x, "conv1",
           (pl_build_conv_spec){.in = 3, .out = 64, .kernel = 7, .stride = 2, .pad = 3, .groups = 1});
  x = features[0] = unary(&stem, PL_OP_RELU, norm(&stem, x, "bn1", 64), "relu1");
  // Without padding but with ceil_mode, as Caffe pooled: the last window hangs over the right and bottom edge.
  x = pl_build_max_pool(build, x, "encoder.layer0.pool", 0, true);
  int32_t in = 64;
  for (int layer = 0; layer < PL_ENCODER_LAYERS; layer++) {
    int32_t planes = 64 << layer;
    for (int i = 0; i < row->blocks[layer]; i++) {
      char name[NAME_SIZE / 2];
      snprintf(name, sizeof name, "encoder.layer%d.%d", layer + 1, i);
      x = bottleneck(&(part){build, name}, row, x, in, planes, layer > 0 && i == 0 ? 2 : 1, i == 0);
      in = 4 * planes;
    }
    features[layer + 1] = x;
  }
}

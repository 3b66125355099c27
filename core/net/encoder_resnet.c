// ResNet (He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016) and ResNeXt (Xie et al.:
// "Aggregated residual transformations for deep neural networks", CVPR 2017) under torchvision's names, as
// segmentation_models.pytorch uses them: the first feature is the stem before its pooling.
#include <stdio.h>

#include "core/net/build.h"

enum { NAME_SIZE = 80 };

// One residual block.
typedef struct block {
  pl_build *build;
  const pl_encoder_row *row;
  const char *name;  // "encoder.layer1.0"
  int32_t in, planes, stride;
} block;

static int32_t conv_norm(pl_build *build, int32_t x, const char *conv, const char *norm, pl_build_conv_spec spec) {
  if (spec.groups == 0) spec.groups = 1;
  spec.init = PL_BUILD_KAIMING_NORMAL_OUT;
  x = pl_build_conv(build, x, conv, &spec);
  return pl_build_batch_norm(build, x, norm, spec.out);
}

// "conv1" and "bn1" of a block for number 1.
static int32_t numbered(const block *b, int32_t x, int number, pl_build_conv_spec spec) {
  char conv[NAME_SIZE], norm[NAME_SIZE];
  snprintf(conv, sizeof conv, "%s.conv%d", b->name, number);
  snprintf(norm, sizeof norm, "%s.bn%d", b->name, number);
  return conv_norm(b->build, x, conv, norm, spec);
}

static int32_t relu(const block *b, int32_t x, int number) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s.relu%d", b->name, number);
  return pl_build_unary(b->build, PL_OP_RELU, x, name);
}

// y + x, where x goes through a convolution when its shape is another.
static int32_t add_shortcut(const block *b, int32_t y, int32_t x, int32_t out) {
  char name[NAME_SIZE], norm[NAME_SIZE];
  if (b->stride != 1 || b->in != out) {
    snprintf(name, sizeof name, "%s.downsample.0", b->name);
    snprintf(norm, sizeof norm, "%s.downsample.1", b->name);
    x = conv_norm(b->build, x, name, norm,
                  (pl_build_conv_spec){.in = b->in, .out = out, .kernel = 1, .stride = b->stride});
  }
  snprintf(name, sizeof name, "%s.add", b->name);
  return pl_build_binary(b->build, PL_OP_ADD, y, x, name);
}

static int32_t basic_block(const block *b, int32_t x) {
  const int32_t out = b->planes;
  int32_t y =
      numbered(b, x, 1, (pl_build_conv_spec){.in = b->in, .out = out, .kernel = 3, .stride = b->stride, .pad = 1});
  y = relu(b, y, 1);
  y = numbered(b, y, 2, (pl_build_conv_spec){.in = out, .out = out, .kernel = 3, .stride = 1, .pad = 1});
  return relu(b, add_shortcut(b, y, x, out), 2);
}

// The stride is that of the 3x3 convolution, as in torchvision.
static int32_t bottleneck(const block *b, int32_t x) {
  const int32_t width = pl_encoder_row_width(b->row, b->planes), out = 4 * b->planes;
  int32_t y = numbered(b, x, 1, (pl_build_conv_spec){.in = b->in, .out = width, .kernel = 1, .stride = 1});
  y = relu(b, y, 1);
  y = numbered(b, y, 2,
               (pl_build_conv_spec){
                   .in = width, .out = width, .kernel = 3, .stride = b->stride, .pad = 1, .groups = b->row->groups});
  y = relu(b, y, 2);
  y = numbered(b, y, 3, (pl_build_conv_spec){.in = width, .out = out, .kernel = 1, .stride = 1});
  return relu(b, add_shortcut(b, y, x, out), 3);
}

static void resnet(pl_build *build, const pl_encoder_row *row, int32_t x, int32_t features[PL_ENCODER_STAGES],
                   int32_t (*residual)(const block *b, int32_t x)) {
  x = conv_norm(build, x, "encoder.conv1", "encoder.bn1",
                (pl_build_conv_spec){.in = 3, .out = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = features[0] = pl_build_unary(build, PL_OP_RELU, x, "encoder.relu");
  x = pl_build_max_pool(build, x, "encoder.maxpool", 1, false);
  int32_t in = 64;
  for (int layer = 0; layer < PL_ENCODER_LAYERS; layer++) {
    for (int i = 0; i < row->blocks[layer]; i++) {
      char name[NAME_SIZE / 2];
      snprintf(name, sizeof name, "encoder.layer%d.%d", layer + 1, i);
      x = residual(&(block){build, row, name, in, 64 << layer, layer > 0 && i == 0 ? 2 : 1}, x);
      in = row->channels[layer + 1];
    }
    features[layer + 1] = x;
  }
}

void pl_encoder_resnet_basic(pl_build *build, const pl_encoder_row *row, int32_t x,
                             int32_t features[PL_ENCODER_STAGES]) {
  resnet(build, row, x, features, basic_block);
}

void pl_encoder_resnet_bottleneck(pl_build *build, const pl_encoder_row *row, int32_t x,
                                  int32_t features[PL_ENCODER_STAGES]) {
  resnet(build, row, x, features, bottleneck);
}

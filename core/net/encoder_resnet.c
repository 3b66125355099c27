// ResNet with basic blocks (He, Zhang, Ren, Sun: "Deep residual learning for image recognition", CVPR 2016) under
// torchvision's names, as segmentation_models.pytorch uses it: the first feature is the stem before its pooling.
#include <stdio.h>

#include "core/net/build.h"

enum { NAME_SIZE = 80 };

static int32_t conv_norm(pl_build *build, int32_t x, const char *conv, const char *norm, pl_build_conv_spec spec) {
  spec.groups = 1;
  spec.init = PL_BUILD_KAIMING_NORMAL_OUT;
  x = pl_build_conv(build, x, conv, &spec);
  return pl_build_batch_norm(build, x, norm, spec.out);
}

static int32_t block(pl_build *build, int32_t x, const char *name, int32_t in, int32_t out, int32_t stride) {
  char a[NAME_SIZE], b[NAME_SIZE];
  snprintf(a, sizeof a, "%s.conv1", name);
  snprintf(b, sizeof b, "%s.bn1", name);
  int32_t y =
      conv_norm(build, x, a, b, (pl_build_conv_spec){.in = in, .out = out, .kernel = 3, .stride = stride, .pad = 1});
  snprintf(a, sizeof a, "%s.relu1", name);
  y = pl_build_unary(build, PL_OP_RELU, y, a);
  snprintf(a, sizeof a, "%s.conv2", name);
  snprintf(b, sizeof b, "%s.bn2", name);
  y = conv_norm(build, y, a, b, (pl_build_conv_spec){.in = out, .out = out, .kernel = 3, .stride = 1, .pad = 1});
  if (stride != 1 || in != out) {
    snprintf(a, sizeof a, "%s.downsample.0", name);
    snprintf(b, sizeof b, "%s.downsample.1", name);
    x = conv_norm(build, x, a, b, (pl_build_conv_spec){.in = in, .out = out, .kernel = 1, .stride = stride});
  }
  snprintf(a, sizeof a, "%s.add", name);
  y = pl_build_binary(build, PL_OP_ADD, y, x, a);
  snprintf(a, sizeof a, "%s.relu2", name);
  return pl_build_unary(build, PL_OP_RELU, y, a);
}

static void resnet(pl_build *build, int32_t x, int32_t features[PL_ENCODER_STAGES], const int blocks[4]) {
  x = conv_norm(build, x, "encoder.conv1", "encoder.bn1",
                (pl_build_conv_spec){.in = 3, .out = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = features[0] = pl_build_unary(build, PL_OP_RELU, x, "encoder.relu");
  x = pl_build_max_pool(build, x, "encoder.maxpool", 1, false);
  int32_t in = 64;
  for (int layer = 0; layer < 4; layer++) {
    int32_t out = 64 << layer;
    for (int i = 0; i < blocks[layer]; i++) {
      char name[NAME_SIZE / 2];
      snprintf(name, sizeof name, "encoder.layer%d.%d", layer + 1, i);
      x = block(build, x, name, in, out, layer > 0 && i == 0 ? 2 : 1);
      in = out;
    }
    features[layer + 1] = x;
  }
}

void pl_encoder_resnet18(pl_build *build, int32_t x, int32_t features[PL_ENCODER_STAGES]) {
  resnet(build, x, features, (const int[]){2, 2, 2, 2});
}

void pl_encoder_resnet34(pl_build *build, int32_t x, int32_t features[PL_ENCODER_STAGES]) {
  resnet(build, x, features, (const int[]){3, 4, 6, 3});
}

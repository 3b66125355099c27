// The table of encoders.
#include <string.h>

#include "core/net/build.h"
#include "core/net/model.h"

// ImageNet weights as safetensors: where and in which revision segmentation_models.pytorch 0.6.0 has them
// (encoders/resnet.py, encoders/senet.py).
#define HUB "https://huggingface.co/smp-hub/"

static const pl_encoder_row rows[] = {
    {.encoder = {"resnet18", "ResNet-18: small, for quick runs and CPUs (14.3 M parameters)",
                 HUB "resnet18.imagenet/resolve/3f2325ff978283d47aa6a1d6878ca20565622683/model.safetensors"},
     .forward = pl_encoder_resnet_basic,
     .channels = {64, 64, 128, 256, 512},
     .blocks = {2, 2, 2, 2},
     .groups = 1,
     .group_width = 64},
    {.encoder = {"resnet34", "ResNet-34: the winner's smaller model (24.4 M parameters)",
                 HUB "resnet34.imagenet/resolve/7a57b34f723329ff020b3f8bc41771163c519d0c/model.safetensors"},
     .forward = pl_encoder_resnet_basic,
     .channels = {64, 64, 128, 256, 512},
     .blocks = {3, 4, 6, 3},
     .groups = 1,
     .group_width = 64},
    {.encoder = {"resnet50", "ResNet-50 (32.5 M parameters)",
                 HUB "resnet50.imagenet/resolve/00cb74e366966d59cd9a35af57e618af9f88efe9/model.safetensors"},
     .forward = pl_encoder_resnet_bottleneck,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 6, 3},
     .groups = 1,
     .group_width = 64},
    {.encoder = {"resnet101", "ResNet-101 (51.5 M parameters)",
                 HUB "resnet101.imagenet/resolve/cd7c15e8c51da86ae6a084515fdb962d0c94e7d1/model.safetensors"},
     .forward = pl_encoder_resnet_bottleneck,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 23, 3},
     .groups = 1,
     .group_width = 64},
    {.encoder = {"resnext50_32x4d", "ResNeXt-50 32x4d (32.0 M parameters)",
                 HUB "resnext50_32x4d.imagenet/resolve/329793c85d62fd340ae42ae39fb905a63df872e7/model.safetensors"},
     .forward = pl_encoder_resnet_bottleneck,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 6, 3},
     .groups = 32,
     .group_width = 4},
    {.encoder = {"se_resnet50", "SE-ResNet-50 (35.1 M parameters)",
                 HUB "se_resnet50.imagenet/resolve/e6b4bc2dc85226c3d3474544410724a485455459/model.safetensors"},
     .forward = pl_encoder_senet,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 6, 3},
     .groups = 1,
     .group_width = 64},
    {.encoder = {"se_resnext50_32x4d", "SE-ResNeXt-50 32x4d: the winner's main model (34.5 M parameters)",
                 HUB "se_resnext50_32x4d.imagenet/resolve/73246406d879a2b0e3fdfe6fddd56347d38f38ae/model.safetensors"},
     .forward = pl_encoder_senet,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 6, 3},
     .groups = 32,
     .group_width = 4},
    {.encoder = {"se_resnext101_32x4d", "SE-ResNeXt-101 32x4d: the winner's larger model (55.9 M parameters)",
                 HUB "se_resnext101_32x4d.imagenet/resolve/18808a4276f46421d358a9de554e0b93c2795df4/model.safetensors"},
     .forward = pl_encoder_senet,
     .channels = {64, 256, 512, 1024, 2048},
     .blocks = {3, 4, 23, 3},
     .groups = 32,
     .group_width = 4},
};

size_t pl_encoder_count(void) { return sizeof rows / sizeof rows[0]; }

const pl_encoder *pl_encoder_at(size_t index) { return index < pl_encoder_count() ? &rows[index].encoder : NULL; }

const pl_encoder_row *pl_encoder_row_find(const char *name) {
  for (size_t i = 0; i < pl_encoder_count(); i++) {
    if (strcmp(rows[i].encoder.name, name) == 0) return &rows[i];
  }
  return NULL;
}

int32_t pl_encoder_row_width(const pl_encoder_row *row, int32_t planes) {
  return planes * row->group_width / 64 * row->groups;
}

const pl_encoder *pl_encoder_find(const char *name) {
  const pl_encoder_row *row = pl_encoder_row_find(name);
  return row == NULL ? NULL : &row->encoder;
}

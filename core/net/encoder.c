// The table of encoders.
#include <string.h>

#include "core/net/build.h"
#include "core/net/model.h"

static const pl_encoder_row rows[] = {
    {{"resnet18", "ResNet-18: small, for quick runs and CPUs (14.3 M parameters)"},
     {64, 64, 128, 256, 512},
     pl_encoder_resnet18},
    {{"resnet34", "ResNet-34: the winners' smaller model (24.4 M parameters)"},
     {64, 64, 128, 256, 512},
     pl_encoder_resnet34},
    {{"se_resnext50_32x4d", "SE-ResNeXt-50 32x4d: the winners' main model (34.5 M parameters)"},
     {64, 256, 512, 1024, 2048},
     pl_encoder_se_resnext50},
};

size_t pl_encoder_count(void) { return sizeof rows / sizeof rows[0]; }

const pl_encoder *pl_encoder_at(size_t index) { return index < pl_encoder_count() ? &rows[index].encoder : NULL; }

const pl_encoder_row *pl_encoder_row_find(const char *name) {
  for (size_t i = 0; i < pl_encoder_count(); i++) {
    if (strcmp(rows[i].encoder.name, name) == 0) return &rows[i];
  }
  return NULL;
}

const pl_encoder *pl_encoder_find(const char *name) {
  const pl_encoder_row *row = pl_encoder_row_find(name);
  return row == NULL ? NULL : &row->encoder;
}

// How encoders and the decoder are written down once: the same walk fills a model with tensors (names, order, initial
// values) or a graph with nodes over them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/net/graph.h"
#include "core/net/model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_ENCODER_STAGES = 5, PL_ENCODER_LAYERS = 4 };

// One batch norm's statistics, for the commit nodes after the loss.
typedef struct pl_build_statistics {
  int32_t mean, variance;  // values
  int32_t tensors[3];      // running mean, running variance, num_batches_tracked
  int64_t count;
} pl_build_statistics;

// With `graph` NULL the walk adds tensors to `model` and values mean nothing; else it adds nodes and only looks tensors
// up.
typedef struct pl_build {
  pl_model *model;
  const pl_model *known;  // the finished model of `graph`
  pl_graph *graph;
  bool training;  // batch norm with the batch's statistics
  pl_build_statistics *statistics;
  size_t statistics_count, statistics_capacity;
} pl_build;

// The initial values of a convolution's weight, by PyTorch's names (fan_in = in/groups*k*k, fan_out = out*k*k).
typedef enum pl_build_init {
  PL_BUILD_DEFAULT,             // torch.nn.Conv2d's own: kaiming_uniform with a = sqrt(5): bound sqrt(1/fan_in)
  PL_BUILD_KAIMING_NORMAL_OUT,  // deviation sqrt(2/fan_out)
  PL_BUILD_KAIMING_UNIFORM_IN,  // bound sqrt(6/fan_in)
  PL_BUILD_XAVIER_UNIFORM,      // bound sqrt(6/(fan_in+fan_out)); the bias is 0
} pl_build_init;

typedef struct pl_build_conv_spec {
  int32_t in, out, kernel, stride, pad, groups;
  bool bias;
  pl_build_init init;
} pl_build_conv_spec;

// Each takes and returns value ids. Names are of the tensors' owner, such as "encoder.layer1.0.conv1".
int32_t pl_build_conv(pl_build *build, int32_t x, const char *name, const pl_build_conv_spec *spec);
int32_t pl_build_batch_norm(pl_build *build, int32_t x, const char *name, int32_t channels);
int32_t pl_build_max_pool(pl_build *build, int32_t x, const char *name, int32_t pad, bool ceil);  // 3x3, stride 2
// PL_OP_RELU, PL_OP_SIGMOID, PL_OP_MEAN_HW, PL_OP_UPSAMPLE2 / PL_OP_ADD, PL_OP_SCALE_CHANNELS,
// PL_OP_SCALE_PIXELS, PL_OP_CONCAT.
int32_t pl_build_unary(pl_build *build, pl_op op, int32_t x, const char *name);
int32_t pl_build_binary(pl_build *build, pl_op op, int32_t a, int32_t b, const char *name);

typedef struct pl_encoder_row pl_encoder_row;

// Gets the image and returns the five stages' outputs, at 1/2, 1/4, ... 1/32 of its size, with the row's channels.
typedef void pl_encoder_forward(pl_build *build, const pl_encoder_row *row, int32_t x,
                                int32_t features[PL_ENCODER_STAGES]);

// A row of the encoder table: a family, and what distinguishes its members.
struct pl_encoder_row {
  pl_encoder encoder;
  pl_encoder_forward *forward;
  int32_t channels[PL_ENCODER_STAGES];
  int32_t blocks[PL_ENCODER_LAYERS];  // residual blocks in each layer
  int32_t groups, group_width;        // of a bottleneck's 3x3 convolutions: 1 and 64, or "32x4d"
};

const pl_encoder_row *pl_encoder_row_find(const char *name);  // NULL when there is none

// Channels inside a bottleneck: floor(planes * group_width / 64) * groups.
int32_t pl_encoder_row_width(const pl_encoder_row *row, int32_t planes);

// A row of the attention table. `forward` NULL is the identity, without tensors; `name` is that of the module, such as
// "decoder.blocks.0.attention1".
typedef struct pl_attention_row {
  pl_attention attention;
  int32_t (*forward)(pl_build *build, int32_t x, const char *name, int32_t channels);
} pl_attention_row;

const pl_attention_row *pl_attention_row_find(const char *name);  // NULL when there is none

pl_encoder_forward pl_encoder_resnet_basic;       // encoder_resnet.c
pl_encoder_forward pl_encoder_resnet_bottleneck;  // encoder_resnet.c
pl_encoder_forward pl_encoder_senet;              // encoder_senet.c

#ifdef __cplusplus
}
#endif

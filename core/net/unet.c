// smp.Unet(encoder, classes=1, activation=None, decoder_attention_type=...) of segmentation_models.pytorch, and its
// programs.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/net/build.h"
#include "core/net/model.h"

enum { DECODER_BLOCKS = 5 };

static const int32_t decoder_channels[DECODER_BLOCKS] = {256, 128, 64, 32, 16};

static int32_t conv_norm_relu(pl_build *build, int32_t x, int block, int conv, int32_t in, int32_t out) {
  char name[PL_NAME_MAX];
  snprintf(name, sizeof name, "decoder.blocks.%d.conv%d.0", block, conv);
  x = pl_build_conv(
      build, x, name,
      &(pl_build_conv_spec){
          .in = in, .out = out, .kernel = 3, .stride = 1, .pad = 1, .groups = 1, .init = PL_BUILD_KAIMING_UNIFORM_IN});
  snprintf(name, sizeof name, "decoder.blocks.%d.conv%d.1", block, conv);
  x = pl_build_batch_norm(build, x, name, out);
  snprintf(name, sizeof name, "decoder.blocks.%d.conv%d.2", block, conv);
  return pl_build_unary(build, PL_OP_RELU, x, name);
}

// The rows of a network's parts.
typedef struct parts {
  const pl_encoder_row *encoder;
  const pl_attention_row *attention;
} parts;

static int32_t attend(pl_build *build, const parts *p, int32_t x, int block, int place, int32_t channels) {
  if (p->attention->forward == NULL) return x;
  char name[PL_NAME_MAX];
  snprintf(name, sizeof name, "decoder.blocks.%d.attention%d", block, place);
  return p->attention->forward(build, x, name, channels);
}

// The first attention lies behind the first convolution in PyTorch's state dict, but it is applied before, and only
// where there is a skip: the last block's has tensors that nothing reads.
static int32_t decoder_block(pl_build *build, const parts *p, int32_t x, int block, bool skip, int32_t in,
                             int32_t out) {
  bool listing = build->graph == NULL;
  if (skip && !listing) x = attend(build, p, x, block, 1, in);
  x = conv_norm_relu(build, x, block, 1, in, out);
  if (listing) attend(build, p, x, block, 1, in);
  x = conv_norm_relu(build, x, block, 2, out, out);
  return attend(build, p, x, block, 2, out);
}

// The image in, logits out.
static int32_t forward(pl_build *build, const parts *p, int32_t x) {
  const pl_encoder_row *row = p->encoder;
  int32_t features[PL_ENCODER_STAGES] = {0};
  row->forward(build, row, x, features);
  x = features[PL_ENCODER_STAGES - 1];
  int32_t in = row->channels[PL_ENCODER_STAGES - 1];
  for (int block = 0; block < DECODER_BLOCKS; block++) {
    char name[PL_NAME_MAX];
    snprintf(name, sizeof name, "decoder.blocks.%d.upsample", block);
    x = pl_build_unary(build, PL_OP_UPSAMPLE2, x, name);
    int skip = PL_ENCODER_STAGES - 2 - block;
    if (skip >= 0) {
      snprintf(name, sizeof name, "decoder.blocks.%d.concat", block);
      x = pl_build_binary(build, PL_OP_CONCAT, x, features[skip], name);
      in += row->channels[skip];
    }
    x = decoder_block(build, p, x, block, skip >= 0, in, decoder_channels[block]);
    in = decoder_channels[block];
  }
  pl_build_conv_spec head = {.in = in,
                             .out = 1,
                             .kernel = 3,
                             .stride = 1,
                             .pad = 1,
                             .groups = 1,
                             .bias = true,
                             .init = PL_BUILD_XAVIER_UNIFORM};
  return pl_build_conv(build, x, "segmentation_head.0", &head);
}

static pl_status find_parts(parts *out, const pl_unet *unet, pl_error *err) {
  const char *attention = unet->attention != NULL ? unet->attention : "none";
  *out = (parts){pl_encoder_row_find(unet->encoder), pl_attention_row_find(attention)};
  if (out->encoder != NULL && out->attention != NULL) return PL_OK;
  bool encoder = out->encoder == NULL;
  pl_buf names;
  pl_buf_init(&names, 4096);
  for (size_t i = 0; i < (encoder ? pl_encoder_count() : pl_attention_count()); i++) {
    pl_buf_printf(&names, "%s%s", i == 0 ? "" : ", ", encoder ? pl_encoder_at(i)->name : pl_attention_at(i)->name);
  }
  pl_status status =
      pl_fail(err, PL_E_NOTFOUND, "there is no %s '%.60s'; there are: %s", encoder ? "encoder" : "decoder attention",
              encoder ? unet->encoder : attention, names.data);
  pl_buf_clear(&names);
  return status;
}

static void freeze_encoder(pl_model *model) {
  for (int32_t i = 0; i < model->count; i++) {
    pl_tensor *tensor = &model->tensors[i];
    tensor->frozen = tensor->role == PL_ROLE_PARAMETER && pl_begins_with(tensor->name, "encoder.");
  }
}

pl_status pl_unet_model(pl_model *out, const pl_unet *unet, pl_error *err) {
  parts p;
  pl_status status = find_parts(&p, unet, err);
  if (status != PL_OK) return status;
  *out = (pl_model){0};
  pl_build build = {.model = out};
  forward(&build, &p, 0);
  if (unet->freeze_encoder) freeze_encoder(out);
  if (unet->inference) {
    out->state_count = out->count;
  } else {
    pl_model_add_training_tensors(out, unet->optimizer);
  }
  return PL_OK;
}

pl_program_spec pl_program_spec_default(pl_program_kind kind, int32_t batch, int32_t height, int32_t width) {
  return (pl_program_spec){.kind = kind,
                           .batch = batch,
                           .height = height,
                           .width = width,
                           .augment = true,
                           .loss_weights = {[PL_LOSS_BCE] = 3, [PL_LOSS_DICE] = 1, [PL_LOSS_FOCAL] = 4},
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8};
}

// ---------------------------------------------------------------------------------------------------------------------

typedef struct batch_values {
  int32_t x, target;  // target is -1 where the program has none
} batch_values;

static batch_values add_inputs(pl_graph *graph, const pl_program_spec *spec) {
  pl_shape one = pl_shape_make(4, spec->batch, 1, spec->height, spec->width);
  if (!spec->augment) {
    pl_shape three = pl_shape_make(4, spec->batch, 3, spec->height, spec->width);
    int32_t x = pl_graph_input(graph, "x", PL_F32, three);
    return (batch_values){x, spec->kind == PL_PROGRAM_PREDICT ? -1 : pl_graph_input(graph, "target", PL_F32, one)};
  }
  int32_t in[3];
  in[0] = pl_graph_input(graph, "image", PL_U8, one);
  in[1] = pl_graph_input(graph, "mask", PL_U8, one);
  in[2] = pl_graph_input(graph, "parameters", PL_F64, pl_shape_make(2, spec->batch, PL_AUGMENT_VALUES, 1, 1));
  // ImageNet's statistics (albumentations.Normalize's defaults), which the encoders' published weights expect.
  pl_attributes a = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
  int32_t x = pl_graph_add(graph, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &a);
  return (batch_values){x, x + 1};
}

static void add_commits(pl_graph *graph, const pl_build *build, int32_t loss) {
  for (size_t i = 0; i < build->statistics_count; i++) {
    const pl_build_statistics *s = &build->statistics[i];
    pl_attributes a = {.momentum = 0.1, .count = s->count};
    pl_graph_add(graph, PL_OP_BATCH_NORM_COMMIT, "commit", (int32_t[]){s->mean, s->variance, loss}, 3, s->tensors, 3,
                 &a);
  }
}

static void add_update(pl_graph *graph, pl_optimizer optimizer, const pl_program_spec *spec) {
  int32_t norm = pl_graph_add(graph, PL_OP_GRADIENT_NORM, "gradient_norm", NULL, 0, NULL, 0, NULL);
  pl_attributes a = {.optimizer = optimizer,
                     .beta1 = spec->beta1,
                     .beta2 = spec->beta2,
                     .epsilon = spec->epsilon,
                     .weight_decay = spec->weight_decay,
                     .clip_norm = spec->clip_norm,
                     .momentum = spec->momentum,
                     .nesterov = spec->nesterov};
  pl_graph_add(graph, PL_OP_OPTIMIZER_STEP, "update", &norm, 1, NULL, 0, &a);
  pl_graph_result(graph, norm);
}

static void add_network(pl_graph *graph, const parts *p, pl_optimizer optimizer, const pl_program_spec *spec) {
  bool inference = spec->kind == PL_PROGRAM_EVALUATE || spec->kind == PL_PROGRAM_PREDICT;
  pl_build build = {.known = graph->model, .graph = graph, .training = !inference};
  batch_values batch = add_inputs(graph, spec);
  int32_t logits = forward(&build, p, batch.x);
  if (spec->kind != PL_PROGRAM_PREDICT) {
    pl_attributes a = {.nesterov = false};
    memcpy(a.loss_weights, spec->loss_weights, sizeof a.loss_weights);
    int32_t in[] = {logits, batch.target};
    int32_t loss = pl_graph_add(graph, PL_OP_COMBO_LOSS, "loss", in, 2, NULL, 0, &a);
    int32_t dice = pl_graph_add(graph, PL_OP_DICE_SUMS, "dice_sums", in, 2, NULL, 0, NULL);
    pl_graph_result(graph, loss);
    if (!inference) {
      add_commits(graph, &build, loss);
      pl_graph_backward(graph, loss, spec->kind == PL_PROGRAM_ACCUMULATE_ADD);
    }
    if (spec->kind == PL_PROGRAM_STEP) add_update(graph, optimizer, spec);
    pl_graph_result(graph, dice);
  }
  if (inference) pl_graph_result(graph, pl_build_unary(&build, PL_OP_SIGMOID, logits, "probabilities"));
  free(build.statistics);
}

pl_status pl_unet_graph(pl_graph *out, const pl_model *model, const pl_unet *unet, const pl_program_spec *spec,
                        pl_error *err) {
  parts p;
  pl_status status = find_parts(&p, unet, err);
  if (status != PL_OK) return status;
  if (spec->kind != PL_PROGRAM_UPDATE) {
    if (spec->batch < 1) return pl_fail(err, PL_E_USAGE, "the batch size is %d, it must be at least 1", spec->batch);
    if (spec->height < PL_SIDE_MULTIPLE || spec->height % PL_SIDE_MULTIPLE != 0 || spec->width < PL_SIDE_MULTIPLE ||
        spec->width % PL_SIDE_MULTIPLE != 0) {
      return pl_fail(err, PL_E_USAGE, "the network takes images with sides that are multiples of %d, not %dx%d",
                     PL_SIDE_MULTIPLE, spec->width, spec->height);
    }
    bool training = spec->kind != PL_PROGRAM_EVALUATE && spec->kind != PL_PROGRAM_PREDICT;
    if (training && (int64_t)spec->batch * spec->height * spec->width <= PL_SIDE_MULTIPLE * PL_SIDE_MULTIPLE) {
      return pl_fail(
          err, PL_E_USAGE,
          "batch norm cannot train on a single %dx%d image: its last layers have one value a channel; take a "
          "larger image or batch",
          spec->width, spec->height);
    }
  }
  pl_graph_init(out, model);
  if (spec->kind == PL_PROGRAM_UPDATE) {
    add_update(out, unet->optimizer, spec);
  } else {
    add_network(out, &p, unet->optimizer, spec);
  }
  return PL_OK;
}

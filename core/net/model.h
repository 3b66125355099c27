// Models and their programs: from "unet with encoder se_resnext50_32x4d" to graphs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// An encoder: one row of the table in encoder.c.
typedef struct pl_encoder {
  const char *name;         // segmentation_models.pytorch's: "resnet18", "se_resnext50_32x4d"
  const char *description;  // for forms and help
  const char *source;       // URL of its ImageNet weights
} pl_encoder;

size_t pl_encoder_count(void);
const pl_encoder *pl_encoder_at(size_t index);
const pl_encoder *pl_encoder_find(const char *name);  // NULL when there is none

// What the decoder's blocks attend to: one row of the table in attention.c.
typedef struct pl_attention {
  const char *name;         // "none", or segmentation_models.pytorch's decoder_attention_type: "scse"
  const char *description;  // for forms and help
} pl_attention;

size_t pl_attention_count(void);
const pl_attention *pl_attention_at(size_t index);

// Which network, and how it is trained. Plain data, the names are borrowed.
typedef struct pl_unet {
  const char *encoder;     // a row of the encoder table
  const char *attention;   // a row of the attention table; NULL is "none"
  pl_optimizer optimizer;  // 0 is Adam
  // The encoder's parameters stay (requires_grad = False in PyTorch): no gradients, no updates. Its batch norms keep
  // training mode, so their running statistics go on moving, as they do in the reference, which freezes parameters
  // only (ternausnets.py, freeze_encoder).
  bool freeze_encoder;
  bool inference;  // the state dict alone: no gradients, moments or optimizer, so only programs that do not train
} pl_unet;

// Sides must be multiples of 32: five halvings, and the decoder doubles exactly.
enum { PL_SIDE_MULTIPLE = 32 };

// The tensors of smp.Unet(encoder, classes=1, activation=None, decoder_attention_type=attention) under its state-dict
// names and in its order, with gradients and the optimizer's state. PL_E_NOTFOUND lists the encoders or attentions. The
// caller clears `out`.
pl_status pl_unet_model(pl_model *out, const pl_unet *unet, pl_error *err);

typedef enum pl_program_kind {
  PL_PROGRAM_STEP,        // forward, loss, backward, batch-norm commit, norm, update. results: loss, norm, dice sums
  PL_PROGRAM_ACCUMULATE,  // up to the gradients, overwriting them. results: loss, dice sums
  PL_PROGRAM_ACCUMULATE_ADD,  // the same, adding to them
  PL_PROGRAM_UPDATE,          // norm and optimizer; no inputs. results: norm
  PL_PROGRAM_EVALUATE,        // inference batch norm. results: loss, dice sums, probabilities f32 [n,1,h,w]
  PL_PROGRAM_PREDICT,         // inference batch norm, no mask. results: probabilities
} pl_program_kind;

// What a program is built for. Inputs in order: with `augment` image u8, mask u8, parameters f64 (see PL_OP_AUGMENT);
// without it x f32 [n,3,h,w] and target f32 [n,1,h,w]. PL_PROGRAM_PREDICT takes an all-zero mask with `augment`, and
// only x without.
typedef struct pl_program_spec {
  pl_program_kind kind;
  int32_t batch, height, width;
  bool augment;
  double loss_weights[PL_LOSS_TERMS];                     // bce 3, dice 1, focal 4
  double beta1, beta2, epsilon, weight_decay, clip_norm;  // 0.9, 0.999, 1e-8, 0, 0
  double momentum;                                        // SGD; 0
  bool nesterov;
} pl_program_spec;

pl_program_spec pl_program_spec_default(pl_program_kind kind, int32_t batch, int32_t height, int32_t width);

// Builds the program's graph for a model of pl_unet_model of the same network. PL_E_USAGE when a side is not a
// multiple of 32. The caller clears `out` and keeps `model` alive meanwhile.
pl_status pl_unet_graph(pl_graph *out, const pl_model *model, const pl_unet *unet, const pl_program_spec *spec,
                        pl_error *err);

#ifdef __cplusplus
}
#endif

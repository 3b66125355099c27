#include "core/run/training.h"

#include <string.h>

#include "core/net/registry.h"

pl_backend_options pl_training_backend(const pl_config *config) {
  return (pl_backend_options){.struct_size = sizeof(pl_backend_options),
                              .threads = (int32_t)config->threads,
                              .device = (int32_t)config->device,
                              .deterministic = true,
                              .precision = pl_precision_find(config->precision),
                              .tune = strcmp(config->choices, PL_CHOICES_FIXED) != 0};
}

static pl_best_by best_by_of(const pl_config *config) {
  if (strcmp(config->best_by, "dice") == 0) return PL_BEST_BY_DICE;
  if (strcmp(config->best_by, "dice_image") == 0) return PL_BEST_BY_DICE_IMAGE;
  return strcmp(config->best_by, "dice_pos") == 0 ? PL_BEST_BY_DICE_POS : PL_BEST_BY_DICE_BATCH;
}

static pl_schedule_options schedule_of(const pl_config *c) {
  return (pl_schedule_options){.base = c->learning_rate,
                               .minimum = c->min_learning_rate,
                               .gamma = c->gamma,
                               .milestones = c->milestones.values,
                               .milestone_count = (size_t)c->milestones.count,
                               .period = c->cosine_period,
                               .period_factor = c->restart_factor,
                               .smaller_is_better = strcmp(c->plateau_by, "loss") == 0,
                               .patience = c->plateau_patience,
                               .threshold = c->plateau_threshold,
                               .cooldown = c->plateau_cooldown};
}

static pl_optimizer optimizer_of(const pl_config *config) {
  int kind = 0;
  while (kind + 1 < PL_OPTIMIZERS && strcmp(pl_optimizer_name((pl_optimizer)kind), config->optimizer) != 0) kind++;
  return (pl_optimizer)kind;
}

pl_trainer_options pl_training_options(const pl_config *c) {
  pl_trainer_options options = {.encoder = c->encoder,
                                .attention = c->attention,
                                .weights = c->weights,
                                .feed = pl_config_feed(c),
                                .valid_batch = (int32_t)c->valid_batch,
                                .epochs = c->epochs,
                                .accumulation = c->accumulation,
                                .schedule = pl_schedule_find(c->scheduler),
                                .schedule_options = schedule_of(c),
                                .early_stopping = c->early_stopping,
                                .keep_best = c->keep_best,
                                .clip_norm = c->clip_norm,
                                .weight_decay = c->weight_decay,
                                .optimizer = optimizer_of(c),
                                .freeze_encoder = c->freeze_encoder,
                                .momentum = c->momentum,
                                .nesterov = c->nesterov,
                                .best_by = best_by_of(c)};
  memcpy(options.loss_weights, c->loss, sizeof options.loss_weights);
  return options;
}

#include "core/run/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/augment.h"
#include "core/net/model.h"

static const char *const origin_names[5];

const pl_option *pl_option_find(const char *name) {
  for (size_t i = 0; i < pl_option_count; i++) {
    const pl_option *o = &pl_options[i];
    if (strcmp(o->name, name) == 0 || (o->alias != NULL && strcmp(o->alias, name) == 0)) return o;
  }
  return NULL;
}

// Levenshtein distance, for "did you mean"; names longer than the row count as far away.
static size_t distance(const char *a, const char *b) {
  enum { ROW = 40 };
  size_t n = strlen(a), m = strlen(b), row[ROW];
  if (n >= ROW || m >= ROW) return ROW;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = corner + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      corner = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

static pl_status unknown_option(const char *name, pl_error *err) {
  const pl_option *nearest = NULL;
  size_t best = 4;
  for (size_t i = 0; i < pl_option_count; i++) {
    size_t d = distance(name, pl_options[i].name);
    if (d < best) {
      best = d;
      nearest = &pl_options[i];
    }
  }
  if (nearest != NULL) {
    return pl_fail(err, PL_E_NOTFOUND, "there is no option '%.40s'; did you mean '%s'?", name, nearest->name);
  }
  return pl_fail(err, PL_E_NOTFOUND, "there is no option '%.40s'; 'pleura train --help' lists them", name);
}

static pl_status parse_list(pl_int_list *out, const pl_option *o, const char *text, pl_error *err) {
  pl_int_list list = {.count = 0};
  for (const char *p = text; *p != '\0';) {
    size_t length = strcspn(p, ",");
    const char *start = p, *end = p + length;
    while (start < end && *start == ' ') start++;
    while (end > start && end[-1] == ' ') end--;
    int64_t value = 0;
    if (!pl_parse_i64(&value, start, (size_t)(end - start)) || (double)value < o->min || (double)value > o->max) {
      return pl_fail(err, PL_E_USAGE, "%s: '%.40s' is not a list of whole numbers from %.0f to %.0f", o->name, text,
                     o->min, o->max);
    }
    if (list.count == PL_OPTION_LIST_MAX) {
      return pl_fail(err, PL_E_USAGE, "%s: more than %d numbers", o->name, PL_OPTION_LIST_MAX);
    }
    if (list.count > 0 && value <= list.values[list.count - 1]) {
      return pl_fail(err, PL_E_USAGE, "%s: %" PRId64 " does not come after %d; the numbers must rise", o->name, value,
                     list.values[list.count - 1]);
    }
    list.values[list.count++] = (int32_t)value;
    p += length;
    if (*p == ',') p++;
  }
  *out = list;
  return PL_OK;
}

static pl_status set_choice(char *field, const pl_option *o, const char *text, pl_error *err) {
  char known[160] = "";
  size_t used = 0;
  for (size_t i = 0; o->choice(i) != NULL; i++) {
    if (strcmp(o->choice(i), text) == 0) {
      (void)pl_copy_text(field, o->size, text);
      return PL_OK;
    }
    int n = snprintf(known + used, sizeof known - used, "%s%s", used != 0 ? ", " : "", o->choice(i));
    if (n > 0) used += (size_t)n < sizeof known - used ? (size_t)n : sizeof known - used - 1;
  }
  return pl_fail(err, PL_E_USAGE, "%s: '%.40s' is none of: %s", o->name, text, known);
}

static pl_status set_text(char *field, const pl_option *o, const char *text, pl_error *err) {
  size_t length = strlen(text);
  if (length >= o->size) {
    return pl_fail(err, PL_E_USAGE, "%s: longer than %zu bytes", o->name, o->size - 1);
  }
  for (const char *p = text; *p != '\0'; p++) {
    if ((unsigned char)*p < 0x20 || *p == 0x7F) {
      return pl_fail(err, PL_E_USAGE, "%s: control characters are not allowed", o->name);
    }
  }
  memcpy(field, text, length + 1);
  return PL_OK;
}

static pl_status set_bool(bool *field, const pl_option *o, const char *text, pl_error *err) {
  static const char *const yes[] = {"on", "yes", "true", "1"}, *const no[] = {"off", "no", "false", "0"};
  for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
    if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
      *field = strcmp(text, yes[i]) == 0;
      return PL_OK;
    }
  }
  return pl_fail(err, PL_E_USAGE, "%s: '%.40s' is neither 'on' nor 'off'", o->name, text);
}

static pl_status set_field(pl_config *config, const pl_option *o, const char *text, pl_error *err) {
  void *field = (char *)config + o->offset;
  size_t length = strlen(text);
  int64_t whole = 0;
  double real = 0;
  switch (o->type) {
    case PL_OPTION_INT:
      if (!pl_parse_i64(&whole, text, length)) {
        return pl_fail(err, PL_E_USAGE, "%s: '%.40s' is not a whole number", o->name, text);
      }
      if ((double)whole < o->min || (double)whole > o->max) {
        return pl_fail(err, PL_E_USAGE, "%s: %" PRId64 " is outside %.0f to %.0f", o->name, whole, o->min, o->max);
      }
      memcpy(field, &whole, sizeof whole);
      return PL_OK;
    case PL_OPTION_DOUBLE:
      if (!pl_parse_double(&real, text, length)) {
        return pl_fail(err, PL_E_USAGE, "%s: '%.40s' is not a number", o->name, text);
      }
      if (real < o->min || real > o->max) {
        return pl_fail(err, PL_E_USAGE, "%s: %g is outside %g to %g", o->name, real, o->min, o->max);
      }
      memcpy(field, &real, sizeof real);
      return PL_OK;
    case PL_OPTION_TEXT: return set_text(field, o, text, err);
    case PL_OPTION_CHOICE: return set_choice(field, o, text, err);
    case PL_OPTION_BOOL: return set_bool(field, o, text, err);
    case PL_OPTION_INTS: return parse_list(field, o, text, err);
  }
  return pl_fail(err, PL_E_INTERNAL, "%s has no type", o->name);
}

pl_status pl_config_set(pl_config *config, const char *name, const char *text, pl_origin origin, pl_error *err) {
  const pl_option *o = pl_option_find(name);
  if (o == NULL) return unknown_option(name, err);
  pl_status status = set_field(config, o, text, err);
  if (status == PL_OK) config->origin[o - pl_options] = (uint8_t)origin;
  return status;
}

void pl_config_get(char out[PL_OPTION_TEXT_MAX], const pl_config *config, const pl_option *o) {
  const void *field = (const char *)config + o->offset;
  const pl_int_list *list = field;
  size_t used = 0;
  double real = 0;
  out[0] = '\0';
  switch (o->type) {
    case PL_OPTION_INT: snprintf(out, PL_OPTION_TEXT_MAX, "%" PRId64, *(const int64_t *)field); return;
    case PL_OPTION_DOUBLE:
      // The shortest of the usual precisions that reads back to the same number.
      for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, PL_OPTION_TEXT_MAX, "%.*g", digits, *(const double *)field);
        if (pl_parse_double(&real, out, strlen(out)) && real == *(const double *)field) return;
      }
      return;
    case PL_OPTION_TEXT:
    case PL_OPTION_CHOICE: (void)pl_copy_text(out, PL_OPTION_TEXT_MAX, field); return;
    case PL_OPTION_BOOL: (void)pl_copy_text(out, PL_OPTION_TEXT_MAX, *(const bool *)field ? "on" : "off"); return;
    case PL_OPTION_INTS:
      for (int32_t i = 0; i < list->count; i++) {
        int n = snprintf(out + used, PL_OPTION_TEXT_MAX - used, "%s%d", i > 0 ? "," : "", list->values[i]);
        if (n > 0) used += (size_t)n;
      }
      return;
  }
}

void pl_config_defaults(pl_config *config) {
  *config = (pl_config){.size = 0};
  for (size_t i = 0; i < pl_option_count; i++) {
    pl_error err = {0};
    (void)set_field(config, &pl_options[i], pl_options[i].text, &err);  // a unit test sets every default
  }
}

pl_status pl_config_apply_preset(pl_config *config, const char *name, pl_error *err) {
  for (size_t i = 0; i < pl_preset_count; i++) {
    if (strcmp(pl_presets[i].name, name) != 0) continue;
    pl_config copy = *config;
    for (const char *const(*v)[2] = pl_presets[i].values; (*v)[0] != NULL; v++) {
      pl_status status = pl_config_set(&copy, (*v)[0], (*v)[1], PL_ORIGIN_PRESET, err);
      if (status != PL_OK) return pl_wrap(err, "preset %s", name);
    }
    *config = copy;
    return PL_OK;
  }
  char known[160] = "";
  size_t used = 0;
  for (size_t i = 0; i < pl_preset_count && used < sizeof known; i++) {
    int n = snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", pl_presets[i].name);
    if (n > 0) used += (size_t)n;
  }
  return pl_fail(err, PL_E_NOTFOUND, "there is no preset '%.40s'; there are: %s", name, known);
}

pl_status pl_config_check(const pl_config *config, pl_error *err) {
  if (config->size % PL_SIDE_MULTIPLE != 0) {
    return pl_fail(err, PL_E_USAGE, "size: %" PRId64 " is not a multiple of %d; take %" PRId64 " or %" PRId64,
                   config->size, PL_SIDE_MULTIPLE, config->size / PL_SIDE_MULTIPLE * PL_SIDE_MULTIPLE,
                   (config->size / PL_SIDE_MULTIPLE + 1) * PL_SIDE_MULTIPLE);
  }
  if (config->weight_bce + config->weight_dice + config->weight_focal <= 0) {
    return pl_fail(err, PL_E_USAGE, "the three loss weights are 0: there is nothing to learn from");
  }
  if (config->sample_rate_end > 0 && config->sample_rate == 0) {
    return pl_fail(err, PL_E_USAGE, "sample-rate-end: %g is where a sample-rate slides to; give that too",
                   config->sample_rate_end);
  }
  if (config->backend[0] == '\0' || strchr(config->backend, '/') != NULL) {
    return pl_fail(err, PL_E_USAGE, "backend: '%.40s' is not a name; a plug-in's path goes into 'plugin'",
                   config->backend);
  }
  const char *name = config->name;
  if (name[0] == '.' || name[0] == '-' || strchr(name, '/') != NULL) {
    return pl_fail(err, PL_E_USAGE, "name: '%s' cannot name a folder: no '/', and no '.' or '-' in front", name);
  }
  return PL_OK;
}

const char *pl_origin_name(pl_origin origin) { return origin_names[origin]; }

pl_feed_options pl_config_feed(const pl_config *config) {
  return (pl_feed_options){.subset = PL_SUBSET_TRAIN,
                           .fold = (int)config->fold,
                           .limit = (size_t)config->limit,
                           .seed = (uint64_t)config->seed,
                           .size = (uint32_t)config->size,
                           .batch = (size_t)config->batch,
                           .augment = pl_augment_list_find(config->augment),
                           .augment_strength = config->augment_strength,
                           .sample_rate = config->sample_rate,
                           .sample_rate_end = config->sample_rate_end,
                           .epochs = (uint64_t)config->epochs,
                           .workers = (unsigned)config->workers,
                           .cache_bytes = (size_t)config->cache << 20};
}

void pl_config_describe(pl_buf *out, const pl_config *config) {
  for (size_t i = 0; i < pl_option_count; i++) {
    char text[PL_OPTION_TEXT_MAX];
    pl_config_get(text, config, &pl_options[i]);
    (void)pl_buf_printf(out, "%-18s = %-24s (%s)\n", pl_options[i].name, text[0] != '\0' ? text : "\"\"",
                        pl_origin_name((pl_origin)config->origin[i]));
  }
}

static const char *encoder_choice(size_t index) {
  return index < pl_encoder_count() ? pl_encoder_at(index)->name : NULL;
}

static const char *attention_choice(size_t index) {
  return index < pl_attention_count() ? pl_attention_at(index)->name : NULL;
}

static const char *best_by_choice(size_t index) {
  static const char *const names[] = {"dice_batch", "dice", "dice_pos"};
  return index < sizeof names / sizeof names[0] ? names[index] : NULL;
}

static const char *augment_choice(size_t index) {
  return index < pl_augment_list_count ? pl_augment_lists[index].name : NULL;
}

const pl_option pl_options[] = {
    {.name = "encoder",
     .argument = "NAME",
     .type = PL_OPTION_CHOICE,
     .offset = offsetof(pl_config, encoder),
     .size = sizeof(((pl_config *)NULL)->encoder),
     .choice = encoder_choice,
     .text = "se_resnext50_32x4d",
     .help = "Encoder of the U-Net"},
    {.name = "decoder-attention",
     .argument = "NAME",
     .type = PL_OPTION_CHOICE,
     .offset = offsetof(pl_config, attention),
     .size = sizeof(((pl_config *)NULL)->attention),
     .choice = attention_choice,
     .text = "none",
     .help = "What the decoder's blocks attend to; scse weighs channels and pixels"},
    {.name = "weights",
     .argument = "FILE",
     .type = PL_OPTION_TEXT,
     .offset = offsetof(pl_config, weights),
     .size = sizeof(((pl_config *)NULL)->weights),
     .text = "",
     .help = "Start from these weights (safetensors): a whole network or an encoder"},
    {.name = "size",
     .argument = "PX",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, size),
     .size = sizeof(((pl_config *)NULL)->size),
     .min = 0,
     .max = 4096,
     .text = "0",
     .help = "Side of the images the network sees, a multiple of 32; 0 for the prepared size"},
    {.name = "batch",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, batch),
     .size = sizeof(((pl_config *)NULL)->batch),
     .min = 1,
     .max = 1024,
     .text = "8",
     .help = "Images in a training batch"},
    {.name = "valid-batch",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, valid_batch),
     .size = sizeof(((pl_config *)NULL)->valid_batch),
     .min = 1,
     .max = 1024,
     .text = "16",
     .help = "Images in a validation batch"},
    {.name = "epochs",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, epochs),
     .size = sizeof(((pl_config *)NULL)->epochs),
     .min = 1,
     .max = 100000,
     .text = "20",
     .flags = PL_OPTION_LIVE,
     .help = "Passes over the training images"},
    {.name = "learning-rate",
     .alias = "lr",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, learning_rate),
     .size = sizeof(((pl_config *)NULL)->learning_rate),
     .min = 0,
     .max = 10,
     .text = "1e-4",
     .flags = PL_OPTION_LIVE,
     .help = "Adam's learning rate at the start"},
    {.name = "milestones",
     .argument = "LIST",
     .type = PL_OPTION_INTS,
     .offset = offsetof(pl_config, milestones),
     .size = sizeof(((pl_config *)NULL)->milestones),
     .min = 1,
     .max = 100000,
     .text = "3,5,6,7,8,9,10,11,13,15",
     .help = "Epochs after which the learning rate is multiplied by gamma"},
    {.name = "gamma",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, gamma),
     .size = sizeof(((pl_config *)NULL)->gamma),
     .min = 0,
     .max = 10,
     .text = "0.75",
     .help = "Factor of the learning rate at each milestone"},
    {.name = "accumulation",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, accumulation),
     .size = sizeof(((pl_config *)NULL)->accumulation),
     .min = 1,
     .max = 1024,
     .text = "1",
     .help = "Batches whose gradients are summed before each optimizer step"},
    {.name = "clip-norm",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, clip_norm),
     .size = sizeof(((pl_config *)NULL)->clip_norm),
     .min = 0,
     .max = 1e9,
     .text = "0",
     .help = "Largest norm of the gradient; 0 does not clip"},
    {.name = "weight-decay",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, weight_decay),
     .size = sizeof(((pl_config *)NULL)->weight_decay),
     .min = 0,
     .max = 1,
     .text = "0",
     .help = "Adam's weight decay"},
    {.name = "weight-bce",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, weight_bce),
     .size = sizeof(((pl_config *)NULL)->weight_bce),
     .min = 0,
     .max = 1e6,
     .text = "3",
     .help = "Weight of the cross entropy in the loss"},
    {.name = "weight-dice",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, weight_dice),
     .size = sizeof(((pl_config *)NULL)->weight_dice),
     .min = 0,
     .max = 1e6,
     .text = "1",
     .help = "Weight of the soft dice in the loss"},
    {.name = "weight-focal",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, weight_focal),
     .size = sizeof(((pl_config *)NULL)->weight_focal),
     .min = 0,
     .max = 1e6,
     .text = "4",
     .help = "Weight of the focal loss in the loss"},
    {.name = "augment",
     .argument = "LIST",
     .type = PL_OPTION_CHOICE,
     .offset = offsetof(pl_config, augment),
     .size = sizeof(((pl_config *)NULL)->augment),
     .choice = augment_choice,
     .text = "blog",
     .help = "Changes of training images: blog flips and rotates, winner is the competition winner's list"},
    {.name = "augment-strength",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, augment_strength),
     .size = sizeof(((pl_config *)NULL)->augment_strength),
     .min = 0,
     .max = 2,
     .text = "1",
     .help = "Factor of the limits of these changes; 0 leaves only the flips"},
    {.name = "sample-rate",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, sample_rate),
     .size = sizeof(((pl_config *)NULL)->sample_rate),
     .min = 0,
     .max = 1,
     .text = "0",
     .help = "Share of positives in an epoch: all of them, and negatives to match; 0 takes every image once"},
    {.name = "sample-rate-end",
     .argument = "X",
     .type = PL_OPTION_DOUBLE,
     .offset = offsetof(pl_config, sample_rate_end),
     .size = sizeof(((pl_config *)NULL)->sample_rate_end),
     .min = 0,
     .max = 1,
     .text = "0",
     .help = "Share in the last epoch, to which the sample rate slides; 0 to stay. The winner slid from 0.8 to 0.4"},
    {.name = "fold",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, fold),
     .size = sizeof(((pl_config *)NULL)->fold),
     .min = 0,
     .max = 999,
     .text = "0",
     .help = "Fold that is held out for validation"},
    {.name = "seed",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, seed),
     .size = sizeof(((pl_config *)NULL)->seed),
     .min = 0,
     .max = 9007199254740992.0,
     .text = "42",
     .help = "Seed of weights, order and augmentation"},
    {.name = "limit",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, limit),
     .size = sizeof(((pl_config *)NULL)->limit),
     .min = 0,
     .max = 10000000,
     .text = "0",
     .help = "For trials: only the first N cases of each part; 0 for all"},
    {.name = "best-by",
     .argument = "SCORE",
     .type = PL_OPTION_CHOICE,
     .offset = offsetof(pl_config, best_by),
     .size = sizeof(((pl_config *)NULL)->best_by),
     .choice = best_by_choice,
     .text = "dice_batch",
     .help = "Score that decides which epoch is the best"},
    {.name = "checkpoint-every",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, checkpoint_every),
     .size = sizeof(((pl_config *)NULL)->checkpoint_every),
     .min = 1,
     .max = 100000,
     .text = "1",
     .flags = PL_OPTION_LIVE,
     .help = "Epochs between checkpoints"},
    {.name = "keep",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, keep),
     .size = sizeof(((pl_config *)NULL)->keep),
     .min = 2,
     .max = 100000,
     .text = "2",
     .flags = PL_OPTION_LIVE,
     .help = "Newest checkpoints to keep beside the best"},
    {.name = "backend",
     .argument = "NAME",
     .type = PL_OPTION_TEXT,
     .offset = offsetof(pl_config, backend),
     .size = sizeof(((pl_config *)NULL)->backend),
     .text = "auto",
     .help = "What computes: ref, onednn, cuda; auto takes the fastest that works"},
    {.name = "plugin",
     .argument = "FILE",
     .type = PL_OPTION_TEXT,
     .offset = offsetof(pl_config, plugin),
     .size = sizeof(((pl_config *)NULL)->plugin),
     .text = "",
     .flags = PL_OPTION_NOT_FROM_WORKSPACE,
     .help = "Load this backend plug-in first"},
    {.name = "device",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, device),
     .size = sizeof(((pl_config *)NULL)->device),
     .min = 0,
     .max = 1023,
     .text = "0",
     .help = "Index of the device, for machines with several"},
    {.name = "threads",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, threads),
     .size = sizeof(((pl_config *)NULL)->threads),
     .min = 0,
     .max = 4096,
     .text = "0",
     .help = "Threads of a CPU backend; 0 for as many as the machine has"},
    {.name = "workers",
     .argument = "N",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, workers),
     .size = sizeof(((pl_config *)NULL)->workers),
     .min = 1,
     .max = 256,
     .text = "2",
     .help = "Threads that read images"},
    {.name = "pack",
     .argument = "on|off",
     .type = PL_OPTION_BOOL,
     .offset = offsetof(pl_config, pack),
     .size = sizeof(((pl_config *)NULL)->pack),
     .text = "on",
     .help = "Read images from the workspace's packed cache where it is up to date ('pleura pack' makes it)"},
    {.name = "cache",
     .argument = "MIB",
     .type = PL_OPTION_INT,
     .offset = offsetof(pl_config, cache),
     .size = sizeof(((pl_config *)NULL)->cache),
     .min = 0,
     .max = 1048576,
     .text = "1024",
     .help = "Memory for images that were read already"},
    {.name = "name",
     .argument = "NAME",
     .type = PL_OPTION_TEXT,
     .offset = offsetof(pl_config, name),
     .size = sizeof(((pl_config *)NULL)->name),
     .text = "",
     .flags = PL_OPTION_NOT_FROM_WORKSPACE,
     .help = "Name of the run's folder; date and letter without"},
};
const size_t pl_option_count = sizeof pl_options / sizeof pl_options[0];
_Static_assert(sizeof pl_options / sizeof pl_options[0] <= PL_OPTIONS_MAX, "pl_config.origin has a place per row");

static const char *const quick_values[][2] = {
    {"encoder", "resnet18"}, {"size", "128"},  {"batch", "8"},   {"valid-batch", "8"}, {"learning-rate", "1e-3"},
    {"milestones", "6,8,9"}, {"gamma", "0.5"}, {"epochs", "10"}, {NULL, NULL},
};

// Batches of 4 give a small set twice as many steps an epoch.
static const char *const demo_values[][2] = {
    {"encoder", "resnet18"}, {"size", "128"},  {"batch", "4"},   {"valid-batch", "8"}, {"learning-rate", "5e-4"},
    {"milestones", "7,9"},   {"gamma", "0.3"}, {"epochs", "10"}, {NULL, NULL},
};

static const char *const blog_values[][2] = {
    {"encoder", "se_resnext50_32x4d"},
    {"size", "512"},
    {"batch", "8"},
    {"valid-batch", "16"},
    {"learning-rate", "1e-4"},
    {"milestones", "3,5,6,7,8,9,10,11,13,15"},
    {"gamma", "0.75"},
    {"accumulation", "1"},
    {"weight-bce", "3"},
    {"weight-dice", "1"},
    {"weight-focal", "4"},
    {"augment", "blog"},
    {"epochs", "20"},
    {NULL, NULL},
};

const pl_preset pl_presets[] = {
    {.name = "quick", .help = "resnet18 at 128 pixels, 10 epochs: minutes on a laptop", .values = quick_values},
    {.name = "demo",
     .help = "resnet18 at 128 pixels, 10 epochs: for the synthetic set of 'pleura demo'",
     .values = demo_values},
    {.name = "blog", .help = "SE-ResNeXt50 at 512 pixels as in the reference, 20 epochs", .values = blog_values},
};
const size_t pl_preset_count = sizeof pl_presets / sizeof pl_presets[0];

static const char *const origin_names[] = {
    [PL_ORIGIN_DEFAULT] = "default",      [PL_ORIGIN_WORKSPACE] = "pleura.yaml",      [PL_ORIGIN_PRESET] = "preset",
    [PL_ORIGIN_COMMAND] = "command line", [PL_ORIGIN_RUN] = "changed during the run",
};

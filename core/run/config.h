// Every option of a training run: one table. Command line, pleura.yaml, run.json, the workbench's form and the help are
// all made from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/data/feed.h"
#include "core/data/filter.h"
#include "core/data/labels.h"
#include "core/net/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_OPTIONS_MAX = 96,        // rows of the table
  PL_OPTION_TEXT_MAX = 1024,  // bytes of a value as text, with its terminator
  PL_OPTION_LIST_MAX = 64,    // numbers of a list
};

typedef struct pl_int_list {
  int32_t count;
  int32_t values[PL_OPTION_LIST_MAX];
} pl_int_list;

// Where a value came from, later ones over earlier ones.
typedef enum pl_origin {
  PL_ORIGIN_DEFAULT,
  PL_ORIGIN_WORKSPACE,  // pleura.yaml
  PL_ORIGIN_PRESET,
  PL_ORIGIN_COMMAND,  // command line or form
  PL_ORIGIN_RUN,      // changed while the run was going
} pl_origin;

// One field per row of the table. Plain data: copy it freely.
typedef struct pl_config {
  char name[64];       // of the run, "" for date and letter
  char encoder[64];    // a row of core/net's encoders
  char attention[16];  // a row of core/net's attentions
  char weights[PL_OPTION_TEXT_MAX];
  int64_t size;  // side of the training images in pixels, 0 for the prepared size
  bool fit_batch;
  int64_t batch, valid_batch, epochs, accumulation;
  double learning_rate, gamma, clip_norm, weight_decay;
  char scheduler[16];
  pl_int_list milestones;
  char plateau_by[8];
  int64_t plateau_patience, plateau_cooldown, cosine_period, restart_factor;
  double plateau_threshold, min_learning_rate;
  double loss[PL_LOSS_TERMS];  // weights
  char optimizer[16];
  double momentum;  // of SGD
  bool nesterov, freeze_encoder;
  char augment[16];  // a list of core/data/augment.h
  double augment_strength;
  double sample_rate, sample_rate_end;  // share of positives in an epoch, 0 for off
  char labels[16];                      // a pl_label_choice_name
  char where[PL_FILTER_SIZE];           // see core/data/filter.h
  int64_t fold, seed, limit;
  int64_t previews;  // see core/run/previews.h
  char preview_cases[PL_FILTER_SIZE];
  bool all_folds;  // a group of runs, see group.h; never of a run
  char best_by[16];
  int64_t early_stopping, keep_best;
  int64_t checkpoint_every, checkpoint_every_steps, checkpoint_every_minutes, keep;
  char backend[64];
  char plugin[PL_OPTION_TEXT_MAX];
  char precision[8];  // "auto" or a pl_precision_name
  int64_t device, threads, workers;
  bool pack;                         // read pictures from the packed cache
  char choices[PL_OPTION_TEXT_MAX];  // "", PL_CHOICES_FIXED, or a file
  int64_t cache;                     // MiB of decoded images kept in memory
  uint8_t origin[PL_OPTIONS_MAX];    // pl_origin, by row of the table
} pl_config;

#define PL_CHOICES_FIXED "fixed"

typedef enum pl_option_type {
  PL_OPTION_INT,     // int64_t
  PL_OPTION_DOUBLE,  // double
  PL_OPTION_TEXT,    // char[]
  PL_OPTION_CHOICE,  // char[], one of choice(0), choice(1), ... until NULL
  PL_OPTION_BOOL,    // bool; "on" and "off"
  PL_OPTION_INTS,    // pl_int_list, "3,5,6"; rising
  PL_OPTION_LOSS,    // double[PL_LOSS_TERMS], "bce:3,dice:1"
} pl_option_type;

enum {
  PL_OPTION_LIVE = 1,                // may be changed while a run is going
  PL_OPTION_NOT_FROM_WORKSPACE = 2,  // a shared pleura.yaml may not set it
};

typedef struct pl_option {
  const char *name;      // "learning-rate": as on the command line, in pleura.yaml and in run.json
  const char *alias;     // a shorter name, or NULL
  const char *argument;  // "N", "PX", for the help
  const char *help;      // one sentence
  const char *text;      // the default, as text
  pl_option_type type;
  int flags;
  size_t offset, size;  // of the field in pl_config
  double min, max;      // of numbers, inclusive
  const char *(*choice)(size_t index);
} pl_option;

// In the order in which a form shows them. Behind these `count` rows stand `old_count` more: names of earlier versions
// that files and command lines may still use.
extern const pl_option pl_options[];
extern const size_t pl_option_count, pl_option_old_count;

// The row of that name or alias, old ones included, or NULL.
const pl_option *pl_option_find(const char *name);

void pl_config_defaults(pl_config *config);

// Sets one option from text. PL_E_NOTFOUND: no such option (with the nearest name); PL_E_USAGE: not such a value, or
// out of range. On failure the config is untouched.
pl_status pl_config_set(pl_config *config, const char *name, const char *text, pl_origin origin, pl_error *err);

// The value as the text that pl_config_set reads back to the same value.
void pl_config_get(char out[PL_OPTION_TEXT_MAX], const pl_config *config, const pl_option *option);

// What no single row can say: sides are multiples of 32, the accumulation fits, ... PL_E_USAGE.
pl_status pl_config_check(const pl_config *config, pl_error *err);

// The labels that these options stand for.
pl_label_choice pl_config_labels(const pl_config *config);

// The training batches that these options stand for; the size must be known (pl_run_check_data).
pl_feed_options pl_config_feed(const pl_config *config);

// Reads a workspace's pleura.yaml: a mapping from option names to values at its top level, other sections such as
// `import:` being ignored when their value is a mapping. Missing file: nothing is set. PL_E_FORMAT with file, line and
// column: not YAML, unknown or repeated key, wrong type, out of range, an option that no workspace may set.
pl_status pl_config_read_yaml(pl_config *config, const char *path, pl_error *err);

// Reads a preset (see presets.h) the same way, and the line `about` of its section `preset`, which must be there. The
// file must exist.
pl_status pl_config_read_preset(pl_config *config, char *about, size_t about_size, const char *path, pl_error *err);
// The labels that a workspace's pleura.yaml chooses for every command. Fails as pl_config_read_yaml.
pl_status pl_config_workspace_labels(pl_label_choice *out, const char *workspace, pl_error *err);

// Appends the options as one JSON object {"encoder": "resnet18", ...} / reads them back from such an object. Unknown
// keys of a newer version and wrong types are PL_E_FORMAT; missing ones keep their value.
void pl_config_add_json(pl_buf *out, const pl_config *config);
pl_status pl_config_read_json(pl_config *config, const char *text, size_t length, pl_error *err);

// Appends one line per option, "encoder = resnet18   (pleura.yaml)", with where each value came from.
void pl_config_describe(pl_buf *out, const pl_config *config);

// "default", "pleura.yaml", "preset", "command line", "changed during the run". Static strings.
const char *pl_origin_name(pl_origin origin);

#ifdef __cplusplus
}
#endif

#include "core/run/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/net/model.h"

static const char *const origin_names[5];

const pl_option *pl_option_find(const char *name) {
  for (size_t i = 0; i < pl_option_count + pl_option_old_count; i++) {
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

// The shortest of the usual precisions that reads back to the same number.
static void print_double(char *out, size_t size, double value) {
  double real = 0;
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(out, size, "%.*g", digits, value);
    if (pl_parse_double(&real, out, strlen(out)) && real == value) return;
  }
}

// "bce:3,dice:1": terms that are not named weigh 0.
static pl_status parse_loss(double weights[PL_LOSS_TERMS], const pl_option *o, const char *text, pl_error *err) {
  double parsed[PL_LOSS_TERMS] = {0};
  bool seen[PL_LOSS_TERMS] = {false};
  for (const char *p = text; *p != '\0';) {
    size_t length = strcspn(p, ","), name = strcspn(p, ":,");
    int term = 0;
    while (term < PL_LOSS_TERMS && (strlen(pl_loss_term_name((pl_loss_term)term)) != name ||
                                    memcmp(pl_loss_term_name((pl_loss_term)term), p, name) != 0)) {
      term++;
    }
    if (term == PL_LOSS_TERMS) {
      return pl_fail(err, PL_E_USAGE,
                     "%s: '%.*s' is no term; there are: bce, dice, focal, jaccard, lovasz, "
                     "lovasz_sigmoid",
                     o->name, (int)(name < 40 ? name : 40), p);
    }
    bool fine = p[name] == ':' && pl_parse_double(&parsed[term], p + name + 1, length - name - 1);
    if (!fine || parsed[term] < o->min || parsed[term] > o->max || seen[term]) {
      return pl_fail(err, PL_E_USAGE, "%s: '%.*s' should be %s:WEIGHT, once, with a weight from %g to %g", o->name,
                     (int)(length < 40 ? length : 40), p, pl_loss_term_name((pl_loss_term)term), o->min, o->max);
    }
    seen[term] = true;
    p += length;
    if (*p == ',') p++;
  }
  memcpy(weights, parsed, sizeof parsed);
  return PL_OK;
}

static void print_loss(char out[PL_OPTION_TEXT_MAX], const double weights[PL_LOSS_TERMS]) {
  size_t used = 0;
  for (int term = 0; term < PL_LOSS_TERMS; term++) {
    char number[32];
    if (weights[term] == 0) continue;
    print_double(number, sizeof number, weights[term]);
    int n = snprintf(out + used, PL_OPTION_TEXT_MAX - used, "%s%s:%s", used > 0 ? "," : "",
                     pl_loss_term_name((pl_loss_term)term), number);
    if (n > 0) used += (size_t)n;
  }
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
    case PL_OPTION_LOSS: return parse_loss(field, o, text, err);
  }
  return pl_fail(err, PL_E_INTERNAL, "%s has no type", o->name);
}

pl_status pl_config_set(pl_config *config, const char *name, const char *text, pl_origin origin, pl_error *err) {
  const pl_option *o = pl_option_find(name);
  if (o == NULL) return unknown_option(name, err);
  pl_status status = set_field(config, o, text, err);
  if (status != PL_OK) return status;
  // An old name sets a part of what another option is now.
  if (o >= pl_options + pl_option_count) o = pl_option_find("loss");
  config->origin[o - pl_options] = (uint8_t)origin;
  return PL_OK;
}

void pl_config_get(char out[PL_OPTION_TEXT_MAX], const pl_config *config, const pl_option *o) {
  const void *field = (const char *)config + o->offset;
  const pl_int_list *list = field;
  size_t used = 0;
  out[0] = '\0';
  switch (o->type) {
    case PL_OPTION_INT: snprintf(out, PL_OPTION_TEXT_MAX, "%" PRId64, *(const int64_t *)field); return;
    case PL_OPTION_DOUBLE: print_double(out, PL_OPTION_TEXT_MAX, *(const double *)field); return;
    case PL_OPTION_LOSS: print_loss(out, field); return;
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

pl_status pl_config_check(const pl_config *config, pl_error *err) {
  if (config->size % PL_SIDE_MULTIPLE != 0) {
    return pl_fail(err, PL_E_USAGE, "size: %" PRId64 " is not a multiple of %d; take %" PRId64 " or %" PRId64,
                   config->size, PL_SIDE_MULTIPLE, config->size / PL_SIDE_MULTIPLE * PL_SIDE_MULTIPLE,
                   (config->size / PL_SIDE_MULTIPLE + 1) * PL_SIDE_MULTIPLE);
  }
  double weights = 0;
  for (int term = 0; term < PL_LOSS_TERMS; term++) weights += config->loss[term];
  if (weights <= 0) return pl_fail(err, PL_E_USAGE, "loss: all weights are 0, so there is nothing to learn from");
  if (config->nesterov && config->momentum == 0) {
    return pl_fail(err, PL_E_USAGE, "nesterov: it is a form of momentum, which is 0");
  }
  if (config->sample_rate_end > 0 && config->sample_rate == 0) {
    return pl_fail(err, PL_E_USAGE, "sample-rate-end: %g is where a sample-rate slides to; give that too",
                   config->sample_rate_end);
  }
  if (config->backend[0] == '\0' || strchr(config->backend, '/') != NULL) {
    return pl_fail(err, PL_E_USAGE, "backend: '%.40s' is not a name; a plug-in's path goes into 'plugin'",
                   config->backend);
  }
  pl_filter where;
  if (pl_filter_parse(&where, config->where, err) != PL_OK) return pl_wrap(err, "where");
  if (pl_filter_parse(&where, config->preview_cases, err) != PL_OK) return pl_wrap(err, "preview-cases");
  const char *name = config->name;
  if (name[0] == '.' || name[0] == '-' || strchr(name, '/') != NULL) {
    return pl_fail(err, PL_E_USAGE, "name: '%s' cannot name a folder: no '/', and no '.' or '-' in front", name);
  }
  return PL_OK;
}

const char *pl_origin_name(pl_origin origin) { return origin_names[origin]; }

pl_label_choice pl_config_labels(const pl_config *config) {
  pl_label_choice choice = PL_LABELS_ORIGINAL;
  (void)pl_label_choice_find(&choice, config->labels);
  return choice;
}

pl_status pl_config_workspace_labels(pl_label_choice *out, const char *workspace, pl_error *err) {
  pl_config *config = pl_xcalloc(1, sizeof *config);
  char *path = pl_path_join(workspace, PL_WORKSPACE_FILE);
  pl_config_defaults(config);
  pl_status status = pl_config_read_yaml(config, path, err);
  if (status == PL_OK) *out = pl_config_labels(config);
  free(path);
  free(config);
  return status;
}

pl_feed_options pl_config_feed(const pl_config *config) {
  return (pl_feed_options){.subset = PL_SUBSET_TRAIN,
                           .fold = (int)config->fold,
                           .where = config->where,
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

static const char *const origin_names[] = {
    [PL_ORIGIN_DEFAULT] = "default",      [PL_ORIGIN_WORKSPACE] = "pleura.yaml",      [PL_ORIGIN_PRESET] = "preset",
    [PL_ORIGIN_COMMAND] = "command line", [PL_ORIGIN_RUN] = "changed during the run",
};

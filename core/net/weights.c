#include "core/net/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/net/safetensors.h"

static const char encoder_prefix[] = "encoder.";

static void fill_doubles(double *data, const pl_tensor *tensor, int32_t index, uint64_t seed) {
  int64_t count = pl_shape_elements(&tensor->shape);
  for (int64_t j = 0; j < count; j++) {
    switch (tensor->init) {
      case PL_INIT_CONSTANT: data[j] = tensor->init_scale; break;
      case PL_INIT_UNIFORM:
        data[j] = (2 * (double)pl_rng_float(seed, (uint64_t)index, (uint64_t)j) - 1) * tensor->init_scale;
        break;
      case PL_INIT_NORMAL: data[j] = pl_rng_normal(seed, (uint64_t)index, (uint64_t)j) * tensor->init_scale; break;
    }
    // Every backend starts from the same weights, whatever it computes in.
    data[j] = (double)(float)data[j];
  }
}

pl_status pl_weights_initialise(const pl_backend_api *api, pl_store *store, const pl_model *model, uint64_t seed,
                                pl_error *err) {
  for (int32_t i = 0; i < model->count; i++) {
    const pl_tensor *tensor = &model->tensors[i];
    if (tensor->of >= 0) continue;  // 0 since the store was made; not touched, it takes no memory
    size_t count = (size_t)pl_shape_elements(&tensor->shape);
    double *data = pl_try_alloc(count * sizeof *data);
    if (data == NULL) return pl_fail(err, PL_E_NOMEM, "not enough memory to fill %s", tensor->name);
    // Zero bytes are 0 in both types; counters have no other start.
    memset(data, 0, count * sizeof *data);
    if (tensor->dtype != PL_I64) fill_doubles(data, tensor, i, seed);
    pl_status status = api->upload(store, i, tensor->dtype == PL_I64 ? PL_I64 : PL_F64, data, err);
    free(data);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static bool in_set(const pl_tensor *tensor, pl_weights_set set) {
  bool state = tensor->role == PL_ROLE_PARAMETER || tensor->role == PL_ROLE_BUFFER;
  if (set != PL_WEIGHTS_OPTIMIZER) return state;
  return !state && tensor->role != PL_ROLE_GRADIENT;
}

static pl_dtype file_dtype(const pl_backend_api *api, const pl_store *store, const pl_model *model, int32_t tensor,
                           pl_weights_set set) {
  return set == PL_WEIGHTS_STATE_DICT ? model->tensors[tensor].dtype : api->tensor_dtype(store, tensor);
}

static pl_status save_tensors(pl_safetensors_writer *writer, const pl_backend_api *api, pl_store *store,
                              const pl_model *model, pl_weights_set set, const pl_progress *progress, pl_error *err) {
  for (int32_t i = 0; i < model->count; i++) {
    pl_status status = pl_progress_tell(progress, i, model->count, err);
    if (status != PL_OK) return status;
    if (!in_set(&model->tensors[i], set)) continue;
    pl_dtype dtype = file_dtype(api, store, model, i, set);
    size_t bytes = (size_t)pl_shape_elements(&model->tensors[i].shape) * pl_dtype_size(dtype);
    void *data = pl_try_alloc(bytes);
    if (data == NULL) return pl_fail(err, PL_E_NOMEM, "not enough memory to save %s", model->tensors[i].name);
    status = api->download(store, i, dtype, data, err);
    if (status == PL_OK) status = pl_safetensors_add(writer, data, bytes, err);
    free(data);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

pl_status pl_weights_save(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                          pl_weights_set set, char *sha256, pl_error *err) {
  return pl_weights_save_told(path, api, store, model, set, sha256, NULL, err);
}

pl_status pl_weights_save_told(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                               pl_weights_set set, char *sha256, const pl_progress *progress, pl_error *err) {
  pl_safetensor *tensors = pl_xcalloc((size_t)model->count + 1, sizeof *tensors);
  size_t count = 0;
  for (int32_t i = 0; i < model->count; i++) {
    if (!in_set(&model->tensors[i], set)) continue;
    pl_safetensor *tensor = &tensors[count++];
    pl_copy_text(tensor->name, sizeof tensor->name, model->tensors[i].name);
    tensor->shape = model->tensors[i].shape;
    tensor->dtype = file_dtype(api, store, model, i, set);
  }
  pl_safetensors_writer *writer = NULL;
  pl_status status = pl_safetensors_create(&writer, path, tensors, count, err);
  free(tensors);
  if (status != PL_OK) return status;
  status = save_tensors(writer, api, store, model, set, progress, err);
  if (status != PL_OK) {
    pl_safetensors_cancel(writer);
    return status;
  }
  return pl_safetensors_finish(writer, sha256, err);
}

// ---------------------------------------------------------------------------------------------------------------------

// The file's tensor for one of the model's. Without `strict` an encoder's own checkpoint fits too, whose names lack the
// prefix.
static const pl_safetensor *partner(const pl_safetensors *file, const pl_tensor *tensor, bool strict) {
  const pl_safetensor *found = pl_safetensors_find(file, tensor->name);
  if (found == NULL && !strict && pl_begins_with(tensor->name, encoder_prefix)) {
    found = pl_safetensors_find(file, tensor->name + strlen(encoder_prefix));
  }
  return found;
}

static bool fits(const pl_tensor *tensor, const pl_safetensor *found) {
  if (!found->known || !pl_shape_equal(&found->shape, &tensor->shape)) return false;
  return tensor->dtype == PL_I64 ? found->dtype == PL_I64 : found->dtype == PL_F32 || found->dtype == PL_F64;
}

typedef struct match {
  const pl_safetensor **partners;  // by the model's tensor, NULL where nothing is taken
  pl_weights_report report;
  char first_wrong[PL_NAME_MAX];  // there, but with another shape or type
} match;

static void first(char name[PL_NAME_MAX], const char *text) {
  if (name[0] == '\0') pl_copy_text(name, PL_NAME_MAX, text);
}

// What a file may do without: counters, where another program wrote it; the loss scale, which begins anew.
static bool can_be_absent(const pl_tensor *tensor, bool strict) {
  if (strcmp(tensor->name, PL_LOSS_SCALE) == 0 || strcmp(tensor->name, PL_LOSS_SCALE_GROWTH) == 0) return true;
  return tensor->dtype == PL_I64 && !strict;
}

static void match_tensors(match *m, const pl_safetensors *file, const pl_model *model, pl_weights_set set,
                          bool strict) {
  m->partners = pl_xcalloc((size_t)model->count + 1, sizeof *m->partners);
  for (int32_t i = 0; i < model->count; i++) {
    if (!in_set(&model->tensors[i], set)) continue;
    const pl_safetensor *found = partner(file, &model->tensors[i], strict);
    if (found != NULL && fits(&model->tensors[i], found)) {
      m->partners[i] = found;
      m->report.taken++;
      if (pl_begins_with(model->tensors[i].name, encoder_prefix)) m->report.taken_encoder++;
      continue;
    }
    if ((found == NULL || !strict) && can_be_absent(&model->tensors[i], strict)) continue;
    m->report.missing++;
    first(m->report.first_missing, model->tensors[i].name);
    if (found != NULL) first(m->first_wrong, found->name);
  }
  for (size_t f = 0; f < pl_safetensors_count(file); f++) {
    const pl_safetensor *candidate = pl_safetensors_at(file, f);
    bool used = false;
    for (int32_t i = 0; i < model->count && !used; i++) used = m->partners[i] == candidate;
    if (used) continue;
    if (m->report.left < PL_WEIGHTS_LEFT_NAMES) first(m->report.left_names[m->report.left], candidate->name);
    m->report.left++;
  }
}

static pl_status check_strict(const match *m, const char *path, pl_error *err) {
  if (m->first_wrong[0] != '\0') {
    return pl_fail(err, PL_E_FORMAT, "%s: tensor %s has another shape or type than this network's", path,
                   m->first_wrong);
  }
  if (m->report.missing > 0) {
    return pl_fail(err, PL_E_FORMAT, "%s lacks %zu tensors of this network, the first is %s", path, m->report.missing,
                   m->report.first_missing);
  }
  if (m->report.left > 0) {
    return pl_fail(err, PL_E_FORMAT, "%s has %zu tensors that this network lacks, the first is %s", path,
                   m->report.left, m->report.left_names[0]);
  }
  return PL_OK;
}

// "layer1" of "encoder.layer1.0.conv1.weight", with or without the prefix; its length.
static size_t stage_of(const char **stage, const char *name) {
  *stage = pl_begins_with(name, encoder_prefix) ? name + strlen(encoder_prefix) : name;
  return strcspn(*stage, ".");
}

// Is there such a stage in the model's encoder?
static bool has_stage(const pl_model *model, const char *stage, size_t length) {
  for (int32_t i = 0; i < model->count; i++) {
    const char *own = NULL;
    if (!pl_begins_with(model->tensors[i].name, encoder_prefix)) continue;
    if (stage_of(&own, model->tensors[i].name) == length && memcmp(own, stage, length) == 0) return true;
  }
  return false;
}

// Half an encoder is no encoder: either all of its tensors are in the file and fit, and the file has no more of these
// stages, or the file is of another one. Old files lack the counters of batch norm.
static pl_status check_encoder(const match *m, const pl_safetensors *file, const pl_model *model, const char *path,
                               pl_error *err) {
  for (int32_t i = 0; i < model->count; i++) {
    const pl_tensor *tensor = &model->tensors[i];
    bool wanted = in_set(tensor, PL_WEIGHTS_STATE_DICT) && tensor->dtype != PL_I64 &&
                  pl_begins_with(tensor->name, encoder_prefix);
    if (!wanted || m->partners[i] != NULL) continue;
    return pl_fail(err, PL_E_FORMAT, "%s is of another encoder: it has no %s that fits", path, tensor->name);
  }
  for (size_t f = 0; f < pl_safetensors_count(file); f++) {
    const pl_safetensor *candidate = pl_safetensors_at(file, f);
    const char *stage = NULL;
    size_t length = stage_of(&stage, candidate->name);
    bool used = false;
    for (int32_t i = 0; i < model->count && !used; i++) used = m->partners[i] == candidate;
    if (used || !has_stage(model, stage, length)) continue;
    return pl_fail(err, PL_E_FORMAT, "%s is of another encoder: this one has no %s", path, candidate->name);
  }
  return PL_OK;
}

static pl_status take_tensors(const match *m, const pl_safetensors *file, const pl_backend_api *api, pl_store *store,
                              const pl_model *model, pl_error *err) {
  for (int32_t i = 0; i < model->count; i++) {
    const pl_safetensor *found = m->partners[i];
    if (found == NULL) continue;
    void *data = pl_try_alloc((size_t)(found->end - found->begin));
    if (data == NULL) return pl_fail(err, PL_E_NOMEM, "not enough memory to load %s", found->name);
    pl_status status = pl_safetensors_read(file, found, data, err);
    if (status == PL_OK) status = api->upload(store, i, found->dtype, data, err);
    free(data);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

pl_status pl_weights_load(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                          pl_weights_set set, bool strict, pl_weights_report *report, pl_error *err) {
  pl_safetensors *file = NULL;
  pl_status status = pl_safetensors_open(&file, path, err);
  if (status != PL_OK) return status;
  match m = {0};
  match_tensors(&m, file, model, set, strict);
  status = strict ? check_strict(&m, path, err) : check_encoder(&m, file, model, path, err);
  if (status == PL_OK) status = take_tensors(&m, file, api, store, model, err);
  if (status == PL_OK && report != NULL) *report = m.report;
  free(m.partners);
  pl_safetensors_close(file);
  return status;
}

pl_status pl_weights_inspect(const char *path, const pl_model *model, pl_weights_report *report, pl_error *err) {
  pl_safetensors *file = NULL;
  pl_status status = pl_safetensors_open(&file, path, err);
  if (status != PL_OK) return status;
  match m = {0};
  match_tensors(&m, file, model, PL_WEIGHTS_STATE_DICT, false);
  status = check_encoder(&m, file, model, path, err);
  if (status == PL_OK) *report = m.report;
  free(m.partners);
  pl_safetensors_close(file);
  return status;
}

void pl_weights_describe(char *out, size_t size, const pl_weights_report *r) {
  const size_t others = r->taken - r->taken_encoder;
  pl_buf text;
  pl_buf_init(&text, 4096);
  if (others == 0) {
    pl_buf_printf(&text, "took %zu encoder tensors", r->taken_encoder);
  } else if (r->missing == 0) {
    pl_buf_printf(&text, "took all %zu tensors", r->taken);
  } else {
    pl_buf_printf(&text, "took %zu encoder tensors and %zu others", r->taken_encoder, others);
  }
  if (r->left > 0) pl_buf_printf(&text, "; left %zu (", r->left);
  for (size_t i = 0; i < r->left && i < PL_WEIGHTS_LEFT_NAMES; i++) {
    pl_buf_printf(&text, "%s%s", i > 0 ? ", " : "", r->left_names[i]);
  }
  if (r->left > 0) pl_buf_add_text(&text, r->left > PL_WEIGHTS_LEFT_NAMES ? ", ...)" : ")");
  if (others == 0) {
    pl_buf_add_text(&text, "; decoder and head start random");
  } else if (r->missing > 0) {
    pl_buf_printf(&text, "; %zu start random (%s, ...)", r->missing, r->first_missing);
  }
  (void)pl_safe_text(out, size, text.data, text.length);
  pl_buf_clear(&text);
}

void pl_weights_describe_random(char *out, size_t size, const char *encoder) {
  const char *text = "random, expect a much lower dice";
  if (encoder == NULL) {
    (void)snprintf(out, size, "%s", text);
  } else {
    (void)snprintf(out, size, "%s; for ImageNet weights: pleura weights fetch %s", text, encoder);
  }
}

char *pl_weights_cache_path(const char *encoder) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  // The standard says that a relative path is to be ignored.
  if (cache != NULL && cache[0] == '/') return pl_xprintf("%s/pleura/weights/%s.safetensors", cache, encoder);
  if (home == NULL || home[0] == '\0') return NULL;
  return pl_xprintf("%s/.cache/pleura/weights/%s.safetensors", home, encoder);
}

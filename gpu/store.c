#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

enum { IMAGE_CHANNELS = 3 };

static const struct {
  const char *what;
  size_t size;
} flat_rows[PL_FLAT_COUNT] = {[PL_FLAT_VALUES] = {"the weights", sizeof(float)},
                              [PL_FLAT_GRADIENT] = {"the gradients", sizeof(float)},
                              [PL_FLAT_FIRST] = {"the optimizer", sizeof(float)},
                              [PL_FLAT_SECOND] = {"the optimizer", sizeof(float)},
                              [PL_FLAT_COPY] = {"the 16-bit weights", 2},
                              [PL_FLAT_STAGING] = {"the 16-bit gradients", 2},
                              [PL_FLAT_COUNTERS] = {"the counters", sizeof(int64_t)}};

static bool is_float(const pl_tensor *tensor) { return tensor->dtype == PL_F32 || tensor->dtype == PL_F64; }

static bool is_weight(const pl_tensor *tensor) { return tensor->shape.rank == 4; }

// ---------------------------------------------------------------------------------------------------------------------
// Layout

int64_t pl_store_channels(const pl_store *store, int32_t tensor) {
  const pl_shape *shape = &store->model->tensors[tensor].shape;
  if (shape->d[1] != IMAGE_CHANNELS || shape->d[2] == 1) return shape->d[1];
  return store->backend->type == PL_GPU_BF16 ? 8 : 4;
}

// Elements of a tensor on the device.
static size_t device_elements(const pl_store *store, int32_t tensor) {
  const pl_shape *shape = &store->model->tensors[tensor].shape;
  size_t elements = (size_t)pl_shape_elements(shape);
  return is_weight(&store->model->tensors[tensor])
             ? elements / (size_t)shape->d[1] * (size_t)pl_store_channels(store, tensor)
             : elements;
}

size_t pl_store_elements(const pl_store *store, int32_t tensor) {
  return pl_round_up(device_elements(store, tensor), PL_FLAT_UNIT);
}

typedef bool belongs(const pl_tensor *tensor);

static bool is_parameter(const pl_tensor *t) { return t->role == PL_ROLE_PARAMETER; }
static bool is_learned_weight(const pl_tensor *t) { return is_parameter(t) && !t->frozen && is_weight(t); }
static bool is_learned_vector(const pl_tensor *t) { return is_parameter(t) && !t->frozen && !is_weight(t); }
static bool is_frozen(const pl_tensor *t) { return is_parameter(t) && t->frozen; }
static bool is_other(const pl_tensor *t) { return !is_parameter(t) && t->of < 0 && is_float(t); }

// Gives the tensors of one kind their places behind `first`; returns where they end.
static size_t place(pl_store *store, belongs *is_one, size_t first) {
  for (int32_t i = 0; i < store->model->count; i++) {
    if (!is_one(&store->model->tensors[i])) continue;
    store->offsets[i] = first;
    first += pl_store_elements(store, i);
  }
  return first;
}

static void place_tensors(pl_store *store) {
  const pl_model *model = store->model;
  store->conv_elements = place(store, is_learned_weight, 0);
  store->learned_elements = place(store, is_learned_vector, store->conv_elements);
  store->parameter_elements = place(store, is_frozen, store->learned_elements);
  store->elements[PL_FLAT_VALUES] = place(store, is_other, store->parameter_elements);
  for (int32_t i = 0; i < model->count; i++) {
    const pl_tensor *t = &model->tensors[i];
    if (t->of >= 0) store->offsets[i] = store->offsets[t->of];
    if (t->role == PL_ROLE_GRADIENT) store->elements[PL_FLAT_GRADIENT] = store->learned_elements;
    if (t->role == PL_ROLE_FIRST_MOMENT) store->elements[PL_FLAT_FIRST] = store->learned_elements;
    if (t->role == PL_ROLE_SECOND_MOMENT) store->elements[PL_FLAT_SECOND] = store->learned_elements;
    if (is_float(t)) continue;
    store->offsets[i] = store->elements[PL_FLAT_COUNTERS];
    store->elements[PL_FLAT_COUNTERS] += (size_t)pl_shape_elements(&t->shape);
  }
  if (store->backend->type == PL_GPU_F32) return;
  store->elements[PL_FLAT_COPY] = store->parameter_elements;
  if (store->elements[PL_FLAT_GRADIENT] > 0) store->elements[PL_FLAT_STAGING] = store->conv_elements;
}

static pl_flat flat_of(const pl_tensor *tensor) {
  if (!is_float(tensor)) return PL_FLAT_COUNTERS;
  switch (tensor->role) {
    case PL_ROLE_GRADIENT: return PL_FLAT_GRADIENT;
    case PL_ROLE_FIRST_MOMENT: return PL_FLAT_FIRST;
    case PL_ROLE_SECOND_MOMENT: return PL_FLAT_SECOND;
    default: return PL_FLAT_VALUES;
  }
}

void *pl_store_sibling(const pl_store *store, pl_flat flat, int32_t tensor) {
  return (unsigned char *)store->flat[flat] + store->offsets[tensor] * flat_rows[flat].size;
}

void *pl_store_data(const pl_store *store, int32_t tensor) {
  return pl_store_sibling(store, flat_of(&store->model->tensors[tensor]), tensor);
}

uint64_t pl_store_bytes(const pl_store *store) {
  uint64_t bytes = 0;
  for (int f = 0; f < PL_FLAT_COUNT; f++) bytes += store->elements[f] * flat_rows[f].size;
  return bytes;
}

// ---------------------------------------------------------------------------------------------------------------------
// Life

static pl_status allocate(pl_store *store, pl_error *err) {
  const pl_backend *b = store->backend;
  pl_status status = pl_cuda_allocate((void **)&store->rate, sizeof *store->rate, "the learning rate", err);
  if (status == PL_OK) {
    status = pl_cuda_allocate_host((void **)&store->host_rate, sizeof *store->host_rate, "the learning rate", err);
  }
  for (int f = 0; f < PL_FLAT_COUNT && status == PL_OK; f++) {
    size_t bytes = store->elements[f] * flat_rows[f].size;
    status = pl_cuda_allocate(&store->flat[f], bytes, flat_rows[f].what, err);
    // Also the padding between tensors, which the optimizer walks over, and that of the image's channels.
    if (status == PL_OK) status = pl_cuda_fill(store->flat[f], 0, bytes, b->stream, err);
  }
  const float scale = PL_GPU_LOSS_SCALE_START;
  if (status == PL_OK && store->scale >= 0) status = pl_gpu_upload(store, store->scale, PL_F32, &scale, err);
  return status == PL_OK ? pl_cuda_stream_wait(b->stream, err) : status;
}

pl_status pl_gpu_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                              pl_error *err) {
  *out = NULL;
  pl_status status = pl_cuda_use(backend->device, err);
  if (status != PL_OK) return status;
  pl_store *store = pl_xcalloc(1, sizeof *store);
  store->backend = backend;
  store->model = model;
  store->offsets = pl_xcalloc((size_t)model->count + 1, sizeof *store->offsets);
  store->scale = pl_model_find(model, PL_LOSS_SCALE);
  store->growth = pl_model_find(model, PL_LOSS_SCALE_GROWTH);
  store->counter = pl_model_find(model, "optimizer.step");
  place_tensors(store);
  status = pl_choices_create(&store->choices, backend, choices, err);
  if (status == PL_OK && !backend->plan) status = allocate(store, err);
  if (status != PL_OK) {
    pl_gpu_store_destroy(store);
    return status;
  }
  *out = store;
  return PL_OK;
}

void pl_gpu_store_destroy(pl_store *store) {
  if (store == NULL) return;
  (void)pl_cuda_use(store->backend->device, NULL);
  for (size_t i = 0; i < store->plan_count; i++) pl_dnn_plan_destroy(store->plans[i].plan);
  for (int f = 0; f < PL_FLAT_COUNT; f++) pl_cuda_release(store->flat[f]);
  pl_cuda_release(store->rate);
  pl_cuda_release_host(store->host_rate);
  pl_cuda_release(store->arena);
  pl_choices_destroy(store->choices);
  free(store->plans);
  free(store->programs);
  free(store->offsets);
  free(store);
}

// ---------------------------------------------------------------------------------------------------------------------
// Plans

static pl_status make_plan(pl_store *store, const pl_dnn_conv *conv, pl_shared_plan *shared, pl_error *err) {
  const pl_backend *b = store->backend;
  const char *known = pl_choices_find(store->choices, shared->key);
  if (known != NULL) return pl_dnn_plan_create(&shared->plan, b->dnn, conv, PL_WORKSPACE_LIMIT, known, err);
  // Timing needs memory for itself; where there is none, the rule does.
  if (b->tune && !b->plan) {
    pl_status status = pl_dnn_plan_tune(&shared->plan, b->dnn, conv, PL_WORKSPACE_LIMIT, err);
    if (status != PL_E_NOMEM) return status;
  }
  return pl_dnn_plan_create(&shared->plan, b->dnn, conv, PL_WORKSPACE_LIMIT, NULL, err);
}

pl_status pl_store_plan(pl_store *store, const pl_dnn_conv *conv, const pl_dnn_plan **out, pl_error *err) {
  char key[PL_DNN_KEY_MAX];
  pl_dnn_conv_key(conv, key, sizeof key);
  for (size_t i = 0; i < store->plan_count; i++) {
    if (strcmp(store->plans[i].key, key) != 0) continue;
    *out = store->plans[i].plan;
    return *out != NULL ? PL_OK : pl_fail(err, PL_E_UNSUPPORTED, "no engine for %s", key);
  }
  if (store->plan_count == store->plan_capacity) {
    store->plan_capacity = store->plan_capacity > 0 ? 2 * store->plan_capacity : 64;
    store->plans = pl_xrealloc(store->plans, store->plan_capacity, sizeof *store->plans);
  }
  pl_shared_plan shared = {.plan = NULL};
  memcpy(shared.key, key, sizeof key);
  pl_status status = make_plan(store, conv, &shared, err);
  if (status != PL_OK && status != PL_E_UNSUPPORTED) return status;
  store->plans[store->plan_count++] = shared;
  *out = shared.plan;
  if (status == PL_OK) pl_choices_add(store->choices, key, pl_dnn_plan_choice(shared.plan));
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Upload and download

static pl_status check_tensor(const pl_store *store, int32_t tensor, pl_dtype dtype, pl_error *err) {
  if (store->backend->plan) return pl_fail(err, PL_E_USAGE, "this store is only planned: it holds no numbers");
  if (tensor < 0 || tensor >= store->model->count) {
    return pl_fail(err, PL_E_USAGE, "the model has no tensor %d; it has %d", (int)tensor, (int)store->model->count);
  }
  const pl_tensor *t = &store->model->tensors[tensor];
  bool fits = is_float(t) ? dtype == PL_F32 || dtype == PL_F64 : dtype == PL_I64;
  return fits ? PL_OK : pl_fail(err, PL_E_USAGE, "%s cannot be copied as this type", t->name);
}

pl_dtype pl_gpu_tensor_dtype(const pl_store *store, int32_t tensor) {
  return is_float(&store->model->tensors[tensor]) ? PL_F32 : PL_I64;
}

// Where element (o, i, y, x) of a weight, the `canonical`-th in PyTorch's order, is on the device.
static size_t weight_place(const pl_shape *shape, int64_t channels, size_t canonical) {
  size_t kw = (size_t)shape->d[3], kh = (size_t)shape->d[2], in = (size_t)shape->d[1];
  size_t x = canonical % kw, y = canonical / kw % kh, i = canonical / (kw * kh) % in, o = canonical / (kw * kh * in);
  return ((o * kh + y) * kw + x) * (size_t)channels + i;
}

static size_t place_of(const pl_store *store, int32_t tensor, size_t canonical) {
  const pl_tensor *t = &store->model->tensors[tensor];
  return is_weight(t) ? weight_place(&t->shape, pl_store_channels(store, tensor), canonical) : canonical;
}

// Copies between a tensor and host memory, and waits.
static pl_status transfer(pl_store *store, int32_t tensor, void *host, size_t bytes, bool up, pl_error *err) {
  const pl_backend *b = store->backend;
  void *device = pl_store_data(store, tensor);
  pl_status status =
      up ? pl_cuda_copy(device, host, bytes, b->stream, err) : pl_cuda_copy(host, device, bytes, b->stream, err);
  const pl_tensor *t = &store->model->tensors[tensor];
  if (status == PL_OK && up && is_parameter(t) && b->type != PL_GPU_F32) {
    pl_gpu_cast(b->stream, b->type, pl_store_sibling(store, PL_FLAT_COPY, tensor), PL_GPU_F32, device,
                (int64_t)(bytes / sizeof(float)));
    status = pl_cuda_check_launch("converting weights", err);
  }
  return status == PL_OK ? pl_cuda_stream_wait(b->stream, err) : status;
}

pl_status pl_gpu_upload(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err) {
  pl_status status = check_tensor(store, tensor, dtype, err);
  if (status == PL_OK) status = pl_cuda_use(store->backend->device, err);
  if (status != PL_OK) return status;
  const pl_tensor *t = &store->model->tensors[tensor];
  size_t count = (size_t)pl_shape_elements(&t->shape), elements = device_elements(store, tensor);
  if (!is_float(t)) {
    int64_t *copy = pl_xcalloc(count, sizeof *copy);
    memcpy(copy, data, count * sizeof *copy);
    status = transfer(store, tensor, copy, count * sizeof *copy, true, err);
    free(copy);
    return status;
  }
  float *copy = pl_try_alloc(elements * sizeof *copy);
  if (copy == NULL) return pl_fail(err, PL_E_NOMEM, "%s: no memory to repack it", t->name);
  memset(copy, 0, elements * sizeof *copy);
  for (size_t i = 0; i < count; i++) {
    copy[place_of(store, tensor, i)] = dtype == PL_F32 ? ((const float *)data)[i] : (float)((const double *)data)[i];
  }
  status = transfer(store, tensor, copy, elements * sizeof *copy, true, err);
  free(copy);
  return status;
}

pl_status pl_gpu_download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err) {
  pl_status status = check_tensor(store, tensor, dtype, err);
  if (status == PL_OK) status = pl_cuda_use(store->backend->device, err);
  if (status != PL_OK) return status;
  const pl_tensor *t = &store->model->tensors[tensor];
  size_t count = (size_t)pl_shape_elements(&t->shape), elements = device_elements(store, tensor);
  if (!is_float(t)) return transfer(store, tensor, data, count * sizeof(int64_t), false, err);
  float *copy = pl_try_alloc(elements * sizeof *copy);
  if (copy == NULL) return pl_fail(err, PL_E_NOMEM, "%s: no memory to unpack it", t->name);
  status = transfer(store, tensor, copy, elements * sizeof *copy, false, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    float value = copy[place_of(store, tensor, i)];
    if (dtype == PL_F32) {
      ((float *)data)[i] = value;
    } else {
      ((double *)data)[i] = (double)value;
    }
  }
  free(copy);
  return status;
}

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/net/backend_onednn/choices.h"
#include "core/net/backend_onednn/internal.h"

static const pl_flat flat_of_role[];

// ---------------------------------------------------------------------------------------------------------------------
// Memory

enum { PAGE = 2 << 20 };

static size_t page_bytes(size_t bytes) { return pl_pages_resident(bytes) + PAGE; }

void *pl_pages_allocate(size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes > SIZE_MAX / 2) return NULL;
  // The mapping's first bytes go unused up to the next huge page; what is not touched costs nothing.
  void *pages = mmap(NULL, page_bytes(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return NULL;
  madvise(pages, page_bytes(bytes), MADV_HUGEPAGE);
  return pages;
}

size_t pl_pages_resident(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

void pl_pages_free(void *pages, size_t bytes) {
  if (pages) munmap(pages, page_bytes(bytes == 0 ? 1 : bytes));
}

// ---------------------------------------------------------------------------------------------------------------------
// Life

static size_t padded(size_t elements) {
  size_t unit = PL_ALIGNMENT / sizeof(float);
  return (elements + unit - 1) / unit * unit;
}

static bool is_float(const pl_tensor *tensor) { return tensor->dtype == PL_F32 || tensor->dtype == PL_F64; }

static pl_flat flat_of(const pl_tensor *tensor) { return tensor->frozen ? PL_FLAT_BUFFER : flat_of_role[tensor->role]; }

// Parameters and buffers get their place first; what belongs to a parameter takes its parameter's.
static void place_tensors(pl_store *store) {
  const pl_model *model = store->model;
  for (int32_t i = 0; i < model->count; i++) {
    const pl_tensor *tensor = &model->tensors[i];
    size_t elements = padded((size_t)pl_shape_elements(&tensor->shape));
    if (!is_float(tensor)) {
      store->offsets[i] = (size_t)store->counter_count;
      store->counter_count += (int32_t)pl_shape_elements(&tensor->shape);
    } else if (tensor->of < 0) {
      pl_flat flat = flat_of(tensor);
      store->offsets[i] = store->flat_elements[flat];
      store->flat_elements[flat] += elements;
    }
  }
  for (int32_t i = 0; i < model->count; i++)
    if (is_float(&model->tensors[i]) && model->tensors[i].of >= 0)
      store->offsets[i] = store->offsets[model->tensors[i].of];
  for (int32_t i = 0; i < model->count; i++)
    if (model->tensors[i].of >= 0)
      store->flat_elements[flat_of(&model->tensors[i])] = store->flat_elements[PL_FLAT_PARAMETER];
}

pl_status pl_onednn_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                                 pl_error *err) {
  pl_store *store = pl_xcalloc(1, sizeof *store);
  store->backend = backend;
  store->model = model;
  store->version = 1;
  pl_status status = pl_choices_read(store, choices, err);
  if (status) {
    pl_onednn_store_destroy(store);
    return status;
  }
  pl_choices_write(store);
  store->offsets = pl_xcalloc((size_t)model->count + 1, sizeof *store->offsets);
  store->homes = pl_xcalloc((size_t)model->count + 1, sizeof(pl_dnn_desc *));
  place_tensors(store);
  store->counters = pl_xcalloc((size_t)store->counter_count + 1, sizeof *store->counters);
  for (int f = 0; f < PL_FLAT_COUNT && !backend->plan; f++) {
    size_t bytes = store->flat_elements[f] * sizeof(float);
    store->flat[f] = pl_pages_allocate(bytes);
    if (!store->flat[f]) {
      pl_onednn_store_destroy(store);
      return pl_fail(err, PL_E_NOMEM, "no memory for the model: %zu bytes needed", bytes);
    }
  }
  *out = store;
  return PL_OK;
}

void pl_onednn_store_destroy(pl_store *store) {
  if (!store) return;
  for (size_t i = 0; i < store->repack_count; i++) {
    pl_dnn_op_clear(&store->repacks[i].op);
    free(store->repacks[i].data);
    free(store->repacks[i].scratch);
  }
  pl_store_clear_folds(store);
  for (int32_t i = 0; store->homes && i < store->model->count; i++) pl_dnn_desc_destroy(store->homes[i]);
  for (int f = 0; f < PL_FLAT_COUNT; f++) pl_pages_free(store->flat[f], store->flat_elements[f] * sizeof(float));
  pl_pages_free(store->arena, store->arena_bytes);
  free(store->homes);
  free(store->offsets);
  free(store->counters);
  free(store->repacks);
  free(store->programs);
  free(store->choices);
  free(store->algorithms);
  free(store);
}

void *pl_store_data(const pl_store *store, int32_t tensor) {
  const pl_tensor *t = &store->model->tensors[tensor];
  if (!is_float(t)) return &store->counters[store->offsets[tensor]];
  return store->flat[flat_of(t)] + store->offsets[tensor];
}

int32_t pl_store_parameter(const pl_store *store, int32_t tensor) {
  int32_t of = store->model->tensors[tensor].of;
  return of >= 0 ? of : tensor;
}

// ---------------------------------------------------------------------------------------------------------------------
// Layouts

// Converts one flat array's part between the row-major order and `home`, in place.
static pl_status convert_in_place(pl_store *store, float *data, size_t elements, const pl_dnn_desc *home,
                                  const pl_dnn_desc *canonical, pl_error *err) {
  float *copy = pl_try_alloc(elements * sizeof *copy);
  if (!copy) return pl_fail(err, PL_E_NOMEM, "no memory to repack a weight of %zu elements", elements);
  memcpy(copy, data, elements * sizeof *copy);
  pl_status status = pl_dnn_convert(store->backend->dnn, canonical, copy, home, data, err);
  free(copy);
  return status;
}

pl_status pl_store_set_home(pl_store *store, int32_t parameter, const pl_dnn_desc *desc, pl_error *err) {
  size_t elements = (size_t)pl_shape_elements(&store->model->tensors[parameter].shape);
  if (store->homes[parameter] || store->reserved || pl_dnn_desc_bytes(desc) != elements * sizeof(float)) return PL_OK;
  pl_dnn_desc *canonical = pl_dnn_desc_canonical(desc);
  if (!canonical) return PL_OK;
  pl_status status = PL_OK;
  if (!pl_dnn_desc_equal(canonical, desc) && !store->backend->plan) {
    for (int32_t i = 0; i < store->model->count && !status; i++)
      if (is_float(&store->model->tensors[i]) && pl_store_parameter(store, i) == parameter)
        status = convert_in_place(store, pl_store_data(store, i), elements, desc, canonical, err);
  }
  if (!status) store->homes[parameter] = pl_dnn_desc_clone(desc);
  pl_dnn_desc_destroy(canonical);
  return status;
}

bool pl_store_is_home(const pl_store *store, int32_t tensor, const pl_dnn_desc *desc) {
  const pl_dnn_desc *home = store->homes[pl_store_parameter(store, tensor)];
  if (home) return pl_dnn_desc_equal(home, desc);
  pl_dnn_desc *canonical = pl_dnn_desc_canonical(desc);
  bool equal = canonical && pl_dnn_desc_equal(canonical, desc);
  pl_dnn_desc_destroy(canonical);
  return equal;
}

static pl_status repack_create(pl_repack *repack, pl_store *store, int32_t tensor, const pl_dnn_desc *desc,
                               pl_error *err) {
  pl_dnn *dnn = store->backend->dnn;
  const pl_dnn_desc *home = store->homes[pl_store_parameter(store, tensor)];
  pl_dnn_desc *canonical = home ? NULL : pl_dnn_desc_canonical(desc);
  *repack = (pl_repack){.tensor = tensor};
  size_t bytes = pl_dnn_desc_bytes(desc);
  pl_status status = pl_dnn_plan_reorder(&repack->op, dnn, home ? home : canonical, desc, err);
  pl_dnn_desc_destroy(canonical);
  if (!status) status = pl_dnn_op_build(&repack->op, err);
  if (status) return status;
  repack->data = pl_try_alloc(bytes);
  const pl_dnn_desc *scratch = repack->op.desc[PL_DNN_SCRATCHPAD];
  repack->scratch = scratch ? pl_try_alloc(pl_dnn_desc_bytes(scratch)) : NULL;
  if (!repack->data || (scratch && !repack->scratch))
    return pl_fail(err, PL_E_NOMEM, "no memory for a repacked weight: %zu bytes needed", bytes);
  memset(repack->data, 0, bytes);
  status = pl_dnn_op_bind(&repack->op, dnn, PL_DNN_SRC, pl_store_data(store, tensor), err);
  if (!status) status = pl_dnn_op_bind(&repack->op, dnn, PL_DNN_DST, repack->data, err);
  if (!status && scratch) status = pl_dnn_op_bind(&repack->op, dnn, PL_DNN_SCRATCHPAD, repack->scratch, err);
  return status;
}

pl_status pl_store_repack(pl_store *store, int32_t tensor, const pl_dnn_desc *desc, size_t *index, pl_error *err) {
  for (size_t i = 0; i < store->repack_count; i++) {
    const pl_repack *repack = &store->repacks[i];
    if (repack->tensor == tensor && pl_dnn_desc_equal(repack->op.desc[PL_DNN_DST], desc)) {
      *index = i;
      return PL_OK;
    }
  }
  if (store->repack_count == store->repack_capacity) {
    store->repack_capacity = store->repack_capacity ? 2 * store->repack_capacity : 64;
    store->repacks = pl_xrealloc(store->repacks, store->repack_capacity, sizeof *store->repacks);
  }
  pl_repack *repack = &store->repacks[store->repack_count++];
  *index = store->repack_count - 1;
  return repack_create(repack, store, tensor, desc, err);
}

pl_status pl_store_refresh(pl_store *store, size_t index, pl_error *err) {
  pl_repack *repack = &store->repacks[index];
  if (repack->version == store->version) return PL_OK;
  pl_status status = pl_dnn_op_run(&repack->op, store->backend->dnn, err);
  if (!status) repack->version = store->version;
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Upload and download

pl_status pl_store_refuse_plan(const pl_store *store, pl_error *err) {
  return store->backend->plan ? pl_fail(err, PL_E_USAGE, "this store is only planned: it holds no numbers") : PL_OK;
}

static pl_status check_type(const pl_store *store, const pl_tensor *tensor, pl_dtype dtype, pl_error *err) {
  if (store->backend->plan) return pl_store_refuse_plan(store, err);
  bool fits = is_float(tensor) ? dtype == PL_F32 || dtype == PL_F64 : dtype == PL_I64;
  return fits ? PL_OK : pl_fail(err, PL_E_USAGE, "%s cannot be copied as this type", tensor->name);
}

// The layout of a float tensor when it is not row-major, else NULL.
static const pl_dnn_desc *home_of(const pl_store *store, int32_t tensor) {
  return store->homes[pl_store_parameter(store, tensor)];
}

static pl_status between_home(const pl_store *store, int32_t tensor, float *row_major, bool up, pl_error *err) {
  const pl_dnn_desc *home = home_of(store, tensor);
  pl_dnn_desc *canonical = pl_dnn_desc_canonical(home);
  float *data = pl_store_data(store, tensor);
  pl_dnn *dnn = store->backend->dnn;
  pl_status status = up ? pl_dnn_convert(dnn, canonical, row_major, home, data, err)
                        : pl_dnn_convert(dnn, home, data, canonical, row_major, err);
  pl_dnn_desc_destroy(canonical);
  return status;
}

pl_status pl_onednn_upload(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err) {
  const pl_tensor *t = &store->model->tensors[tensor];
  pl_status status = check_type(store, t, dtype, err);
  if (status) return status;
  size_t elements = (size_t)pl_shape_elements(&t->shape);
  store->version++;
  if (!is_float(t)) {
    memcpy(pl_store_data(store, tensor), data, elements * sizeof(int64_t));
    return PL_OK;
  }
  float *row_major = home_of(store, tensor) ? pl_try_alloc(elements * sizeof(float)) : pl_store_data(store, tensor);
  if (!row_major) return pl_fail(err, PL_E_NOMEM, "%s: no memory to repack it", t->name);
  if (dtype == PL_F32)
    memcpy(row_major, data, elements * sizeof(float));
  else
    for (size_t i = 0; i < elements; i++) row_major[i] = (float)((const double *)data)[i];
  if (!home_of(store, tensor)) return PL_OK;
  status = between_home(store, tensor, row_major, true, err);
  free(row_major);
  return status;
}

pl_status pl_onednn_download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err) {
  const pl_tensor *t = &store->model->tensors[tensor];
  pl_status status = check_type(store, t, dtype, err);
  if (status) return status;
  size_t elements = (size_t)pl_shape_elements(&t->shape);
  if (!is_float(t)) {
    memcpy(data, pl_store_data(store, tensor), elements * sizeof(int64_t));
    return PL_OK;
  }
  bool home = home_of(store, tensor) != NULL;
  float *row_major = home ? pl_try_alloc(elements * sizeof(float)) : pl_store_data(store, tensor);
  if (!row_major) return pl_fail(err, PL_E_NOMEM, "%s: no memory to unpack it", t->name);
  if (home) status = between_home(store, tensor, row_major, false, err);
  if (!status && dtype == PL_F32) memcpy(data, row_major, elements * sizeof(float));
  if (!status && dtype == PL_F64)
    for (size_t i = 0; i < elements; i++) ((double *)data)[i] = (double)row_major[i];
  if (home) free(row_major);
  return status;
}

static const pl_flat flat_of_role[] = {
    [PL_ROLE_PARAMETER] = PL_FLAT_PARAMETER,  [PL_ROLE_BUFFER] = PL_FLAT_BUFFER,
    [PL_ROLE_GRADIENT] = PL_FLAT_GRADIENT,    [PL_ROLE_FIRST_MOMENT] = PL_FLAT_FIRST,
    [PL_ROLE_SECOND_MOMENT] = PL_FLAT_SECOND, [PL_ROLE_STATE] = PL_FLAT_BUFFER,
};

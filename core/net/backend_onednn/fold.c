// Inference: batch norm is an affine map of each output channel, and so a part of the convolution in front of it.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_onednn/internal.h"

static int64_t channels(const pl_store *store, const pl_fold *fold) {
  return store->model->tensors[fold->weight].shape.d[0];
}

static size_t elements(const pl_store *store, const pl_fold *fold) {
  return (size_t)pl_shape_elements(&store->model->tensors[fold->weight].shape);
}

pl_status pl_store_fold(pl_store *store, const pl_fold *fold, size_t *index, pl_error *err) {
  for (size_t i = 0; i < store->fold_count; i++) {
    const pl_fold *known = &store->folds[i];
    if (known->weight != fold->weight || known->gamma != fold->gamma || !pl_dnn_desc_equal(known->desc, fold->desc))
      continue;
    *index = i;
    return PL_OK;
  }
  size_t bytes = pl_dnn_desc_bytes(fold->desc), bias_bytes = (size_t)channels(store, fold) * sizeof(float);
  bool plan = store->backend->plan;
  float *weights = plan ? NULL : pl_try_alloc(bytes), *bias = plan ? NULL : pl_try_alloc(bias_bytes);
  if (!plan && (!weights || !bias)) {
    free(weights);
    free(bias);
    return pl_fail(err, PL_E_NOMEM, "no memory for a folded weight: %zu bytes needed", bytes);
  }
  if (weights) memset(weights, 0, bytes);
  if (store->fold_count == store->fold_capacity) {
    store->fold_capacity = store->fold_capacity ? 2 * store->fold_capacity : 64;
    store->folds = pl_xrealloc(store->folds, store->fold_capacity, sizeof *store->folds);
  }
  pl_fold *made = &store->folds[store->fold_count];
  *made = *fold;
  made->desc = pl_dnn_desc_clone(fold->desc);
  made->weights = weights;
  made->bias = bias;
  made->version = 0;
  *index = store->fold_count++;
  return PL_OK;
}

// The trained weight, row by row.
static pl_status copy_row_major(const pl_store *store, const pl_fold *fold, const pl_dnn_desc *canonical, float *out,
                                pl_error *err) {
  const pl_dnn_desc *home = store->homes[fold->weight];
  const float *data = pl_store_data(store, fold->weight);
  if (home) return pl_dnn_convert(store->backend->dnn, home, data, canonical, out, err);
  memcpy(out, data, elements(store, fold) * sizeof *out);
  return PL_OK;
}

static void scale_rows(const pl_store *store, const pl_fold *fold, float *weights) {
  const float *gamma = pl_store_data(store, fold->gamma), *beta = pl_store_data(store, fold->beta);
  const float *mean = pl_store_data(store, fold->mean), *variance = pl_store_data(store, fold->variance);
  int64_t rows = channels(store, fold), length = (int64_t)elements(store, fold) / rows;
  for (int64_t c = 0; c < rows; c++) {
    double scale = (double)gamma[c] / sqrt((double)variance[c] + fold->epsilon);
    for (int64_t i = 0; i < length; i++) weights[c * length + i] = (float)((double)weights[c * length + i] * scale);
    fold->bias[c] = (float)((double)beta[c] - (double)mean[c] * scale);
  }
}

pl_status pl_store_refresh_fold(pl_store *store, size_t index, pl_error *err) {
  pl_fold *fold = &store->folds[index];
  if (fold->version == store->version && fold->statistics == store->statistics) return PL_OK;
  float *row_major = pl_try_alloc(elements(store, fold) * sizeof *row_major);
  pl_dnn_desc *canonical = pl_dnn_desc_canonical(fold->desc);
  pl_status status = row_major && canonical ? copy_row_major(store, fold, canonical, row_major, err)
                                            : pl_fail(err, PL_E_NOMEM, "no memory to fold a batch norm");
  if (!status) {
    scale_rows(store, fold, row_major);
    status = pl_dnn_convert(store->backend->dnn, canonical, row_major, fold->desc, fold->weights, err);
  }
  pl_dnn_desc_destroy(canonical);
  free(row_major);
  if (status) return status;
  fold->version = store->version;
  fold->statistics = store->statistics;
  return PL_OK;
}

size_t pl_store_fold_bytes(const pl_store *store) {
  size_t bytes = 0;
  for (size_t i = 0; i < store->fold_count; i++)
    bytes += pl_dnn_desc_bytes(store->folds[i].desc) + (size_t)channels(store, &store->folds[i]) * sizeof(float);
  return bytes;
}

void pl_store_clear_folds(pl_store *store) {
  for (size_t i = 0; i < store->fold_count; i++) {
    pl_dnn_desc_destroy(store->folds[i].desc);
    free(store->folds[i].weights);
    free(store->folds[i].bias);
  }
  free(store->folds);
}

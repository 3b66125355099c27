// Opening a device, and the table of the backend.
#include "gpu/backend.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpu/conv_kernels.h"
#include "gpu/internal.h"

enum { LEAST_MAJOR = 8 };  // Ampere: bfloat16, asynchronous copies, and the oldest that cuDNN's engines are good on

static void close_backend(pl_backend *backend) {
  if (backend == NULL) return;
  (void)pl_cuda_use(backend->device, NULL);
  pl_dnn_close(backend->dnn);
  pl_cuda_stream_destroy(backend->stream);
  pl_cuda_stream_destroy(backend->copies);
  free(backend);
}

static pl_status choose_type(pl_gpu_type *out, const pl_backend_options *options, pl_error *err) {
  switch (options != NULL ? options->precision : PL_PRECISION_AUTO) {
    case PL_PRECISION_F32: *out = PL_GPU_F32; return PL_OK;
    case PL_PRECISION_AUTO:
    case PL_PRECISION_F16: *out = PL_GPU_F16; return PL_OK;
    case PL_PRECISION_BF16: *out = PL_GPU_BF16; return PL_OK;
  }
  return pl_fail(err, PL_E_USAGE, "there is no precision %d", (int)options->precision);
}

static const pl_dnn_own own_convolutions = {"own", pl_gpu_conv_supported, pl_gpu_conv_workspace, pl_gpu_conv_run};

static pl_status open_device(pl_backend *b, pl_error *err) {
  pl_status status = pl_cuda_open(&b->facts, b->device, err);
  if (status != PL_OK) return status;
  if (b->facts.major < LEAST_MAJOR) {
    return pl_fail(err, PL_E_DEVICE, "%s has compute capability %d.%d; %d.0 is the least that this plug-in runs on",
                   b->facts.name, (int)b->facts.major, (int)b->facts.minor, LEAST_MAJOR);
  }
  status = pl_dnn_probe(b->dnn_version, err);
  if (status == PL_OK) status = pl_cuda_stream_create(&b->stream, err);
  if (status == PL_OK) status = pl_cuda_stream_create(&b->copies, err);
  if (status == PL_OK) status = pl_dnn_open(&b->dnn, b->stream, err);
  if (status == PL_OK) pl_dnn_offer(b->dnn, &own_convolutions);
  return status;
}

static pl_status open_backend(pl_backend **out, const pl_host *host, const pl_backend_options *options, pl_error *err) {
  pl_backend *b = pl_xcalloc(1, sizeof *b);
  if (host != NULL) b->host = *host;
  if (options != NULL) {
    b->device = options->device;
    b->check = options->check;
    b->tune = options->tune;
    b->plan = options->plan;
  }
  pl_status status = choose_type(&b->type, options, err);
  if (status == PL_OK) status = open_device(b, err);
  if (status != PL_OK) {
    close_backend(b);
    return status;
  }
  (void)snprintf(b->text, sizeof b->text, "%s, %llu GiB, compute capability %d.%d, %s (cuDNN %s, CUDA %d.%d)",
                 b->facts.name, (unsigned long long)((b->facts.memory + (1 << 29)) >> 30), (int)b->facts.major,
                 (int)b->facts.minor, pl_gpu_type_name(b->type), b->dnn_version, (int)b->facts.runtime / 1000,
                 (int)b->facts.runtime % 1000 / 10);
  *out = b;
  return PL_OK;
}

static const char *device(const pl_backend *backend) { return backend->text; }

static pl_precision precision(const pl_backend *backend) {
  return backend->type == PL_GPU_F32   ? PL_PRECISION_F32
         : backend->type == PL_GPU_F16 ? PL_PRECISION_F16
                                       : PL_PRECISION_BF16;
}

static const char *choices(const pl_store *store) { return pl_choices_text(store->choices); }

const pl_backend_api pl_backend_gpu = {
    .struct_size = sizeof(pl_backend_api),
    .api_version = PL_BACKEND_API_VERSION,
    .name = PL_GPU_NAME,
    .description = PL_GPU_DESCRIPTION,
    .open = open_backend,
    .close = close_backend,
    .device = device,
    .precision = precision,
    .supports = pl_gpu_supports,
    .store_create = pl_gpu_store_create,
    .store_destroy = pl_gpu_store_destroy,
    .tensor_dtype = pl_gpu_tensor_dtype,
    .upload = pl_gpu_upload,
    .download = pl_gpu_download,
    .compile = pl_gpu_compile,
    .program_destroy = pl_gpu_program_destroy,
    .arena_reserve = pl_gpu_arena_reserve,
    .memory = pl_gpu_memory,
    .choices = choices,
    .input = pl_gpu_input,
    .run = pl_gpu_run,
    .wait = pl_gpu_wait,
};

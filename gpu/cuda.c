#include "gpu/cuda.h"

#include <cuda_runtime_api.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/base/str.h"

struct pl_cuda_graph {
  cudaGraphExec_t executable;
};

// ---------------------------------------------------------------------------------------------------------------------
// Failures

// What the user can do about an error, as the end of its message.
static const char *advice(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
      return "install a driver for this version of CUDA, or train on the CPU (--backend onednn)";
    case cudaErrorNoDevice: return "train on the CPU (--backend onednn)";
    case cudaErrorDevicesUnavailable:
    case cudaErrorDeviceUninitialized:
      return "another program may hold the device alone; see nvidia-smi, then start again";
    case cudaErrorNoKernelImageForDevice: return "this plug-in was built for devices from compute capability 8.0";
    case cudaErrorECCUncorrectable:
      return "its memory is faulty; see nvidia-smi -q -d ECC, have the device reset, then resume the run";
    default: return "the run can be resumed from its last checkpoint; see nvidia-smi and dmesg (lines with Xid)";
  }
}

static pl_status failed(cudaError_t error, const char *what, pl_error *err) {
  if (error == cudaSuccess) return PL_OK;
  (void)cudaGetLastError();  // an error that does not stick must not be found again by the next call
  return pl_fail(err, PL_E_DEVICE, "%s failed on the GPU: %s; %s", what, cudaGetErrorString(error), advice(error));
}

// ---------------------------------------------------------------------------------------------------------------------
// The device

static pl_status find_device(int index, pl_error *err) {
  int driver = 0, runtime = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    (void)cudaGetLastError();
    return pl_fail(err, PL_E_DEVICE, "there is no NVIDIA driver on this machine");
  }
  cudaError_t error = cudaRuntimeGetVersion(&runtime);
  if (error == cudaSuccess && driver / 1000 < runtime / 1000) {
    return pl_fail(err, PL_E_DEVICE, "the NVIDIA driver is too old: it has CUDA %d.%d, this plug-in needs %d.0",
                   driver / 1000, driver % 1000 / 10, runtime / 1000);
  }
  if (error == cudaSuccess) error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    (void)cudaGetLastError();
    return pl_fail(err, PL_E_DEVICE, "the NVIDIA driver sees no GPU (CUDA_VISIBLE_DEVICES may hide it)");
  }
  if (error != cudaSuccess) return failed(error, "looking for devices", err);
  if (index >= 0 && index < count) return PL_OK;
  return pl_fail(err, PL_E_DEVICE, "there is no GPU %d; this machine has %d, counted from 0", index, count);
}

pl_status pl_cuda_open(pl_cuda_facts *out, int index, pl_error *err) {
  pl_status status = find_device(index, err);
  if (status != PL_OK) return status;
  struct cudaDeviceProp properties;
  status = failed(cudaGetDeviceProperties(&properties, index), "asking for its properties", err);
  if (status == PL_OK) status = pl_cuda_use(index, err);
  // Makes the context now, so that a device that cannot be used says so here.
  if (status == PL_OK) status = failed(cudaFree(NULL), "starting", err);
  if (status != PL_OK) return status;
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  *out = (pl_cuda_facts){.major = properties.major,
                         .minor = properties.minor,
                         .multiprocessors = properties.multiProcessorCount,
                         .memory = properties.totalGlobalMem,
                         .l2 = (uint64_t)properties.l2CacheSize,
                         .driver = driver,
                         .runtime = runtime};
  pl_copy_text(out->name, sizeof out->name, properties.name);
  return PL_OK;
}

pl_status pl_cuda_use(int index, pl_error *err) { return failed(cudaSetDevice(index), "choosing the device", err); }

// ---------------------------------------------------------------------------------------------------------------------
// Memory

pl_status pl_cuda_memory(uint64_t *free_bytes, uint64_t *total_bytes, pl_error *err) {
  size_t available = 0, total = 0;
  pl_status status = failed(cudaMemGetInfo(&available, &total), "asking for free memory", err);
  *free_bytes = available;
  *total_bytes = total;
  return status;
}

pl_status pl_cuda_allocate(void **out, size_t bytes, const char *what, pl_error *err) {
  *out = NULL;
  if (bytes == 0) return PL_OK;
  cudaError_t error = cudaMalloc(out, bytes);
  if (error != cudaErrorMemoryAllocation) return failed(error, "allocating memory", err);
  (void)cudaGetLastError();
  *out = NULL;
  uint64_t available = 0, total = 0;
  (void)pl_cuda_memory(&available, &total, NULL);
  return pl_fail(err, PL_E_NOMEM, "%s: %zu MiB of GPU memory are needed, %llu of %llu MiB are free", what, bytes >> 20,
                 (unsigned long long)(available >> 20), (unsigned long long)(total >> 20));
}

void pl_cuda_release(void *memory) { (void)cudaFree(memory); }

pl_status pl_cuda_allocate_host(void **out, size_t bytes, const char *what, pl_error *err) {
  *out = NULL;
  if (bytes == 0) return PL_OK;
  cudaError_t error = cudaMallocHost(out, bytes);
  if (error != cudaErrorMemoryAllocation) return failed(error, "allocating page-locked memory", err);
  (void)cudaGetLastError();
  *out = NULL;
  return pl_fail(err, PL_E_NOMEM, "%s: no %zu MiB of page-locked host memory", what, bytes >> 20);
}

void pl_cuda_release_host(void *memory) {
  if (memory != NULL) (void)cudaFreeHost(memory);
}

pl_status pl_cuda_copy(void *to, const void *from, size_t bytes, pl_stream stream, pl_error *err) {
  if (bytes == 0) return PL_OK;
  return failed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying", err);
}

pl_status pl_cuda_fill(void *to, int byte, size_t bytes, pl_stream stream, pl_error *err) {
  if (bytes == 0) return PL_OK;
  return failed(cudaMemsetAsync(to, byte, bytes, stream), "clearing memory", err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Order

pl_status pl_cuda_stream_create(pl_stream *out, pl_error *err) {
  return failed(cudaStreamCreateWithFlags(out, cudaStreamNonBlocking), "making a stream", err);
}

void pl_cuda_stream_destroy(pl_stream stream) {
  if (stream != NULL) (void)cudaStreamDestroy(stream);
}

pl_status pl_cuda_stream_wait_event(pl_stream stream, pl_event event, pl_error *err) {
  return failed(cudaStreamWaitEvent(stream, event, 0), "ordering streams", err);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Asks until the answer is not "not ready": for as long as a step may take without pause, so that the next one starts
// at once, but giving way to the threads that load data; with naps from then on. cudaStreamSynchronize would wait for
// ever where a device hangs.
static pl_status wait_for(cudaError_t (*query)(void *), void *handle, pl_error *err) {
  const struct timespec nap = {.tv_nsec = 100000};
  const double awake = 0.05;
  double start = now();
  for (;;) {
    cudaError_t error = query(handle);
    if (error != cudaErrorNotReady) return failed(error, "the computation", err);
    double waited = now() - start;
    if (waited > PL_CUDA_PATIENCE) {
      return pl_fail(
          err, PL_E_DEVICE,
          "the GPU has not answered for %d s; see nvidia-smi and dmesg (lines with Xid), have it reset, then "
          "resume the run",
          (int)PL_CUDA_PATIENCE);
    }
    if (waited > awake) {
      nanosleep(&nap, NULL);
    } else {
      sched_yield();
    }
  }
}

static cudaError_t query_stream(void *stream) { return cudaStreamQuery(stream); }
static cudaError_t query_event(void *event) { return cudaEventQuery(event); }

pl_status pl_cuda_stream_wait(pl_stream stream, pl_error *err) { return wait_for(query_stream, stream, err); }

pl_status pl_cuda_event_create(pl_event *out, bool timed, pl_error *err) {
  return failed(cudaEventCreateWithFlags(out, timed ? cudaEventDefault : cudaEventDisableTiming), "making an event",
                err);
}

void pl_cuda_event_destroy(pl_event event) {
  if (event != NULL) (void)cudaEventDestroy(event);
}

pl_status pl_cuda_event_record(pl_event event, pl_stream stream, pl_error *err) {
  return failed(cudaEventRecord(event, stream), "marking a stream", err);
}

pl_status pl_cuda_event_wait(pl_event event, pl_error *err) { return wait_for(query_event, event, err); }

pl_status pl_cuda_event_seconds(double *out, pl_event from, pl_event to, pl_error *err) {
  float milliseconds = 0;
  pl_status status = failed(cudaEventElapsedTime(&milliseconds, from, to), "timing", err);
  *out = 1e-3 * (double)milliseconds;
  return status;
}

pl_status pl_cuda_check_launch(const char *what, pl_error *err) { return failed(cudaGetLastError(), what, err); }

// ---------------------------------------------------------------------------------------------------------------------
// Captured graphs

pl_status pl_cuda_capture_begin(pl_stream stream, pl_error *err) {
  return failed(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording the step", err);
}

pl_status pl_cuda_capture_end(pl_cuda_graph **out, pl_stream stream, pl_error *err) {
  *out = NULL;
  cudaGraph_t graph = NULL;
  pl_status status = failed(cudaStreamEndCapture(stream, &graph), "recording the step", err);
  if (status != PL_OK) return status;
  cudaGraphExec_t executable = NULL;
  status = failed(cudaGraphInstantiate(&executable, graph, 0), "preparing the recorded step", err);
  (void)cudaGraphDestroy(graph);
  if (status != PL_OK) return status;
  *out = pl_xcalloc(1, sizeof **out);
  (*out)->executable = executable;
  return PL_OK;
}

pl_status pl_cuda_graph_launch(pl_cuda_graph *graph, pl_stream stream, pl_error *err) {
  return failed(cudaGraphLaunch(graph->executable, stream), "starting the recorded step", err);
}

void pl_cuda_graph_destroy(pl_cuda_graph *graph) {
  if (graph == NULL) return;
  (void)cudaGraphExecDestroy(graph->executable);
  free(graph);
}

// gpu/cuda.h on the CPU. Work on a stream is only kept, and done when somebody waits for it: so that a result that is
// read too early, an input that is overwritten too early and an order that nothing guarantees give wrong numbers here
// as they would on a device.
//
// Environment, for tests: PLEURA_EMULATED_MEMORY, the device's memory in MiB; PLEURA_EMULATED_LOST, after how many
// waits the device is lost; PLEURA_EMULATED_CAPABILITY, the device's major compute capability.
#include "gpu/cuda.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "tests/gpu/emulated_dnn.h"
#include "tests/gpu/emulator.h"

enum { ALIGNMENT = 256, DEFAULT_MEMORY = 8192, UNFILLED_BYTE = 0xFF };

// ---------------------------------------------------------------------------------------------------------------------
// Work

typedef struct item {
  struct item *next;
  void (*run)(void *work);
  void (*destroy)(void *work);
  void *work;
} item;

typedef struct list {
  item *first, *last;
} list;

struct pl_cuda_graph {
  list items;
};

struct CUstream_st {
  list items;
  uint64_t put, done;  // how many items ever
  pl_cuda_graph *capture;
};

struct CUevent_st {
  pl_stream stream;  // NULL: never recorded
  uint64_t place;    // done when the stream has done so many
};

static void append(list *l, item *added) {
  if (l->last != NULL) l->last->next = added;
  if (l->first == NULL) l->first = added;
  l->last = added;
}

static void put(pl_stream stream, void (*run)(void *), void (*destroy)(void *), void *work) {
  item *added = pl_xcalloc(1, sizeof *added);
  *added = (item){.run = run, .destroy = destroy, .work = work};
  append(stream->capture != NULL ? &stream->capture->items : &stream->items, added);
  if (stream->capture == NULL) stream->put++;
}

static void drain(pl_stream stream, uint64_t until) {
  while (stream->done < until && stream->items.first != NULL) {
    item *next = stream->items.first;
    stream->items.first = next->next;
    if (stream->items.first == NULL) stream->items.last = NULL;
    stream->done++;
    next->run(next->work);
    next->destroy(next->work);
    free(next);
  }
}

static bool keep_launch(struct CUstream_st *stream, void (*run)(void *), void (*destroy)(void *), void *work) {
  put(stream, run, destroy, work);
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// The device

static struct {
  uint64_t memory, used;
  int64_t waits_left;  // below 0: for ever
  bool lost;
} device;

static int64_t setting(const char *name, int64_t otherwise) {
  const char *text = getenv(name);
  uint64_t value = 0;
  return text != NULL && pl_parse_u64(&value, text, strlen(text)) ? (int64_t)value : otherwise;
}

static pl_status check_lost(pl_error *err) {
  if (!device.lost) return PL_OK;
  return pl_fail(err, PL_E_DEVICE,
                 "the computation failed on the GPU: the emulated device is lost; the run can be "
                 "resumed from its last checkpoint");
}

pl_status pl_cuda_open(pl_cuda_facts *out, int index, pl_error *err) {
  if (index != 0) return pl_fail(err, PL_E_DEVICE, "there is no GPU %d; this machine has 1, counted from 0", index);
  device.memory = (uint64_t)setting("PLEURA_EMULATED_MEMORY", DEFAULT_MEMORY) << 20;
  device.waits_left = setting("PLEURA_EMULATED_LOST", -1);
  device.lost = false;
  *out = (pl_cuda_facts){.name = "emulated GPU",
                         .major = (int32_t)setting("PLEURA_EMULATED_CAPABILITY", 9),
                         .multiprocessors = 1,
                         .memory = device.memory,
                         .l2 = 1 << 20,
                         .driver = 13000,
                         .runtime = 13000};
  pl_emulator_set_hook(keep_launch);
  pl_emulated_dnn_set_hook(keep_launch);
  return PL_OK;
}

pl_status pl_cuda_use(int index, pl_error *err) {
  (void)index;
  return check_lost(err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory

typedef struct block {
  struct block *next;
  unsigned char *start;
  size_t bytes;
  bool on_host;
} block;

static block *blocks;

static pl_status allocate(void **out, size_t bytes, bool on_host) {
  *out = NULL;
  if (bytes == 0) return PL_OK;
  void *start = NULL;
  if (posix_memalign(&start, ALIGNMENT, bytes) != 0) return PL_E_NOMEM;
  memset(start, UNFILLED_BYTE, bytes);
  block *added = pl_xcalloc(1, sizeof *added);
  *added = (block){.next = blocks, .start = start, .bytes = bytes, .on_host = on_host};
  blocks = added;
  if (!on_host) device.used += bytes;
  *out = start;
  return PL_OK;
}

static void release(void *memory) {
  for (block **b = &blocks; memory != NULL && *b != NULL; b = &(*b)->next) {
    block *found = *b;
    if (found->start != memory) continue;
    *b = found->next;
    if (!found->on_host) device.used -= found->bytes;
    free(found->start);
    free(found);
    return;
  }
}

static bool is_known(const void *address) {
  for (const block *b = blocks; b != NULL; b = b->next) {
    if ((const unsigned char *)address >= b->start && (const unsigned char *)address < b->start + b->bytes) return true;
  }
  return false;
}

pl_status pl_cuda_memory(uint64_t *free_bytes, uint64_t *total_bytes, pl_error *err) {
  *total_bytes = device.memory;
  *free_bytes = device.memory > device.used ? device.memory - device.used : 0;
  return check_lost(err);
}

pl_status pl_cuda_allocate(void **out, size_t bytes, const char *what, pl_error *err) {
  *out = NULL;
  pl_status status = check_lost(err);
  if (status != PL_OK) return status;
  bool fits = bytes <= device.memory && device.used <= device.memory - bytes;
  if (fits && allocate(out, bytes, false) == PL_OK) return PL_OK;
  return pl_fail(err, PL_E_NOMEM, "%s: %zu MiB of GPU memory are needed, %llu of %llu MiB are free", what, bytes >> 20,
                 (unsigned long long)((device.memory - device.used) >> 20), (unsigned long long)(device.memory >> 20));
}

void pl_cuda_release(void *memory) { release(memory); }

pl_status pl_cuda_allocate_host(void **out, size_t bytes, const char *what, pl_error *err) {
  if (allocate(out, bytes, true) == PL_OK) return check_lost(err);
  return pl_fail(err, PL_E_NOMEM, "%s: no %zu MiB of page-locked host memory", what, bytes >> 20);
}

void pl_cuda_release_host(void *memory) { release(memory); }

typedef struct copy {
  void *to;
  const void *from;  // NULL: filled with `byte`
  int byte;
  size_t bytes;
} copy;

static void run_copy(void *work) {
  const copy *c = work;
  if (c->from != NULL) {
    memmove(c->to, c->from, c->bytes);
  } else {
    memset(c->to, c->byte, c->bytes);
  }
}

static void put_copy(pl_stream stream, copy what) {
  copy *kept = pl_xcalloc(1, sizeof *kept);
  *kept = what;
  put(stream, run_copy, free, kept);
}

pl_status pl_cuda_copy(void *to, const void *from, size_t bytes, pl_stream stream, pl_error *err) {
  pl_status status = check_lost(err);
  if (status != PL_OK || bytes == 0) return status;
  put_copy(stream, (copy){.to = to, .from = from, .bytes = bytes});
  if (is_known(to) && is_known(from)) return PL_OK;
  if (stream->capture != NULL) return pl_fail(err, PL_E_DEVICE, "pageable memory in a capture");
  drain(stream, stream->put);
  return PL_OK;
}

pl_status pl_cuda_fill(void *to, int byte, size_t bytes, pl_stream stream, pl_error *err) {
  pl_status status = check_lost(err);
  if (status == PL_OK && bytes > 0) put_copy(stream, (copy){.to = to, .byte = byte, .bytes = bytes});
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Order

pl_status pl_cuda_stream_create(pl_stream *out, pl_error *err) {
  *out = pl_xcalloc(1, sizeof **out);
  return check_lost(err);
}

void pl_cuda_stream_destroy(pl_stream stream) {
  if (stream == NULL) return;
  while (stream->items.first != NULL) {
    item *next = stream->items.first;
    stream->items.first = next->next;
    next->destroy(next->work);
    free(next);
  }
  free(stream);
}

static void run_wait(void *work) {
  const struct CUevent_st *event = work;
  if (event->stream != NULL) drain(event->stream, event->place);
}

// The event may be recorded anew meanwhile: what counts is where it was when the wait was asked for.
pl_status pl_cuda_stream_wait_event(pl_stream stream, pl_event event, pl_error *err) {
  pl_event kept = pl_xcalloc(1, sizeof *kept);
  *kept = *event;
  put(stream, run_wait, free, kept);
  return check_lost(err);
}

static pl_status wait_until(pl_stream stream, uint64_t place, pl_error *err) {
  if (stream->capture != NULL) return pl_fail(err, PL_E_DEVICE, "a wait in a capture");
  if (device.waits_left == 0) device.lost = true;
  if (device.waits_left > 0) device.waits_left--;
  pl_status status = check_lost(err);
  if (status == PL_OK) drain(stream, place);
  return status;
}

pl_status pl_cuda_stream_wait(pl_stream stream, pl_error *err) { return wait_until(stream, stream->put, err); }

pl_status pl_cuda_event_create(pl_event *out, bool timed, pl_error *err) {
  (void)timed;
  *out = pl_xcalloc(1, sizeof **out);
  return check_lost(err);
}

void pl_cuda_event_destroy(pl_event event) { free(event); }

pl_status pl_cuda_event_record(pl_event event, pl_stream stream, pl_error *err) {
  *event = (struct CUevent_st){.stream = stream, .place = stream->put};
  return check_lost(err);
}

pl_status pl_cuda_event_wait(pl_event event, pl_error *err) {
  return event->stream != NULL ? wait_until(event->stream, event->place, err) : check_lost(err);
}

pl_status pl_cuda_event_seconds(double *out, pl_event from, pl_event to, pl_error *err) {
  (void)from;
  (void)to;
  *out = 0;
  return check_lost(err);
}

pl_status pl_cuda_check_launch(const char *what, pl_error *err) {
  (void)what;
  return check_lost(err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Captured graphs

pl_status pl_cuda_capture_begin(pl_stream stream, pl_error *err) {
  stream->capture = pl_xcalloc(1, sizeof *stream->capture);
  return check_lost(err);
}

pl_status pl_cuda_capture_end(pl_cuda_graph **out, pl_stream stream, pl_error *err) {
  *out = stream->capture;
  stream->capture = NULL;
  return check_lost(err);
}

static void run_graph(void *work) {
  const pl_cuda_graph *graph = work;
  for (const item *i = graph->items.first; i != NULL; i = i->next) i->run(i->work);
}

static void keep_graph(void *work) { (void)work; }

pl_status pl_cuda_graph_launch(pl_cuda_graph *graph, pl_stream stream, pl_error *err) {
  put(stream, run_graph, keep_graph, graph);
  return check_lost(err);
}

void pl_cuda_graph_destroy(pl_cuda_graph *graph) {
  if (graph == NULL) return;
  while (graph->items.first != NULL) {
    item *next = graph->items.first;
    graph->items.first = next->next;
    next->destroy(next->work);
    free(next);
  }
  free(graph);
}

// How many images a second the loader and the augment op make ready for the network: flip, rotate, normalise, from PNGs
// or from the packed cache. bench_loader -C WORKSPACE --from png|pack; see loader.sh, which runs PyTorch's beside it.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/feed.h"
#include "core/net/graph.h"
#include "core/net/registry.h"

typedef struct arguments {
  const char *workspace, *list;
  bool pack;
  uint64_t size, batch, workers, threads, seconds;
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t *number = NULL;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case 'a': a->list = arg; return 0;
    case 'f': a->pack = strcmp(arg, "pack") == 0; return 0;
    case 's': number = &a->size; break;
    case 'b': number = &a->batch; break;
    case 'w': number = &a->workers; break;
    case 't': number = &a->threads; break;
    case 'n': number = &a->seconds; break;
    default: return ARGP_ERR_UNKNOWN;
  }
  if (!pl_parse_u64(number, arg, strlen(arg)) || *number < 1 || *number > 4096)
    argp_error(state, "-%c takes a number from 1 to 4096, not '%s'", key, arg);
  return 0;
}

static const struct argp_option options[] = {
    {"workspace", 'C', "DIR", 0, "Workspace", 0},
    {"augment", 'a', "LIST", 0, "none, blog (default) or winner", 0},
    {"from", 'f', "png|pack", 0, "What is read (png)", 0},
    {"size", 's', "PX", 0, "Side of the images (512)", 0},
    {"batch", 'b', "N", 0, "Images of a batch (8)", 0},
    {"workers", 'w', "N", 0, "Threads of the loader (2)", 0},
    {"threads", 't', "N", 0, "Threads of the backend (2)", 0},
    {"seconds", 'n', "S", 0, "How long to measure, after one epoch to warm up (10)", 0},
    {0},
};

static void die(const pl_error *err) {
  fprintf(stderr, "bench_loader: %s\n", err->message);
  exit(pl_status_exit_code(err->code));
}

// The augment op alone, on batches of one size.
typedef struct op {
  pl_registry *registry;
  pl_backend *backend;
  const pl_backend_api *api;
  pl_model model;
  pl_store *store;
  pl_program *program;
  float *x, *target;
} op;

static void open_op(op *o, const arguments *a) {
  pl_error err = {0};
  pl_backend_options backend = {.struct_size = sizeof backend, .threads = (int32_t)a->threads, .deterministic = true};
  o->registry = pl_registry_create(NULL);
  if (pl_registry_open(&o->backend, &o->api, o->registry, "onednn", &backend, NULL, 0, &err) != PL_OK) die(&err);
  pl_graph graph;
  pl_graph_init(&graph, &o->model);
  pl_shape plane = pl_shape_make(4, (int64_t)a->batch, 1, (int64_t)a->size, (int64_t)a->size);
  pl_shape rows = pl_shape_make(2, (int64_t)a->batch, PL_AUGMENT_VALUES, 1, 1);
  int32_t in[] = {pl_graph_input(&graph, "image", PL_U8, plane), pl_graph_input(&graph, "mask", PL_U8, plane),
                  pl_graph_input(&graph, "parameters", PL_F64, rows)};
  pl_attributes at = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
  int32_t out = pl_graph_add(&graph, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &at);
  pl_graph_result(&graph, out);
  pl_graph_result(&graph, out + 1);
  if (o->api->store_create(&o->store, o->backend, &o->model, NULL, &err) != PL_OK) die(&err);
  if (o->api->compile(&o->program, o->store, &graph, &err) != PL_OK) die(&err);
  if (o->api->arena_reserve(o->store, &err) != PL_OK) die(&err);
  pl_graph_clear(&graph);
}

static void close_op(op *o) {
  o->api->program_destroy(o->program);
  o->api->store_destroy(o->store);
  o->api->close(o->backend);
  pl_registry_destroy(o->registry);
}

// One epoch of full batches, without its smaller last one; how many images that were.
static size_t run_epoch(pl_feed *feed, const op *o, const arguments *a, uint64_t epoch) {
  pl_error err = {0};
  size_t images = 0;
  if (pl_feed_start(feed, epoch, 0, &err) != PL_OK) die(&err);
  for (;;) {
    const pl_batch *batch = NULL;
    if (pl_feed_next(feed, &batch, &err) != PL_OK) die(&err);
    if (batch == NULL || batch->count < a->batch) return images;
    const void *data[] = {batch->image, batch->mask, batch->augmentations};
    pl_controls controls = {.struct_size = sizeof controls};
    pl_result result = {.data = {NULL}};  // what a training reads next stays where the op wrote it
    if (o->api->input(o->program, 0, data, &err) != PL_OK) die(&err);
    if (o->api->run(o->program, 0, &controls, &result, &err) != PL_OK) die(&err);
    if (o->api->wait(o->program, &err) != PL_OK) die(&err);
    images += batch->count;
  }
}

// Of all threads so far. Unlike the time on the clock it does not depend on what else the machine does.
static double processor_seconds(void) {
  struct rusage r;
  (void)getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  arguments a = {.workspace = ".", .list = "blog", .size = 512, .batch = 8, .workers = 2, .threads = 2, .seconds = 10};
  static const struct argp parser = {options, parse, NULL, "Images a second from disk to the network's input",
                                     NULL,    NULL,  NULL};
  if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0) return 2;
  pl_error err = {0};
  pl_manifest manifest = {0};
  pl_pack *pack = NULL;
  if (pl_manifest_load(&manifest, a.workspace, &err) != PL_OK) die(&err);
  if (a.pack && pl_pack_open(&pack, &manifest, &err) != PL_OK) die(&err);
  pl_feed_options reading = {.subset = PL_SUBSET_TRAIN,
                             .fold = -1,
                             .seed = 42,
                             .size = (uint32_t)a.size,
                             .batch = a.batch,
                             .augment = pl_augment_list_find(a.list),
                             .augment_strength = 1,
                             .workers = (unsigned)a.workers,
                             .pack = pack};
  pl_feed *feed = NULL;
  if (pl_feed_create(&feed, &manifest, &reading, &err) != PL_OK) die(&err);
  op o = {.registry = NULL};
  open_op(&o, &a);
  (void)run_epoch(feed, &o, &a, 1);
  pl_clock clock = pl_clock_system();
  double start = pl_clock_monotonic(&clock), took = 0, used_before = processor_seconds();
  size_t images = 0;
  for (uint64_t epoch = 2; took < (double)a.seconds; epoch++) {
    images += run_epoch(feed, &o, &a, epoch);
    took = pl_clock_monotonic(&clock) - start;
  }
  double used = processor_seconds() - used_before;
  printf("%.1f images a second, %.1f a second of processor time\n", (double)images / took, (double)images / used);
  close_op(&o);
  pl_feed_destroy(feed);
  pl_pack_close(pack);
  pl_manifest_clear(&manifest);
  return 0;
}

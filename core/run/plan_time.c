// How long a training will take: as long as one like it took, else by the operations of its convolutions.
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/registry.h"
#include "core/run/journal.h"
#include "core/run/plan.h"
#include "core/run/rundir.h"
#include "core/run/training.h"

// ---------------------------------------------------------------------------------------------------------------------
// An earlier run

// What the time of an image depends on.
static bool is_like(const pl_config *a, const pl_config *b) {
  return strcmp(a->encoder, b->encoder) == 0 && strcmp(a->attention, b->attention) == 0 &&
         strcmp(a->augment, b->augment) == 0 && strcmp(a->precision, b->precision) == 0 && a->size == b->size &&
         a->batch == b->batch && a->freeze_encoder == b->freeze_encoder;
}

// Images that the run trained on in a second, of its last epoch that was finished; NAN when there is none.
static double journal_speed(const char *folder) {
  double speed = (double)NAN;
  pl_journal_reader *reader = pl_journal_reader_create(folder);
  if (pl_journal_reader_update(reader, NULL, NULL) == PL_OK) {
    pl_journal_view view = pl_journal_reader_view(reader);
    for (size_t i = 0; i < view.epoch_count; i++) {
      if (view.epochs[i].images_per_second > 0) speed = view.epochs[i].images_per_second;
    }
  }
  pl_journal_reader_destroy(reader);
  return speed;
}

// Seconds an image by the newest run that is like the plan, NAN without one.
static double from_runs(pl_run_plan *plan, const char *workspace) {
  char **folders = NULL;
  size_t count = 0;
  double seconds = (double)NAN;
  if (pl_run_list(&folders, &count, workspace, NULL) != PL_OK) return seconds;
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  pl_run_state *state = pl_xcalloc(1, sizeof *state);
  for (size_t i = count; i-- > 0 && isnan(seconds);) {
    bool like = pl_run_load(info, folders[i], NULL) == PL_OK && is_like(&info->config, &plan->config) &&
                pl_run_state_load(state, folders[i], NULL) == PL_OK && strcmp(state->device, plan->device) == 0;
    if (!like) continue;
    seconds = 1 / journal_speed(folders[i]);
    if (!isnan(seconds)) (void)pl_copy_text(plan->run, sizeof plan->run, info->name);
  }
  free(state);
  free(info);
  pl_fs_free_names(folders, count);
  return seconds;
}

// ---------------------------------------------------------------------------------------------------------------------
// A measurement

// One convolution of the kind that most of the time goes into.
enum { CHANNELS = 64, SIDE = 32, RUNS_MIN = 10 };
static const double measured_seconds = 0.15;

// What a training step reaches of the rate below, with all that is no convolution counted in: measured with resnet18 at
// 128 and se_resnext50_32x4d at 512 pixels on one machine (tests/bench/README.md), so it is a guess for others.
static const double step_share = 0.27;

static pl_status run_for_a_moment(double *rate, const pl_backend_api *api, pl_program *program, const pl_graph *graph,
                                  const pl_progress *progress, pl_error *err) {
  pl_clock clock = pl_clock_system();
  size_t elements = (size_t)pl_shape_elements(&graph->values[graph->inputs[0]].shape);
  float *x = pl_xcalloc(elements, sizeof *x);
  for (size_t i = 0; i < elements; i++) x[i] = (float)(i % 7) * 0.1f;
  const void *data[] = {x};
  pl_controls controls = {.struct_size = sizeof controls};
  pl_result result = {{0}};
  pl_status status = api->input(program, 0, data, err);
  // The best of several, so that what else the machine does just now counts for little.
  double start = pl_clock_monotonic(&clock), best = INFINITY, before = start;
  for (int runs = 0; status == PL_OK && (runs < RUNS_MIN || before - start < measured_seconds); runs++) {
    status = api->run(program, 0, &controls, &result, err);
    if (status == PL_OK) status = api->wait(program, err);
    if (status == PL_OK) status = pl_progress_tell(progress, runs, RUNS_MIN, err);
    double after = pl_clock_monotonic(&clock);
    if (after - before < best) best = after - before;
    before = after;
  }
  if (status == PL_OK && best > 0) *rate = pl_train_plan_operations(graph) / best;
  free(x);
  return status;
}

static void make_graph(pl_graph *graph, pl_model *model) {
  const pl_attributes a = {.kernel = 3, .stride = 1, .pad = 1, .groups = 1};
  int32_t weight = pl_model_add(model, "weight", PL_ROLE_PARAMETER, PL_F32, pl_shape_make(4, CHANNELS, CHANNELS, 3, 3),
                                PL_INIT_CONSTANT, 0);
  pl_model_add_training_tensors(model, PL_OPTIMIZER_SGD);
  pl_graph_init(graph, model);
  int32_t x = pl_graph_input(graph, "x", PL_F32, pl_shape_make(4, 1, CHANNELS, SIDE, SIDE));
  pl_graph_result(graph, pl_graph_add(graph, PL_OP_CONV, "y", &x, 1, &weight, 1, &a));
}

// Operations a second of one thread (a GPU is all there is), NAN when it cannot be found out.
static pl_status measure(double *rate, const pl_config *config, const pl_progress *progress, pl_error *err) {
  *rate = (double)NAN;
  pl_model model = {0};
  pl_graph graph;
  make_graph(&graph, &model);
  // Compiling tells too, and can be stopped.
  const pl_host host = {.struct_size = sizeof host,
                        .api_version = PL_BACKEND_API_VERSION,
                        .progress = progress != NULL ? *progress : (pl_progress){0}};
  pl_registry *registry = pl_registry_create(&host);
  const pl_backend_api *api = NULL;
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  // Threads that work together wait for each other while other programs have the processors; one alone does not.
  pl_backend_options options = pl_training_backend(config);
  options.threads = 1;
  options.tune = false;
  pl_status status = config->plugin[0] != '\0' ? pl_registry_load(registry, config->plugin, NULL) : PL_OK;
  if (status == PL_OK) status = pl_registry_open(&backend, &api, registry, config->backend, &options, NULL, 0, NULL);
  if (status == PL_OK) status = api->store_create(&store, backend, &model, NULL, NULL);
  if (status == PL_OK) status = api->compile(&program, store, &graph, err);
  if (status == PL_OK) status = api->arena_reserve(store, NULL);
  if (status == PL_OK) status = run_for_a_moment(rate, api, program, &graph, progress, err);
  if (backend != NULL) {
    api->program_destroy(program);
    api->store_destroy(store);
    api->close(backend);
  }
  pl_registry_destroy(registry);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
  return status == PL_E_CANCELLED ? status : PL_OK;
}

// As many as a CPU's backend would use.
static double threads_of(const pl_config *config) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (config->threads > 0) return (double)config->threads;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? (double)CPU_COUNT(&set) : 1.0;
}

pl_status pl_run_plan_time(pl_run_plan *plan, const char *workspace, const pl_progress *progress, pl_error *err) {
  const pl_train_plan *t = &plan->train;
  double image = workspace != NULL ? from_runs(plan, workspace) : (double)NAN;
  plan->rate = (double)NAN;
  plan->source = PL_PLAN_FROM_RUN;
  if (isnan(image)) {
    plan->source = PL_PLAN_FROM_RATE;
    pl_status status = measure(&plan->rate, &plan->config, progress, err);
    if (status != PL_OK) return status;
    plan->rate *= t->memory.free > 0 ? 1 : threads_of(&plan->config);
    image = t->train_operations / (plan->rate * step_share);
  }
  double evaluation = image * t->valid_operations / t->train_operations * (double)plan->valid_images;
  int64_t batch = plan->config.batch < plan->train_images ? plan->config.batch : plan->train_images;
  plan->step_seconds = image * (double)(batch * plan->config.accumulation);
  plan->epoch_seconds = image * (double)plan->train_images + evaluation;
  // The untrained network is evaluated too.
  plan->run_seconds = plan->epoch_seconds * (double)plan->config.epochs + evaluation;
  return PL_OK;
}

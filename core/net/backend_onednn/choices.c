#include "core/net/backend_onednn/choices.h"

#include <inttypes.h>
#include <jansson.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_onednn/winograd.h"

enum { KEY_MAX = 128, RUNS = 3, TILES_MIN = 8 };

struct pl_choice {
  char key[KEY_MAX];
  pl_algorithm algorithm;
};

static const char *const names[PL_ALGORITHM_COUNT];

// ---------------------------------------------------------------------------------------------------------------------
// The list

static void make_key(char key[KEY_MAX], const pl_dnn_conv *c) {
  static const char *const directions[] = {"forward", "backward data", "backward weights"};
  (void)snprintf(key, KEY_MAX,
                 "%s %dx%d n%" PRId64 " i%" PRId64 " h%" PRId64 " w%" PRId64 " o%" PRId64 " blocks %" PRId64 " %" PRId64
                 "%s%s%s",
                 directions[c->direction], c->kernel, c->kernel, c->n, c->ic, c->ih, c->iw, c->oc, c->src_block,
                 c->dst_block, c->bias ? " bias" : "", c->relu ? " relu" : "", c->sum ? " sum" : "");
}

static const pl_choice *find(const pl_store *store, const char *key) {
  for (size_t i = 0; i < store->algorithm_count; i++)
    if (strcmp(store->algorithms[i].key, key) == 0) return &store->algorithms[i];
  return NULL;
}

static void add(pl_store *store, const char *key, pl_algorithm algorithm) {
  if (store->algorithm_count == store->algorithm_capacity) {
    store->algorithm_capacity = store->algorithm_capacity ? 2 * store->algorithm_capacity : 64;
    store->algorithms = pl_xrealloc(store->algorithms, store->algorithm_capacity, sizeof *store->algorithms);
  }
  pl_choice *choice = &store->algorithms[store->algorithm_count++];
  (void)snprintf(choice->key, sizeof choice->key, "%s", key);
  choice->algorithm = algorithm;
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static json_t *describe_machine(const pl_store *store) {
  return json_pack("{s:s, s:s, s:s, s:i}", "backend", "onednn", "oneDNN", pl_dnn_version(), "isa", pl_dnn_isa(),
                   "threads", store->backend->threads);
}

void pl_choices_write(pl_store *store) {
  json_t *root = describe_machine(store), *list = json_object();
  for (size_t i = 0; i < store->algorithm_count; i++)
    (void)json_object_set_new(list, store->algorithms[i].key, json_string(names[store->algorithms[i].algorithm]));
  (void)json_object_set_new(root, "convolutions", list);
  free(store->choices);
  store->choices = json_dumps(root, JSON_INDENT(1));
  json_decref(root);
}

static pl_status read_list(pl_store *store, json_t *list, pl_error *err) {
  const char *key;
  json_t *value;
  json_object_foreach(list, key, value) {
    const char *name = json_string_value(value);
    int algorithm = 0;
    while (algorithm < PL_ALGORITHM_COUNT && (!name || strcmp(name, names[algorithm]) != 0)) algorithm++;
    if (algorithm == PL_ALGORITHM_COUNT || strlen(key) >= KEY_MAX)
      return pl_fail(err, PL_E_FORMAT, "choices: \"%.60s\" is not an algorithm that this version has",
                     name ? name : key);
    add(store, key, (pl_algorithm)algorithm);
  }
  return PL_OK;
}

// The parts that must be this machine's.
static pl_status check_machine(const pl_store *store, json_t *root, pl_error *err) {
  json_t *here = describe_machine(store), *there = json_object();
  const char *key;
  json_t *value;
  json_object_foreach(here, key, value)(void) json_object_set(there, key, json_object_get(root, key));
  pl_status status = PL_OK;
  if (!json_equal(here, there)) {
    char *a = json_dumps(there, JSON_COMPACT), *b = json_dumps(here, JSON_COMPACT);
    status = pl_fail(err, PL_E_USAGE,
                     "the run was made with %.90s, but this is %.90s; the same arithmetic cannot be repeated",
                     a ? a : "something else", b ? b : "another machine");
    free(a);
    free(b);
  }
  json_decref(here);
  json_decref(there);
  return status;
}

pl_status pl_choices_read(pl_store *store, const char *text, pl_error *err) {
  if (!text) return PL_OK;
  json_error_t why;
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
  if (!json_is_object(root)) {
    json_decref(root);
    return pl_fail(err, PL_E_FORMAT, "choices, line %d: %s", why.line, root ? "not an object" : why.text);
  }
  pl_status status = check_machine(store, root, err);
  if (!status) status = read_list(store, json_object_get(root, "convolutions"), err);
  json_decref(root);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Timing

// The rule: everything that can, unless there are too few tiles for the transformed weights.
static pl_algorithm by_rule(const pl_dnn_conv *conv) {
  int64_t tiles = conv->n * ((conv->ih + 3) / 4) * ((conv->iw + 3) / 4);
  return tiles >= TILES_MIN ? PL_ALGORITHM_WINOGRAD : PL_ALGORITHM_DIRECT;
}

// Memory for all of a convolution's arguments, and oneDNN's primitive.
typedef struct trial {
  pl_winograd plan;
  pl_dnn_op op;
  float *data[PL_DNN_ARG_COUNT], *scratch;
  size_t bytes[PL_DNN_ARG_COUNT], scratch_bytes;
} trial;

static void trial_clear(trial *t) {
  for (int i = 0; i < PL_DNN_ARG_COUNT; i++) pl_pages_free(t->data[i], t->bytes[i]);
  pl_pages_free(t->scratch, t->scratch_bytes);
  pl_dnn_op_clear(&t->op);
}

static pl_status trial_prepare(trial *t, pl_dnn *dnn, const pl_dnn_conv *conv, pl_error *err) {
  t->plan = pl_winograd_plan(conv);
  t->scratch_bytes = pl_winograd_scratch(&t->plan);
  t->scratch = pl_pages_allocate(t->scratch_bytes);
  pl_status status = t->scratch ? pl_dnn_plan_conv(&t->op, dnn, conv, NULL, err) : PL_E_NOMEM;
  if (!status) status = pl_dnn_op_build(&t->op, err);
  for (int i = 0; i < PL_DNN_ARG_COUNT && !status; i++) {
    if (!t->op.desc[i]) continue;
    t->bytes[i] = pl_dnn_desc_bytes(t->op.desc[i]);
    t->data[i] = pl_pages_allocate(t->bytes[i]);
    if (!t->data[i]) return PL_E_NOMEM;
    for (size_t j = 0; j < t->bytes[i] / sizeof(float); j++) t->data[i][j] = (float)(j % 13) * 0.01f;
    status = pl_dnn_op_bind(&t->op, dnn, (pl_dnn_arg)i, t->data[i], err);
  }
  return status;
}

static void trial_winograd(const trial *t, const pl_dnn_conv *conv) {
  float *const *d = t->data;
  if (conv->direction == PL_DNN_FORWARD)
    pl_winograd_run(&t->plan, d[PL_DNN_SRC], d[PL_DNN_WEIGHTS], d[PL_DNN_BIAS], conv->relu, d[PL_DNN_DST], t->scratch);
  else if (conv->direction == PL_DNN_BACKWARD_DATA)
    pl_winograd_run(&t->plan, d[PL_DNN_DIFF_DST], d[PL_DNN_WEIGHTS], NULL, false, d[PL_DNN_DIFF_SRC], t->scratch);
  else
    pl_winograd_run_weights(&t->plan, d[PL_DNN_SRC], d[PL_DNN_DIFF_DST], d[PL_DNN_DIFF_WEIGHTS], t->scratch);
}

// *out stays when they cannot be timed. The better of some runs each, one after the other, so that whatever else the
// machine does hits both.
static pl_status by_timing(pl_algorithm *out, pl_store *store, const pl_dnn_conv *conv, pl_error *err) {
  trial t = {0};
  const pl_backend *b = store->backend;
  pl_status told = PL_OK;
  double best[PL_ALGORITHM_COUNT] = {1e30, 1e30};
  pl_dnn *dnn = store->backend->dnn;
  bool failed = trial_prepare(&t, dnn, conv, NULL) != PL_OK;
  for (int i = 0; i < RUNS && !failed && !told; i++)
    for (int a = 0; a < PL_ALGORITHM_COUNT && !failed && !told; a++) {
      double start = omp_get_wtime();
      if (a == PL_ALGORITHM_WINOGRAD)
        trial_winograd(&t, conv);
      else
        failed = pl_dnn_op_run(&t.op, dnn, NULL) != PL_OK;
      double seconds = omp_get_wtime() - start;
      if (seconds < best[a]) best[a] = seconds;
      told = pl_progress_tell(&b->host.progress, b->compiled, b->compiling, err);
    }
  trial_clear(&t);
  if (!failed)
    *out = best[PL_ALGORITHM_WINOGRAD] < best[PL_ALGORITHM_DIRECT] ? PL_ALGORITHM_WINOGRAD : PL_ALGORITHM_DIRECT;
  return told;
}

pl_status pl_choices_find(pl_algorithm *out, pl_store *store, const pl_dnn_conv *conv, pl_error *err) {
  *out = PL_ALGORITHM_DIRECT;
  if (!pl_winograd_supports(conv)) return PL_OK;
  char key[KEY_MAX];
  make_key(key, conv);
  const pl_choice *known = find(store, key);
  if (known) {
    *out = known->algorithm;
    return PL_OK;
  }
  *out = by_rule(conv);
  pl_status status = store->backend->tune ? by_timing(out, store, conv, err) : PL_OK;
  if (!status) add(store, key, *out);
  return status;
}

static const char *const names[PL_ALGORITHM_COUNT] = {
    [PL_ALGORITHM_DIRECT] = "direct",
    [PL_ALGORITHM_WINOGRAD] = "winograd",
};

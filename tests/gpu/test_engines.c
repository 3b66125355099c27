// Whether cuDNN has engines for every convolution of every network, on devices that are only described: test_engines
// FILE.json... asks for the training step (batch 8 at 512 pixels) of all encoders and attentions, in float32, float16
// and bfloat16; makes the plan that would be taken without timing, and rebuilds it from its text. Needs cuDNN, no
// device.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/net/model.h"
#include "gpu/dnn.h"

enum { BATCH = 8, SIDE = 512, PROBLEMS_MAX = 4096, DESCRIPTION_MAX = 1 << 16 };

static const uint64_t workspace_limit = (uint64_t)512 << 20;  // as the backend (PL_WORKSPACE_LIMIT)

typedef struct problems {
  pl_dnn_conv items[PROBLEMS_MAX];
  char keys[PROBLEMS_MAX][PL_DNN_KEY_MAX];
  size_t count;
} problems;

static void add(problems *list, const pl_dnn_conv *c) {
  char key[PL_DNN_KEY_MAX];
  pl_dnn_conv_key(c, key, sizeof key);
  for (size_t i = 0; i < list->count; i++) {
    if (strcmp(key, list->keys[i]) == 0) return;
  }
  if (list->count == PROBLEMS_MAX) return;
  memcpy(list->keys[list->count], key, sizeof key);
  list->items[list->count++] = *c;
}

static bool is_conv(pl_op op) {
  return op == PL_OP_CONV || op == PL_OP_CONV_BACKWARD_DATA || op == PL_OP_CONV_BACKWARD_WEIGHT;
}

// A convolution as the CUDA backend asks for it: the stem's channels are padded to 4, or 8 in bfloat16.
static pl_dnn_conv problem_of(const pl_graph *graph, const pl_node *node, pl_gpu_type type) {
  bool backward_data = node->op == PL_OP_CONV_BACKWARD_DATA;
  const pl_shape *x = &graph->values[backward_data ? node->out[0] : node->in[0]].shape;
  const pl_shape *y = &graph->values[node->op == PL_OP_CONV ? node->out[0] : node->in[backward_data ? 0 : 1]].shape;
  pl_dnn_conv c = {.type = type,
                   .n = x->d[0],
                   .ic = x->d[1],
                   .ih = x->d[2],
                   .iw = x->d[3],
                   .oc = y->d[1],
                   .oh = y->d[2],
                   .ow = y->d[3],
                   .kernel = node->a.kernel,
                   .stride = node->a.stride,
                   .pad = node->a.pad,
                   .groups = node->a.groups,
                   .alpha = 1};
  c.direction = node->op == PL_OP_CONV ? PL_DNN_FORWARD
                : backward_data        ? PL_DNN_BACKWARD_DATA
                                       : PL_DNN_BACKWARD_WEIGHTS;
  if (c.ic == 3) c.ic = type == PL_GPU_BF16 ? 8 : 4;
  return c;
}

// The convolution, the variants of it that the backend may ask for, and the form that a decoder's upsampling takes.
static void add_node(problems *list, const pl_graph *graph, const pl_node *node, pl_gpu_type type) {
  pl_dnn_conv c = problem_of(graph, node, type);
  add(list, &c);
  if (c.direction == PL_DNN_FORWARD) {
    pl_dnn_conv with_bias = c;
    with_bias.bias = true;
    add(list, &with_bias);
    with_bias.relu = true;
    add(list, &with_bias);
  }
  c.beta = 1;
  add(list, &c);
}

static void add_upsampled(problems *list, const pl_graph *graph, const pl_node *node, pl_gpu_type type) {
  const pl_shape *low = &graph->values[node->in[0]].shape;
  for (int direction = 0; direction < 3; direction++) {
    for (int beta = 0; beta < 2; beta++) {
      pl_dnn_conv c = {.direction = (pl_dnn_direction)direction,
                       .type = type,
                       .n = low->d[0],
                       .ic = low->d[1] / 2,
                       .ih = 2 * low->d[2],
                       .iw = 2 * low->d[3],
                       .oc = low->d[1],
                       .oh = low->d[2],
                       .ow = low->d[3],
                       .kernel = 4,
                       .stride = 2,
                       .pad = 1,
                       .groups = 1,
                       .alpha = 1,
                       .beta = (float)beta};
      add(list, &c);
    }
  }
}

static pl_status add_network(problems *list, const pl_unet *unet, pl_error *err) {
  pl_model model = {0};
  pl_graph graph = {0};
  pl_program_spec spec = pl_program_spec_default(PL_PROGRAM_STEP, BATCH, SIDE, SIDE);
  pl_status status = pl_unet_model(&model, unet, err);
  if (!status) status = pl_unet_graph(&graph, &model, unet, &spec, err);
  for (int type = 0; type < 3 && !status; type++) {
    for (int32_t i = 0; i < graph.node_count; i++) {
      const pl_node *node = &graph.nodes[i];
      if (is_conv(node->op)) add_node(list, &graph, node, (pl_gpu_type)type);
      if (node->op == PL_OP_UPSAMPLE2) add_upsampled(list, &graph, node, (pl_gpu_type)type);
    }
  }
  pl_graph_clear(&graph);
  pl_model_clear(&model);
  return status;
}

static pl_status check_problem(pl_dnn *dnn, const pl_dnn_conv *c, uint64_t *workspace, pl_error *err) {
  pl_dnn_plan *plan = NULL, *again = NULL;
  pl_status status = pl_dnn_plan_create(&plan, dnn, c, workspace_limit, NULL, err);
  if (!status) status = pl_dnn_plan_create(&again, dnn, c, workspace_limit, pl_dnn_plan_choice(plan), err);
  if (!status && pl_dnn_plan_workspace(plan) != pl_dnn_plan_workspace(again)) {
    status =
        pl_fail(err, PL_E_INTERNAL, "the plan of '%s' is another one when it is rebuilt", pl_dnn_plan_choice(plan));
  }
  if (!status && pl_dnn_plan_workspace(plan) > *workspace) *workspace = pl_dnn_plan_workspace(plan);
  pl_dnn_plan_destroy(plan);
  pl_dnn_plan_destroy(again);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// An engine that is offered stands behind the library's: one more candidate where it can, a plan by its name, never by
// rule.

static bool own_supports(const pl_dnn_conv *conv) { return conv->groups > 1; }

static uint64_t own_workspace(const pl_dnn_conv *conv) {
  (void)conv;
  return 4096;
}

static const pl_dnn_own own = {"own", own_supports, own_workspace, NULL};

static pl_status check_own(pl_dnn *dnn, const pl_dnn_conv *conv, pl_error *err) {
  size_t before = 0, after = 0;
  pl_dnn_plan *plan = NULL, *by_rule = NULL;
  pl_status status = pl_dnn_candidates(&before, dnn, conv, workspace_limit, err);
  pl_dnn_offer(dnn, &own);
  if (!status) status = pl_dnn_candidates(&after, dnn, conv, workspace_limit, err);
  if (!status) status = pl_dnn_plan_create(&by_rule, dnn, conv, workspace_limit, NULL, err);
  pl_status named = pl_dnn_plan_create(&plan, dnn, conv, workspace_limit, "own", NULL);
  bool right = own_supports(conv) ? after == before + 1 && named == PL_OK && pl_dnn_plan_workspace(plan) == 4096 &&
                                        strcmp(pl_dnn_plan_choice(plan), "own") == 0
                                  : after == before && named == PL_E_UNSUPPORTED;
  if (!status) right = right && strcmp(pl_dnn_plan_choice(by_rule), "own") != 0;
  pl_dnn_plan_destroy(plan);
  plan = NULL;
  right = right && pl_dnn_plan_create(&plan, dnn, conv, 4095, "own", NULL) == PL_E_UNSUPPORTED;
  pl_dnn_plan_destroy(by_rule);
  pl_dnn_offer(dnn, NULL);
  if (!status && !right) return pl_fail(err, PL_E_INTERNAL, "an engine that was offered is not where it should be");
  return status;
}

static int check_device(const char *path, const problems *list) {
  pl_error err = {0};
  pl_dnn *dnn = NULL;
  pl_buf text;
  pl_buf_init(&text, DESCRIPTION_MAX);
  pl_status status = pl_fs_read(&text, path, &err);
  if (!status) status = pl_dnn_open_described(&dnn, text.data, &err);
  pl_buf_clear(&text);
  if (status) {
    printf("%s: %s\n", path, err.message);
    return 1;
  }
  int failures = 0;
  bool seen_own[2] = {false, false};  // without groups, with groups
  for (size_t i = 0; i < list->count; i++) {
    const pl_dnn_conv *c = &list->items[i];
    if (c->type != PL_GPU_F16 || seen_own[c->groups > 1]) continue;
    seen_own[c->groups > 1] = true;
    if (check_own(dnn, c, &err) == PL_OK) continue;
    printf("%s: %s\n", path, err.message);
    failures++;
  }
  for (int type = 0; type < 3; type++) {
    size_t seen = 0, plain = 0, engines = 0;
    uint64_t workspace = 0;
    for (size_t i = 0; i < list->count; i++) {
      if (list->items[i].type != (pl_gpu_type)type) continue;
      const pl_dnn_conv *c = &list->items[i];
      size_t count = 0;
      seen++;
      pl_status checked = check_problem(dnn, c, &workspace, &err);
      if (!checked && c->beta == 0 && !c->bias) {
        checked = pl_dnn_candidates(&count, dnn, c, workspace_limit, &err);
        plain++;
      }
      engines += count;
      if (!checked) continue;
      printf("%s: %s\n", path, err.message);
      failures++;
    }
    printf("%s %s: %zu convolutions, %.1f engines for one, largest workspace by rule %llu MiB\n", pl_path_base(path),
           pl_gpu_type_name((pl_gpu_type)type), seen, plain == 0 ? 0 : (double)engines / (double)plain,
           (unsigned long long)(workspace >> 20));
  }
  pl_dnn_close(dnn);
  return failures;
}

int main(int argc, char **argv) {
  pl_error err = {0};
  problems *list = pl_xcalloc(1, sizeof *list);
  char version[PL_DNN_VERSION_MAX];
  if (pl_dnn_probe(version, &err) != PL_OK) {
    printf("FAILED: %s\n", err.message);
    return 1;
  }
  for (size_t e = 0; e < pl_encoder_count(); e++) {
    for (size_t a = 0; a < pl_attention_count(); a++) {
      const pl_unet unet = {.encoder = pl_encoder_at(e)->name, .attention = pl_attention_at(a)->name};
      if (add_network(list, &unet, &err) != PL_OK) {
        printf("FAILED: %s\n", err.message);
        return 1;
      }
    }
  }
  printf("cuDNN %s, %zu different convolutions\n", version, list->count);
  int failures = list->count == PROBLEMS_MAX || argc < 2 ? 1 : 0;
  for (int i = 1; i < argc; i++) failures += check_device(argv[i], list);
  free(list);
  return failures == 0 ? 0 : 1;
}

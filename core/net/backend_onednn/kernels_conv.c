// Our own convolutions as steps. The plan is found again from the shape, which costs nothing beside the work.
#include "core/net/backend_onednn/direct.h"
#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/winograd.h"

void pl_kernel_winograd(const pl_step *s, pl_context *context) {
  (void)context;
  pl_winograd plan = pl_winograd_plan(&s->conv);
  pl_winograd_run(&plan, s->data[0], s->data[1], s->data[3], s->conv.relu, s->data[2], s->data[4]);
}

void pl_kernel_winograd_weights(const pl_step *s, pl_context *context) {
  (void)context;
  pl_winograd plan = pl_winograd_plan(&s->conv);
  pl_winograd_run_weights(&plan, s->data[0], s->data[1], s->data[2], s->data[4]);
}

void pl_kernel_direct(const pl_step *s, pl_context *context) {
  (void)context;
  pl_direct_run(&s->conv, s->data[0], s->data[1], s->data[3], s->data[2]);
}

void pl_kernel_direct_weights(const pl_step *s, pl_context *context) {
  (void)context;
  pl_direct_run_weights(&s->conv, s->data[0], s->data[1], s->data[2], s->data[3]);
}

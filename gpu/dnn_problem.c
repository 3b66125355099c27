// What a convolution is, apart from any library: the checks and the text that choices are kept under.
#include <stdio.h>

#include "gpu/dnn.h"

static const char *const direction_names[] = {"forward", "backward-data", "backward-weights"};

static bool output_fits(int64_t in, int64_t out, const pl_dnn_conv *c) {
  int64_t room = in + 2 * (int64_t)c->pad - c->kernel;
  return room >= 0 && out == room / c->stride + 1;
}

pl_status pl_dnn_conv_check(const pl_dnn_conv *c, pl_error *err) {
  const int64_t limit = INT32_MAX;
  const int64_t sizes[] = {c->n, c->ic, c->ih, c->iw, c->oc, c->oh, c->ow, c->kernel, c->stride, c->groups};
  static const char *const names[] = {"n", "ic", "ih", "iw", "oc", "oh", "ow", "kernel", "stride", "groups"};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i] < 1 || sizes[i] > limit) {
      return pl_fail(err, PL_E_UNSUPPORTED, "convolution: %s is %lld", names[i], (long long)sizes[i]);
    }
  }
  if (c->pad < 0 || c->pad >= c->kernel) return pl_fail(err, PL_E_UNSUPPORTED, "convolution: pad is %d", (int)c->pad);
  if (c->ic % c->groups != 0 || c->oc % c->groups != 0) {
    return pl_fail(err, PL_E_UNSUPPORTED, "convolution: %d groups do not divide %lld and %lld channels", (int)c->groups,
                   (long long)c->ic, (long long)c->oc);
  }
  if (!output_fits(c->ih, c->oh, c) || !output_fits(c->iw, c->ow, c)) {
    return pl_fail(err, PL_E_UNSUPPORTED, "convolution: %lldx%lld does not give %lldx%lld", (long long)c->ih,
                   (long long)c->iw, (long long)c->oh, (long long)c->ow);
  }
  if (c->bias && (c->direction != PL_DNN_FORWARD || c->alpha != 1 || c->beta != 0)) {
    return pl_fail(err, PL_E_UNSUPPORTED, "convolution: a bias goes with forward, alpha 1 and beta 0 only");
  }
  if (c->relu && !c->bias) return pl_fail(err, PL_E_UNSUPPORTED, "convolution: a ReLU goes with a bias only");
  return PL_OK;
}

void pl_dnn_conv_key(const pl_dnn_conv *c, char *key, size_t size) {
  char alpha[24] = "";
  if (c->alpha != 1) snprintf(alpha, sizeof alpha, " a%.9g", (double)c->alpha);
  snprintf(key, size, "%s %s n%lld c%lldx%lldx%lld k%lldx%lldx%lld %dx%d s%d p%d g%d%s b%.9g%s",
           direction_names[c->direction], pl_gpu_type_name(c->type), (long long)c->n, (long long)c->ic,
           (long long)c->ih, (long long)c->iw, (long long)c->oc, (long long)c->oh, (long long)c->ow, (int)c->kernel,
           (int)c->kernel, (int)c->stride, (int)c->pad, (int)c->groups, alpha, (double)c->beta,
           c->relu   ? " bias relu"
           : c->bias ? " bias"
                     : "");
}

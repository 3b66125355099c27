// Batch normalisation (Ioffe and Szegedy, 2015) as torch.nn.BatchNorm2d.
#include <math.h>

#include "core/net/backend_ref/ref.h"

typedef struct planes {
  int64_t n, c, area;
} planes;

static planes planes_of(const pl_shape *shape) {
  return (planes){.n = shape->d[0], .c = shape->d[1], .area = shape->d[2] * shape->d[3]};
}

static int64_t plane_start(const planes *p, int64_t n, int64_t c) { return (n * p->c + c) * p->area; }

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta for one channel.
static void normalise(double *y, const double *x, const planes *p, int64_t c, double mean, double variance,
                      double epsilon, double gamma, double beta) {
  double scale = 1 / sqrt(variance + epsilon);
  for (int64_t n = 0; n < p->n; n++) {
    int64_t start = plane_start(p, n, c);
    for (int64_t i = start; i < start + p->area; i++) y[i] = (x[i] - mean) * scale * gamma + beta;
  }
}

pl_status pl_ref_batch_norm(const pl_ref_call *call) {
  const double *x = call->in[0], *gamma = call->tensor[0], *beta = call->tensor[1];
  double *y = call->out[0], *means = call->out[1], *variances = call->out[2];
  const planes p = planes_of(&call->in_shape[0]);
  double count = (double)(p.n * p.area);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int64_t c = 0; c < p.c; c++) {
    double sum = 0, squares = 0;
    for (int64_t n = 0; n < p.n; n++) {
      int64_t start = plane_start(&p, n, c);
      for (int64_t i = start; i < start + p.area; i++) sum += x[i];
    }
    double mean = sum / count;
    for (int64_t n = 0; n < p.n; n++) {
      int64_t start = plane_start(&p, n, c);
      for (int64_t i = start; i < start + p.area; i++) squares += (x[i] - mean) * (x[i] - mean);
    }
    means[c] = mean;
    variances[c] = squares / count;
    normalise(y, x, &p, c, mean, variances[c], call->node->a.epsilon, gamma[c], beta[c]);
  }
  return PL_OK;
}

pl_status pl_ref_batch_norm_eval(const pl_ref_call *call) {
  const double *x = call->in[0], *gamma = call->tensor[0], *beta = call->tensor[1];
  const double *mean = call->tensor[2], *variance = call->tensor[3];
  const planes p = planes_of(&call->in_shape[0]);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int64_t c = 0; c < p.c; c++) {
    normalise(call->out[0], x, &p, c, mean[c], variance[c], call->node->a.epsilon, gamma[c], beta[c]);
  }
  return PL_OK;
}

// With xhat = (x - mean) / deviation over the N elements of a channel:
// dx = gamma / deviation * (dy - sum(dy)/N - xhat * sum(dy*xhat)/N), dgamma = sum(dy*xhat), dbeta = sum(dy).
pl_status pl_ref_batch_norm_backward(const pl_ref_call *call) {
  const double *x = call->in[0], *dy = call->in[1], *mean = call->in[2], *variance = call->in[3];
  const double *gamma = call->tensor[0];
  double *gamma_gradient = call->tensor[1], *beta_gradient = call->tensor[2], *dx = call->out[0];
  const planes p = planes_of(&call->in_shape[0]);
  double count = (double)(p.n * p.area);
  bool add = call->node->a.add;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int64_t c = 0; c < p.c; c++) {
    double scale = 1 / sqrt(variance[c] + call->node->a.epsilon), sum = 0, product = 0;
    for (int64_t n = 0; n < p.n; n++) {
      int64_t start = plane_start(&p, n, c);
      for (int64_t i = start; i < start + p.area; i++) {
        sum += dy[i];
        product += dy[i] * (x[i] - mean[c]) * scale;
      }
    }
    for (int64_t n = 0; n < p.n; n++) {
      int64_t start = plane_start(&p, n, c);
      for (int64_t i = start; i < start + p.area; i++) {
        double normal = (x[i] - mean[c]) * scale;
        dx[i] = gamma[c] * scale * (dy[i] - sum / count - normal * product / count);
      }
    }
    gamma_gradient[c] = add ? gamma_gradient[c] + product : product;
    beta_gradient[c] = add ? beta_gradient[c] + sum : sum;
  }
  return PL_OK;
}

pl_status pl_ref_batch_norm_commit(const pl_ref_call *call) {
  const double *mean = call->in[0], *variance = call->in[1], *loss = call->in[2];
  double *running_mean = call->tensor[0], *running_variance = call->tensor[1];
  int64_t *batches = (int64_t *)(void *)call->tensor[2];
  if (loss[PL_LOSS_FINITE] == 0) return PL_OK;
  double momentum = call->node->a.momentum, count = (double)call->node->a.count;
  double unbiased = count > 1 ? count / (count - 1) : 1;
  for (int64_t c = 0; c < call->in_shape[0].d[0]; c++) {
    running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[c];
    running_variance[c] = (1 - momentum) * running_variance[c] + momentum * variance[c] * unbiased;
  }
  *batches += 1;
  return PL_OK;
}

// ComboLoss (unet_pipeline/Losses.py of the SIIM-ACR winner), its gradient, and the sums that dice scores are made of.
#include "gpu/kernels/loss.cuh"

constexpr float FOCAL_EPSILON = 1e-8f;
constexpr double DICE_EPSILON = 1e-6, JACCARD_EPSILON = 1e-3, LEAST_LOSS = 1e-5;

// ---------------------------------------------------------------------------------------------------------------------
// One pixel

__device__ static float bce_of(float x, float t) { return fmaxf(x, 0) - x * t + log1pf(expf(-fabsf(x))); }

// What is not a number stays so. The upper limit, 1 - 1e-8, is 1 in float32; it is the other side's lower one that
// counts, because each side is kept with its own digits.
__device__ static float clamp_focal(float p) { return p < FOCAL_EPSILON ? FOCAL_EPSILON : p; }

// The probabilities that the network gives to what is the case, and to what is not.
struct pl_focal {
  float right, wrong, log_right;
};

__device__ static pl_focal focal_of(const pl_probability &at, float t) {
  const float p = clamp_focal(at.p), q = clamp_focal(at.q), target = clamp_focal(t), other = clamp_focal(1 - t);
  const float right = other * q + target * p, wrong = other * p + target * q;
  return {right, wrong, wrong < 0.5f ? log1pf(-wrong) : logf(right)};
}

// d focal / d p; 0 where clamping p cut the dependence.
__device__ static float focal_slope(const pl_probability &at, float t) {
  if (at.p < FOCAL_EPSILON || at.q < FOCAL_EPSILON) return 0;
  const pl_focal f = focal_of(at, t);
  return (2 * f.wrong * f.log_right - f.wrong * f.wrong / f.right) * (clamp_focal(t) - clamp_focal(1 - t));
}

// ---------------------------------------------------------------------------------------------------------------------
// Values

typedef struct weights_of {
  double weights[PL_LOSS_TERMS];
} weights_of;

__device__ static double weighted_sum(const weights_of &w, const double *terms) {
  double sum = 0;
  for (int i = 0; i < PL_LOSS_TERMS; i++)
    if (w.weights[i] != 0) sum += w.weights[i] * terms[i];
  return sum;
}

enum { BOTH, PREDICTED, TARGET, BCE, FOCAL, SUMS };

struct combo_sums_op {
  static constexpr int sums = SUMS;
  const float *logits, *target;
  bool bce, focal;
  __device__ void at(int64_t, int64_t i, double (&sum)[SUMS]) const {
    const float x = logits[i], t = target[i];
    const pl_probability at = pl_probability_of(x);
    sum[BOTH] += (double)(at.p * t);
    sum[PREDICTED] += (double)at.p;
    sum[TARGET] += (double)t;
    if (bce) sum[BCE] += (double)bce_of(x, t);
    if (!focal) return;
    const pl_focal f = focal_of(at, t);
    sum[FOCAL] += (double)(-f.wrong * f.wrong * f.log_right);
  }
};

// The Lovasz terms are in `out` already.
struct combo_finish_op : combo_sums_op {
  weights_of w;
  double count;
  double *out;
  __device__ void finish(int64_t, const double (&sum)[SUMS]) const {
    const double both = sum[BOTH], around = sum[PREDICTED] + sum[TARGET];
    const double dice = 1 - (2 * both + DICE_EPSILON) / (around + DICE_EPSILON);
    const double jaccard = 1 - (both + JACCARD_EPSILON) / (around - both + JACCARD_EPSILON);
    out[PL_LOSS_BCE] = sum[BCE] / count;
    out[PL_LOSS_DICE] = w.weights[PL_LOSS_DICE] != 0 ? dice : 0;
    out[PL_LOSS_FOCAL] = sum[FOCAL] / count;
    out[PL_LOSS_JACCARD] = w.weights[PL_LOSS_JACCARD] != 0 ? jaccard : 0;
    const double total = weighted_sum(w, out);
    out[PL_LOSS_TOTAL] = total < LEAST_LOSS ? LEAST_LOSS : total;
    out[PL_LOSS_INTERSECTION] = both;
    out[PL_LOSS_PREDICTED] = sum[PREDICTED];
    out[PL_LOSS_TARGET] = sum[TARGET];
    out[PL_LOSS_FINITE] = isfinite(total) ? 1 : 0;
  }
};

static weights_of weights(const pl_gpu_loss *loss) {
  weights_of w;
  for (int i = 0; i < PL_LOSS_TERMS; i++) w.weights[i] = loss->weights[i];
  return w;
}

size_t pl_gpu_loss_scratch(const pl_gpu_loss *loss) {
  const size_t lovasz = pl_lovasz_scratch(loss);
  return lovasz > PL_GPU_FLAT_SCRATCH ? lovasz : (size_t)PL_GPU_FLAT_SCRATCH;
}

void pl_gpu_combo_loss(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target, double *out,
                       void *scratch) {
  const int64_t count = loss->n * loss->pixels;
  pl_lovasz_values(stream, loss, logits, target, out, scratch);
  combo_finish_op op;
  op.logits = logits;
  op.target = target;
  op.bce = loss->weights[PL_LOSS_BCE] != 0;
  op.focal = loss->weights[PL_LOSS_FOCAL] != 0;
  op.w = weights(loss);
  op.count = (double)count;
  op.out = out;
  pl_flat_reduce(stream, 1, count, pl_flat_blocks(count), op, static_cast<double *>(scratch));
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradient

// Factors of what a pixel has: of p - t, of (t, 1) * p*q for the two overlaps, of the focal slope * p*q.
struct combo_factors {
  float bce, focal, of_target, of_one, scale;
};

template <class T>
struct combo_backward_op {
  const float *logits, *target, *lovasz, *loss_scale;
  const double *values;
  weights_of w;
  double count;
  T *gradient;

  __device__ combo_factors factors() const {
    const double both = values[PL_LOSS_INTERSECTION], around = values[PL_LOSS_PREDICTED] + values[PL_LOSS_TARGET];
    combo_factors f;
    f.bce = (float)(w.weights[PL_LOSS_BCE] / count);
    f.focal = (float)(w.weights[PL_LOSS_FOCAL] / count);
    // dice: -(2t - n/d)/d; jaccard: -(t - n/d * (1-t))/d.
    const double dice = w.weights[PL_LOSS_DICE] / (around + DICE_EPSILON);
    const double jaccard = w.weights[PL_LOSS_JACCARD] / (around - both + JACCARD_EPSILON);
    const double dice_ratio = (2 * both + DICE_EPSILON) / (around + DICE_EPSILON);
    const double jaccard_ratio = (both + JACCARD_EPSILON) / (around - both + JACCARD_EPSILON);
    f.of_target = (float)(-2 * dice - jaccard * (1 + jaccard_ratio));
    f.of_one = (float)(dice * dice_ratio + jaccard * jaccard_ratio);
    f.scale = loss_scale != nullptr ? *loss_scale : 1;
    return f;
  }
  template <int V>
  __device__ void at(int64_t i) const {
    float x[V], t[V], extra[V] = {};
    pl_load(x, logits + i);
    pl_load(t, target + i);
    if (lovasz != nullptr) pl_load(extra, lovasz + i);
    const bool lost = values[PL_LOSS_FINITE] == 0, clamped = weighted_sum(w, values) < LEAST_LOSS;
    const combo_factors f = factors();
#pragma unroll
    for (int k = 0; k < V; k++) {
      const pl_probability p = pl_probability_of(x[k]);
      float slope = f.bce * (p.p * (1 - t[k]) - p.q * t[k]) + (f.of_target * t[k] + f.of_one) * p.p * p.q + extra[k];
      if (f.focal != 0) slope += f.focal * focal_slope(p, t[k]) * p.p * p.q;
      x[k] = lost ? NAN : clamped ? 0 : slope * f.scale;
    }
    pl_store(gradient + i, x);
  }
};

void pl_gpu_combo_loss_backward(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target,
                                const double *values, const float *loss_scale, pl_gpu_type type, void *gradient,
                                void *scratch) {
  const int64_t count = loss->n * loss->pixels;
  const float *lovasz = pl_lovasz_slopes(stream, loss, logits, target, scratch);
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(stream, count,
            combo_backward_op<T>{logits, target, lovasz, loss_scale, values, weights(loss), (double)count,
                                 static_cast<T *>(gradient)});
  });
}

// ---------------------------------------------------------------------------------------------------------------------

struct dice_op {
  static constexpr int sums = PL_DICE_VALUES;
  const float *logits, *target;
  int64_t pixels;
  double *out;
  __device__ void at(int64_t image, int64_t i, double (&sum)[PL_DICE_VALUES]) const {
    const float x = logits[image * pixels + i], t = target[image * pixels + i], p = pl_probability_of(x).p;
    sum[PL_DICE_INTERSECTION] += (double)(p * t);
    sum[PL_DICE_PREDICTED] += (double)p;
    sum[PL_DICE_TARGET] += (double)t;
    sum[PL_DICE_HARD_INTERSECTION] += x > 0 ? (double)t : 0;
    sum[PL_DICE_HARD_PREDICTED] += x > 0 ? 1 : 0;
  }
  __device__ void finish(int64_t image, const double (&sum)[PL_DICE_VALUES]) const {
    for (int k = 0; k < PL_DICE_VALUES; k++) out[image * PL_DICE_VALUES + k] = sum[k];
  }
};

void pl_gpu_dice_sums(pl_stream stream, int32_t n, int64_t pixels, const float *logits, const float *target,
                      double *out, void *scratch) {
  const int64_t room = PL_GPU_FLAT_SCRATCH / (int64_t)(PL_DICE_VALUES * sizeof(double)) / n;
  const int32_t blocks = pl_flat_blocks(pixels);
  pl_flat_reduce(stream, n, pixels, room < blocks ? (int32_t)room : blocks, dice_op{logits, target, pixels, out},
                 static_cast<double *>(scratch));
}

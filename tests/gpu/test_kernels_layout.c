// Types, orders, and element by element.
#include <math.h>
#include <string.h>

#include "tests/gpu/half.h"
#include "tests/gpu/kernel_tests.h"

static const int64_t counts[] = {1, 7, 8, 9, 63, 64, 65, 2049, 5000};
enum { COUNTS = sizeof counts / sizeof *counts };

// Every bit pattern of both types against the tests' own conversions, and numbers on and beside every rounding edge.
static void test_cast(void **unused) {
  (void)unused;
  for (int t = 1; t < 3; t++) {
    const pl_gpu_type type = gpu_types[t];
    uint16_t *bits = guarded(65536 * sizeof *bits);
    float *wide = floats(65536);
    uint16_t *back = guarded(65536 * sizeof *back);
    for (int i = 0; i < 65536; i++) bits[i] = (uint16_t)i;
    pl_gpu_cast(NULL, PL_GPU_F32, wide, type, bits, 65536);
    pl_gpu_cast(NULL, type, back, PL_GPU_F32, wide, 65536);
    for (int i = 0; i < 65536; i++) {
      float want = type == PL_GPU_F16 ? half_to_float((uint16_t)i) : bfloat_to_float((uint16_t)i);
      if (isnan(want)) {
        assert_true(isnan(wide[i]));
        continue;
      }
      assert_memory_equal(&wide[i], &want, sizeof want);
      assert_int_equal(back[i], bits[i]);
    }
    // Halfway to the next number, and one step to either side of that.
    for (int i = 0; i < 65535; i++) {
      float middle = isfinite(wide[i]) && isfinite(wide[i + 1]) ? (wide[i] + wide[i + 1]) / 2 : 70000;
      wide[i] = i % 3 == 0 ? middle : nextafterf(middle, i % 3 == 1 ? INFINITY : -INFINITY);
    }
    pl_gpu_cast(NULL, type, back, PL_GPU_F32, wide, 65535);
    for (int i = 0; i < 65535; i++)
      assert_int_equal(back[i], type == PL_GPU_F16 ? half_from_float(wide[i]) : bfloat_from_float(wide[i]));
    arrays_clear();
  }
}

static void test_orders(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < gpu_shape_count; k++) {
      for (int32_t padding = 0; padding < 6; padding += 5) {
        pl_gpu_shape s = gpu_shapes[k];
        const int32_t channels = s.c;
        const int64_t area = (int64_t)s.h * s.w;
        s.c += padding;
        array nchw = array_random(PL_GPU_F32, s.n * area * channels, -4, 4);
        array nhwc = array_poisoned(gpu_types[t], shape_count(&s)), back = array_poisoned(PL_GPU_F32, nchw.count);
        pl_gpu_to_nhwc(NULL, &s, channels, gpu_types[t], nhwc.data, nchw.data);
        for (int64_t i = 0; i < nhwc.count; i++) {
          int64_t c = i % s.c, pixel = i / s.c % area, n = i / s.c / area;
          nhwc.value[i] = c < channels ? nchw.value[(n * channels + c) * area + pixel] : 0;
        }
        array_check(&nhwc, 0, "to nhwc");
        pl_gpu_to_nchw(NULL, &s, channels, gpu_types[t], back.data, nhwc.data);
        for (int64_t i = 0; i < back.count; i++) {
          int64_t pixel = i % area, c = i / area % channels, n = i / area / channels;
          back.value[i] = array_get(&nhwc, (n * area + pixel) * s.c + c);
        }
        array_check(&back, 0, "to nchw");
        arrays_clear();
      }
    }
  }
}

static void test_weights(void **unused) {
  (void)unused;
  const pl_gpu_weight weights[] = {{1, 1, 1, 1}, {16, 3, 7, 4}, {5, 3, 7, 8}, {9, 4, 3, 4}, {1, 16, 3, 16}};
  for (size_t k = 0; k < sizeof weights / sizeof *weights; k++) {
    const pl_gpu_weight w = weights[k];
    const int64_t taps = (int64_t)w.kernel * w.kernel;
    array oihw = array_random(PL_GPU_F32, w.o * w.i * taps, -1, 1);
    array krsc = array_poisoned(PL_GPU_F32, w.o * taps * w.padded), back = array_poisoned(PL_GPU_F32, oihw.count);
    pl_gpu_weight_to_krsc(NULL, &w, krsc.data, oihw.data);
    for (int64_t i = 0; i < krsc.count; i++) {
      int64_t c = i % w.padded, tap = i / w.padded % taps, o = i / w.padded / taps;
      krsc.value[i] = c < w.i ? oihw.value[(o * w.i + c) * taps + tap] : 0;
    }
    array_check(&krsc, 0, "to krsc");
    pl_gpu_weight_to_oihw(NULL, &w, back.data, krsc.data);
    memcpy(back.value, oihw.value, (size_t)oihw.count * sizeof(double));
    array_check(&back, 0, "to oihw");
    arrays_clear();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

static void test_elementwise(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    const pl_gpu_type type = gpu_types[t];
    for (int k = 0; k < COUNTS; k++) {
      const int64_t count = counts[k];
      array x = array_random(type, count, -9, 9), d = array_random(type, count, -2, 2);
      array p = array_random(type, count, 0, 1);
      array relu = array_poisoned(type, count), masked = array_poisoned(type, count);
      array sum = array_poisoned(type, count), sum_relu = array_poisoned(type, count);
      array sigmoid = array_poisoned(type, count), slope = array_poisoned(type, count);
      pl_gpu_relu(NULL, type, count, x.data, relu.data);
      pl_gpu_relu_backward(NULL, type, count, relu.data, d.data, masked.data);
      pl_gpu_add(NULL, type, count, x.data, d.data, false, sum.data);
      pl_gpu_add(NULL, type, count, x.data, d.data, true, sum_relu.data);
      pl_gpu_sigmoid(NULL, type, count, x.data, sigmoid.data);
      pl_gpu_sigmoid_backward(NULL, type, count, p.data, d.data, slope.data);
      for (int64_t i = 0; i < count; i++) {
        relu.value[i] = fmax(x.value[i], 0);
        masked.value[i] = x.value[i] > 0 ? d.value[i] : 0;
        sum.value[i] = x.value[i] + d.value[i];
        sum_relu.value[i] = fmax(sum.value[i], 0);
        sigmoid.value[i] = sigmoid_of(x.value[i]);
        slope.value[i] = d.value[i] * p.value[i] * (1 - p.value[i]);
      }
      array_check(&relu, 0, "relu");
      array_check(&masked, 0, "relu backward");
      array_check(&sum, 1e-7, "add");
      array_check(&sum_relu, 1e-7, "add and relu");
      array_check(&sigmoid, 1e-7, "sigmoid");
      array_check(&slope, 1e-7, "sigmoid backward");
      // In place.
      pl_gpu_relu(NULL, type, count, x.data, x.data);
      memcpy(x.value, relu.value, (size_t)count * sizeof(double));
      array_check(&x, 0, "relu in place");
      arrays_clear();
    }
  }
}

static void test_special_numbers(void **unused) {
  (void)unused;
  const double special[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 100, -100};
  for (int t = 0; t < 3; t++) {
    const pl_gpu_type type = gpu_types[t];
    array x = array_of(type, 7, special), relu = array_poisoned(type, 7), sigmoid = array_poisoned(type, 7);
    pl_gpu_relu(NULL, type, 7, x.data, relu.data);
    pl_gpu_sigmoid(NULL, type, 7, x.data, sigmoid.data);
    const double relu_want[] = {NAN, INFINITY, 0, 0, 0, 100, 0};
    for (int i = 0; i < 7; i++) {
      relu.value[i] = relu_want[i];
      sigmoid.value[i] = sigmoid_of(special[i]);
    }
    array_check(&relu, 0, "relu");
    array_check(&sigmoid, 0, "sigmoid");
    arrays_clear();
  }
}

static void test_bias(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    const pl_gpu_type type = gpu_types[t];
    for (int k = 0; k < gpu_shape_count; k++) {
      const pl_gpu_shape *s = &gpu_shapes[k];
      const int64_t count = shape_count(s);
      array x = array_random(type, count, -2, 2), bias = array_random(PL_GPU_F32, s->c, -1, 1);
      array y = array_poisoned(type, count), gradient = array_random(PL_GPU_F32, s->c, -1, 1);
      float *scale = floats(1);
      *scale = 1024;
      bool relu = k % 2 == 0, add = k % 3 == 0;
      pl_gpu_add_bias(NULL, type, s, x.data, bias.data, relu, y.data);
      for (int64_t c = 0; c < s->c && !add; c++) gradient.value[c] = 0;
      for (int64_t i = 0; i < count; i++) {
        double sum = x.value[i] + bias.value[i % s->c];
        y.value[i] = relu ? fmax(sum, 0) : sum;
        gradient.value[i % s->c] += x.value[i] / 1024;
      }
      pl_gpu_bias_gradient(NULL, type, s, x.data, scale, add, gradient.data, guarded(pl_gpu_scratch(s)));
      array_check(&y, 1e-7, "bias");
      array_check(&gradient, 1e-6, "gradient of bias");
      arrays_clear();
    }
  }
}

int run_layout_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cast),        cmocka_unit_test(test_orders),          cmocka_unit_test(test_weights),
      cmocka_unit_test(test_elementwise), cmocka_unit_test(test_special_numbers), cmocka_unit_test(test_bias),
  };
  return cmocka_run_group_tests_name("layout and elementwise", tests, NULL, NULL);
}

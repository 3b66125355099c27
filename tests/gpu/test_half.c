// The 16-bit types in software: every value goes to float32 and back, and what lies between two goes to the nearer one,
// from the middle to the even one.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/gpu/half.h"

static void check_type(float (*to_float)(uint16_t), uint16_t (*from_float)(float), uint16_t infinity) {
  for (uint32_t word = 0; word < 0x10000u; word++) {
    uint16_t bits = (uint16_t)word, magnitude = (uint16_t)(bits & 0x7fffu);
    float value = to_float(bits);
    if (magnitude > infinity) {
      assert_true(isnan(value));
      assert_true(isnan(to_float(from_float(value))));
      continue;
    }
    assert_int_equal(from_float(value), bits);
    if (magnitude >= infinity - 1) continue;
    float next = to_float((uint16_t)(bits + 1)), middle = (float)(((double)value + (double)next) / 2);
    uint16_t even = (uint16_t)(bits & 1u ? bits + 1 : bits);
    assert_int_equal(from_float(middle), even);
    assert_int_equal(from_float(nextafterf(middle, value)), bits);
    assert_int_equal(from_float(nextafterf(middle, next)), bits + 1);
  }
  assert_int_equal(from_float(INFINITY), infinity);
}

static void test_half(void **state) {
  (void)state;
  check_type(half_to_float, half_from_float, 0x7c00);
  assert_true(half_to_float(0x3c00) == 1.0F);
  assert_true(half_to_float(0x0001) == 0x1p-24F);
  assert_int_equal(half_from_float(65519.99F), 0x7bff);
  assert_int_equal(half_from_float(65520.0F), 0x7c00);
  assert_int_equal(half_from_float(-1e30F), 0xfc00);
}

static void test_bfloat(void **state) {
  (void)state;
  check_type(bfloat_to_float, bfloat_from_float, 0x7f80);
  assert_true(bfloat_to_float(0x3f80) == 1.0F);
  assert_int_equal(bfloat_from_float(3.4028235e38F), 0x7f80);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_half), cmocka_unit_test(test_bfloat)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

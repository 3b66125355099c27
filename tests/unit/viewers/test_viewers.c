#include "tests/unit/viewers/suites.h"

int main(void) {
  int failed = run_draw_tests() + run_view_case_tests() + run_curve_tests() + run_caps_tests() + run_out_tests() +
               run_grid_tests() + run_bands_tests() + run_update_tests();
  return failed != 0;
}

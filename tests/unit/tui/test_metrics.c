// The curves of a run: what is on which axis, and that they follow a journal that grows or takes something back.
#include <math.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tui/metrics.h"

enum { STEPS = 30 };

// Two epochs of ten steps, and ten more; the run pauses for 100 s after step 15.
static void fill(pl_step_record steps[STEPS], pl_epoch_record epochs[3]) {
  for (int i = 0; i < STEPS; i++) {
    steps[i] = (pl_step_record){.step = i + 1,
                                .epoch = i / 10 + 1,
                                .time = 1000 + 2 * (i + 1) + (i >= 15 ? 100 : 0),
                                .active = 2 * (i + 1),
                                .loss = 10 - i,
                                .cpu = i == 7 || i == 20 ? 0.5 : (double)NAN,
                                .gpu = (double)NAN};
    for (int term = 0; term < PL_LOSS_TERMS; term++) steps[i].terms[term] = term == PL_LOSS_BCE ? i : (double)NAN;
  }
  for (int i = 0; i < 3; i++) {
    epochs[i] = (pl_epoch_record){
        .step = 10 * i, .epoch = i, .time = 1000 + 20 * i, .active = 20 * i, .valid_loss = 5 - i, .dice = 0.1 * i};
  }
}

static double x_at(const pl_curve *curve, double x) {
  pl_curve_point raw, smooth;
  assert_true(pl_curve_at(&raw, &smooth, curve, x));
  return raw.x;
}

static double last_x(const pl_curve *curve) { return x_at(curve, 1e12); }

static void every_axis(void **state) {
  (void)state;
  pl_step_record steps[STEPS];
  pl_epoch_record epochs[3];
  fill(steps, epochs);
  const pl_journal_view journal = {.steps = steps, .step_count = STEPS, .epochs = epochs, .epoch_count = 3};
  pl_run_state run;
  pl_run_state_init(&run);
  assert_true(pl_steps_per_epoch(&run, &journal) == 10);
  pl_run_curves curves = {0};
  static const double ends[PL_AXES][2] = {{3, 2}, {30, 20}, {160, 40}, {60, 40}};
  for (pl_axis axis = 0; axis < PL_AXES; axis++) {
    const pl_curves_wanted wanted = {.journal = &journal, .steps_per_epoch = 10, .axis = axis};
    assert_true(last_x(pl_run_curves_get(&curves, pl_metric_find("batch loss"), &wanted)) == ends[axis][0]);
    assert_true(last_x(pl_run_curves_get(&curves, pl_metric_find("dice"), &wanted)) == ends[axis][1]);
  }
  // Without knowing how many steps an epoch has, steps are nowhere among epochs; epochs are.
  const pl_curves_wanted unknown = {.journal = &journal, .axis = PL_AXIS_EPOCH};
  assert_int_equal(pl_curve_count(pl_run_curves_get(&curves, pl_metric_find("batch loss"), &unknown)), 0);
  assert_int_equal(pl_curve_count(pl_run_curves_get(&curves, pl_metric_find("dice"), &unknown)), 3);
  pl_run_curves_clear(&curves);
}

static void what_is_told(void **state) {
  (void)state;
  pl_step_record steps[STEPS];
  pl_epoch_record epochs[3];
  fill(steps, epochs);
  const pl_journal_view journal = {.steps = steps, .step_count = STEPS, .epochs = epochs, .epoch_count = 3};
  assert_true(pl_metric_is_told(pl_metric_find("bce"), &journal));
  assert_false(pl_metric_is_told(pl_metric_find("focal"), &journal));
  assert_true(pl_metric_is_told(pl_metric_find("cpu"), &journal));
  assert_false(pl_metric_is_told(pl_metric_find("gpu"), &journal));
  assert_int_equal(pl_metric_find("nonsense"), pl_metric_count);
  // Readings that are rare are a line without gaps, and the untrained network's loss is left out.
  pl_run_curves curves = {0};
  const pl_curves_wanted wanted = {.journal = &journal, .steps_per_epoch = 10, .axis = PL_AXIS_STEP};
  assert_int_equal(pl_curve_count(pl_run_curves_get(&curves, pl_metric_find("cpu"), &wanted)), 2);
  assert_true(x_at(pl_run_curves_get(&curves, pl_metric_find("valid loss"), &wanted), 0) == 10);
  pl_run_curves_clear(&curves);
}

// As steps come the curve grows; a resumed run takes some back, even when as many have come again meanwhile.
static void a_journal_that_changes(void **state) {
  (void)state;
  pl_step_record steps[STEPS];
  pl_epoch_record epochs[3];
  fill(steps, epochs);
  pl_journal_view journal = {.steps = steps, .step_count = 12, .epochs = epochs, .epoch_count = 2};
  const pl_curves_wanted wanted = {.journal = &journal, .steps_per_epoch = 10, .axis = PL_AXIS_STEP, .smoothing = 0.5};
  pl_run_curves curves = {0};
  const size_t loss = pl_metric_find("batch loss");
  const pl_curve *curve = pl_run_curves_get(&curves, loss, &wanted);
  assert_int_equal(pl_curve_count(curve), 12);
  journal.step_count = STEPS;
  assert_ptr_equal(pl_run_curves_get(&curves, loss, &wanted), curve);
  assert_int_equal(pl_curve_count(curve), STEPS);
  journal.resumes = 1;
  for (int i = 20; i < STEPS; i++) steps[i].loss = 77;
  pl_curve_point raw, smooth;
  assert_true(pl_curve_at(&raw, &smooth, pl_run_curves_get(&curves, loss, &wanted), 25));
  assert_true(raw.y == 77 && smooth.y > 70 && smooth.y < 77);
  journal.step_count = 5;
  assert_int_equal(pl_curve_count(pl_run_curves_get(&curves, loss, &wanted)), 5);
  // Another file in its place.
  for (int i = 0; i < STEPS; i++) steps[i].time += 5000, steps[i].loss = 3;
  assert_true(pl_curve_at(&raw, &smooth, pl_run_curves_get(&curves, loss, &wanted), 2) && raw.y == 3);
  pl_run_curves_clear(&curves);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_axis),
      cmocka_unit_test(what_is_told),
      cmocka_unit_test(a_journal_that_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

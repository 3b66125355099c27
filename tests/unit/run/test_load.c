// How busy the machine is; run with a folder in LD_LIBRARY_PATH that has a stand-in for NVIDIA's library.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/run/load.h"
#include "core/run/nvml.h"
#include "core/run/state.h"
#include "core/run/unused_gpu.h"
#include "tests/tools/testing.h"

static void test_host(void **state) {
  (void)state;
  pl_load_meter *meter = pl_load_meter_create(0);
  pl_load first = pl_load_meter_read(meter);
  assert_true(isnan(first.cpu));
  assert_true(first.memory_free > 0 && first.memory_free <= first.memory_total);
  (void)nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
  pl_load second = pl_load_meter_read(meter);
  assert_true(second.cpu >= 0 && second.cpu <= 1);
  pl_load_meter_destroy(meter);
}

static void test_gpu(void **state) {
  (void)state;
  assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
  pl_load_meter *meter = pl_load_meter_create(0);
  pl_load load = pl_load_meter_read(meter);
  pl_load_meter_destroy(meter);
  assert_float_equal(load.gpu, 0.97, 1e-9);
  assert_true(load.gpu_memory_used == 20.0 * (1 << 30) && load.gpu_memory_total == 80.0 * (1 << 30));
  assert_float_equal(load.gpu_temperature, 64, 0);
  assert_float_equal(load.gpu_power, 512.345, 1e-9);
}

// A GPU that is there but not used is spoken of, with the reason; none is not.
static void test_unused(void **state) {
  (void)state;
  char text[200];
  assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
  pl_unused_gpu(text, sizeof text, "onednn", 0, "no cuda backend is installed");
  assert_string_equal(text, "the GPU is not used: no cuda backend is installed; see 'pleura devices'");
  pl_unused_gpu(text, sizeof text, "ref", 0, "");
  assert_string_equal(text, "the GPU is not used: backend ref was asked for");
  pl_unused_gpu(text, sizeof text, "cuda", 0, "");
  assert_string_equal(text, "");
  pl_unused_gpu(text, sizeof text, "onednn", 9, "no cuda backend is installed");
  assert_string_equal(text, "");
}

static double busy_of(const char *visible, int device) {
  assert_int_equal(setenv("CUDA_VISIBLE_DEVICES", visible, 1), 0);
  pl_nvml *nvml = pl_nvml_open(device);
  if (nvml == NULL) return -1;
  pl_nvml_reading reading;
  pl_nvml_read(nvml, &reading);
  pl_nvml_close(nvml);
  return reading.busy;
}

static void test_visible(void **state) {
  (void)state;
  assert_float_equal(busy_of("1", 0), 0.12, 1e-9);
  assert_float_equal(busy_of("1,0", 1), 0.97, 1e-9);
  assert_float_equal(busy_of("0,GPU-second", 1), 0.12, 1e-9);
  assert_float_equal(busy_of("0", 1), -1, 0);
  assert_float_equal(busy_of("", 0), -1, 0);
  assert_float_equal(busy_of("7", 0), -1, 0);
  assert_float_equal(busy_of("GPU-none", 0), -1, 0);
  assert_float_equal(busy_of("0", -1), -1, 0);
  assert_int_equal(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
}

static void test_unknown_power(void **state) {
  (void)state;
  pl_load_meter *meter = pl_load_meter_create(1);
  pl_load load = pl_load_meter_read(meter);
  pl_load_meter_destroy(meter);
  assert_float_equal(load.gpu, 0.12, 1e-9);
  assert_true(isnan(load.gpu_power));
}

static void test_words(void **state) {
  (void)state;
  char text[96];
  pl_load load = pl_load_unknown();
  pl_load_words(text, sizeof text, &load);
  assert_string_equal(text, "");
  load.cpu = 0.834, load.memory_free = 12.125 * (1 << 30);
  pl_load_words(text, sizeof text, &load);
  assert_string_equal(text, "CPU 83%, 12.1 GiB free");
  load.gpu = 0.97, load.gpu_memory_used = 41.25 * (1 << 30), load.gpu_memory_total = 80.0 * (1 << 30);
  load.gpu_temperature = 64, load.gpu_power = 512;
  pl_load_words(text, sizeof text, &load);
  assert_string_equal(text, "CPU 83%, 12.1 GiB free   GPU 97%, 41.2 of 80 GiB, 64 C, 512 W");
  load.gpu = (double)NAN;
  pl_load_words(text, sizeof text, &load);
  assert_string_equal(text, "CPU 83%, 12.1 GiB free   GPU 41.2 of 80 GiB, 64 C, 512 W");
  char small[8];
  pl_load_words(small, sizeof small, &load);
  assert_int_equal(strlen(small), 7);
}

// What state.json keeps is what it gives back, unknown included.
static void test_state(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-load-XXXXXX";
  assert_non_null(mkdtemp(folder));
  pl_run_state written, read;
  pl_run_state_init(&written);
  assert_true(isnan(written.load.cpu) && isnan(written.load.gpu_power));
  written.load.cpu = 0.5, written.load.memory_free = 4096, written.load.gpu = 0.25, written.load.gpu_power = 300;
  assert_int_equal(pl_run_state_save(&written, folder, NULL), PL_OK);
  assert_int_equal(pl_run_state_load(&read, folder, NULL), PL_OK);
  assert_true(read.load.cpu == 0.5 && read.load.memory_free == 4096 && read.load.gpu == 0.25);
  assert_true(read.load.gpu_power == 300 && isnan(read.load.gpu_temperature) && isnan(read.load.memory_total));
  char path[64];
  (void)snprintf(path, sizeof path, "%s/state.json", folder);
  assert_int_equal(remove(path), 0);
  assert_int_equal(remove(folder), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_host),          cmocka_unit_test(test_gpu),
                                     cmocka_unit_test(test_unused),        cmocka_unit_test(test_visible),
                                     cmocka_unit_test(test_unknown_power), cmocka_unit_test(test_words),
                                     cmocka_unit_test(test_state)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

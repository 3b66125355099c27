#include "core/run/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/run/nvml.h"

enum {
  LINE_MAX_SIZE = 512,
  TIMES = 8,
  IDLE = 3,
  WAITING = 4
};  // columns of /proc/stat: user nice system idle iowait ...

struct pl_load_meter {
  double busy, all;  // of the last reading, in ticks; NAN before the first
  pl_nvml *nvml;
};

pl_load pl_load_unknown(void) {
  const double unknown = (double)NAN;
  return (pl_load){unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown};
}

pl_load_meter *pl_load_meter_create(int device) {
  pl_load_meter *meter = pl_xcalloc(1, sizeof *meter);
  meter->busy = meter->all = (double)NAN;
  meter->nvml = pl_nvml_open(device);
  return meter;
}

void pl_load_meter_destroy(pl_load_meter *meter) {
  if (meter == NULL) return;
  pl_nvml_close(meter->nvml);
  free(meter);
}

// The first line of /proc/stat: "cpu", then ticks by what they were spent on.
static double read_cpu(pl_load_meter *meter) {
  const double unknown = (double)NAN;
  char line[LINE_MAX_SIZE];
  FILE *file = fopen("/proc/stat", "re");
  if (file == NULL) return unknown;
  char *got = fgets(line, sizeof line, file);
  (void)fclose(file);
  if (got == NULL || strncmp(line, "cpu ", 4) != 0) return unknown;
  double all = 0, idle = 0;
  char *at = line + 4;
  for (int i = 0; i < TIMES; i++) {
    char *end;
    double ticks = (double)strtoull(at, &end, 10);
    if (end == at) return unknown;
    all += ticks;
    if (i == IDLE || i == WAITING) idle += ticks;
    at = end;
  }
  double share = all > meter->all ? (all - idle - meter->busy) / (all - meter->all) : unknown;
  meter->all = all;
  meter->busy = all - idle;
  return share < 0 ? 0 : share > 1 ? 1 : share;  // NAN stays
}

static void read_memory(pl_load *load) {
  char line[LINE_MAX_SIZE];
  FILE *file = fopen("/proc/meminfo", "re");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "MemTotal:", 9) == 0) load->memory_total = 1024.0 * (double)strtoull(line + 9, NULL, 10);
    if (strncmp(line, "MemAvailable:", 13) == 0) load->memory_free = 1024.0 * (double)strtoull(line + 13, NULL, 10);
  }
  (void)fclose(file);
}

pl_load pl_load_meter_read(pl_load_meter *meter) {
  pl_load load = pl_load_unknown();
  load.cpu = read_cpu(meter);
  read_memory(&load);
  if (meter->nvml != NULL) {
    pl_nvml_reading gpu;
    pl_nvml_read(meter->nvml, &gpu);
    load.gpu = gpu.busy;
    load.gpu_memory_used = gpu.memory_used;
    load.gpu_memory_total = gpu.memory_total;
    load.gpu_temperature = gpu.temperature;
    load.gpu_power = gpu.power;
  }
  return load;
}

// Appends a value that is known, after `before` when something stands there already.
static void add(char *text, size_t size, const char *before, double value, int digits, const char *after) {
  size_t length = strlen(text);
  if (!isfinite(value) || length >= size) return;
  (void)snprintf(text + length, size - length, "%s%.*f%s", before, digits, value, after);
}

static const double gib = 1024.0 * 1024 * 1024;

void pl_load_words(char *text, size_t size, const pl_load *load) {
  if (size == 0) return;
  text[0] = '\0';
  add(text, size, "CPU ", 100 * load->cpu, 0, "%");
  add(text, size, text[0] != '\0' ? ", " : "", load->memory_free / gib, 1, " GiB free");
  const char *gap = text[0] != '\0' ? "   GPU " : "GPU ";
  add(text, size, gap, 100 * load->gpu, 0, "%");
  if (isfinite(load->gpu_memory_total)) {
    add(text, size, isfinite(load->gpu) ? ", " : gap, load->gpu_memory_used / gib, 1, "");
    add(text, size, " of ", load->gpu_memory_total / gib, 0, " GiB");
  }
  add(text, size, ", ", load->gpu_temperature, 0, " C");
  add(text, size, ", ", load->gpu_power, 0, " W");
}

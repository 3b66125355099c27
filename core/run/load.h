// How busy the machine is: its processors and memory, and its GPU where there is one.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Unknown is NAN. Sizes in bytes.
typedef struct pl_load {
  double cpu;                                // share of all processors' time that was busy since the last reading
  double memory_free, memory_total;          // what programs could still take, as the kernel estimates it
  double gpu;                                // share of time in which the GPU computed
  double gpu_memory_used, gpu_memory_total;  // by all its users
  double gpu_temperature, gpu_power;         // degrees Celsius, watts
} pl_load;

pl_load pl_load_unknown(void);

typedef struct pl_load_meter pl_load_meter;

// For the GPU `device`, as CUDA counts them. Never fails: what there is no meter for stays unknown.
pl_load_meter *pl_load_meter_create(int device);
void pl_load_meter_destroy(pl_load_meter *meter);  // takes NULL

// From one thread at a time. The processors' share is unknown in the first reading.
pl_load pl_load_meter_read(pl_load_meter *meter);

// "CPU 83%, 12.1 GiB free   GPU 97%, 41.2 of 80 GiB, 64 C, 512 W": what is known of it, "" when nothing is.
void pl_load_words(char *text, size_t size, const pl_load *load);

#ifdef __cplusplus
}
#endif

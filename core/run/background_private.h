// What background.c (whoever starts and watches) and background_keep.c (the job itself) share.
#pragma once

#include "core/run/background.h"

enum { PL_BACKGROUND_FILE_MAX = 1 << 20 };

struct json_t;

// An object of the job's folder, NULL when there is none; the caller's.
struct json_t *pl_background_read(const char *folder, const char *file);
void pl_background_host(char *out, size_t size);

// A workspace of small random images, for the tests of what reads them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/data/manifest.h"

enum { CASES = 23, SIZE = 24 };

// Case 5 was prepared at twice the size, case 6 is negative without a mask file.
typedef struct workspace {
  char *folder;
  pl_case cases[CASES];
  char ids[CASES][16];
  pl_manifest manifest;
  size_t order[CASES];
} workspace;

// Writes case i's files: noise, and a mask of noise when it is positive.
void write_planes(const workspace *w, size_t i, uint32_t size);

// cmocka's group fixtures: *state is the workspace.
int make_workspace(void **state);
int remove_workspace(void **state);

// Makes the fixture's workspace and runs for looking at: make_fixture DIR. Holds the lock of the last run until it is
// ended, so that this run counts as alive.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/run/rundir.h"
#include "tests/screens/fixture.h"

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  pl_error err = {0};
  char *folder = NULL;
  int lock = -1;
  pl_status status = fixture_workspace(argv[1], 40, &err);
  if (status == PL_OK) status = fixture_run(&folder, argv[1], "2026-11-22-a", 3, PL_PHASE_FAILED, &err);
  free(folder);
  folder = NULL;
  if (status == PL_OK) status = fixture_run(&folder, argv[1], "2026-11-23-a", 12, PL_PHASE_TRAINING, &err);
  if (status == PL_OK) status = fixture_previews(folder, argv[1], 12, 0, &err);
  if (status == PL_OK) status = pl_run_lock(&lock, folder, &err);
  free(folder);
  if (status != PL_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  pause();
  return 0;
}

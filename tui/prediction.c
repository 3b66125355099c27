#include "tui/prediction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/probability.h"

static char *evaluation_path(const char *run, const char *id) { return pl_xprintf("%s/prob/%s.png", run, id); }

static bool is_there(const char *run, int64_t epoch, const char *id) {
  char *path = epoch == PL_PREDICTION_EVALUATION ? evaluation_path(run, id) : pl_previews_path(run, epoch, id);
  const bool found = pl_fs_is_file(path);
  free(path);
  return found;
}

// Why there is none.
static pl_status explain(const pl_previews *previews, const char *run, const char *id, pl_error *err) {
  const char *name = pl_path_base(run);
  if (previews->case_count == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "%.64s has no predictions: its previews are off, and it was not evaluated",
                   name);
  }
  if (pl_previews_find(previews, id) < previews->case_count) {
    return pl_fail(err, PL_E_NOTFOUND, "%.64s has not predicted this case yet; it does after every epoch", name);
  }
  char numbers[96] = "";
  size_t used = 0;
  for (size_t i = 0; i < previews->case_count && used + 12 < sizeof numbers; i++) {
    used += (size_t)snprintf(numbers + used, sizeof numbers - used, " #%" PRIu32, previews->cases[i].number);
  }
  return pl_fail(err, PL_E_NOTFOUND, "%.64s predicts other cases:%s (option preview-cases)", name, numbers);
}

pl_status pl_prediction_list(int64_t **epochs, size_t *count, const pl_previews *previews, const char *run,
                             const char *id, pl_error *err) {
  int64_t *found = pl_xcalloc(previews->epoch_count + 1, sizeof *found);
  size_t used = 0;
  for (size_t i = 0; i < previews->epoch_count; i++) {
    if (is_there(run, previews->epochs[i], id)) found[used++] = previews->epochs[i];
  }
  if (is_there(run, PL_PREDICTION_EVALUATION, id)) found[used++] = PL_PREDICTION_EVALUATION;
  if (used == 0) {
    free(found);
    return explain(previews, run, id, err);
  }
  *epochs = found;
  *count = used;
  return PL_OK;
}

size_t pl_prediction_newest(const int64_t *epochs, size_t count) {
  return count > 1 && epochs[count - 1] == PL_PREDICTION_EVALUATION ? count - 2 : count - 1;
}

pl_status pl_prediction_load(pl_image *out, const char *run, int64_t epoch, const char *id, pl_error *err) {
  if (epoch != PL_PREDICTION_EVALUATION) return pl_previews_load(out, run, epoch, id, err);
  char *path = evaluation_path(run, id);
  const pl_status status = pl_probability_read(out, path, err);
  free(path);
  return status;
}

void pl_prediction_words(char *out, size_t size, int64_t epoch, int64_t epochs) {
  if (epoch == PL_PREDICTION_EVALUATION) {
    snprintf(out, size, "evaluation");
  } else if (epoch == 0) {
    snprintf(out, size, "epoch 0 (untrained)");
  } else if (epochs > 0) {
    snprintf(out, size, "epoch %" PRId64 "/%" PRId64, epoch, epochs);
  } else {
    snprintf(out, size, "epoch %" PRId64, epoch);
  }
}

// What the network makes of the chosen cases, kept epoch by epoch. A preview that cannot be written is a warning.
#include <inttypes.h>
#include <stdlib.h>

#include "core/run/session_private.h"

void pl_session_open_previews(pl_session *s, const size_t *cases, size_t count) {
  if (count == 0) return;
  pl_error err = {0};
  int64_t epoch = pl_trainer_state(s->trainer).epoch;
  if (pl_preview_writer_open(&s->previews, s->folder, &s->manifest, cases, count, epoch, &err) != PL_OK) {
    pl_session_note(s, PL_MESSAGE_WARN, "", "no previews: %.200s", err.message);
  }
}

pl_status pl_session_change_previews(pl_session *s, pl_error *err) {
  size_t *cases = NULL, count = 0;
  pl_status status = pl_previews_choose(&cases, &count, &s->manifest, &s->info.config, err);
  if (status == PL_OK) status = pl_trainer_set_previews(s->trainer, cases, count, err);
  if (status == PL_OK && s->previews != NULL) {
    status = pl_preview_writer_change(s->previews, &s->manifest, cases, count, err);
  } else if (status == PL_OK) {
    pl_session_open_previews(s, cases, count);
  }
  free(cases);
  if (status == PL_OK) {
    pl_trainer_set_preview_options(s->trainer, s->info.config.previews, s->info.config.preview_cases);
  }
  return status;
}

// Said once an evaluation.
static void complain(pl_session *s, int64_t epoch, const pl_error *why) {
  if (!s->previews_failed) {
    pl_session_note(s, PL_MESSAGE_WARN, "", "the previews of epoch %" PRId64 " are not complete: %.180s", epoch,
                    why->message);
  }
  s->previews_failed = true;
}

void pl_session_keep_preview(pl_session *s, int64_t epoch, const pl_case *c, const float *probabilities,
                             const pl_error *why) {
  if (s->previews == NULL) return;
  pl_error err = {0};
  const double start = pl_clock_monotonic(&s->clock);
  if (probabilities == NULL) {
    complain(s, epoch, why);
  } else if (pl_preview_writer_add(s->previews, c, probabilities, (uint32_t)s->info.config.size, &err) != PL_OK) {
    complain(s, epoch, &err);
  }
  s->previews_seconds += pl_clock_monotonic(&s->clock) - start;
}

void pl_session_show_previews(pl_session *s, int64_t epoch) {
  if (s->previews == NULL) return;
  pl_error err = {0};
  if (pl_preview_writer_end(s->previews, epoch, &err) != PL_OK) complain(s, epoch, &err);
  pl_session_log(s, "the previews of epoch %" PRId64 " took %.3f s", epoch, s->previews_seconds);
  s->previews_failed = false;
  s->previews_seconds = 0;
}

#include "tui/notify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"

enum { TEXT_MAX = 200 };

void pl_notify_words(char *out, size_t size, const pl_run_view *run) {
  char best[32] = "";
  if (isfinite(run->state.best)) (void)snprintf(best, sizeof best, ", best %.4f", run->state.best);
  (void)snprintf(out, size, "%s %s%s", run->name, pl_phase_name(run->state.phase), best);
}

size_t pl_notify_bytes(char *out, size_t size, const char *term, const char *text) {
  const char *bell = getenv("PLEURA_BELL");
  out[0] = '\0';
  if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0) return 0;
  if (bell != NULL && strcmp(bell, "off") == 0) return 0;
  char safe[TEXT_MAX];
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  const int n =
      pl_begins_with(term, "linux") ? snprintf(out, size, "\a") : snprintf(out, size, "\033]9;pleura: %s\a\a", safe);
  if (n < 0 || (size_t)n >= size) {
    out[0] = '\0';
    return 0;
  }
  return (size_t)n;
}

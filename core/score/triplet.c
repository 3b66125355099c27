#include "core/score/triplet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"

pl_triplet pl_triplet_half(void) { return (pl_triplet){.top = 0.5, .area = 0, .bottom = 0.5}; }
pl_triplet pl_triplet_winner(void) { return (pl_triplet){.top = 0.75, .area = 2000, .bottom = 0.3}; }

static bool is_threshold(double value) { return value >= 0 && value <= 1; }

pl_status pl_triplet_parse(pl_triplet *out, const char *text, pl_error *err) {
  if (strcmp(text, "half") == 0 || strcmp(text, "winner") == 0) {
    *out = text[0] == 'h' ? pl_triplet_half() : pl_triplet_winner();
    return PL_OK;
  }
  const char *first = strchr(text, ','), *second = first != NULL ? strchr(first + 1, ',') : NULL;
  pl_triplet t = {0};
  if (second == NULL || !pl_parse_double(&t.top, text, (size_t)(first - text)) ||
      !pl_parse_u64(&t.area, first + 1, (size_t)(second - first - 1)) ||
      !pl_parse_double(&t.bottom, second + 1, strlen(second + 1))) {
    return pl_fail(err, PL_E_USAGE,
                   "'%.60s' is not a triplet: top threshold, area in pixels and bottom threshold, as 0.75,2000,0.3",
                   text);
  }
  if (!is_threshold(t.top) || !is_threshold(t.bottom) || t.bottom > t.top) {
    return pl_fail(err, PL_E_USAGE,
                   "triplet %.60s: thresholds are from 0 to 1, and the bottom one is not above the top one", text);
  }
  *out = t;
  return PL_OK;
}

// The shortest text that reads back to the same number.
static void shortest(char out[32], double value) {
  for (int digits = 1; digits <= 17; digits++) {
    (void)snprintf(out, 32, "%.*g", digits, value);
    if (strtod(out, NULL) == value) return;
  }
}

void pl_triplet_text(char out[PL_TRIPLET_TEXT_SIZE], const pl_triplet *triplet) {
  char top[32], bottom[32];
  shortest(top, triplet->top);
  shortest(bottom, triplet->bottom);
  (void)snprintf(out, PL_TRIPLET_TEXT_SIZE, "%s,%" PRIu64 ",%s", top, triplet->area, bottom);
}

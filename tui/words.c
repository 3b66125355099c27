#include "tui/words.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

void pl_words_duration(char *out, size_t size, double seconds) {
  if (!isfinite(seconds) || seconds < 0.0 || seconds > 1e9) {
    snprintf(out, size, "-");
    return;
  }
  const long whole = (long)(seconds + 0.5);
  if (whole < MINUTE) {
    snprintf(out, size, "%ld s", whole);
  } else if (whole < HOUR) {
    snprintf(out, size, "%ld:%02ld min", whole / MINUTE, whole % MINUTE);
  } else if (whole < 2 * DAY) {
    snprintf(out, size, "%ld:%02ld h", whole / HOUR, whole % HOUR / MINUTE);
  } else {
    snprintf(out, size, "%.1f days", seconds / DAY);
  }
}

void pl_words_time(char *out, size_t size, double wall) {
  struct tm parts;
  const time_t seconds = isfinite(wall) ? (time_t)wall : 0;
  if (!isfinite(wall) || localtime_r(&seconds, &parts) == NULL || strftime(out, size, "%H:%M:%S", &parts) == 0) {
    snprintf(out, size, "-");
  }
}

void pl_words_day(char *out, size_t size, double wall) {
  struct tm parts;
  const time_t seconds = isfinite(wall) ? (time_t)wall : 0;
  if (!isfinite(wall) || localtime_r(&seconds, &parts) == NULL || strftime(out, size, "%Y-%m-%d", &parts) == 0) {
    snprintf(out, size, "-");
  }
}

void pl_words_number(char *out, size_t size, double value) {
  if (isnan(value)) {
    snprintf(out, size, "-");
  } else if (!isfinite(value)) {
    snprintf(out, size, value > 0.0 ? "inf" : "-inf");
  } else {
    snprintf(out, size, "%.4g", value);
  }
}

void pl_words_score(char *out, size_t size, double value) {
  if (isfinite(value)) {
    snprintf(out, size, "%.4f", value);
  } else {
    snprintf(out, size, "-");
  }
}

void pl_words_bytes(char *out, size_t size, unsigned long long bytes) {
  const double mib = (double)bytes / 1048576.0;
  if (bytes == 0) {
    snprintf(out, size, "-");
  } else if (mib < 1024) {
    snprintf(out, size, "%.*f MiB", mib < 10 ? 1 : 0, mib);
  } else {
    snprintf(out, size, "%.1f GiB", mib / 1024);
  }
}

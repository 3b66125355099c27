// Numbers and times as people read them. Unknown values (not finite, negative durations) become "-".
#pragma once

#include <stddef.h>

// "42 s", "3:05 min", "2:10 h", "3.5 days".
void pl_words_duration(char *out, size_t size, double seconds);
// Local time of day, "14:03:21"; local day, "2026-11-23".
void pl_words_time(char *out, size_t size, double wall);
void pl_words_day(char *out, size_t size, double wall);
// At most four significant digits: "0.7812", "12.3", "1.2e-05".
void pl_words_number(char *out, size_t size, double value);
// A score between 0 and 1 with four digits behind the point.
void pl_words_score(char *out, size_t size, double value);
// "812 MiB", "21.3 GiB"; "-" for 0, which stands for unknown.
void pl_words_bytes(char *out, size_t size, unsigned long long bytes);

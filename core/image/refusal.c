#include "core/image/refusal.h"

#include <stddef.h>
#include <string.h>

// Words that a message of this code holds, and what they mean. The first row that fits decides.
typedef struct rule {
  pl_status code;
  const char *words;  // "" for any message
  pl_refusal refusal;
} rule;

enum { RULES = 16 };
static const rule rules[RULES];
static const char *const names[PL_REFUSAL_COUNT];

pl_refusal pl_refusal_of(const pl_error *err) {
  for (size_t i = 0; i < RULES; i++) {
    if (rules[i].code == err->code && strstr(err->message, rules[i].words) != NULL) return rules[i].refusal;
  }
  return PL_REFUSAL_OTHER;
}

const char *pl_refusal_name(pl_refusal refusal) {
  return refusal >= 0 && refusal < PL_REFUSAL_COUNT ? names[refusal] : names[PL_REFUSAL_OTHER];
}

// Whole phrases of core/image's own messages, because a message also holds the path of the file.
static const rule rules[RULES] = {
    {PL_E_UNSUPPORTED, "frames; only single images are supported", PL_REFUSAL_FRAMES},
    {PL_E_UNSUPPORTED, "are not radiographs", PL_REFUSAL_COLOUR},
    {PL_E_UNSUPPORTED, "the JPEG stream is in colour", PL_REFUSAL_COLOUR},
    {PL_E_UNSUPPORTED, "is not supported; MONOCHROME1 and 2 are", PL_REFUSAL_COLOUR},
    {PL_E_UNSUPPORTED, "the pixels are stored as JPEG 2000", PL_REFUSAL_JPEG2000},
    {PL_E_UNSUPPORTED, "which is not supported (uncompressed, JPEG", PL_REFUSAL_CODING},
    {PL_E_UNSUPPORTED, "bits per pixel are not supported", PL_REFUSAL_BITS},
    {PL_E_UNSUPPORTED, "the file has no pixel data", PL_REFUSAL_NO_PIXELS},
    {PL_E_FORMAT, "the decoder crashed (signal", PL_REFUSAL_CRASHED},
    {PL_E_FORMAT, "the decoder ended before it answered", PL_REFUSAL_CRASHED},
    {PL_E_FORMAT, "the decoder did not finish within", PL_REFUSAL_CRASHED},
    {PL_E_FORMAT, "", PL_REFUSAL_DAMAGED},
    {PL_E_LIMIT, "", PL_REFUSAL_TOO_LARGE},
    {PL_E_NOMEM, "", PL_REFUSAL_TOO_LARGE},
    {PL_E_NOTFOUND, "", PL_REFUSAL_UNREADABLE},
    {PL_E_IO, "", PL_REFUSAL_UNREADABLE},
};

static const char *const names[PL_REFUSAL_COUNT] = {
    [PL_REFUSAL_FRAMES] = "several frames",
    [PL_REFUSAL_COLOUR] = "colour",
    [PL_REFUSAL_JPEG2000] = "JPEG 2000",
    [PL_REFUSAL_CODING] = "other compression",
    [PL_REFUSAL_BITS] = "bits per pixel",
    [PL_REFUSAL_NO_PIXELS] = "no pixels",
    [PL_REFUSAL_DAMAGED] = "damaged",
    [PL_REFUSAL_CRASHED] = "decoder crashed or too slow",
    [PL_REFUSAL_TOO_LARGE] = "too large",
    [PL_REFUSAL_UNREADABLE] = "unreadable",
    [PL_REFUSAL_MEMBER] = "unsafe archive members",
    [PL_REFUSAL_OTHER] = "other",
};

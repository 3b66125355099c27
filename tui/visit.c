#include "tui/visit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/num.h"

enum { VISIT_FILE_MAX = 64, NAME_DIGITS = 24, WORD = 64 };

// A workspace's name may tell something about its patients: its file is named by a hash. NULL without a home.
static char *visit_path(const char *workspace) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  char hex[PL_SHA256_HEX_SIZE];
  pl_sha256_bytes(hex, workspace, strlen(workspace));
  hex[NAME_DIGITS] = '\0';
  if (state != NULL && state[0] == '/') return pl_xprintf("%s/pleura/visits/%s", state, hex);
  return home != NULL && home[0] == '/' ? pl_xprintf("%s/.local/state/pleura/visits/%s", home, hex) : NULL;
}

double pl_visit_last(const char *workspace) {
  char *path = visit_path(workspace);
  double last = (double)NAN;
  pl_buf text;
  pl_buf_init(&text, VISIT_FILE_MAX);
  if (path != NULL && pl_fs_read(&text, path, NULL) == PL_OK) {
    size_t length = strcspn(text.data, "\n");
    if (!pl_parse_double(&last, text.data, length)) last = (double)NAN;
  }
  pl_buf_clear(&text);
  free(path);
  return last;
}

void pl_visit_note(const char *workspace, double now) {
  char *path = visit_path(workspace), text[VISIT_FILE_MAX];
  if (path == NULL) return;
  char *folder = pl_xstrdup(path);
  *strrchr(folder, '/') = '\0';
  (void)snprintf(text, sizeof text, "%.3f\n", now);
  if (pl_fs_make_folders(folder, NULL) == PL_OK) (void)pl_fs_replace(path, text, strlen(text), NULL);
  free(folder);
  free(path);
}

// "18:02", "yesterday 18:02", "2026-11-20 18:02".
static void time_words(char *out, size_t size, double then, double now) {
  const time_t a = (time_t)then, b = (time_t)now, day_before = b - 86400;
  struct tm was, is, yesterday;
  out[0] = '\0';
  if (localtime_r(&a, &was) == NULL || localtime_r(&b, &is) == NULL || localtime_r(&day_before, &yesterday) == NULL)
    return;
  const bool today = was.tm_year == is.tm_year && was.tm_yday == is.tm_yday;
  const bool before = was.tm_year == yesterday.tm_year && was.tm_yday == yesterday.tm_yday;
  (void)strftime(out, size, today ? "%H:%M" : before ? "yesterday %H:%M" : "%Y-%m-%d %H:%M", &was);
}

void pl_visit_words(char *out, size_t size, const pl_run_view *run, double since, double now) {
  out[0] = '\0';
  if (!isfinite(since) || run == NULL) return;
  const pl_journal_view *j = &run->journal;
  const pl_epoch_record *before = NULL, *first = NULL, *last = NULL;
  for (size_t i = 0; i < j->epoch_count; i++) {
    const pl_epoch_record *e = &j->epochs[i];
    if (e->time <= since) before = e;
    if (e->time > since && first == NULL) first = e;
    if (e->time > since) last = e;
  }
  size_t warnings = 0;
  for (size_t i = 0; i < j->message_count; i++) {
    warnings += j->messages[i].kind == PL_MESSAGE_WARN && j->messages[i].time > since;
  }
  if (last == NULL && warnings == 0) return;
  char when[WORD], epochs[WORD] = "", dice[WORD] = "", warned[WORD] = "";
  time_words(when, sizeof when, since, now);
  if (last != NULL && first == last) {
    (void)snprintf(epochs, sizeof epochs, ": epoch %" PRId64, last->epoch);
  } else if (last != NULL) {
    (void)snprintf(epochs, sizeof epochs, ": epochs %" PRId64 " to %" PRId64, first->epoch, last->epoch);
  }
  // From what it was at the visit, or at the first epoch after it.
  const pl_epoch_record *from = before != NULL ? before : first;
  if (last != NULL && from != last) {
    (void)snprintf(dice, sizeof dice, ", dice %.4f -> %.4f", from->dice, last->dice);
  } else if (last != NULL) {
    (void)snprintf(dice, sizeof dice, ", dice %.4f", last->dice);
  }
  if (warnings > 0) {
    (void)snprintf(warned, sizeof warned, "%s %zu warning%s", last != NULL ? "," : ":", warnings,
                   warnings > 1 ? "s" : "");
  }
  (void)snprintf(out, size, "since %s%s%s%s", when, epochs, dice, warned);
}

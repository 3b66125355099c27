// What a run reads: cases, folds, and the packed cache of their pictures.
#include <stdio.h>
#include <string.h>

#include "core/data/prepare.h"
#include "core/run/session_private.h"
#include "core/run/tables.h"

// The pack only saves time: whatever is wrong with it is said, and the PNGs are read.
static bool on_case(void *context, int64_t done, int64_t total) {
  return pl_session_work(context, PL_PHASE_READING, done, total, NULL) == PL_OK;
}

static pl_status open_pack(pl_session *s, pl_error *cancelled) {
  if (!s->info.config.pack) return PL_OK;
  pl_error err = {0};
  const pl_progress progress = {.tell = on_case, .context = s};
  pl_status status = pl_pack_open_told(&s->pack, &s->manifest, &progress, &err);
  if (status == PL_E_CANCELLED) {
    *cancelled = err;
    return status;
  }
  if (status == PL_E_NOTFOUND) {
    pl_session_log(s, "no packed cache: images are read from PNG");
  } else if (status != PL_OK) {
    pl_session_note(s, PL_MESSAGE_WARN, "", "images are read from PNG: %.200s; 'pleura pack' makes it anew",
                    err.message);
  } else {
    pl_pack_counts c = pl_pack_count(s->pack);
    pl_session_log(s, "packed cache: has %zu of %zu cases", c.packed, c.pictures);
    if (c.packed < c.pictures) {
      pl_session_note(
          s, PL_MESSAGE_WARN, "",
          "the packed cache lacks %zu of %zu cases (%zu out of date), which are read from PNG; 'pleura pack' "
          "makes it anew",
          c.pictures - c.packed, c.pictures, c.stale);
    }
  }
  return PL_OK;
}

void pl_session_check_pack(pl_session *s) {
  size_t damaged = s->pack != NULL ? pl_pack_count(s->pack).damaged : 0;
  if (damaged == s->pack_damaged) return;
  s->pack_damaged = damaged;
  pl_session_note(s, PL_MESSAGE_WARN, "",
                  "%zu cases of the packed cache are damaged and were read from PNG; 'pleura pack' makes it anew",
                  damaged);
}

// "folds, pictures", what is not as it was when the run was made; "" when all is.
static pl_status find_changes(char *out, size_t size, const pl_run_info *info, pl_error *err) {
  pl_table_hashes now;
  char pictures[PL_SHA256_HEX_SIZE];
  pl_status status = pl_tables_hash(&now, info->workspace, err);
  if (status == PL_OK) status = pl_import_pictures_hash(pictures, info->workspace, err);
  if (status != PL_OK) return status;
  pl_tables_changed_words(out, size, pl_tables_changed(info, &now), "");
  // Imported anew at another size, say: the tables do not tell.
  const bool known = info->pictures_sha256[0] != '\0' && pictures[0] != '\0';
  if (known && strcmp(info->pictures_sha256, pictures) != 0) {
    const size_t used = strlen(out);
    (void)snprintf(out + used, size - used, "%spictures", used > 0 ? ", " : "");
  }
  return PL_OK;
}

pl_status pl_session_open_data(pl_session *s, pl_error *err) {
  char others[96];
  const pl_config *config = &s->info.config;
  pl_status status = pl_session_work(s, PL_PHASE_READING, -1, -1, err);
  if (status != PL_OK) return status;
  status = find_changes(others, sizeof others, &s->info, err);
  if (status != PL_OK) return status;
  if (others[0] != '\0' && !s->options->force) {
    return pl_fail(err, PL_E_USAGE, "%s of %s changed since this run was made; start a new run, or go on with --force",
                   others, s->info.workspace);
  }
  if (others[0] != '\0') {
    pl_session_note(s, PL_MESSAGE_WARN, "", "%s changed since this run was made; forced", others);
  }
  status = pl_session_work(s, PL_PHASE_READING, -1, -1, err);
  if (status == PL_OK) status = pl_run_load_manifest(&s->manifest, s->info.workspace, config, err);
  return status == PL_OK ? open_pack(s, err) : status;
}

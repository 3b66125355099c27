// The packed cache: one file, pictures.pack, with the decoded pictures of a workspace, for when decoding PNGs is what
// limits a training. It is mapped, so that a picture costs a copy, and machines with memory enough read it once.
//
// It has the original labels: pictures of cases with a corrected one are read from their PNGs.
//
// The PNGs stay the truth. A case is taken from the pack only while its PNGs are those that it was made from (same size
// and time, else same SHA-256), and only after its planes have been found to have their SHA-256, once in each process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/progress.h"
#include "core/base/status.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_PACK_FILE "pictures.pack"

typedef struct pl_pack pl_pack;

// Maps a workspace's pack and looks which of the manifest's cases it has. The manifest is borrowed until it is closed.
// PL_E_NOTFOUND: there is none. PL_E_FORMAT: truncated or damaged, with what is wrong; PL_E_IO.
pl_status pl_pack_open(pl_pack **out, const pl_manifest *manifest, pl_error *err);

// The same, telling how many cases were looked at: in a copy of a workspace their PNGs are read. PL_E_CANCELLED.
pl_status pl_pack_open_told(pl_pack **out, const pl_manifest *manifest, const pl_progress *progress, pl_error *err);
void pl_pack_close(pl_pack *pack);  // takes NULL

typedef struct pl_pack_picture {
  uint32_t width, height;
  const uint8_t *image;  // width*height grey levels
  const uint8_t *mask;   // 0 or 255; NULL when it is empty
} pl_pack_picture;

// The pictures of manifest->cases[index], borrowed until the pack is closed. False when it does not have them, they are
// out of date, or damaged: read the PNGs then. From any thread.
bool pl_pack_find(pl_pack *pack, size_t index, pl_pack_picture *out);

typedef struct pl_pack_counts {
  size_t pictures;   // cases of the manifest that have pictures
  size_t packed;     // of those, in the pack and up to date
  size_t stale;      // in the pack, but made from other PNGs
  size_t damaged;    // found to be damaged so far
  size_t left_over;  // in the pack, and no case of the manifest any more
  uint64_t bytes;    // of the file
} pl_pack_counts;

pl_pack_counts pl_pack_count(const pl_pack *pack);

// Looks at every byte: PL_E_FORMAT names the first case that is damaged. What is out of date is not an error.
pl_status pl_pack_verify(pl_pack *pack, pl_error *err);

typedef struct pl_pack_build_options {
  unsigned threads;                                            // 0 for one a processor
  void (*progress)(void *context, size_t done, size_t total);  // from any thread, one at a time; may be NULL
  bool (*cancelled)(void *context);                            // likewise
  void *context;
} pl_pack_build_options;

typedef struct pl_pack_report {
  size_t packed, left_out;  // cases; left out are those whose PNGs cannot be read
  uint64_t bytes;           // of the file
  char reason[240];         // why the first one was left out
} pl_pack_report;

// Makes the pack anew from the PNGs of all cases that have pictures and puts it in place of the old one in one step; a
// process that has the old one open keeps it. PL_E_NOSPACE, PL_E_IO, PL_E_NOMEM, PL_E_CANCELLED: the old one stays.
// PL_E_BUSY: another process is making it.
pl_status pl_pack_build(pl_pack_report *out, const pl_manifest *manifest, const pl_pack_build_options *options,
                        pl_error *err);

// Whether there is a pack with all pictures of the manifest, up to date, and nothing else. Does not look at the bytes.
bool pl_pack_is_current(const pl_manifest *manifest);

// Removes the pack; fine when there is none.
pl_status pl_pack_remove(const pl_manifest *manifest, pl_error *err);

#ifdef __cplusplus
}
#endif

// Downloads: one file by HTTP, resumed where it was cut, verified, and named only when it is whole.
//
// Beside FILE stand, while it is being fetched, FILE.part with the bytes so far and FILE.part.json with the address and
// the version that they belong to. A part is gone on with only when the server still has that version.
//
// Credentials are sent only over https (http to this machine itself), only to kaggle.com unless
// options->send_credentials says otherwise, and never to another host or port than the one that was asked first: Kaggle
// answers with a redirection to a store whose address is already signed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/data/kaggle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_fetch_progress {
  uint64_t done;     // bytes
  uint64_t resumed;  // of them were there before
  int64_t total;     // -1 when the server does not tell
} pl_fetch_progress;

typedef struct pl_fetch_options {
  const char *url;
  const char *what, *page;   // "the data set OWNER/NAME" and where its rules are, for messages; may be NULL
  const pl_kaggle_key *key;  // NULL for none
  bool send_credentials;     // to the host of `url`, whatever it is
  // 0 for the defaults; for tests.
  unsigned tries;          // in a row without progress: 6
  unsigned stall_seconds;  // without a byte: 30
  double pause_seconds;    // before the second try, doubled before each further one: 1
  uint64_t size_max;       // bytes: 256 GiB
  uint64_t spare_bytes;    // that stay free on the disk: 256 MiB
  // Called from the calling thread, several times a second; may be NULL.
  void (*progress)(void *context, const pl_fetch_progress *progress);
  void (*note)(void *context, const char *text);  // "the server ended the connection too early; trying again in 2 s"
  bool (*cancelled)(void *context);
  void *context;
} pl_fetch_options;

typedef struct pl_fetch_result {
  uint64_t bytes, resumed;  // of the file; of those that were there before
  bool md5_checked;         // the server told an MD5, and it is that of the file
  bool zip_checked;         // the file is a zip archive with a whole directory
} pl_fetch_result;

// Fetches options->url into `path`. A zip archive (by its name) must open as one.
// PL_E_EXISTS when `path` is there; PL_E_BUSY when another process fetches it; PL_E_USAGE: a bad URL, or credentials to
// an unsafe one; PL_E_NOTFOUND; PL_E_UNSUPPORTED: refused by the server or no safe connection; PL_E_IO: given up after
// several tries; PL_E_FORMAT: what came is not what was announced; PL_E_LIMIT; PL_E_NOSPACE, before anything is
// written where the length is known; PL_E_CANCELLED. After PL_E_IO, PL_E_NOSPACE and PL_E_CANCELLED the next call goes
// on with the part.
pl_status pl_fetch_file(pl_fetch_result *out, const char *path, const pl_fetch_options *options, pl_error *err);

// Fetches a short answer into a buffer, under the same rules. The buffer's maximum is the limit.
pl_status pl_fetch_text(pl_buf *out, const pl_fetch_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif

// What the files of a download share.
#pragma once

#include "core/data/fetch.h"
#include "core/data/http.h"

#ifdef __cplusplus
extern "C" {
#endif

// fetch.c: true when the key may be sent to `url`, `first` being the address that the user asked.
bool fetch_may_see_key(const pl_fetch_options *options, const pl_http_url *first, const pl_http_url *url);

// fetch_part.c: the bytes so far, and what they are of.
typedef struct fetch_part {
  char *path;                                                // of the finished file
  char *bytes_path;                                          // path.part
  char *note_path;                                           // path.part.json
  const char *url;                                           // as it was asked for, borrowed
  int fd;                                                    // held by flock
  uint64_t length;                                           // bytes that are there
  int64_t total;                                             // bytes of the whole, -1 when unknown
  char validator[PL_HTTP_TEXT_SIZE], md5[PL_HTTP_MD5_SIZE];  // "" when unknown
} fetch_part;

// Opens or makes the part; its length is 0 unless it can be gone on with. PL_E_BUSY, PL_E_IO.
pl_status fetch_part_open(fetch_part *out, const char *path, const char *url, pl_error *err);
// Empties it and notes what is to come.
pl_status fetch_part_begin(fetch_part *part, const pl_http_head *head, pl_error *err);
pl_status fetch_part_add(fetch_part *part, const void *bytes, size_t length, pl_error *err);
// Empties it, so that the next try starts at the first byte.
pl_status fetch_part_drop(fetch_part *part, pl_error *err);
// Compares what is there with what is known of it. PL_E_FORMAT.
pl_status fetch_part_verify(const fetch_part *part, pl_fetch_result *result, pl_error *err);
// Gives the whole its name.
pl_status fetch_part_finish(fetch_part *part, pl_error *err);
// Lets go of it; an empty one is removed.
void fetch_part_close(fetch_part *part);

// fetch_answer.c: what an answer that is not the content means.
// Fails with words for people; *again is set when another try may help.
pl_status fetch_answer_fail(bool *again, const pl_http_head *head, const pl_buf *body, const pl_fetch_options *options,
                            bool redirected, pl_error *err);

#ifdef __cplusplus
}
#endif

// Decoding files from outside in a helper process, so that a file which crashes, hangs or takes over the decoder costs
// one error message.
//
// The parent reads the file and sends its bytes; the helper sends back a pl_dicom. The helper is this same executable,
// exec'ed as `pleura decode` with a socket as its standard input: it inherits nothing else, cannot open files or make
// processes (seccomp), has limits on memory and time, and exits when the socket closes.
//
// A pl_decoder owns one helper and serves one thread at a time; make one per worker thread. The program must not reap
// children that it does not know (no waitpid(-1), no ignored SIGCHLD), or crashes are reported less precisely.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/image/dicom.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_decoder pl_decoder;

typedef struct pl_decoder_options {
  const char *executable;  // run as `executable decode`; NULL for the running executable itself
  double deadline;         // seconds for one file, starting the helper included; 0 for 20
} pl_decoder_options;

// `options` may be NULL. The helper starts at the first file. PL_E_USAGE inside a helper.
pl_status pl_decoder_create(pl_decoder **out, const pl_decoder_options *options, pl_error *err);
void pl_decoder_destroy(pl_decoder *decoder);  // ends the helper; takes NULL

// Decodes one DICOM file as pl_dicom_decode does. `sha256`, unless NULL, gets the hash of exactly the bytes that were
// decoded. Messages begin with the path. Besides pl_dicom_decode's errors: PL_E_FORMAT when the helper crashed or did
// not finish in time on this file ("… the decoder crashed (signal 11)"; the next call starts a new helper),
// PL_E_INTERNAL when no helper can be started. The caller clears *out; on failure it is untouched.
pl_status pl_decoder_read(pl_decoder *decoder, pl_dicom *out, char sha256[PL_SHA256_HEX_SIZE], const char *path,
                          pl_error *err);

// The same for a file's bytes that are in memory already. Messages name no file.
pl_status pl_decoder_read_bytes(pl_decoder *decoder, pl_dicom *out, const void *bytes, size_t length, pl_error *err);

// True when the running helper is under a system call filter; false before the first file and on kernels without
// seccomp, where only the limits apply.
bool pl_decoder_is_confined(const pl_decoder *decoder);

// Reads a PNG file in this process or anything else as DICOM through `decoder` (NULL makes one for this call), told
// apart by the first bytes. A PNG has no attributes: slope 1, no window, age -1.
pl_status pl_image_read_any(pl_dicom *out, const char *path, pl_decoder *decoder, pl_error *err);

// The same for a file's bytes that are in memory already; `decoder` is not NULL. Messages name no file.
pl_status pl_image_decode_any(pl_dicom *out, const void *bytes, size_t length, pl_decoder *decoder, pl_error *err);

// The same for what must be a PNG file, without a decoder.
pl_status pl_image_decode_png(pl_dicom *out, const void *bytes, size_t length, pl_error *err);

// The helper's side: serves the socket until it closes, and returns the process's exit code. Call it first thing in a
// process made for it; it confines the process for good. End with _exit, not exit: what runs at a normal exit may want
// system calls that are forbidden by then.
int pl_decode_serve(int socket);

#ifdef __cplusplus
}
#endif

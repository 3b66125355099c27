// A picture of indexed colours as one sixel sequence. The rows are encoded in bands, several at once where there are
// several processors, and joined; the bytes do not depend on how many threads made them.
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "viewers/out_sixel.h"

#ifdef __cplusplus
extern "C" {
#endif

// Rows of a band: whole lines of six.
enum { PL_SIXEL_BAND_ROWS = 48 };

// Appends the sequence, DCS to ST. Pixels whose index is none of the palette's are not drawn; `transparent` says that
// they keep what was there. A line of six rows has such pixels in its last row, or none. `threads`: as for pl_parallel;
// 0 for pl_parallel_threads. PL_E_NOMEM, PL_E_INTERNAL for what libsixel refuses; where the bytes pass the buffer's
// maximum it returns PL_OK and the buffer has failed.
pl_status pl_sixel_bands(pl_buf *out, const pl_indexed *indexed, bool transparent, unsigned threads, pl_error *err);

#ifdef __cplusplus
}
#endif

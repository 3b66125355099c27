// The layout of pictures.pack: header, planes (each at a multiple of PACK_ALIGN), index. Numbers are of the machine
// that made it; one of another byte order is refused and made anew.
#pragma once

#include "core/base/hash.h"
#include "core/data/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PACK_MAGIC "PLPACK1\n"

enum { PACK_ALIGN = 64, PACK_CASES_MAX = 10000000, PACK_FILE_MAX = 1 << 29 };

static const uint32_t PACK_BYTE_ORDER = 0x01020304;

typedef struct pack_header {
  char magic[8];
  uint32_t byte_order, entry_size;
  uint64_t count, index_offset, file_size;
  char index_hash[PL_SHA256_HEX_SIZE];  // SHA-256 of the index
  char padding[23];
} pack_header;

// What says which file something was made from. All zero for no file.
typedef struct pack_source {
  uint64_t size;
  int64_t seconds, nanoseconds;  // of its last change
  char hash[PL_SHA256_HEX_SIZE];
  char padding[7];
} pack_source;

// Entries are in rising order of the numbers.
typedef struct pack_entry {
  uint32_t number, width, height, spare;
  uint64_t image_offset, mask_offset;  // mask_offset 0: empty
  pack_source image, mask;
  char id_hash[PL_SHA256_HEX_SIZE];     // of the case's id
  char plane_hash[PL_SHA256_HEX_SIZE];  // of the image's plane, followed by the mask's when there is one
  char padding[6];
} pack_entry;

// Whether a case has pictures to be packed: neither bad ones nor a corrected mask.
bool pl_pack_wants(const pl_case *c);

void pl_pack_plane_hash(char hex[PL_SHA256_HEX_SIZE], const uint8_t *image, const uint8_t *mask, size_t pixels);

// Size and time of a file; false when there is none.
bool pl_pack_stat(pack_source *out, const char *path);

#ifdef __cplusplus
}
#endif

// SHA-256 (FIPS 180-4), for content hashes in manifests and checkpoints, CRC-32 (ISO 3309, as in PNG and zlib), for
// journal lines, and MD5 (RFC 1321), only to compare a download with what its server says: it proves nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_SHA256_HEX_SIZE = 65 };

typedef struct pl_sha256 {
  uint32_t state[8];
  uint64_t length;
  uint8_t block[64];
  bool fast;  // by the processor's own instructions, where it has them: the same hash
} pl_sha256;

void pl_sha256_init(pl_sha256 *hash);
void pl_sha256_add(pl_sha256 *hash, const void *bytes, size_t length);
// Writes 64 hex digits and a terminator.
void pl_sha256_finish(pl_sha256 *hash, char hex[PL_SHA256_HEX_SIZE]);

void pl_sha256_bytes(char hex[PL_SHA256_HEX_SIZE], const void *bytes, size_t length);
pl_status pl_sha256_file(char hex[PL_SHA256_HEX_SIZE], const char *path, pl_error *err);

enum { PL_MD5_HEX_SIZE = 33 };

// The MD5 of a file in hex.
pl_status pl_md5_file(char hex[PL_MD5_HEX_SIZE], const char *path, pl_error *err);

// Continue with `crc` from an earlier call, 0 to start.
uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#include "core/base/hash.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

// FIPS 180-4, 4.2.2.
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void compress(pl_sha256 *hash, const uint8_t *block) {
  uint32_t w[64];
  for (size_t i = 0; i < 16; i++) {
    const uint8_t *b = block + 4 * i;
    w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  }
  for (size_t i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t v[8];
  memcpy(v, hash->state, sizeof v);
  for (size_t i = 0; i < 64; i += 8) {
// The standard's a to h each move to the next name in every round. Unrolled, they stay where they are and the names
// move: a of round j is v[(8 - j) % 8].
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++) {
      uint32_t a = v[(8 - j) % 8], b = v[(9 - j) % 8], c = v[(10 - j) % 8];
      uint32_t e = v[(12 - j) % 8], f = v[(13 - j) % 8], g = v[(14 - j) % 8];
      uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      uint32_t t1 = v[(15 - j) % 8] + s1 + ((e & f) ^ (~e & g)) + k[i + j] + w[i + j];
      uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      v[(11 - j) % 8] += t1;
      v[(15 - j) % 8] = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
    }
  }
  for (size_t i = 0; i < 8; i++) hash->state[i] += v[i];
}

#if defined(__x86_64__)
// Bit 29 of EBX of leaf 7 says that the processor knows SHA-256, bit 19 of ECX of leaf 1 that it knows SSE 4.1.
static bool has_instructions(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & 1u << 19) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) != 0;
}

static __m128i load(const void *from) { return _mm_loadu_si128(from); }

// The same by the processor's instructions, which take the state as a b e f and c d g h and do two rounds at a time.
__attribute__((target("sha,sse4.1"))) static void compress_fast(pl_sha256 *hash, const uint8_t *block) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abcd = _mm_shuffle_epi32(load(hash->state), 0xb1), efgh = _mm_shuffle_epi32(load(hash->state + 4), 0x1b);
  __m128i abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
  const __m128i abef_before = abef, cdgh_before = cdgh;
  __m128i w[4];
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; i++) {
    if (i < 4) {
      w[i] = _mm_shuffle_epi8(load(block + 16 * i), big_endian);
    } else {
      __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]),
                                  _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
      w[i % 4] = _mm_sha256msg2_epu32(sum, w[(i + 3) % 4]);
    }
    __m128i wk = _mm_add_epi32(w[i % 4], load(k + 4 * i));
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
  }
  abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
  cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
  abcd = _mm_blend_epi16(abef, cdgh, 0xf0);
  efgh = _mm_alignr_epi8(cdgh, abef, 8);
  memcpy(hash->state, &abcd, sizeof abcd);
  memcpy(hash->state + 4, &efgh, sizeof efgh);
}
#else
static bool has_instructions(void) { return false; }
static void compress_fast(pl_sha256 *hash, const uint8_t *block) { compress(hash, block); }
#endif

void pl_sha256_init(pl_sha256 *hash) {
  *hash = (pl_sha256){
      .fast = has_instructions(),
      .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void pl_sha256_add(pl_sha256 *hash, const void *bytes, size_t length) {
  const uint8_t *p = bytes;
  size_t held = (size_t)(hash->length % 64);
  hash->length += length;
  while (length > 0) {
    size_t n = 64 - held < length ? 64 - held : length;
    memcpy(hash->block + held, p, n);
    held += n;
    p += n;
    length -= n;
    if (held == 64) {
      if (hash->fast)
        compress_fast(hash, hash->block);
      else
        compress(hash, hash->block);
      held = 0;
    }
  }
}

void pl_sha256_finish(pl_sha256 *hash, char hex[PL_SHA256_HEX_SIZE]) {
  static const uint8_t padding[64] = {0x80};
  static const char digits[] = "0123456789abcdef";
  uint64_t bits = hash->length * 8;
  size_t held = (size_t)(hash->length % 64);
  pl_sha256_add(hash, padding, held < 56 ? 56 - held : 120 - held);
  uint8_t tail[8];
  for (size_t i = 0; i < 8; i++) tail[i] = (uint8_t)(bits >> (56 - 8 * i));
  pl_sha256_add(hash, tail, sizeof tail);
  for (size_t i = 0; i < 64; i++) hex[i] = digits[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
  hex[64] = '\0';
}

void pl_sha256_bytes(char hex[PL_SHA256_HEX_SIZE], const void *bytes, size_t length) {
  pl_sha256 hash;
  pl_sha256_init(&hash);
  pl_sha256_add(&hash, bytes, length);
  pl_sha256_finish(&hash, hex);
}

pl_status pl_sha256_file(char hex[PL_SHA256_HEX_SIZE], const char *path, pl_error *err) {
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return pl_fail_errno(err, errno, "cannot open %s", path);
  pl_sha256 hash;
  pl_sha256_init(&hash);
  uint8_t chunk[16384];
  size_t n;
  while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) pl_sha256_add(&hash, chunk, n);
  bool failed = ferror(file) != 0;
  int reason = errno;
  fclose(file);
  if (failed) return pl_fail_errno(err, reason, "cannot read %s", path);
  pl_sha256_finish(&hash, hex);
  return PL_OK;
}

uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t length) {
  const uint8_t *p = bytes;
  crc = ~crc;
  for (size_t i = 0; i < length; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

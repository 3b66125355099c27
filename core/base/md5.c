#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"

enum { BLOCK = 64, CHUNK = 256 * BLOCK };

// RFC 1321, section 3.4; the table is floor(2^32 * abs(sin(i + 1))).
static void compress(uint32_t state[4], const uint8_t *block) {
  static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  static const uint32_t k[64] = {
      0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
      0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
      0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
      0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
      0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
      0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
      0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
      0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
  uint32_t word[16], a = state[0], b = state[1], c = state[2], d = state[3];
  for (size_t i = 0; i < 16; i++) {
    const uint8_t *p = block + 4 * i;
    word[i] = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  }
  for (uint32_t i = 0; i < 64; i++) {
    uint32_t round = i / 16, mixed = 0, which = 0;
    switch (round) {
      case 0: mixed = (b & c) | (~b & d), which = i; break;
      case 1: mixed = (b & d) | (c & ~d), which = (5 * i + 1) % 16; break;
      case 2: mixed = b ^ c ^ d, which = (3 * i + 5) % 16; break;
      default: mixed = c ^ (b | ~d), which = 7 * i % 16; break;
    }
    uint32_t sum = a + mixed + word[which] + k[i], turn = turns[round][i % 4];
    a = d;
    d = c;
    c = b;
    b += sum << turn | sum >> (32 - turn);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

// The last bytes, the padding and the length.
static void finish(char hex[PL_MD5_HEX_SIZE], uint32_t state[4], const uint8_t *rest, size_t count, uint64_t length) {
  static const char digits[] = "0123456789abcdef";
  uint8_t tail[2 * BLOCK] = {0};
  memcpy(tail, rest, count);
  tail[count] = 0x80;
  size_t end = count < BLOCK - 8 ? BLOCK : 2 * BLOCK;
  for (size_t i = 0; i < 8; i++) tail[end - 8 + i] = (uint8_t)(length * 8 >> 8 * i);
  for (size_t at = 0; at < end; at += BLOCK) compress(state, tail + at);
  for (size_t i = 0; i < 16; i++) {
    uint32_t byte = state[i / 4] >> 8 * (i % 4) & 0xff;
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  hex[PL_MD5_HEX_SIZE - 1] = '\0';
}

pl_status pl_md5_file(char hex[PL_MD5_HEX_SIZE], const char *path, pl_error *err) {
  FILE *file = fopen(path, "rbe");
  if (file == NULL) return pl_fail_errno(err, errno, "cannot open %s", path);
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  uint8_t chunk[CHUNK];
  uint64_t length = 0;
  size_t n;
  // fread gives less than it was asked for only at the end.
  while ((n = fread(chunk, 1, sizeof chunk, file)) == sizeof chunk) {
    for (size_t at = 0; at < n; at += BLOCK) compress(state, chunk + at);
    length += n;
  }
  bool failed = ferror(file) != 0;
  int reason = errno;
  fclose(file);
  if (failed) return pl_fail_errno(err, reason, "cannot read %s", path);
  size_t whole = n / BLOCK * BLOCK;
  for (size_t at = 0; at < whole; at += BLOCK) compress(state, chunk + at);
  finish(hex, state, chunk + whole, n - whole, length + n);
  return PL_OK;
}

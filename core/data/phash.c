#include "core/data/phash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/image/resize.h"

enum { FIELDS = PL_PHASH_SIDE * PL_PHASH_SIDE, COEFFICIENTS = PL_PHASH_WAVES * PL_PHASH_WAVES };

// Below this a coefficient of 8-bit values is rounding, not structure.
static const double NOTHING = 1e-6;
static const double UNEXPLAINED_MAX = 0.006;

static double value_at(const pl_image *image, size_t i) {
  switch (image->type) {
    case PL_PIXEL_U8: return image->u8[i];
    case PL_PIXEL_U16: return image->u16[i];
    default: return image->s16[i];
  }
}

// The lowest frequencies of the 2-D DCT-II, without its constant factors: across first, then down.
static void transform(double out[COEFFICIENTS], const double in[FIELDS]) {
  double wave[PL_PHASH_WAVES][PL_PHASH_SIDE], across[PL_PHASH_SIDE][PL_PHASH_WAVES];
  for (int u = 0; u < PL_PHASH_WAVES; u++) {
    for (int x = 0; x < PL_PHASH_SIDE; x++) wave[u][x] = cos((2 * x + 1) * u * M_PI / (2 * PL_PHASH_SIDE));
  }
  for (int y = 0; y < PL_PHASH_SIDE; y++) {
    for (int u = 0; u < PL_PHASH_WAVES; u++) {
      across[y][u] = 0;
      for (int x = 0; x < PL_PHASH_SIDE; x++) across[y][u] += in[y * PL_PHASH_SIDE + x] * wave[u][x];
    }
  }
  for (int v = 0; v < PL_PHASH_WAVES; v++) {
    for (int u = 0; u < PL_PHASH_WAVES; u++) {
      double sum = 0;
      for (int y = 0; y < PL_PHASH_SIDE; y++) sum += across[y][u] * wave[v][y];
      out[v * PL_PHASH_WAVES + u] = fabs(sum) < NOTHING ? 0 : sum;
    }
  }
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The averages of 32x32 fields.
static pl_status read_fields(double out[FIELDS], const pl_image *image, pl_error *err) {
  pl_image small = {0};
  pl_image grey = *image;
  if (grey.meaning == PL_IMAGE_MASK) grey.meaning = PL_IMAGE_GREY;  // averaged like every other picture
  const pl_status status = pl_image_resize(&small, &grey, PL_PHASH_SIDE, PL_PHASH_SIDE, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < FIELDS; i++) out[i] = value_at(&small, i);
  pl_image_clear(&small);
  return PL_OK;
}

pl_status pl_phash_image(pl_phash *out, const pl_image *image, pl_error *err) {
  double fields[FIELDS], coefficients[COEFFICIENTS], sorted[COEFFICIENTS - 1];
  const pl_status status = read_fields(fields, image, err);
  if (status != PL_OK) return status;
  transform(coefficients, fields);
  memcpy(sorted, coefficients + 1, sizeof sorted);
  qsort(sorted, COEFFICIENTS - 1, sizeof *sorted, by_value);
  const double median = sorted[(COEFFICIENTS - 1) / 2];
  pl_phash hash = {0};
  for (size_t i = 1; i < COEFFICIENTS; i++) {
    if (coefficients[i] > median) hash.bits[i / 64] |= (uint64_t)1 << (i % 64);
  }
  *out = hash;
  return PL_OK;
}

unsigned pl_phash_distance(const pl_phash *a, const pl_phash *b) {
  unsigned count = 0;
  for (int i = 0; i < PL_PHASH_WORDS; i++) count += (unsigned)__builtin_popcountll(a->bits[i] ^ b->bits[i]);
  return count;
}

static double mean_of(const double values[FIELDS]) {
  double sum = 0;
  for (size_t i = 0; i < FIELDS; i++) sum += values[i];
  return sum / FIELDS;
}

// The share of b's variance that no parabola of a's values explains (least squares), 0 to 1; 1 without any variance.
static double unexplained(const double a[FIELDS], const double b[FIELDS]) {
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double square = 0;
  for (size_t i = 0; i < FIELDS; i++) square += (a[i] - mean_a) * (a[i] - mean_a);
  square /= FIELDS;
  // Normal equations of b ~ c1 x + c2 (x^2 - mean of x^2), x and b about their means.
  double xx = 0, xq = 0, qq = 0, xb = 0, qb = 0, bb = 0;
  for (size_t i = 0; i < FIELDS; i++) {
    const double x = a[i] - mean_a, q = x * x - square, y = b[i] - mean_b;
    xx += x * x, xq += x * q, qq += q * q, xb += x * y, qb += q * y, bb += y * y;
  }
  const double determinant = xx * qq - xq * xq;
  if (bb < NOTHING || xx < NOTHING) return 1.0;
  // Two grey values make a line, and a parabola through them is not unique.
  if (determinant <= NOTHING * xx * qq) return 1.0 - xb * xb / (xx * bb);
  const double c1 = (xb * qq - qb * xq) / determinant, c2 = (qb * xx - xb * xq) / determinant;
  return 1.0 - (c1 * xb + c2 * qb) / bb;
}

pl_status pl_phash_same(bool *same, const pl_image *a, const pl_image *b, pl_error *err) {
  double fields_a[FIELDS], fields_b[FIELDS];
  pl_status status = read_fields(fields_a, a, err);
  if (status == PL_OK) status = read_fields(fields_b, b, err);
  if (status != PL_OK) return status;
  *same = unexplained(fields_a, fields_b) <= UNEXPLAINED_MAX && unexplained(fields_b, fields_a) <= UNEXPLAINED_MAX;
  return PL_OK;
}

#include "core/score/submission.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "core/data/rle.h"

// ---- Scoring

// The union of an image's rows, width x height pixels. PL_E_FORMAT names the line. The caller clears *mask.
static pl_status read_mask(pl_image *mask, const pl_rle_table *table, const char *name, const pl_rle_image *image,
                           uint32_t width, uint32_t height, pl_error *err) {
  pl_image made = {0};
  pl_status status = pl_image_init(&made, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (size_t i = 0; i < image->count && status == PL_OK; i++) {
    const pl_rle_row *row = &table->rows[table->order[image->first + i]];
    status = pl_rle_decode(&made, row->pixels, err);
    if (status != PL_OK) (void)pl_wrap(err, "%s line %zu (of %ux%u pixels)", name, row->line, width, height);
  }
  if (status != PL_OK) {
    pl_image_clear(&made);
    return status;
  }
  *mask = made;
  return PL_OK;
}

static pl_status score_image(pl_score_case *out, const pl_submission_tables *t, const pl_rle_image *label,
                             const pl_rle_image *answer, pl_error *err) {
  *out = (pl_score_case){0};
  if (!label->has_mask && !answer->has_mask) return PL_OK;  // three quarters of the competition's images
  pl_image truth = {0}, predicted = {0};
  pl_status status = read_mask(&truth, t->labels, t->labels_name, label, t->width, t->height, err);
  if (status == PL_OK) {
    status = read_mask(&predicted, t->submission, t->submission_name, answer, t->width, t->height, err);
  }
  if (status == PL_OK) status = pl_score_masks(out, &truth, &predicted, err);
  pl_image_clear(&truth);
  pl_image_clear(&predicted);
  return status;
}

pl_status pl_submission_score_tables(pl_submission_score *out, const pl_submission_tables *t, pl_error *err) {
  const pl_rle_table *labels = t->labels;
  pl_submission_score made = {.cases = pl_xcalloc(labels->image_count + 1, sizeof *made.cases),
                              .ids = pl_xcalloc(labels->image_count + 1, sizeof *made.ids)};
  pl_status status = PL_OK;
  for (size_t i = 0; i < labels->image_count && status == PL_OK; i++) {
    const pl_rle_image *label = &labels->images[i];
    const pl_rle_image *answer = pl_rle_table_find(t->submission, label->id);
    if (pl_rle_table_is_damaged(labels, label->id)) continue;
    if (answer == NULL) {
      made.missing++;
      continue;
    }
    status = score_image(&made.cases[made.count], t, label, answer, err);
    made.ids[made.count++] = label->id;
  }
  made.damaged = labels->damaged_count;
  for (size_t i = 0; i < t->submission->image_count; i++) {
    const char *id = t->submission->images[i].id;
    made.unknown += pl_rle_table_find(labels, id) == NULL && !pl_rle_table_is_damaged(labels, id);
  }
  if (status == PL_OK && made.count == 0) {
    status = pl_fail(err, PL_E_NOTFOUND, "none of the %zu images of %s is in %s", t->submission->image_count,
                     t->submission_name, t->labels_name);
  }
  if (status != PL_OK) {
    pl_submission_score_clear(&made);
    return status;
  }
  *out = made;
  return PL_OK;
}

void pl_submission_score_clear(pl_submission_score *score) {
  free(score->cases);
  free(score->ids);
  *score = (pl_submission_score){0};
}

// ---- Writing

// What was put for an image: its codes, and what they must decode to.
typedef struct answer {
  char *codes;  // NULL: none yet
  uint32_t width, height, crc;
  uint64_t area;
} answer;

struct pl_submission {
  const pl_rle_table *sample;
  answer *answers;  // by sample->images
};

pl_submission *pl_submission_create(const pl_rle_table *sample) {
  pl_submission *s = pl_xcalloc(1, sizeof *s);
  s->sample = sample;
  s->answers = pl_xcalloc(sample->image_count + 1, sizeof *s->answers);
  return s;
}

void pl_submission_destroy(pl_submission *s) {
  if (s == NULL) return;
  for (size_t i = 0; i < s->sample->image_count; i++) free(s->answers[i].codes);
  free(s->answers);
  free(s);
}

// Of a mask's pixels as inside and outside, whatever the values are.
static uint32_t crc_of(const pl_image *mask) {
  enum { PART = 4096 };
  uint8_t bits[PART];
  const size_t pixels = (size_t)mask->width * mask->height;
  uint32_t crc = 0;
  for (size_t first = 0; first < pixels; first += PART) {
    const size_t count = pixels - first < PART ? pixels - first : PART;
    for (size_t i = 0; i < count; i++) bits[i] = mask->u8[first + i] != 0;
    crc = pl_crc32(crc, bits, count);
  }
  return crc;
}

pl_status pl_submission_put(pl_submission *s, size_t index, const pl_image *mask, pl_error *err) {
  pl_buf codes;
  pl_buf_init(&codes, PL_CSV_FILE_MAX);
  pl_status status = pl_rle_encode(&codes, mask, err);
  if (status != PL_OK) {
    pl_buf_clear(&codes);
    return status;
  }
  answer *a = &s->answers[index];
  free(a->codes);
  *a = (answer){.codes = codes.data,  // ours from here on
                .width = mask->width,
                .height = mask->height,
                .crc = crc_of(mask),
                .area = pl_mask_area(mask)};
  return PL_OK;
}

size_t pl_submission_positives(const pl_submission *s) {
  size_t positives = 0;
  for (size_t i = 0; i < s->sample->image_count; i++) positives += s->answers[i].area > 0;
  return positives;
}

// The answer to a row of the sample.
static const answer *answer_to(const pl_submission *s, const pl_rle_row *row) {
  return &s->answers[pl_rle_table_find(s->sample, row->id) - s->sample->images];
}

static pl_status add_rows(pl_buf *out, const pl_submission *s, pl_error *err) {
  (void)pl_buf_add_text(out, "ImageId,EncodedPixels\n");
  for (size_t i = 0; i < s->sample->count; i++) {
    const pl_rle_row *row = &s->sample->rows[i];
    const answer *a = answer_to(s, row);
    if (a->codes == NULL) return pl_fail(err, PL_E_USAGE, "there is no prediction for image %s", row->id);
    pl_csv_add_field(out, row->id);
    (void)pl_buf_add_text(out, ",");
    (void)pl_buf_add_text(out, a->codes);
    (void)pl_buf_add_text(out, "\n");
  }
  return out->failed ? pl_fail(err, PL_E_LIMIT, "the submission is larger than %d MiB", PL_CSV_FILE_MAX >> 20) : PL_OK;
}

static pl_status check_masks(const pl_submission *s, const pl_rle_table *read, pl_error *err) {
  for (size_t i = 0; i < read->image_count; i++) {
    const answer *a = answer_to(s, &read->rows[read->order[read->images[i].first]]);
    pl_image mask = {0};
    pl_status status = read_mask(&mask, read, "the submission", &read->images[i], a->width, a->height, err);
    if (status != PL_OK) return status;
    const bool equal = crc_of(&mask) == a->crc && pl_mask_area(&mask) == a->area;
    pl_image_clear(&mask);
    if (!equal) return pl_fail(err, PL_E_INTERNAL, "image %s reads back as another mask", read->images[i].id);
  }
  return PL_OK;
}

// Reads the text back as anybody would, and compares.
static pl_status check_text(const pl_submission *s, const pl_buf *text, pl_error *err) {
  pl_rle_table read = {0};
  pl_status status = pl_rle_table_parse(&read, text->data, text->length, true, err);
  if (status != PL_OK) return status;
  if (read.count != s->sample->count || read.image_count != s->sample->image_count) {
    status = pl_fail(err, PL_E_INTERNAL, "%zu rows read back, %zu were written", read.count, s->sample->count);
  }
  for (size_t i = 0; i < read.count && status == PL_OK; i++) {
    if (strcmp(read.rows[i].id, s->sample->rows[i].id) == 0) continue;
    status = pl_fail(err, PL_E_INTERNAL, "row %zu reads back as image %s", i + 1, read.rows[i].id);
  }
  if (status == PL_OK) status = check_masks(s, &read, err);
  pl_rle_table_clear(&read);
  return status == PL_OK ? PL_OK : pl_wrap(err, "the submission was not written");
}

pl_status pl_submission_write(const pl_submission *s, const char *path, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_status status = add_rows(&text, s, err);
  if (status == PL_OK) status = check_text(s, &text, err);
  if (status == PL_OK) status = pl_fs_replace(path, text.data, text.length, err);
  pl_buf_clear(&text);
  return status;
}

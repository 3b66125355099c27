// The images of a step that was not taken: RUN/nan/STEP/NN-CASE-image.png, -mask.png, -prediction.png and NN-CASE.json.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "core/run/batch_view.h"
#include "core/run/json.h"
#include "core/run/session_private.h"

enum { JSON_MAX = 8192 };

// Grey levels of a map of probabilities; what is not a number is black, and counted.
static int64_t take_prediction(pl_image *out, const float *probabilities, size_t pixels) {
  int64_t wrong = 0;
  for (size_t i = 0; i < pixels; i++) {
    bool fine = isfinite(probabilities[i]);
    out->u8[i] = fine ? (uint8_t)lrintf(255 * fminf(fmaxf(probabilities[i], 0), 1)) : 0;
    wrong += !fine;
  }
  return wrong;
}

static pl_status write_picture(const char *stem, const char *what, const pl_image *image, pl_error *err) {
  char *path = pl_xprintf("%s-%s.png", stem, what);
  pl_status status = pl_png_write(path, image, PL_PNG_FAST, err);
  free(path);
  return status;
}

static pl_status write_words(const char *stem, const pl_train_lost *lost, size_t index, const pl_case *c, int64_t wrong,
                             pl_error *err) {
  const pl_augmentation *a = &lost->batch->augmentations[index];
  pl_buf text;
  pl_buf_init(&text, JSON_MAX);
  (void)pl_buf_printf(&text, "{\"number\":%u", (unsigned)c->number);
  pl_json_add_text(&text, "id", c->id);
  pl_json_add_text(&text, "not_finite", lost->what);
  pl_json_add_int(&text, "step", lost->step);
  pl_json_add_int(&text, "epoch", lost->epoch);
  pl_json_add_int(&text, "position", (int64_t)(lost->batch->position + index));
  pl_json_add_int(&text, "prediction_pixels_not_finite", wrong);
  (void)pl_buf_printf(&text, ",\"affine\":[%.17g,%.17g,%.17g,%.17g,%.17g,%.17g],\"gain\":%.17g,\"bias\":%.17g}\n",
                      a->affine[0], a->affine[1], a->affine[2], a->affine[3], a->affine[4], a->affine[5], a->gain,
                      a->bias);
  char *path = pl_xprintf("%s.json", stem);
  pl_status status = pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

static pl_status save_image(const char *stem, const pl_train_lost *lost, size_t index, const pl_case *c, uint32_t side,
                            pl_error *err) {
  size_t plane = (size_t)side * side;
  pl_image image = {0}, mask = {0}, prediction = {0};
  int64_t wrong = 0;
  pl_status status = pl_image_init(&image, side, side, PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status == PL_OK) status = pl_image_init(&mask, side, side, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status == PL_OK) status = pl_image_init(&prediction, side, side, PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status == PL_OK) {
    pl_batch_view_apply(&image, &mask, lost->batch->image + index * plane, lost->batch->mask + index * plane, side,
                        &lost->batch->augmentations[index]);
    wrong = take_prediction(&prediction, lost->probabilities + index * plane, plane);
    status = write_picture(stem, "image", &image, err);
  }
  if (status == PL_OK) status = write_picture(stem, "mask", &mask, err);
  if (status == PL_OK) status = write_picture(stem, "prediction", &prediction, err);
  if (status == PL_OK) status = write_words(stem, lost, index, c, wrong, err);
  pl_image_clear(&image);
  pl_image_clear(&mask);
  pl_image_clear(&prediction);
  return status;
}

void pl_session_save_lost(pl_session *s, const pl_train_lost *lost) {
  char *folder = pl_xprintf("%s/nan/%06" PRId64, s->folder, lost->step);
  pl_error err = {0};
  pl_status status = pl_fs_make_folders(folder, &err);
  for (size_t i = 0; i < lost->batch->count && status == PL_OK; i++) {
    const pl_case *c = &s->manifest.cases[lost->batch->cases[i]];
    char *stem = pl_xprintf("%s/%02" PRId64 "-%u", folder, ++s->lost, (unsigned)c->number);
    status = save_image(stem, lost, i, c, (uint32_t)s->info.config.size, &err);
    free(stem);
  }
  free(folder);
  if (status == PL_OK) {
    pl_session_note(s, PL_MESSAGE_WARN, "",
                    "the %s of step %" PRId64 " is not finite; its images are below nan/%06" PRId64, lost->what,
                    lost->step, lost->step);
  } else {
    pl_session_note(s, PL_MESSAGE_WARN, "", "the images of step %" PRId64 " cannot be saved: %.180s", lost->step,
                    err.message);
  }
}

#include "tests/screens/fixture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/data/manifest.h"
#include "core/data/rle.h"
#include "core/image/dicom_write.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "core/run/journal.h"
#include "core/run/previews.h"
#include "core/run/rundir.h"
#include "core/train/checkpoint_state.h"

enum { MASK_LEFT = 16, MASK_RIGHT = 40, MASK_TOP = 8, MASK_BOTTOM = 24 };

static const double start_time = 1795435200.0;  // 2026-11-23 12:00:00 UTC

static pl_status write_pictures(const pl_manifest *manifest, const pl_case *c, pl_error *err) {
  pl_image image = {0}, mask = {0};
  pl_status status = pl_image_init(&image, FIXTURE_SIDE, FIXTURE_SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status == PL_OK) status = pl_image_init(&mask, FIXTURE_SIDE, FIXTURE_SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status == PL_OK) {
    for (uint32_t y = 0; y < FIXTURE_SIDE; y++) {
      for (uint32_t x = 0; x < FIXTURE_SIDE; x++) {
        image.u8[y * FIXTURE_SIDE + x] = (uint8_t)((x * 3 + y + c->number * 8) & 0xff);
        mask.u8[y * FIXTURE_SIDE + x] = x > MASK_LEFT && x < MASK_RIGHT && y > MASK_TOP && y < MASK_BOTTOM ? 255 : 0;
      }
    }
    char *image_path = pl_case_image_path(manifest, c), *mask_path = pl_case_mask_path(manifest, c);
    status = pl_png_write(image_path, &image, PL_PNG_FAST, err);
    if (status == PL_OK && c->part == PL_PART_TRAIN) status = pl_png_write(mask_path, &mask, PL_PNG_FAST, err);
    free(image_path);
    free(mask_path);
  }
  pl_image_clear(&image);
  pl_image_clear(&mask);
  return status;
}

static void fill_case(pl_case *c, size_t index, size_t count) {
  static const int ages[] = {34, 61, -1, 8};
  const bool test = index + 2 >= count, positive = !test && index % 3 == 0;
  *c = (pl_case){.number = (uint32_t)index + 1,
                 .id = pl_xprintf("1.2.826.0.1.3680043.8498.%04zu", 1000 + index * 37),
                 .part = test ? PL_PART_TEST : PL_PART_TRAIN,
                 .source = pl_xstrdup(""),
                 .rows = 1024,
                 .cols = 1024,
                 .status = PL_CASE_OK,
                 .label = test       ? PL_LABEL_UNKNOWN
                          : positive ? PL_LABEL_POSITIVE
                                     : PL_LABEL_NEGATIVE,
                 .mask_area = positive ? 5000 + 111 * index : 0,
                 .age = ages[index % 4],
                 .sex = index % 4 == 2   ? 0
                        : index % 2 == 0 ? 'F'
                                         : 'M',
                 .patient = pl_xstrdup(""),
                 .fold = -1};
  memset(c->sha256, '0', PL_SHA256_HEX_SIZE - 1);
  snprintf(c->view, sizeof c->view, "%s", index % 2 == 0 ? "PA" : "AP");
}

pl_status fixture_workspace(const char *folder, size_t cases, pl_error *err) {
  pl_status status = pl_workspace_init(folder, err);
  if (status != PL_OK) return status;
  char *images = pl_path_join(folder, "images"), *masks = pl_path_join(folder, "masks");
  status = pl_fs_make_folders(images, err);
  if (status == PL_OK) status = pl_fs_make_folders(masks, err);
  free(images);
  free(masks);
  pl_manifest manifest = {.workspace = pl_xstrdup(folder), .cases = pl_xcalloc(cases, sizeof(pl_case)), .count = cases};
  pl_buf folds;
  pl_buf_init(&folds, 1 << 20);
  pl_buf_add_text(&folds, "ImageId,EncodedPixels,has_mask,kfold\n");
  for (size_t i = 0; i < cases; i++) {
    pl_case *c = &manifest.cases[i];
    fill_case(c, i, cases);
    if (c->part == PL_PART_TRAIN) {
      pl_buf_printf(&folds, "%s,%s,%d,%zu\n", c->id, c->label == PL_LABEL_POSITIVE ? "10 20" : "-1",
                    c->label == PL_LABEL_POSITIVE, i % 5);
    }
    if (status == PL_OK) status = write_pictures(&manifest, c, err);
  }
  if (status == PL_OK) status = pl_manifest_save(&manifest, err);
  char *path = pl_path_join(folder, "folds.csv");
  if (status == PL_OK) status = pl_fs_replace(path, folds.data, folds.length, err);
  free(path);
  pl_buf_clear(&folds);
  pl_manifest_clear(&manifest);
  return status;
}

static pl_status write_journal(const char *folder, int epochs, pl_error *err) {
  enum { STEPS = 10 };
  pl_journal *journal = NULL;
  pl_status status = pl_journal_open(&journal, folder, err);
  double best = -1.0;
  for (int epoch = 0; epoch <= epochs && status == PL_OK; epoch++) {
    for (int i = 1; i <= STEPS && epoch > 0 && status == PL_OK; i++) {
      const int step = (epoch - 1) * STEPS + i;
      const pl_step_record record = {.step = step,
                                     .terms = {NAN, NAN, NAN, NAN, NAN, NAN},
                                     .epoch = epoch,
                                     .time = start_time + step,
                                     .loss = 1.2 * exp(-step / 60.0) + 0.08 * sin(step * 1.7),
                                     .loss_mean = 1.2 * exp(-step / 60.0),
                                     .learning_rate = 1e-4,
                                     .gradient_norm = 1.0,
                                     .images_per_second = 12.5,
                                     .active = step,
                                     .cpu = step % 2 == 0 ? 0.9 : (double)NAN,
                                     .gpu = (double)NAN,
                                     .gpu_memory = (double)NAN};
      status = pl_journal_step(journal, &record, err);
    }
    const double dice_batch = 0.85 * (1.0 - exp(-epoch / 5.0)) + 0.02 * sin(epoch * 2.1);
    const double loss = epoch > 0 ? 1.2 * exp(-epoch / 6.0) + 0.05 : NAN;
    const pl_epoch_record record = {.step = epoch * STEPS,
                                    .epoch = epoch,
                                    .time = start_time + epoch * STEPS,
                                    .train_loss = loss,
                                    .train_terms = {0.1 * loss, 0.5 * loss, 0.05 * loss, NAN, NAN, NAN},
                                    .valid_terms = {NAN, NAN, NAN, NAN, NAN, NAN},
                                    .learning_rate = 1e-4,
                                    .valid_loss = 1.1 * exp(-epoch / 7.0) + 0.12,
                                    .dice_batch = dice_batch,
                                    .dice_image = dice_batch,
                                    .dice = 0.4 + 0.48 * (1.0 - exp(-epoch / 4.0)),
                                    .dice_pos = 0.7 * (1.0 - exp(-epoch / 8.0)),
                                    .nothing = 0.6667,
                                    .images_per_second = 12.5,
                                    .active = epoch * STEPS,
                                    .best = dice_batch > best};
    if (dice_batch > best) best = dice_batch;
    if (status == PL_OK) status = pl_journal_epoch(journal, &record, err);
  }
  const pl_message_record message = {.kind = PL_MESSAGE_ACT,
                                     .step = epochs * STEPS,
                                     .epoch = epochs,
                                     .time = start_time + epochs * STEPS,
                                     .text = "checkpoint written"};
  if (status == PL_OK) status = pl_journal_message(journal, &message, err);
  pl_journal_close(journal);
  return status;
}

static pl_status make_run(char **folder, const char *workspace, const char *name, const char *fold, int epochs,
                          pl_phase phase, pl_error *err) {
  pl_config config;
  pl_config_defaults(&config);
  pl_status status = pl_config_set(&config, "name", name, PL_ORIGIN_COMMAND, err);
  if (status == PL_OK) status = pl_config_set(&config, "fold", fold, PL_ORIGIN_COMMAND, err);
  if (status == PL_OK) status = pl_config_set(&config, "encoder", "resnet18", PL_ORIGIN_COMMAND, err);
  if (status == PL_OK) status = pl_config_set(&config, "size", "128", PL_ORIGIN_COMMAND, err);
  char *made = NULL;
  if (status == PL_OK) status = pl_run_make(&made, workspace, &config, err);
  if (status != PL_OK) return status;
  status = write_journal(made, epochs, err);
  pl_run_state state;
  pl_run_state_init(&state);
  state.phase = phase;
  state.heartbeat = 77;
  state.step = epochs * 10 + 4;
  state.steps = 200;
  state.epoch = epochs + 1;
  state.epochs = 20;
  state.epoch_step = 4;
  state.epoch_steps = 10;
  state.loss = 0.3218;
  state.learning_rate = 1e-4;
  state.images_per_second = 12.5;
  state.eta = 754.0;
  state.elapsed = 431.0;
  state.time = start_time + 500.0;
  state.best = 0.7311;
  state.best_epoch = epochs;
  snprintf(state.backend, sizeof state.backend, "onednn");
  snprintf(state.device, sizeof state.device, "2 CPU threads");
  snprintf(state.encoder_weights, sizeof state.encoder_weights, "random");
  if (phase == PL_PHASE_FAILED) {
    snprintf(state.last_error, sizeof state.last_error, "the loss became NaN at step 124; images #3 #7 #9 #12");
  }
  if (status == PL_OK) status = pl_run_state_save(&state, made, err);
  if (status != PL_OK) {
    free(made);
    return status;
  }
  *folder = made;
  return PL_OK;
}

pl_status fixture_run(char **folder, const char *workspace, const char *name, int epochs, pl_phase phase,
                      pl_error *err) {
  return make_run(folder, workspace, name, "0", epochs, phase, err);
}

pl_status fixture_fold(char **folder, const char *workspace, const char *name, int fold, pl_error *err) {
  char text[16];
  snprintf(text, sizeof text, "%d", fold);
  return make_run(folder, workspace, name, text, 1, PL_PHASE_FINISHED, err);
}

pl_status fixture_checkpoint(const char *run, pl_error *err) {
  static const char *const names[] = {"weights.safetensors", "optimizer.safetensors", "state.json"};
  const pl_checkpoint_state state = {.step = 10, .epoch = 1, .epochs = 1, .encoder = "resnet18"};
  char *folder = pl_path_join(run, "ckpt/000010"), *best = pl_path_join(run, "ckpt/best"),
       *manifest = pl_path_join(folder, "MANIFEST");
  pl_buf text;
  pl_buf_init(&text, 4096);
  pl_buf_add_text(&text, "pleura checkpoint 1\n");
  pl_status status = pl_fs_make_folders(folder, err);
  for (size_t i = 0; i < sizeof names / sizeof names[0] && status == PL_OK; i++) {
    char *path = pl_path_join(folder, names[i]), hash[PL_SHA256_HEX_SIZE] = "";
    status = i < 2 ? pl_fs_replace(path, run, strlen(run), err) : pl_checkpoint_state_write(path, &state, err);
    if (status == PL_OK) status = pl_sha256_file(hash, path, err);
    pl_buf_printf(&text, "%s  %s\n", hash, names[i]);
    free(path);
  }
  if (status == PL_OK) status = pl_fs_replace(manifest, text.data, text.length, err);
  if (status == PL_OK && symlink("000010", best) != 0) status = pl_fail_errno(err, errno, "cannot link %s", best);
  pl_buf_clear(&text);
  free(folder);
  free(best);
  free(manifest);
  return status;
}

// How far a point lies outside of an interval.
static double outside(double at, double low, double high) { return fmax(0, fmax(low - at, at - high)); }

static void fill_map(float *map, uint32_t side, const pl_case *c, double wrong) {
  for (uint32_t y = 0; y < side; y++) {
    for (uint32_t x = 0; x < side; x++) {
      const double at_x = (x + 0.5) * FIXTURE_SIDE / side, at_y = (y + 0.5) * FIXTURE_SIDE / side;
      const double moved = 8 * wrong, there = c->label == PL_LABEL_POSITIVE ? 0.95 : 0.95 * wrong;
      const double far =
          hypot(outside(at_x, MASK_LEFT + 1 + moved, MASK_RIGHT + moved), outside(at_y, MASK_TOP + 1, MASK_BOTTOM));
      map[y * side + x] = (float)(there * exp(-far / 4));
    }
  }
}

pl_status fixture_previews(const char *run, const char *workspace, int epochs, int first, pl_error *err) {
  enum { SIDE = FIXTURE_SIDE / 2, SHOWN = 3 };
  static const size_t cases[SHOWN] = {0, 3, 1};
  pl_manifest manifest = {0};
  pl_preview_writer *writer = NULL;
  pl_status status = pl_manifest_load(&manifest, workspace, err);
  if (status == PL_OK) status = pl_preview_writer_open(&writer, run, &manifest, cases, SHOWN, first, err);
  for (int epoch = first; epoch <= epochs && status == PL_OK; epoch++) {
    for (int i = 0; i < SHOWN && status == PL_OK; i++) {
      float map[SIDE * SIDE];
      fill_map(map, SIDE, &manifest.cases[cases[i]], (double)(epochs - epoch) / (epochs > 0 ? epochs : 1));
      status = pl_preview_writer_add(writer, &manifest.cases[cases[i]], map, SIDE, err);
    }
    if (status == PL_OK) status = pl_preview_writer_end(writer, epoch, err);
  }
  pl_preview_writer_close(writer);
  pl_manifest_clear(&manifest);
  return status;
}

static pl_status write_original(const pl_manifest *manifest, const pl_case *c, double spacing, pl_error *err) {
  const pl_dicom_identity identity = {.instance_uid = c->id,
                                      .study_uid = "1.2.3",
                                      .series_uid = "1.2.4",
                                      .patient_id = "SYN7",
                                      .age = "034Y",
                                      .sex = "F",
                                      .view = "PA",
                                      .date = "20201231",
                                      .pixel_spacing = spacing};
  pl_image image = {0};
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  char *image_path = pl_case_image_path(manifest, c);
  pl_status status = pl_png_read(&image, image_path, err);
  if (status == PL_OK) status = pl_dicom_write_jpeg(&bytes, &image, &identity, 95, err);
  if (status == PL_OK) status = pl_fs_replace(c->source, bytes.data, bytes.length, err);
  free(image_path);
  pl_buf_clear(&bytes);
  pl_image_clear(&image);
  return status;
}

pl_status fixture_originals(const char *workspace, double spacing, pl_error *err) {
  pl_manifest manifest = {0};
  pl_status status = pl_manifest_load(&manifest, workspace, err);
  for (size_t i = 0; i < manifest.count && status == PL_OK; i++) {
    pl_case *c = &manifest.cases[i];
    free(c->source);
    c->source = pl_xprintf("%s/%s.dcm", workspace, c->id);
    status = write_original(&manifest, c, spacing, err);
  }
  if (status == PL_OK) status = pl_manifest_save(&manifest, err);
  pl_manifest_clear(&manifest);
  return status;
}

static pl_status write_labels(pl_manifest *manifest, pl_error *err) {
  pl_buf table;
  pl_buf_init(&table, 1 << 20);
  pl_buf_add_text(&table, "ImageId, EncodedPixels\n");
  pl_status status = PL_OK;
  for (size_t i = 0; i < manifest->count && status == PL_OK; i++) {
    pl_case *c = &manifest->cases[i];
    c->rows = c->cols = FIXTURE_SIDE;
    if (c->label == PL_LABEL_UNKNOWN) continue;
    pl_buf_printf(&table, "%s, ", c->id);
    if (c->label == PL_LABEL_NEGATIVE) {
      pl_buf_add_text(&table, "-1\n");
      continue;
    }
    pl_image mask = {0};
    char *path = pl_case_mask_path(manifest, c);
    status = pl_png_read(&mask, path, err);
    if (status == PL_OK) status = pl_rle_encode(&table, &mask, err);
    if (status == PL_OK) c->mask_area = pl_mask_area(&mask);
    pl_buf_add_text(&table, "\n");
    pl_image_clear(&mask);
    free(path);
  }
  char *path = pl_path_join(manifest->workspace, "train-rle.csv");
  if (status == PL_OK) status = pl_fs_replace(path, table.data, table.length, err);
  if (status == PL_OK) status = pl_manifest_save(manifest, err);
  free(path);
  pl_buf_clear(&table);
  return status;
}

pl_status fixture_labels(const char *workspace, pl_error *err) {
  pl_manifest manifest = {0};
  pl_status status = pl_manifest_load(&manifest, workspace, err);
  if (status == PL_OK) status = write_labels(&manifest, err);
  pl_manifest_clear(&manifest);
  return status;
}

pl_status fixture_maps(const char *run, const char *workspace, double wrong, pl_error *err) {
  enum { SIDE = FIXTURE_SIDE / 2 };
  pl_manifest manifest = {0};
  char *folder = pl_path_join(run, "prob");
  pl_status status = pl_manifest_load(&manifest, workspace, err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  if (status == PL_OK) status = write_labels(&manifest, err);
  for (size_t i = 0; i < manifest.count && status == PL_OK; i++) {
    const pl_case *c = &manifest.cases[i];
    if (c->label == PL_LABEL_UNKNOWN) continue;
    float map[SIDE * SIDE];
    const bool negative = c->label == PL_LABEL_NEGATIVE;
    fill_map(map, SIDE, c, negative ? (c->number % 4 == 0 ? 0.6 : 0.1) : c->number / 15 % 3 * wrong / 8);
    pl_image plane = {0};
    char *path = pl_xprintf("%s/%s.png", folder, c->id);
    status = pl_probability_take(&plane, map, SIDE, SIDE, err);
    if (status == PL_OK) status = pl_probability_write(path, &plane, err);
    pl_image_clear(&plane);
    free(path);
  }
  pl_manifest_clear(&manifest);
  free(folder);
  return status;
}

#include "core/run/export.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "core/data/csvio.h"
#include "core/net/loss.h"

// A number of a record; the loss' terms stand where `terms` says.
typedef struct field {
  const char *column, *tag;  // of CSV, of TensorBoard
  size_t offset;
  bool terms;
} field;

static const field step_fields[];
static const field epoch_fields[];

static void walk(const field *fields, const void *record, pl_export_number *number, void *context) {
  for (const field *f = fields; f->column != NULL; f++) {
    const double *value = (const double *)(const void *)((const char *)record + f->offset);
    if (!f->terms) {
      number(context, f->column, f->tag, *value);
      continue;
    }
    for (int t = 0; t < PL_LOSS_TERMS; t++) {
      char column[64], tag[64];
      (void)snprintf(column, sizeof column, "%s%s", f->column, pl_loss_term_name((pl_loss_term)t));
      (void)snprintf(tag, sizeof tag, "%s%s", f->tag, pl_loss_term_name((pl_loss_term)t));
      number(context, column, tag, value[t]);
    }
  }
}

void pl_export_step_numbers(const pl_step_record *record, pl_export_number *number, void *context) {
  walk(step_fields, record, number, context);
}

void pl_export_epoch_numbers(const pl_epoch_record *record, pl_export_number *number, void *context) {
  walk(epoch_fields, record, number, context);
}

// ---------------------------------------------------------------------------------------------------------------------

static void add_column(void *context, const char *column, const char *tag, double value) {
  (void)tag;
  (void)value;
  pl_buf_printf(context, ",%s", column);
}

static void add_value(void *context, const char *column, const char *tag, double value) {
  (void)column;
  (void)tag;
  // A double's own digits, so that a reader gets it back.
  if (isfinite(value)) {
    pl_buf_printf(context, ",%.17g", value);
  } else {
    pl_buf_add_text(context, ",");
  }
}

void pl_export_epochs(pl_buf *out, const pl_journal_view *view) {
  static const pl_epoch_record none;
  pl_buf_add_text(out, "epoch,step");
  pl_export_epoch_numbers(&none, add_column, out);
  pl_buf_add_text(out, ",best\n");
  for (size_t i = 0; i < view->epoch_count; i++) {
    const pl_epoch_record *e = &view->epochs[i];
    pl_buf_printf(out, "%" PRId64 ",%" PRId64, e->epoch, e->step);
    pl_export_epoch_numbers(e, add_value, out);
    pl_buf_printf(out, ",%d\n", e->best);
  }
}

void pl_export_steps(pl_buf *out, const pl_journal_view *view) {
  static const pl_step_record none;
  pl_buf_add_text(out, "step,epoch");
  pl_export_step_numbers(&none, add_column, out);
  pl_buf_add_text(out, "\n");
  for (size_t i = 0; i < view->step_count; i++) {
    const pl_step_record *s = &view->steps[i];
    pl_buf_printf(out, "%" PRId64 ",%" PRId64, s->step, s->epoch);
    pl_export_step_numbers(s, add_value, out);
    pl_buf_add_text(out, "\n");
  }
}

void pl_export_cases(pl_buf *out, const pl_manifest *manifest, const pl_filter *filter) {
  pl_buf_add_text(out, "number,ImageId,part,rows,cols,status,has_mask,mask_area,age,sex,view,patient,fold,flag,note\n");
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (filter != NULL && !pl_filter_holds(filter, c)) continue;
    pl_buf_printf(out, "%u,", (unsigned)c->number);
    pl_csv_add_field(out, c->id);
    pl_buf_printf(out, ",%s,%u,%u,%s,", pl_part_name(c->part), (unsigned)c->rows, (unsigned)c->cols,
                  pl_case_status_name(c->status));
    if (c->label != PL_LABEL_UNKNOWN) pl_buf_printf(out, "%d", c->label == PL_LABEL_POSITIVE);
    pl_buf_add_text(out, ",");
    if (c->label != PL_LABEL_UNKNOWN) pl_buf_printf(out, "%" PRIu64, c->mask_area);
    pl_buf_add_text(out, ",");
    if (c->age >= 0) pl_buf_printf(out, "%d", c->age);
    pl_buf_printf(out, ",%.*s,%s,", c->sex != 0 ? 1 : 0, &c->sex, c->view);
    pl_csv_add_field(out, c->patient);
    pl_buf_add_text(out, ",");
    if (c->fold >= 0) pl_buf_printf(out, "%d", c->fold);
    pl_buf_add_text(out, ",");
    pl_csv_add_field(out, c->flag != NULL ? c->flag : "");
    pl_buf_add_text(out, ",");
    pl_csv_add_field(out, c->note != NULL ? c->note : "");
    pl_buf_add_text(out, "\n");
  }
}

static const field step_fields[] = {
    {"time", "", offsetof(pl_step_record, time), false},
    {"loss", "train/loss", offsetof(pl_step_record, loss), false},
    {"", "train/", offsetof(pl_step_record, terms), true},
    {"loss_mean", "train/loss_mean", offsetof(pl_step_record, loss_mean), false},
    {"learning_rate", "train/learning_rate", offsetof(pl_step_record, learning_rate), false},
    {"gradient_norm", "train/gradient_norm", offsetof(pl_step_record, gradient_norm), false},
    {"images_per_second", "train/images_per_second", offsetof(pl_step_record, images_per_second), false},
    {"active", "", offsetof(pl_step_record, active), false},
    {"cpu", "load/cpu", offsetof(pl_step_record, cpu), false},
    {"gpu", "load/gpu", offsetof(pl_step_record, gpu), false},
    {"gpu_memory", "load/gpu_memory", offsetof(pl_step_record, gpu_memory), false},
    {0},
};

static const field epoch_fields[] = {
    {"time", "", offsetof(pl_epoch_record, time), false},
    {"train_loss", "epoch/train_loss", offsetof(pl_epoch_record, train_loss), false},
    {"train_", "epoch/train_", offsetof(pl_epoch_record, train_terms), true},
    {"valid_loss", "valid/loss", offsetof(pl_epoch_record, valid_loss), false},
    {"valid_", "valid/", offsetof(pl_epoch_record, valid_terms), true},
    {"learning_rate", "epoch/learning_rate", offsetof(pl_epoch_record, learning_rate), false},
    {"dice_batch", "valid/dice_batch", offsetof(pl_epoch_record, dice_batch), false},
    {"dice_image", "valid/dice_image", offsetof(pl_epoch_record, dice_image), false},
    {"dice", "valid/dice_at_half", offsetof(pl_epoch_record, dice), false},
    {"dice_pos", "valid/dice_pos", offsetof(pl_epoch_record, dice_pos), false},
    {"nothing", "valid/nothing", offsetof(pl_epoch_record, nothing), false},
    {"images_per_second", "epoch/images_per_second", offsetof(pl_epoch_record, images_per_second), false},
    {"active", "", offsetof(pl_epoch_record, active), false},
    {0},
};

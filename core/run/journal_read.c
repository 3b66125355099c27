// The reading side of the journal.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/seal.h"
#include "core/base/str.h"
#include "core/run/journal.h"
#include "core/run/json.h"

enum { MESSAGES_MAX = 1000, CHUNK = 65536 };

struct pl_journal_reader {
  char *path;
  off_t offset, size;  // what has been read, and all that there was by then
  dev_t device;
  ino_t inode;
  pl_buf line;    // the unfinished last line
  bool too_long;  // the rest of this line is dropped
  bool leaves_steps;
  pl_step_record *steps;
  size_t step_count, step_room;
  pl_epoch_record *epochs;
  size_t epoch_count, epoch_room;
  pl_message_record *messages;
  size_t message_count;
  size_t gaps, resumes;
  bool ended;
  double worked;  // seconds before the core that wrote the newest lines began
};

pl_journal_reader *pl_journal_reader_create(const char *folder) {
  pl_journal_reader *reader = pl_xcalloc(1, sizeof *reader);
  reader->path = pl_path_join(folder, "metrics.jsonl");
  reader->messages = pl_xcalloc(MESSAGES_MAX, sizeof *reader->messages);
  pl_buf_init(&reader->line, PL_JOURNAL_LINE_MAX);
  return reader;
}

void pl_journal_reader_destroy(pl_journal_reader *reader) {
  if (reader == NULL) return;
  pl_buf_clear(&reader->line);
  free(reader->path);
  free(reader->steps);
  free(reader->epochs);
  free(reader->messages);
  free(reader);
}

void pl_journal_reader_leave_steps(pl_journal_reader *reader) { reader->leaves_steps = true; }

static void take_terms(double terms[PL_LOSS_TERMS], const json_t *o, const char *key) {
  const json_t *object = json_object_get(o, key);
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    terms[i] = pl_json_number(object, pl_loss_term_name((pl_loss_term)i), (double)NAN);
  }
}

static void take_step(pl_journal_reader *r, const json_t *o, int64_t step, int64_t epoch, double time) {
  const double unknown = (double)NAN;
  if (r->step_count == r->step_room) {
    r->step_room = r->step_room != 0 ? r->step_room * 2 : 256;
    r->steps = pl_xrealloc(r->steps, r->step_room, sizeof *r->steps);
  }
  r->steps[r->step_count++] = (pl_step_record){.step = step,
                                               .epoch = epoch,
                                               .time = time,
                                               .loss = pl_json_number(o, "loss", unknown),
                                               .loss_mean = pl_json_number(o, "loss_mean", unknown),
                                               .learning_rate = pl_json_number(o, "lr", unknown),
                                               .gradient_norm = pl_json_number(o, "gradient_norm", unknown),
                                               .images_per_second = pl_json_number(o, "images_per_second", unknown),
                                               .active = r->worked + pl_json_number(o, "active", unknown),
                                               .cpu = pl_json_number(o, "cpu", unknown),
                                               .gpu = pl_json_number(o, "gpu", unknown),
                                               .gpu_memory = pl_json_number(o, "gpu_memory", unknown)};
  take_terms(r->steps[r->step_count - 1].terms, o, "terms");
}

static void take_epoch(pl_journal_reader *r, const json_t *o, int64_t step, int64_t epoch, double time) {
  const double unknown = (double)NAN;
  if (r->epoch_count == r->epoch_room) {
    r->epoch_room = r->epoch_room != 0 ? r->epoch_room * 2 : 32;
    r->epochs = pl_xrealloc(r->epochs, r->epoch_room, sizeof *r->epochs);
  }
  r->epochs[r->epoch_count++] = (pl_epoch_record){.step = step,
                                                  .epoch = epoch,
                                                  .time = time,
                                                  .train_loss = pl_json_number(o, "train_loss", unknown),
                                                  .learning_rate = pl_json_number(o, "lr", unknown),
                                                  .valid_loss = pl_json_number(o, "valid_loss", unknown),
                                                  .dice_batch = pl_json_number(o, "dice_batch", unknown),
                                                  .dice_image = pl_json_number(o, "dice_image", unknown),
                                                  .dice = pl_json_number(o, "dice", unknown),
                                                  .dice_pos = pl_json_number(o, "dice_pos", unknown),
                                                  .nothing = pl_json_number(o, "nothing", unknown),
                                                  .images_per_second = pl_json_number(o, "images_per_second", unknown),
                                                  .active = r->worked + pl_json_number(o, "active", unknown),
                                                  .best = json_is_true(json_object_get(o, "best"))};
  take_terms(r->epochs[r->epoch_count - 1].train_terms, o, "train_terms");
  take_terms(r->epochs[r->epoch_count - 1].valid_terms, o, "valid_terms");
}

// Of the newest record that still counts; 0 when none tells.
static double newest_active(const pl_journal_reader *r) {
  const double step = r->step_count > 0 ? r->steps[r->step_count - 1].active : 0;
  const double epoch = r->epoch_count > 0 ? r->epochs[r->epoch_count - 1].active : 0;
  return fmax(0, fmax(step, epoch));
}

static void take_message(pl_journal_reader *r, const json_t *o, pl_message_kind kind, int64_t step, int64_t epoch,
                         double time) {
  if (r->message_count == MESSAGES_MAX) {
    memmove(&r->messages[0], &r->messages[1], (MESSAGES_MAX - 1) * sizeof *r->messages);
    r->message_count--;
  }
  pl_message_record *m = &r->messages[r->message_count++];
  *m = (pl_message_record){.kind = kind, .step = step, .epoch = epoch, .time = time};
  pl_json_text(m->id, sizeof m->id, o, "id");
  pl_json_text(m->text, sizeof m->text, o, "text");
  if (kind == PL_MESSAGE_RESUME) {
    // What came later than the checkpoint is done again, so it never happened.
    while (r->step_count > 0 && r->steps[r->step_count - 1].step > step) r->step_count--;
    while (r->epoch_count > 0 && r->epochs[r->epoch_count - 1].epoch > epoch) r->epoch_count--;
    r->resumes++;
    r->worked = newest_active(r);
  }
}

static bool take_line(pl_journal_reader *r, const char *line, size_t length) {
  static const char step_head[] = "{\"kind\":\"step\",";
  if (r->leaves_steps && length >= sizeof step_head - 1 && memcmp(line, step_head, sizeof step_head - 1) == 0) {
    r->ended = false;
    return true;
  }
  if (!pl_seal_holds(line, length)) return false;
  json_error_t problem;
  json_t *o = json_loadb(line, length, 0, &problem);
  const char *kind = json_string_value(json_object_get(o, "kind"));
  int64_t step = pl_json_int(o, "step", -1), epoch = pl_json_int(o, "epoch", -1);
  double time = pl_json_number(o, "t", (double)NAN);
  bool fine = kind != NULL;
  if (fine) {
    r->ended = strcmp(kind, "end") == 0;
    if (strcmp(kind, "step") == 0) {
      take_step(r, o, step, epoch, time);
    } else if (strcmp(kind, "epoch") == 0) {
      take_epoch(r, o, step, epoch, time);
    } else {
      // Kinds of a newer version are left out without being a gap.
      for (int k = PL_MESSAGE_ACT; k <= PL_MESSAGE_END; k++) {
        if (strcmp(kind, pl_message_kind_name((pl_message_kind)k)) == 0) {
          take_message(r, o, (pl_message_kind)k, step, epoch, time);
        }
      }
    }
  }
  json_decref(o);
  return fine;
}

static void take_bytes(pl_journal_reader *r, const char *bytes, size_t length) {
  while (length > 0) {
    const char *end = memchr(bytes, '\n', length);
    size_t n = end != NULL ? (size_t)(end - bytes) : length;
    if (!r->too_long && !pl_buf_add(&r->line, bytes, n)) r->too_long = true;
    if (end == NULL) return;
    if (r->too_long || (r->line.length > 0 && !take_line(r, r->line.data, r->line.length))) r->gaps++;
    pl_buf_clear(&r->line);
    pl_buf_init(&r->line, PL_JOURNAL_LINE_MAX);
    r->too_long = false;
    bytes += n + 1;
    length -= n + 1;
  }
}

static void start_over(pl_journal_reader *r) {
  r->offset = 0;
  r->step_count = r->epoch_count = r->message_count = r->gaps = r->resumes = 0;
  r->ended = r->too_long = false;
  r->worked = 0;
  pl_buf_clear(&r->line);
  pl_buf_init(&r->line, PL_JOURNAL_LINE_MAX);
}

pl_status pl_journal_reader_update(pl_journal_reader *r, bool *changed, pl_error *err) {
  return pl_journal_reader_part(r, SIZE_MAX, changed, err);
}

size_t pl_journal_reader_unread(const pl_journal_reader *r) {
  struct stat st;
  if (stat(r->path, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
  const bool same = st.st_ino == r->inode && st.st_dev == r->device && st.st_size >= r->offset;
  return (size_t)(same ? st.st_size - r->offset : st.st_size);
}

double pl_journal_reader_share(const pl_journal_reader *r) {
  return r->offset < r->size ? (double)r->offset / (double)r->size : 1;
}

pl_status pl_journal_reader_part(pl_journal_reader *r, size_t most, bool *changed, pl_error *err) {
  bool scratch;
  if (changed == NULL) changed = &scratch;
  *changed = false;
  int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT ? PL_OK : pl_fail_errno(err, errno, "cannot open %s", r->path);
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return pl_fail(err, PL_E_IO, "%s is not a regular file", r->path);
  }
  if (st.st_ino != r->inode || st.st_dev != r->device || st.st_size < r->offset) {
    *changed = r->offset > 0;
    start_over(r);
    r->inode = st.st_ino;
    r->device = st.st_dev;
  }
  r->size = st.st_size;
  char *bytes = pl_xmalloc(CHUNK);
  pl_status status = PL_OK;
  while (most > 0) {
    ssize_t n = pread(fd, bytes, most < CHUNK ? most : CHUNK, r->offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = pl_fail_errno(err, errno, "cannot read %s", r->path);
    if (n <= 0) break;
    r->offset += n;
    most -= (size_t)n;
    *changed = true;
    take_bytes(r, bytes, (size_t)n);
  }
  free(bytes);
  close(fd);
  return status;
}

pl_journal_view pl_journal_reader_view(const pl_journal_reader *r) {
  return (pl_journal_view){.steps = r->steps,
                           .step_count = r->step_count,
                           .epochs = r->epochs,
                           .epoch_count = r->epoch_count,
                           .messages = r->messages,
                           .message_count = r->message_count,
                           .gaps = r->gaps,
                           .resumes = r->resumes,
                           .ended = r->ended};
}

pl_journal_view pl_journal_view_until(pl_journal_view v, double time) {
  const size_t messages = v.message_count;
  while (v.step_count > 0 && v.steps[v.step_count - 1].time > time) v.step_count--;
  while (v.epoch_count > 0 && v.epochs[v.epoch_count - 1].time > time) v.epoch_count--;
  while (v.message_count > 0 && v.messages[v.message_count - 1].time > time) v.message_count--;
  v.ended = v.ended && v.message_count == messages;
  return v;
}

#include "core/run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/seal.h"
#include "core/run/json.h"

enum { PENDING_MAX = 4096 };

struct pl_journal {
  int fd;
  char *path;
  char **pending;  // lines that did not fit on the disk, oldest first
  size_t pending_count;
  bool torn;  // the file may end within a line
};

static const char *const kind_names[4];

const char *pl_message_kind_name(pl_message_kind kind) { return kind_names[kind]; }

pl_status pl_journal_open(pl_journal **out, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, "metrics.jsonl");
  int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) {
    pl_status status = pl_fail_errno(err, errno, "cannot open %s", path);
    free(path);
    return status;
  }
  pl_journal *journal = pl_xcalloc(1, sizeof *journal);
  *journal = (pl_journal){.fd = fd, .path = path};
  struct stat st;
  char last = '\n';
  if (fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1) journal->torn = last != '\n';
  *out = journal;
  return PL_OK;
}

void pl_journal_close(pl_journal *journal) {
  if (journal == NULL) return;
  for (size_t i = 0; i < journal->pending_count; i++) free(journal->pending[i]);
  free(journal->pending);
  close(journal->fd);
  free(journal->path);
  free(journal);
}

// One write() per line, so that lines never mix. A partly written line stays as a torn one and is ended before the
// next.
static int write_line(pl_journal *journal, const char *line) {
  if (journal->torn) {
    if (write(journal->fd, "\n", 1) != 1) return errno != 0 ? errno : EIO;
    journal->torn = false;
  }
  size_t length = strlen(line);
  ssize_t n;
  do {
    errno = 0;
    n = write(journal->fd, line, length);
  } while (n < 0 && errno == EINTR);
  if (n == (ssize_t)length) return 0;
  if (n > 0) journal->torn = true;
  return n < 0 ? errno : ENOSPC;
}

static bool is_full(int errnum) { return errnum == ENOSPC || errnum == EDQUOT; }

static void keep_line(pl_journal *journal, const char *line) {
  if (journal->pending == NULL) journal->pending = pl_xcalloc(PENDING_MAX, sizeof *journal->pending);
  if (journal->pending_count == PENDING_MAX) {
    free(journal->pending[0]);
    memmove(&journal->pending[0], &journal->pending[1], (PENDING_MAX - 1) * sizeof *journal->pending);
    journal->pending_count--;
  }
  journal->pending[journal->pending_count++] = pl_xstrdup(line);
}

static pl_status write_pending(pl_journal *journal, pl_error *err) {
  if (journal->pending_count == 0) return PL_OK;
  size_t done = 0;
  int failed = 0;
  while (done < journal->pending_count && failed == 0) {
    failed = write_line(journal, journal->pending[done]);
    if (failed == 0) free(journal->pending[done++]);
  }
  journal->pending_count -= done;
  memmove(journal->pending, journal->pending + done, journal->pending_count * sizeof *journal->pending);
  if (failed != 0 && !is_full(failed)) return pl_fail_errno(err, failed, "cannot write %s", journal->path);
  return PL_OK;
}

// Ends the object with its CRC and appends it.
static pl_status add_line(pl_journal *journal, pl_buf *line, pl_error *err) {
  pl_seal(line);
  if (line->failed) return pl_fail(err, PL_E_LIMIT, "a line of %s would be too long", journal->path);
  if (journal->pending_count > 0) {
    pl_status status = write_pending(journal, err);
    if (status != PL_OK) return status;
    if (journal->pending_count > 0) {
      keep_line(journal, line->data);
      return PL_OK;
    }
  }
  int failed = write_line(journal, line->data);
  if (failed == 0) return PL_OK;
  if (!is_full(failed)) return pl_fail_errno(err, failed, "cannot write %s", journal->path);
  keep_line(journal, line->data);
  return PL_OK;
}

static void begin_line(pl_buf *line, const char *kind, double time, int64_t step, int64_t epoch) {
  pl_buf_init(line, PL_JOURNAL_LINE_MAX);
  (void)pl_buf_printf(line, "{\"kind\":\"%s\"", kind);
  pl_json_add_number(line, "t", time, 17);
  pl_json_add_int(line, "step", step);
  pl_json_add_int(line, "epoch", epoch);
}

// ,"key":{ "bce":0.5,...}: the terms that are known.
static void add_terms(pl_buf *line, const char *key, const double terms[PL_LOSS_TERMS]) {
  (void)pl_buf_printf(line, ",\"%s\":{", key);
  size_t start = line->length;
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    if (!isnan(terms[i])) pl_json_add_number(line, pl_loss_term_name((pl_loss_term)i), terms[i], 17);
  }
  if (line->length > start) line->data[start] = ' ';  // the comma in front of the first
  (void)pl_buf_add_text(line, "}");
}

static void add_known(pl_buf *line, const char *key, double value) {
  if (!isnan(value)) pl_json_add_number(line, key, value, 9);
}

pl_status pl_journal_step(pl_journal *journal, const pl_step_record *r, pl_error *err) {
  pl_buf line;
  begin_line(&line, "step", r->time, r->step, r->epoch);
  pl_json_add_number(&line, "loss", r->loss, 17);
  pl_json_add_number(&line, "loss_mean", r->loss_mean, 17);
  pl_json_add_number(&line, "lr", r->learning_rate, 17);
  pl_json_add_number(&line, "gradient_norm", r->gradient_norm, 17);
  pl_json_add_number(&line, "images_per_second", r->images_per_second, 9);
  add_known(&line, "active", r->active);
  add_known(&line, "cpu", r->cpu);
  add_known(&line, "gpu", r->gpu);
  add_known(&line, "gpu_memory", r->gpu_memory);
  add_terms(&line, "terms", r->terms);
  pl_status status = add_line(journal, &line, err);
  pl_buf_clear(&line);
  return status;
}

pl_status pl_journal_epoch(pl_journal *journal, const pl_epoch_record *r, pl_error *err) {
  pl_buf line;
  begin_line(&line, "epoch", r->time, r->step, r->epoch);
  pl_json_add_number(&line, "train_loss", r->train_loss, 17);
  pl_json_add_number(&line, "lr", r->learning_rate, 17);
  pl_json_add_number(&line, "valid_loss", r->valid_loss, 17);
  pl_json_add_number(&line, "dice_batch", r->dice_batch, 17);
  pl_json_add_number(&line, "dice_image", r->dice_image, 17);
  pl_json_add_number(&line, "dice", r->dice, 17);
  pl_json_add_number(&line, "dice_pos", r->dice_pos, 17);
  pl_json_add_number(&line, "nothing", r->nothing, 17);
  pl_json_add_number(&line, "images_per_second", r->images_per_second, 9);
  add_known(&line, "active", r->active);
  (void)pl_buf_printf(&line, ",\"best\":%s", r->best ? "true" : "false");
  add_terms(&line, "train_terms", r->train_terms);
  add_terms(&line, "valid_terms", r->valid_terms);
  pl_status status = add_line(journal, &line, err);
  pl_buf_clear(&line);
  return status;
}

pl_status pl_journal_message(pl_journal *journal, const pl_message_record *r, pl_error *err) {
  pl_buf line;
  begin_line(&line, pl_message_kind_name(r->kind), r->time, r->step, r->epoch);
  if (r->id[0] != '\0') pl_json_add_text(&line, "id", r->id);
  pl_json_add_text(&line, "text", r->text);
  pl_status status = add_line(journal, &line, err);
  pl_buf_clear(&line);
  return status;
}

pl_status pl_journal_sync(pl_journal *journal, pl_error *err) {
  pl_status status = write_pending(journal, err);
  if (status != PL_OK) return status;
  if (journal->pending_count > 0) return pl_fail(err, PL_E_NOSPACE, "the disk is full: %s", journal->path);
  return fsync(journal->fd) == 0 ? PL_OK : pl_fail_errno(err, errno, "cannot write %s to disk", journal->path);
}

static const char *const kind_names[4] = {
    [PL_MESSAGE_ACT] = "act",
    [PL_MESSAGE_WARN] = "warn",
    [PL_MESSAGE_RESUME] = "resume",
    [PL_MESSAGE_END] = "end",
};

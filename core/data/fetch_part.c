#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/archive.h"
#include "core/data/fetch_private.h"

enum { NOTE_MAX = 1 << 16 };

static bool is_plain(const char *text) {
  for (const char *p = text; *p != '\0'; p++) {
    if (*p < ' ' || *p > '~') return false;
  }
  return true;
}

// The note. Whoever can write it could write the part as well, but a damaged one must cost no more than a new start.

static bool read_note(fetch_part *part, const json_t *root) {
  const char *url = json_string_value(json_object_get(root, "url"));
  const char *validator = json_string_value(json_object_get(root, "validator"));
  const char *md5 = json_string_value(json_object_get(root, "md5"));
  const json_t *total = json_object_get(root, "total");
  if (url == NULL || strcmp(url, part->url) != 0 || validator == NULL || validator[0] == '\0' || !is_plain(validator) ||
      md5 == NULL || !json_is_integer(total)) {
    return false;
  }
  part->total = json_integer_value(total);
  return pl_copy_text(part->validator, sizeof part->validator, validator) &&
         pl_copy_text(part->md5, sizeof part->md5, md5);
}

static bool load_note(fetch_part *part) {
  pl_buf text;
  pl_buf_init(&text, NOTE_MAX);
  json_t *root = NULL;
  if (pl_fs_read(&text, part->note_path, NULL) == PL_OK) {
    root = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
  }
  bool good = root != NULL && read_note(part, root);
  json_decref(root);
  pl_buf_clear(&text);
  return good;
}

static pl_status save_note(const fetch_part *part, pl_error *err) {
  json_t *root = json_pack("{s:s, s:s, s:s, s:I}", "url", part->url, "validator", part->validator, "md5", part->md5,
                           "total", (json_int_t)part->total);
  char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
  pl_status status = text == NULL ? pl_fail(err, PL_E_USAGE, "the address is not UTF-8")
                                  : pl_fs_replace(part->note_path, text, strlen(text), err);
  free(text);
  json_decref(root);
  return status;
}

static void forget(fetch_part *part) {
  part->total = -1;
  part->validator[0] = part->md5[0] = '\0';
}

// The part

static pl_status open_bytes(fetch_part *part, pl_error *err) {
  struct stat st;
  part->fd = open(part->bytes_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (part->fd < 0) return pl_fail_errno(err, errno, "cannot write %s", part->bytes_path);
  if (fstat(part->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    return pl_fail(err, PL_E_IO, "%s is not a regular file", part->bytes_path);
  }
  if (pl_lock_file(part->fd, part->bytes_path, NULL) != PL_OK) {
    return pl_fail(err, PL_E_BUSY, "another process is fetching %s", part->path);
  }
  part->length = (uint64_t)st.st_size;
  return PL_OK;
}

pl_status fetch_part_open(fetch_part *out, const char *path, const char *url, pl_error *err) {
  fetch_part part = {.path = pl_xstrdup(path), .url = url, .fd = -1};
  part.bytes_path = pl_xprintf("%s.part", path);
  part.note_path = pl_xprintf("%s.part.json", path);
  forget(&part);
  pl_status status = open_bytes(&part, err);
  if (status == PL_OK && part.length > 0 &&
      (!load_note(&part) || (part.total >= 0 && part.length > (uint64_t)part.total))) {
    status = fetch_part_drop(&part, err);
  }
  if (status != PL_OK) {
    if (part.fd >= 0) close(part.fd);
    free(part.path);
    free(part.bytes_path);
    free(part.note_path);
    return status;
  }
  *out = part;
  return PL_OK;
}

pl_status fetch_part_drop(fetch_part *part, pl_error *err) {
  forget(part);
  part->length = 0;
  return ftruncate(part->fd, 0) == 0 ? PL_OK : pl_fail_errno(err, errno, "cannot write %s", part->bytes_path);
}

pl_status fetch_part_begin(fetch_part *part, const pl_http_head *head, pl_error *err) {
  pl_status status = fetch_part_drop(part, err);
  if (status != PL_OK) return status;
  part->total = head->length;
  (void)pl_copy_text(part->validator, sizeof part->validator, pl_http_head_validator(head));
  pl_http_head_md5(part->md5, head);
  return save_note(part, err);
}

pl_status fetch_part_add(fetch_part *part, const void *bytes, size_t length, pl_error *err) {
  for (const char *p = bytes; length > 0;) {
    ssize_t n = pwrite(part->fd, p, length, (off_t)part->length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pl_fail_errno(err, errno, "cannot write %s", part->bytes_path);
    p += n;
    length -= (size_t)n;
    part->length += (uint64_t)n;
  }
  return PL_OK;
}

pl_status fetch_part_verify(const fetch_part *part, pl_fetch_result *result, pl_error *err) {
  if (part->total >= 0 && part->length != (uint64_t)part->total) {
    return pl_fail(err, PL_E_FORMAT, "%llu bytes came, %lld were announced", (unsigned long long)part->length,
                   (long long)part->total);
  }
  if (part->md5[0] != '\0') {
    char md5[PL_MD5_HEX_SIZE];
    pl_status status = pl_md5_file(md5, part->bytes_path, err);
    if (status != PL_OK) return status;
    if (strcmp(md5, part->md5) != 0)
      return pl_fail(err, PL_E_FORMAT, "what came does not have the MD5 that was announced");
    result->md5_checked = true;
  }
  if (pl_ends_with(part->path, ".zip")) {
    pl_archive *archive = NULL;
    pl_status status = pl_archive_open(&archive, part->bytes_path, err);
    pl_archive_close(archive);
    if (status != PL_OK) return status;
    result->zip_checked = true;
  }
  return PL_OK;
}

pl_status fetch_part_finish(fetch_part *part, pl_error *err) {
  if (fsync(part->fd) != 0) return pl_fail_errno(err, errno, "cannot write %s to disk", part->bytes_path);
  // Not rename: another process may have put something there meanwhile.
  if (link(part->bytes_path, part->path) == 0) {
    (void)unlink(part->bytes_path);
  } else if (errno == EEXIST || rename(part->bytes_path, part->path) != 0) {
    return pl_fail_errno(err, errno, "cannot name %s", part->path);
  }
  (void)unlink(part->note_path);
  char *folder = pl_xprintf("%.*s", (int)(pl_path_base(part->path) - part->path), part->path);
  pl_status status = pl_fs_sync_folder(folder[0] != '\0' ? folder : ".", err);
  free(folder);
  return status;
}

void fetch_part_close(fetch_part *part) {
  if (part->fd >= 0) {
    if (part->length == 0) {
      (void)unlink(part->bytes_path);
      (void)unlink(part->note_path);
    }
    close(part->fd);
  }
  free(part->path);
  free(part->bytes_path);
  free(part->note_path);
}

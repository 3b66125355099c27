#include "core/data/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "core/base/mem.h"

enum { LOCAL_HEADER_BYTES = 30, UNIX_MODE_SHIFT = 16, READ_BYTES = 1 << 20 };

// A member and where libzip has it.
typedef struct member {
  pl_archive_member shown;
  zip_uint64_t index;
} member;

struct pl_archive {
  zip_t *zip;
  member *members;  // sorted by name
  size_t count;
};

bool pl_archive_is(const char *path) {
  static const char starts[2][4] = {{'P', 'K', 3, 4}, {'P', 'K', 5, 6}};
  char first[4];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  ssize_t n = read(fd, first, sizeof first);
  close(fd);
  return n == (ssize_t)sizeof first && (memcmp(first, starts[0], 4) == 0 || memcmp(first, starts[1], 4) == 0);
}

// Checks

static bool has_part(const char *name, const char *part) {
  size_t length = strlen(part);
  for (const char *p = name;;) {
    size_t n = strcspn(p, "/");
    if (n == length && memcmp(p, part, n) == 0) return true;
    if (p[n] == '\0') return false;
    p += n + 1;
  }
}

static bool has_control(const char *name) {
  for (const char *p = name; *p != '\0'; p++) {
    if ((unsigned char)*p < ' ' || *p == 0x7f) return true;
  }
  return false;
}

// A NUL in a name has become a space by now: libzip does that.
static const char *name_problem(const char *name) {
  size_t length = strlen(name);
  if (length == 0 || length > PL_ARCHIVE_NAME_MAX) return "its name is empty or too long";
  if (name[0] == '/' || (length > 1 && name[1] == ':')) return "its name is an absolute path";
  if (strchr(name, '\\') != NULL) return "its name holds a backslash";
  if (has_control(name)) return "its name holds control characters";
  if (has_part(name, "..")) return "its name leads out of the folder";
  return NULL;
}

static bool out_of_proportion(uint64_t size, uint64_t packed) {
  return size > PL_ARCHIVE_RATIO_FREE && size / PL_ARCHIVE_RATIO_MAX > packed;
}

// The kind of a member that was packed on a Unix: a link's content is a path, and a device has none.
static bool is_special(zip_t *zip, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(zip, index, 0, &system, &attributes) != 0) return true;
  mode_t kind = (mode_t)(attributes >> UNIX_MODE_SHIFT) & S_IFMT;
  return system == ZIP_OPSYS_UNIX && kind != 0 && kind != S_IFREG && kind != S_IFDIR;
}

static const char *member_problem(zip_t *zip, const zip_stat_t *st) {
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  const char *problem = name_problem(st->name);
  if (problem != NULL) return problem;
  if ((st->valid & needed) != needed) return "the archive does not say how it is packed";
  if (st->encryption_method != ZIP_EM_NONE) return "it is encrypted";
  if (is_special(zip, st->index)) return "it is a link or a device, not a file";
  if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE) {
    return "it is packed in another way than Deflate";
  }
  if (out_of_proportion(st->size, st->comp_size)) return "it would unpack to far more than it is packed in";
  return NULL;
}

static int by_name(const void *a, const void *b) {
  const member *x = a, *y = b;
  int order = strcmp(x->shown.name, y->shown.name);
  return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

// Two members of one name: which of them another program takes is anybody's guess.
static void mark_doubles(pl_archive *a) {
  for (size_t i = 1; i < a->count; i++) {
    pl_archive_member *one = &a->members[i - 1].shown, *two = &a->members[i].shown;
    if (strcmp(one->name, two->name) != 0) continue;
    one->problem = one->problem != NULL ? one->problem : "its name is there twice";
    two->problem = two->problem != NULL ? two->problem : "its name is there twice";
  }
}

static pl_status list_members(pl_archive *a, uint64_t bytes, pl_error *err) {
  zip_int64_t count = zip_get_num_entries(a->zip, 0);
  if (count < 0 || count > PL_ARCHIVE_MEMBERS_MAX) {
    return pl_fail(err, PL_E_LIMIT, "it has more than %d members", PL_ARCHIVE_MEMBERS_MAX);
  }
  a->members = pl_xcalloc((size_t)count, sizeof *a->members);
  uint64_t packed = 0, size = 0;
  for (zip_uint64_t i = 0; i < (zip_uint64_t)count; i++) {
    zip_stat_t st;
    zip_stat_init(&st);
    if (zip_stat_index(a->zip, i, 0, &st) != 0 || (st.valid & ZIP_STAT_NAME) == 0) {
      return pl_fail(err, PL_E_FORMAT, "member %llu cannot be read: %s", (unsigned long long)i, zip_strerror(a->zip));
    }
    member *m = &a->members[a->count++];
    *m = (member){.index = i, .shown = {.name = st.name, .size = st.size}};
    size_t length = strlen(st.name);
    m->shown.is_folder = length > 0 && st.name[length - 1] == '/';
    m->shown.problem = member_problem(a->zip, &st);
    // Both sums come from fields of up to 64 bits each.
    if (__builtin_add_overflow(packed, st.comp_size, &packed) || __builtin_add_overflow(size, st.size, &size) ||
        __builtin_add_overflow(packed, LOCAL_HEADER_BYTES + length, &packed) || packed > bytes) {
      return pl_fail(err, PL_E_FORMAT, "its members lie on top of each other");
    }
  }
  if (out_of_proportion(size, bytes)) {
    return pl_fail(err, PL_E_LIMIT, "it would unpack to %llu MB, far more than its own %llu MB",
                   (unsigned long long)(size / 1000000), (unsigned long long)(bytes / 1000000));
  }
  if (a->count > 1) qsort(a->members, a->count, sizeof *a->members, by_name);
  mark_doubles(a);
  return PL_OK;
}

// Opening

static pl_status open_zip(pl_archive **out, zip_source_t *source, zip_error_t *why, uint64_t bytes, pl_error *err) {
  // libzip takes no bytes at all for an archive without members.
  if (bytes == 0) zip_error_set(why, ZIP_ER_NOZIP, 0);
  zip_t *zip = source != NULL && bytes > 0 ? zip_open_from_source(source, ZIP_RDONLY, why) : NULL;
  if (zip == NULL) {
    pl_status status = pl_fail(err, PL_E_FORMAT, "not a whole zip archive: %s", zip_error_strerror(why));
    if (source != NULL) zip_source_free(source);
    return status;
  }
  pl_archive *archive = pl_xcalloc(1, sizeof *archive);
  archive->zip = zip;
  pl_status status = list_members(archive, bytes, err);
  if (status != PL_OK) {
    pl_archive_close(archive);
    return status;
  }
  *out = archive;
  return PL_OK;
}

pl_status pl_archive_open(pl_archive **out, const char *path, pl_error *err) {
  struct stat st;
  if (stat(path, &st) != 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  if (!S_ISREG(st.st_mode)) return pl_fail(err, PL_E_IO, "%s is not a regular file", path);
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_file_create(path, 0, -1, &why);
  pl_status status = open_zip(out, source, &why, (uint64_t)st.st_size, err);
  zip_error_fini(&why);
  return status == PL_OK ? status : pl_wrap(err, "%s", path);
}

pl_status pl_archive_open_bytes(pl_archive **out, const void *bytes, size_t length, pl_error *err) {
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(bytes, length, 0, &why);
  pl_status status = open_zip(out, source, &why, length, err);
  zip_error_fini(&why);
  return status;
}

void pl_archive_close(pl_archive *archive) {
  if (archive == NULL) return;
  zip_discard(archive->zip);
  free(archive->members);
  free(archive);
}

size_t pl_archive_count(const pl_archive *archive) { return archive->count; }

const pl_archive_member *pl_archive_at(const pl_archive *archive, size_t i) { return &archive->members[i].shown; }

// Reading

static int by_name_alone(const void *name, const void *m) { return strcmp(name, ((const member *)m)->shown.name); }

static pl_status read_bytes(pl_buf *out, zip_file_t *file, uint64_t size, pl_error *err) {
  for (uint64_t left = size;;) {
    char scratch[1];
    uint64_t wanted = left < READ_BYTES ? left : READ_BYTES;
    char *room = wanted > 0 ? pl_buf_reserve(out, (size_t)wanted) : scratch;
    if (room == NULL) return pl_fail(err, PL_E_LIMIT, "it is larger than %zu bytes", out->max);
    // Behind the last byte one more read compares the checksum, or finds that there is more than was announced.
    zip_int64_t n = zip_fread(file, room, wanted > 0 ? wanted : 1);
    if (n < 0) return pl_fail(err, PL_E_FORMAT, "its packed bytes are damaged: %s", zip_file_strerror(file));
    if (n == 0 && left == 0) return PL_OK;
    if (n == 0) return pl_fail(err, PL_E_FORMAT, "it is shorter than the archive says");
    if (left == 0) return pl_fail(err, PL_E_FORMAT, "it is longer than the archive says");
    out->length += (size_t)n;
    out->data[out->length] = '\0';
    left -= (uint64_t)n;
  }
}

pl_status pl_archive_read(pl_buf *out, pl_archive *archive, const char *name, pl_error *err) {
  const member *m = archive->count == 0
                        ? NULL
                        : bsearch(name, archive->members, archive->count, sizeof *archive->members, by_name_alone);
  if (m == NULL) return pl_fail(err, PL_E_NOTFOUND, "the archive has no such member");
  if (m->shown.problem != NULL) return pl_fail(err, PL_E_UNSUPPORTED, "%s", m->shown.problem);
  if (m->shown.size > out->max - out->length) {
    return pl_fail(err, PL_E_LIMIT, "it is larger than %zu bytes", out->max);
  }
  zip_file_t *file = zip_fopen_index(archive->zip, m->index, 0);
  if (file == NULL) return pl_fail(err, PL_E_FORMAT, "it cannot be unpacked: %s", zip_strerror(archive->zip));
  pl_status status = read_bytes(out, file, m->shown.size, err);
  zip_fclose(file);
  if (status == PL_OK && out->data == NULL) (void)pl_buf_add(out, "", 0);
  return status;
}

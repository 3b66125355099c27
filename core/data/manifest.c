#include "core/data/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/csvio.h"
#include "core/data/folds.h"
#include "core/data/notes.h"

enum {
  CASES_MAX = 10 * 1000 * 1000,
  TEXT_MAX = 4096,  // bytes of a path
};

enum column {
  COLUMN_NUMBER,
  COLUMN_ID,
  COLUMN_PART,
  COLUMN_SOURCE,
  COLUMN_SHA256,
  COLUMN_ROWS,
  COLUMN_COLS,
  COLUMN_STATUS,
  COLUMN_HAS_MASK,
  COLUMN_MASK_AREA,
  COLUMN_AGE,
  COLUMN_SEX,
  COLUMN_VIEW,
  COLUMN_PATIENT,
  COLUMN_COUNT,
};

static const char *const column_names[COLUMN_COUNT];
static const char *const part_names[2];
static const char *const status_names[3];
static const char *const settings_text;

// Workspaces

static bool own_settings_file(const char *folder, bool must_own) {
  char *path = pl_path_join(folder, PL_WORKSPACE_FILE);
  struct stat st;
  bool found = stat(path, &st) == 0 && S_ISREG(st.st_mode) && (!must_own || st.st_uid == geteuid());
  free(path);
  return found;
}

pl_status pl_workspace_find(char **workspace, const char *start, pl_error *err) {
  char *folder = realpath(start, NULL);
  if (folder == NULL) return pl_fail_errno(err, errno, "cannot open folder %s", start);
  bool found = own_settings_file(folder, false);
  struct stat st;
  // Somebody else's folder (such as /tmp) could hold a settings file put there for us to find.
  while (!found && strcmp(folder, "/") != 0 && stat(folder, &st) == 0 && st.st_uid == geteuid()) {
    char *slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    if (stat(folder, &st) != 0 || st.st_uid != geteuid()) break;
    found = own_settings_file(folder, true);
  }
  if (!found) {
    free(folder);
    return pl_fail(err, PL_E_NOTFOUND,
                   "%s is not in a workspace (no %s there or above): make one with 'pleura init' or "
                   "'pleura import FOLDER', or name one with -C",
                   start, PL_WORKSPACE_FILE);
  }
  *workspace = folder;
  return PL_OK;
}

pl_status pl_workspace_init(const char *folder, pl_error *err) {
  pl_status status = pl_access_check(folder, "nothing is made there; name a folder of your own", err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  if (status != PL_OK) return status;
  char *path = pl_path_join(folder, PL_WORKSPACE_FILE);
  struct stat st;
  if (lstat(path, &st) == 0) {
    status = pl_fail(err, PL_E_EXISTS, "%s is a workspace already", folder);
  } else {
    status = pl_fs_replace(path, settings_text, strlen(settings_text), err);
  }
  free(path);
  return status;
}

// Reading

typedef struct cases_reader {
  pl_manifest *out;
  size_t room;
  int column[COLUMN_COUNT];  // where each column is, -1 when missing
  bool header_seen;
} cases_reader;

static pl_csv_field field_of(const cases_reader *r, const pl_csv_field *fields, size_t count, enum column column) {
  int at = r->column[column];
  return at >= 0 && (size_t)at < count ? fields[at] : (pl_csv_field){.text = "", .length = 0};
}

static int name_index(const char *const *names, size_t count, pl_csv_field field) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(names[i], field.text) == 0) return (int)i;
  }
  return -1;
}

static bool parse_number(uint64_t *out, pl_csv_field field, uint64_t max) {
  return pl_parse_u64(out, field.text, field.length) && *out <= max;
}

// An empty field leaves *out as it is.
static bool parse_optional(uint64_t *out, pl_csv_field field, uint64_t max) {
  return field.length == 0 || parse_number(out, field, max);
}

static bool is_sha256(pl_csv_field field) {
  if (field.length != PL_SHA256_HEX_SIZE - 1) return false;
  return strspn(field.text, "0123456789abcdef") == field.length;
}

static pl_status read_names(pl_case *c, const cases_reader *r, const pl_csv_field *fields, size_t count, size_t line,
                            pl_error *err) {
  pl_csv_field id = field_of(r, fields, count, COLUMN_ID), source = field_of(r, fields, count, COLUMN_SOURCE);
  pl_csv_field hash = field_of(r, fields, count, COLUMN_SHA256), patient = field_of(r, fields, count, COLUMN_PATIENT);
  const char *problem = pl_id_problem(id.text, id.length);
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, problem);
  if (source.length > TEXT_MAX || strlen(source.text) != source.length) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: the source is not a path", line);
  }
  if (hash.length != 0 && !is_sha256(hash)) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: sha256 is not 64 hex digits", line);
  }
  if (patient.length != 0 && pl_id_problem(patient.text, patient.length) != NULL) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: the patient is not a plain word", line);
  }
  pl_csv_field view = field_of(r, fields, count, COLUMN_VIEW), sex = field_of(r, fields, count, COLUMN_SEX);
  if (view.length >= sizeof c->view || sex.length > 1) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: view or sex is too long", line);
  }
  char safe[4 * sizeof c->view];
  if (pl_safe_text(safe, sizeof safe, view.text, view.length) != view.length || strcmp(safe, view.text) != 0) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: the view is not plain text", line);
  }
  memcpy(c->view, view.text, view.length);
  c->sex = sex.length == 1 && isupper((unsigned char)sex.text[0]) ? sex.text[0] : '\0';
  memcpy(c->sha256, hash.text, hash.length);
  c->id = pl_xstrdup(id.text);
  c->source = pl_xstrdup(source.text);
  c->patient = pl_xstrdup(patient.text);
  return PL_OK;
}

static pl_status read_case(pl_case *c, const cases_reader *r, const pl_csv_field *fields, size_t count, size_t line,
                           pl_error *err) {
  uint64_t number = 0, rows = 0, cols = 0, has_mask = 2, area = 0, age = UINT64_MAX;
  int part = name_index(part_names, 2, field_of(r, fields, count, COLUMN_PART));
  int status = name_index(status_names, 3, field_of(r, fields, count, COLUMN_STATUS));
  if (!parse_number(&number, field_of(r, fields, count, COLUMN_NUMBER), UINT32_MAX) || number == 0) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: the case number is not a number from 1", line);
  }
  if (part < 0) return pl_fail(err, PL_E_FORMAT, "line %zu: part is neither train nor test", line);
  if (status < 0) return pl_fail(err, PL_E_FORMAT, "line %zu: status is none of ok, unlabelled, bad", line);
  if (!parse_optional(&rows, field_of(r, fields, count, COLUMN_ROWS), UINT32_MAX) ||
      !parse_optional(&cols, field_of(r, fields, count, COLUMN_COLS), UINT32_MAX) ||
      !parse_optional(&has_mask, field_of(r, fields, count, COLUMN_HAS_MASK), 1) ||
      !parse_optional(&area, field_of(r, fields, count, COLUMN_MASK_AREA), UINT64_MAX) ||
      !parse_optional(&age, field_of(r, fields, count, COLUMN_AGE), 999)) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: rows, cols, has_mask, mask_area or age is not a fitting number", line);
  }
  *c = (pl_case){.number = (uint32_t)number,
                 .part = (pl_part)part,
                 .rows = (uint32_t)rows,
                 .cols = (uint32_t)cols,
                 .status = (pl_case_status)status,
                 .label = has_mask == 2 ? PL_LABEL_UNKNOWN : (pl_label)has_mask,
                 .mask_area = area,
                 .age = age == UINT64_MAX ? -1 : (int)age,
                 .fold = -1};
  return read_names(c, r, fields, count, line, err);
}

static pl_status on_case(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                         pl_error *err) {
  cases_reader *r = context;
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, problem);
  if (!r->header_seen) {
    for (int i = 0; i < COLUMN_COUNT; i++) r->column[i] = pl_csv_column(fields, count, column_names[i]);
    r->header_seen = true;
    if (r->column[COLUMN_NUMBER] >= 0 && r->column[COLUMN_ID] >= 0 && r->column[COLUMN_PART] >= 0 &&
        r->column[COLUMN_STATUS] >= 0) {
      return PL_OK;
    }
    return pl_fail(err, PL_E_FORMAT, "line %zu: the header must name number, ImageId, part and status", line);
  }
  pl_manifest *m = r->out;
  if (m->count == CASES_MAX) return pl_fail(err, PL_E_LIMIT, "more than %d cases", CASES_MAX);
  if (m->count == r->room) {
    r->room = r->room != 0 ? 2 * r->room : 256;
    m->cases = pl_xrealloc(m->cases, r->room, sizeof *m->cases);
  }
  pl_case c;
  pl_status status = read_case(&c, r, fields, count, line, err);
  if (status == PL_OK) m->cases[m->count++] = c;
  return status;
}

static int by_number(const void *a, const void *b) {
  uint32_t x = ((const pl_case *)a)->number, y = ((const pl_case *)b)->number;
  return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b) {
  return strcmp((*(pl_case *const *)a)->id, (*(pl_case *const *)b)->id);
}

// The cases sorted by id, for joining; the caller frees.
static pl_case **index_by_id(const pl_manifest *m) {
  pl_case **index = pl_xcalloc(m->count, sizeof *index);
  for (size_t i = 0; i < m->count; i++) index[i] = &m->cases[i];
  if (m->count > 1) qsort(index, m->count, sizeof *index, by_id);
  return index;
}

static pl_status check_unique(const pl_manifest *m, pl_case **index, pl_error *err) {
  for (size_t i = 1; i < m->count; i++) {
    if (m->cases[i].number == m->cases[i - 1].number) {
      return pl_fail(err, PL_E_FORMAT, "the number %u is there twice", m->cases[i].number);
    }
    if (strcmp(index[i]->id, index[i - 1]->id) == 0) {
      return pl_fail(err, PL_E_FORMAT, "the case %s is there twice", index[i]->id);
    }
  }
  return PL_OK;
}

// Gives the cases their folds. The table also lists images that were not imported.
static pl_status read_folds(pl_manifest *m, const char *path, pl_error *err) {
  pl_folds folds = {0};
  const pl_status status = pl_folds_load(&folds, path, err);
  if (status != PL_OK) return status;
  m->fold_count = folds.fold_count;
  for (size_t i = 0; i < m->count; i++) {
    const pl_folds_image *image = pl_folds_find(&folds, m->cases[i].id);
    if (image != NULL) m->cases[i].fold = image->fold;
  }
  pl_folds_clear(&folds);
  return PL_OK;
}

// Joins what people remarked.
static pl_status read_notes(pl_manifest *m, pl_error *err) {
  pl_notes notes = {0};
  const pl_status status = pl_notes_load(&notes, m->workspace, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < m->count && notes.count > 0; i++) {
    const pl_note *note = pl_notes_find(&notes, m->cases[i].id);
    if (note == NULL) continue;
    if (note->flag[0] != '\0') m->cases[i].flag = pl_xstrdup(note->flag);
    if (note->note[0] != '\0') m->cases[i].note = pl_xstrdup(note->note);
  }
  pl_notes_clear(&notes);
  return PL_OK;
}

// The length of what all ids begin with, cut back to a mark, so that "….5798" and "….5803" keep all their digits.
static size_t shared_prefix(const pl_manifest *m) {
  if (m->count < 2) return 0;
  size_t n = strlen(m->cases[0].id);
  for (size_t i = 1; i < m->count; i++) {
    size_t k = 0;
    while (k < n && m->cases[i].id[k] == m->cases[0].id[k]) k++;
    n = k;
  }
  while (n > 0 && strchr("._-", m->cases[0].id[n - 1]) == NULL) n--;
  return n;
}

static pl_status say_what_helps(pl_error *err) {
  pl_error why = {0};
  if (err != NULL) why = *err;
  return pl_fail(err, PL_E_FORMAT, "%.180s; move the file away and import again (cases may get other numbers)",
                 why.message);
}

pl_status pl_manifest_load(pl_manifest *out, const char *workspace, pl_error *err) {
  pl_manifest m = {.workspace = pl_xstrdup(workspace)};
  char *cases = pl_path_join(workspace, "cases.csv"), *folds = pl_path_join(workspace, "folds.csv");
  pl_status status = PL_OK;
  if (access(cases, F_OK) == 0 || errno != ENOENT) {
    cases_reader reader = {.out = &m};
    status = pl_csv_parse_file(cases, on_case, &reader, err);
    if (m.count > 1) qsort(m.cases, m.count, sizeof *m.cases, by_number);
    pl_case **index = index_by_id(&m);
    if (status == PL_OK && (status = check_unique(&m, index, err)) != PL_OK) pl_wrap(err, "%s", cases);
    if (status == PL_E_FORMAT) status = say_what_helps(err);
    free(index);
    if (status == PL_OK && access(folds, F_OK) == 0) status = read_folds(&m, folds, err);
    if (status == PL_OK) status = read_notes(&m, err);
  }
  free(cases);
  free(folds);
  if (status != PL_OK) {
    pl_manifest_clear(&m);
    return status;
  }
  m.id_prefix = shared_prefix(&m);
  *out = m;
  return PL_OK;
}

// Writing

static void add_case(pl_buf *out, const pl_case *c) {
  pl_buf_printf(out, "%u,", c->number);
  pl_csv_add_field(out, c->id);
  pl_buf_printf(out, ",%s,", part_names[c->part]);
  pl_csv_add_field(out, c->source);
  pl_buf_printf(out, ",%s,%u,%u,%s,", c->sha256, c->rows, c->cols, status_names[c->status]);
  if (c->label != PL_LABEL_UNKNOWN)
    pl_buf_printf(out, "%d,%llu,", (int)c->label, (unsigned long long)c->mask_area);
  else
    pl_buf_add_text(out, ",,");
  if (c->age >= 0) pl_buf_printf(out, "%d", c->age);
  pl_buf_printf(out, ",%.1s,", c->sex != '\0' ? &c->sex : "");
  pl_csv_add_field(out, c->view);
  pl_buf_add_text(out, ",");
  pl_csv_add_field(out, c->patient);
  pl_buf_add_text(out, "\n");
}

pl_status pl_manifest_save(const pl_manifest *manifest, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  for (int i = 0; i < COLUMN_COUNT; i++) pl_buf_printf(&text, "%s%s", i > 0 ? "," : "", column_names[i]);
  pl_buf_add_text(&text, "\n");
  for (size_t i = 0; i < manifest->count; i++) add_case(&text, &manifest->cases[i]);
  char *path = pl_path_join(manifest->workspace, "cases.csv");
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be larger than %d bytes", path, PL_CSV_FILE_MAX)
                                 : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

void pl_manifest_clear(pl_manifest *manifest) {
  for (size_t i = 0; i < manifest->count; i++) {
    free(manifest->cases[i].id);
    free(manifest->cases[i].source);
    free(manifest->cases[i].patient);
    free(manifest->cases[i].flag);
    free(manifest->cases[i].note);
  }
  free(manifest->cases);
  free(manifest->workspace);
  *manifest = (pl_manifest){0};
}

// Finding

static pl_status ambiguous(const pl_manifest *m, const char *text, size_t matches, pl_error *err) {
  pl_buf list;
  pl_buf_init(&list, 1024);
  size_t shown = 0;
  for (size_t i = 0; i < m->count && shown < 4; i++) {
    if (!pl_ends_with(m->cases[i].id, text)) continue;
    pl_buf_printf(&list, "%s#%u %s", shown > 0 ? ", " : "", m->cases[i].number, m->cases[i].id + m->id_prefix);
    shown++;
  }
  pl_fail(err, PL_E_USAGE, "%zu cases end in '%s' (%s%s): give the number or more of the id", matches, text,
          list.data != NULL ? list.data : "", matches > shown ? ", ..." : "");
  pl_buf_clear(&list);
  return PL_E_USAGE;
}

pl_status pl_manifest_find(size_t *index, const pl_manifest *manifest, const char *text, pl_error *err) {
  for (size_t i = 0; i < manifest->count; i++) {
    if (strcmp(manifest->cases[i].id, text) == 0) {
      *index = i;
      return PL_OK;
    }
  }
  bool is_number = text[0] == '#';
  const char *digits = is_number ? text + 1 : text;
  uint64_t number = 0;
  if (pl_parse_u64(&number, digits, strlen(digits)) && number <= UINT32_MAX) {
    pl_case key = {.number = (uint32_t)number};
    const pl_case *found =
        manifest->count == 0 ? NULL : bsearch(&key, manifest->cases, manifest->count, sizeof key, by_number);
    if (found != NULL) {
      *index = (size_t)(found - manifest->cases);
      return PL_OK;
    }
  }
  size_t matches = 0, last = 0;
  for (size_t i = 0; !is_number && text[0] != '\0' && i < manifest->count; i++) {
    if (pl_ends_with(manifest->cases[i].id, text)) {
      matches++;
      last = i;
    }
  }
  if (matches > 1) return ambiguous(manifest, text, matches, err);
  if (matches == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "there is no case '%s' in %s: give a number (#12), an id, or an id's ending",
                   text, manifest->workspace);
  }
  *index = last;
  return PL_OK;
}

static char *prepared_path(const pl_manifest *manifest, const char *folder, const pl_case *c) {
  return pl_xprintf("%s/%s/%s.png", manifest->workspace, folder, c->id);
}

double pl_case_mask_share(const pl_case *c) {
  double pixels = (double)c->rows * (double)c->cols;
  return pixels > 0 ? (double)c->mask_area / pixels : (double)NAN;
}

char *pl_case_image_path(const pl_manifest *manifest, const pl_case *c) { return prepared_path(manifest, "images", c); }
char *pl_case_mask_path(const pl_manifest *manifest, const pl_case *c) {
  return prepared_path(manifest, c->corrected ? PL_CORRECTED_MASKS : "masks", c);
}

const char *pl_part_name(pl_part part) { return part_names[part]; }
const char *pl_case_status_name(pl_case_status status) { return status_names[status]; }

static const char *const column_names[COLUMN_COUNT] = {
    [COLUMN_NUMBER] = "number", [COLUMN_ID] = "ImageId",          [COLUMN_PART] = "part",
    [COLUMN_SOURCE] = "source", [COLUMN_SHA256] = "sha256",       [COLUMN_ROWS] = "rows",
    [COLUMN_COLS] = "cols",     [COLUMN_STATUS] = "status",       [COLUMN_HAS_MASK] = "has_mask",
    [COLUMN_AGE] = "age",       [COLUMN_MASK_AREA] = "mask_area", [COLUMN_SEX] = "sex",
    [COLUMN_VIEW] = "view",     [COLUMN_PATIENT] = "patient",
};
static const char *const part_names[2] = {[PL_PART_TRAIN] = "train", [PL_PART_TEST] = "test"};
static const char *const status_names[3] = {
    [PL_CASE_OK] = "ok", [PL_CASE_UNLABELLED] = "unlabelled", [PL_CASE_BAD] = "bad"};
static const char *const settings_text =
    "# pleura.yaml: this folder is a workspace. Options given here hold for every command run in it;\n"
    "# the command line comes first. 'pleura train --help' lists all options.\n"
    "#\n"
    "# encoder: resnet34      # or resnet18, se_resnext50_32x4d\n"
    "# size: 256              # side of the images the network sees, in pixels (0: as they were imported)\n"
    "# batch: 4\n"
    "# epochs: 20\n"
    "# fold: 0                # the fold that is held out for validation\n"
    "# seed: 42\n";

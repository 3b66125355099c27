#include "core/data/patients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/csvio.h"

enum { NIH_PATIENT_DIGITS = 8 };

typedef struct pl_patient_entry {
  char *id, *patient;
  size_t line;
} pl_patient_entry;

typedef struct map_reader {
  pl_patients *out;
  size_t room;
  int id_column, patient_column;
  bool started, nih_names;  // nih_names: the patient is what the file name begins with
} map_reader;

size_t pl_id_length_without_png(const char *id, size_t length) {
  return length > 4 && strncasecmp(id + length - 4, ".png", 4) == 0 ? length - 4 : length;
}

static char *copy_bytes(const char *text, size_t length) {
  char *copy = pl_xmalloc(length + 1);
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

static void add_entry(pl_patients *map, size_t *room, pl_patient_entry entry) {
  if (map->count == *room) {
    *room = *room != 0 ? 2 * *room : 1024;
    map->entries = pl_xrealloc(map->entries, *room, sizeof *map->entries);
  }
  map->entries[map->count++] = entry;
}

// "00012345_006.png": a patient of 8 digits, a mark, the number of the picture.
static bool is_nih_name(pl_csv_field field) {
  const size_t length = pl_id_length_without_png(field.text, field.length);
  if (length < NIH_PATIENT_DIGITS + 2 || field.text[NIH_PATIENT_DIGITS] != '_') return false;
  for (size_t i = 0; i < length; i++) {
    if (i != NIH_PATIENT_DIGITS && (field.text[i] < '0' || field.text[i] > '9')) return false;
  }
  return true;
}

static pl_status start(map_reader *r, const pl_csv_field *fields, size_t count, pl_error *err) {
  static const char *const ids[] = {"ImageId", "Image Index"};
  static const char *const patients[] = {"patient", "patient_id", "PatientID", "Patient ID"};
  r->id_column = r->patient_column = -1;
  for (size_t i = 0; i < sizeof ids / sizeof ids[0] && r->id_column < 0; i++) {
    r->id_column = pl_csv_column(fields, count, ids[i]);
  }
  for (size_t i = 0; i < sizeof patients / sizeof patients[0] && r->patient_column < 0; i++) {
    r->patient_column = pl_csv_column(fields, count, patients[i]);
  }
  if (r->id_column < 0) r->id_column = 0;
  if (r->patient_column >= 0 && r->patient_column != r->id_column) return PL_OK;
  if (count >= 2 && r->id_column == 0 && !is_nih_name(fields[1])) {
    r->patient_column = 1;
    r->nih_names = true;
    return PL_OK;
  }
  return pl_fail(err, PL_E_FORMAT, "the header is not that of a patient map; it wants ImageId,patient");
}

static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  map_reader *r = context;
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, problem);
  if (!r->started) {
    r->started = true;
    const pl_status status = start(r, fields, count, err);
    if (status != PL_OK) pl_wrap(err, "line %zu", line);
    return status;
  }
  if (count <= (size_t)r->id_column || count <= (size_t)r->patient_column) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: there is no patient", line);
  }
  const pl_csv_field id = fields[r->id_column], patient = fields[r->patient_column];
  const char *id_problem = pl_id_problem(id.text, id.length);
  if (id_problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, id_problem);
  if (r->nih_names && !is_nih_name(patient)) {
    return pl_fail(err, PL_E_FORMAT,
                   "line %zu: the second column is neither called patient nor an NIH file name (00012345_006.png)",
                   line);
  }
  const size_t length = r->nih_names ? NIH_PATIENT_DIGITS : patient.length;
  if (pl_id_problem(patient.text, length) != NULL) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: the patient is %s", line,
                   length == 0 ? "empty" : "not a plain word of at most 128 bytes");
  }
  add_entry(r->out, &r->room,
            (pl_patient_entry){.id = copy_bytes(id.text, pl_id_length_without_png(id.text, id.length)),
                               .patient = copy_bytes(patient.text, length),
                               .line = line});
  return PL_OK;
}

static int by_id(const void *a, const void *b) {
  const pl_patient_entry *x = a, *y = b;
  const int order = strcmp(x->id, y->id);
  return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static size_t count_patients(const pl_patients *map) {
  char **names = pl_xcalloc(map->count, sizeof *names);
  for (size_t i = 0; i < map->count; i++) names[i] = map->entries[i].patient;
  if (map->count > 1) qsort(names, map->count, sizeof *names, by_text);
  size_t count = 0;
  for (size_t i = 0; i < map->count; i++) count += i == 0 || strcmp(names[i], names[i - 1]) != 0;
  free(names);
  return count;
}

// Sorts, drops repeated lines, and finds contradictions.
static pl_status finish(pl_patients *map, pl_error *err) {
  if (map->count == 0) return pl_fail(err, PL_E_FORMAT, "the map has no rows");
  qsort(map->entries, map->count, sizeof *map->entries, by_id);
  size_t kept = 1;
  for (size_t i = 1; i < map->count; i++) {
    pl_patient_entry *last = &map->entries[kept - 1], *entry = &map->entries[i];
    if (strcmp(last->id, entry->id) != 0) {
      pl_patient_entry moved = *entry;
      // Only one place owns the texts, so that clearing after a later failure frees them once.
      entry->id = entry->patient = NULL;
      map->entries[kept++] = moved;
      continue;
    }
    if (strcmp(last->patient, entry->patient) != 0) {
      return pl_fail(err, PL_E_FORMAT, "line %zu: the image %s has another patient on line %zu", entry->line, entry->id,
                     last->line);
    }
    free(entry->id);
    free(entry->patient);
    entry->id = entry->patient = NULL;
  }
  map->count = kept;
  map->patient_count = count_patients(map);
  return PL_OK;
}

pl_status pl_patients_parse(pl_patients *out, const char *bytes, size_t length, pl_error *err) {
  if (length >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0) {
    return pl_fail(err, PL_E_FORMAT, "the file is compressed; unpack it first (gzip -d)");
  }
  pl_patients map = {0};
  map_reader reader = {.out = &map};
  pl_status status = pl_csv_parse(bytes, length, on_row, &reader, err);
  if (status == PL_OK) status = finish(&map, err);
  if (status != PL_OK) {
    pl_patients_clear(&map);
    return status;
  }
  *out = map;
  return PL_OK;
}

static pl_status load(pl_patients *out, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_CSV_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_patients_parse(out, bytes.data != NULL ? bytes.data : "", bytes.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  if (status == PL_OK) {
    const char *name = pl_path_base(path);
    pl_safe_text(out->source, sizeof out->source, name, strlen(name));
  }
  pl_buf_clear(&bytes);
  return status;
}

// The pseudonyms in cases.csv, which came from the DICOM files. PL_E_NOTFOUND, saying why, when they cannot show which
// images belong together: there are none, or no two cases have the same one (files made anonymous image by image).
static pl_status from_cases(pl_patients *out, const pl_manifest *manifest, pl_error *err) {
  pl_patients map = {0};
  size_t room = 0;
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (c->patient[0] == '\0') continue;
    add_entry(&map, &room, (pl_patient_entry){.id = pl_xstrdup(c->id), .patient = pl_xstrdup(c->patient), .line = i});
  }
  pl_status status = PL_OK;
  if (map.count == 0) {
    status = pl_fail(err, PL_E_NOTFOUND, "the DICOM files name no patients");
  } else if ((status = finish(&map, err)) == PL_OK && map.patient_count == map.count) {
    status = pl_fail(err, PL_E_NOTFOUND,
                     "each of the %zu images has a patient id of its own in its DICOM file, so these cannot show which "
                     "images belong together",
                     map.count);
  }
  if (status != PL_OK) {
    pl_patients_clear(&map);
    return status;
  }
  (void)pl_copy_text(map.source, sizeof map.source, "the DICOM files' patient ids");
  *out = map;
  return PL_OK;
}

pl_status pl_patients_find(pl_patients *out, const char *path, const pl_manifest *manifest, pl_error *err) {
  if (path != NULL && path[0] != '\0') return load(out, path, err);
  if (manifest == NULL)
    return pl_fail(err, PL_E_NOTFOUND, "no map of patients was given: --patients MAP.csv names one");
  char *own = pl_path_join(manifest->workspace, "patients.csv");
  const bool there = pl_fs_is_file(own);
  pl_status status = there ? load(out, own, err) : from_cases(out, manifest, err);
  free(own);
  if (status == PL_E_NOTFOUND && !there && err != NULL) {
    pl_error why = *err;
    pl_fail(err, PL_E_NOTFOUND, "%s: give a map with --patients MAP.csv", why.message);
  }
  return status;
}

void pl_patients_clear(pl_patients *patients) {
  for (size_t i = 0; i < patients->count; i++) {
    free(patients->entries[i].id);
    free(patients->entries[i].patient);
  }
  free(patients->entries);
  *patients = (pl_patients){0};
}

static int by_key(const void *key, const void *entry) { return strcmp(key, ((const pl_patient_entry *)entry)->id); }

const char *pl_patients_of(const pl_patients *patients, const char *id) {
  if (patients->count == 0) return NULL;
  const pl_patient_entry *found = bsearch(id, patients->entries, patients->count, sizeof *found, by_key);
  if (found != NULL) return found->patient;
  const size_t length = strlen(id), shorter = pl_id_length_without_png(id, length);
  if (shorter == length) return NULL;
  char *name = copy_bytes(id, shorter);
  found = bsearch(name, patients->entries, patients->count, sizeof *found, by_key);
  free(name);
  return found != NULL ? found->patient : NULL;
}

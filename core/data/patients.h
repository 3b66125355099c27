// Which images are of one person: a map from ids to patients, from a table or from a workspace's own cases.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PATIENTS_SOURCE_SIZE = 160 };

typedef struct pl_patients {
  struct pl_patient_entry *entries;  // sorted by id
  size_t count;                      // images
  size_t patient_count;
  char source[PL_PATIENTS_SOURCE_SIZE];  // where it is from, safe to print: "map.csv", "the DICOM files' patient ids"
} pl_patients;

// A map in one of these layouts; its header decides which:
//   ImageId,patient               also patient_id or PatientID; the first column is the image whatever it is called
//   Image Index,...,Patient ID    NIH's Data_Entry_2017.csv: the images are NIH's files
//   ImageId,ANYTHING              when the second column holds NIH file names ("00012345_006.png"): the 8 digits before
//                                 the mark are the patient
// An id may end in ".png"; that is left out. PL_E_FORMAT names the line: no such header, a hostile id or an empty
// patient, an image with two patients; also for a compressed file. The caller clears *out; on
// failure it is untouched. Messages name no file, `source` is "".
pl_status pl_patients_parse(pl_patients *out, const char *bytes, size_t length, pl_error *err);

// For a workspace, or for none (NULL): the map in the file `path` when it is given, else patients.csv in the workspace,
// else the cases' pseudonyms. PL_E_NOTFOUND, with a message that names --patients, when there is nothing to go by.
pl_status pl_patients_find(pl_patients *out, const char *path, const pl_manifest *manifest, pl_error *err);

void pl_patients_clear(pl_patients *patients);

// The patient of an image, borrowed, or NULL when the map does not have it.
const char *pl_patients_of(const pl_patients *patients, const char *id);

// The length of an id or file name without a ".png" at its end.
size_t pl_id_length_without_png(const char *id, size_t length);

#ifdef __cplusplus
}
#endif

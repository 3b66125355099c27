// The cases of a workspace: what cases.csv and folds.csv say, joined, and how a person names one of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// The file that makes a folder a workspace.
#define PL_WORKSPACE_FILE "pleura.yaml"

// The folder of the prepared masks of corrected labels, see core/data/labels.h.
#define PL_CORRECTED_MASKS "masks-corrected"

typedef enum pl_part { PL_PART_TRAIN, PL_PART_TEST } pl_part;

typedef enum pl_case_status {
  PL_CASE_OK,
  PL_CASE_UNLABELLED,  // a training image without a row in the RLE table: never trained on or scored
  PL_CASE_BAD,         // could not be decoded; the reason is in the import's summary and log
} pl_case_status;

// Which labels a workspace's cases have, see core/data/labels.h.
typedef enum pl_label_choice { PL_LABELS_ORIGINAL, PL_LABELS_CORRECTED } pl_label_choice;

typedef enum pl_label { PL_LABEL_UNKNOWN = -1, PL_LABEL_NEGATIVE = 0, PL_LABEL_POSITIVE = 1 } pl_label;

// One row of cases.csv. Empty texts are "", never NULL; all are owned by the manifest.
typedef struct pl_case {
  uint32_t number;  // stable: given at import to one image for good; shown as #1234
  char *id;         // Kaggle's ImageId
  pl_part part;
  char *source;                     // the DICOM file it came from, absolute; see core/data/source.h
  char sha256[PL_SHA256_HEX_SIZE];  // of the source file
  uint32_t rows, cols;              // of the source image
  pl_case_status status;
  pl_label label;
  uint64_t mask_area;  // pixels of the union of its RLE rows at the source's size; 0 when negative or unknown
  int age;             // years, -1 when unknown
  char sex;            // 'M', 'F', or 0 when unknown
  char view[8];        // "PA", "AP", or ""
  char *patient;       // a pseudonym, or ""
  char *flag, *note;   // from notes.csv, NULL for none; safe to print
  bool corrected;      // pl_labels_apply gave it a corrected label, whose mask is a file of its own
  int fold;            // from folds.csv (of its first row there), -1 when it has none
} pl_case;

typedef struct pl_manifest {
  char *workspace;  // the folder that holds pleura.yaml
  pl_case *cases;   // in order of their numbers
  size_t count;
  pl_label_choice labels;  // of the cases: the original ones until pl_labels_apply gave them others
  int fold_count;          // 1 + the largest fold, 0 without folds.csv
  size_t id_prefix;        // length of the prefix that all ids share, for tables that leave it out
} pl_manifest;

// Finds the workspace: `start` or the nearest parent that holds pleura.yaml, not going up from a folder that the user
// does not own. The caller frees *workspace. PL_E_NOTFOUND names `pleura init` and `pleura import`.
pl_status pl_workspace_find(char **workspace, const char *start, pl_error *err);

// Makes a workspace: the folder and a commented pleura.yaml. PL_E_EXISTS when there is one already.
pl_status pl_workspace_init(const char *folder, pl_error *err);

// Reads cases.csv and, when they are there, folds.csv and notes.csv. A workspace without cases.csv gives an empty
// manifest.
pl_status pl_manifest_load(pl_manifest *out, const char *workspace, pl_error *err);
pl_status pl_manifest_save(const pl_manifest *manifest, pl_error *err);  // cases.csv only; atomic
void pl_manifest_clear(pl_manifest *manifest);

// Finds the case that `text` names: a number ("#12", "12"), an id, or the unique ending of an id. PL_E_NOTFOUND, or
// PL_E_USAGE with the candidates when the ending fits several.
pl_status pl_manifest_find(size_t *index, const pl_manifest *manifest, const char *text, pl_error *err);

// The words of cases.csv ("train", "unlabelled", ...). Static strings.
const char *pl_part_name(pl_part part);
const char *pl_case_status_name(pl_case_status status);

// The mask's share of the source image, 0 to 1; NaN when the image's size is unknown.
double pl_case_mask_share(const pl_case *c);

// Paths of a case's prepared files (images/ID.png, masks/ID.png or masks-corrected/ID.png); the caller frees.
char *pl_case_image_path(const pl_manifest *manifest, const pl_case *c);
char *pl_case_mask_path(const pl_manifest *manifest, const pl_case *c);

#ifdef __cplusplus
}
#endif

// What is Kaggle's own: the user's key, the addresses of its API, and its answers in JSON.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_KAGGLE_BASE "https://www.kaggle.com"
#define PL_KAGGLE_DATASET "seesee/siim-train-test"  // the SIIM-ACR images and masks as DICOM and run lengths

enum { PL_KAGGLE_ANSWER_MAX = 4 << 20, PL_KAGGLE_NAME_SIZE = 256 };

// The user's name and key. Secret: never printed, written, or sent anywhere but as core/data/fetch.h says.
typedef struct pl_kaggle_key {
  char user[128], key[256];  // "" for none
  char *file;                // where it was read, NULL when from the environment
  bool is_open;              // others than the owner may read that file
} pl_kaggle_key;

// Reads the key from `file`; without one, from KAGGLE_USERNAME and KAGGLE_KEY, else from kaggle.json in
// KAGGLE_CONFIG_DIR, ~/.kaggle or ~/.config/kaggle. PL_E_NOTFOUND when there is none, PL_E_FORMAT when the file is not
// {"username": "...", "key": "..."}; messages never show what is in it. The caller clears it.
pl_status pl_kaggle_key_load(pl_kaggle_key *out, const char *file, pl_error *err);
pl_status pl_kaggle_key_parse(pl_kaggle_key *out, const char *bytes, size_t length, pl_error *err);
void pl_kaggle_key_clear(pl_kaggle_key *key);  // overwrites it

// True for OWNER/NAME, or with `competition` NAME, of the letters that Kaggle uses.
bool pl_kaggle_is_name(const char *name, bool competition);

// Addresses below `base`; the caller frees. The page is where a person accepts the rules.
char *pl_kaggle_download_url(const char *base, const char *name, bool competition);
char *pl_kaggle_list_url(const char *base, const char *name, bool competition);
char *pl_kaggle_page_url(const char *name, bool competition);

// The files of a data set or competition, as far as the first page of Kaggle's answer lists them.
typedef struct pl_kaggle_file {
  char name[PL_KAGGLE_NAME_SIZE];  // safe to print
  int64_t bytes;                   // -1 when not told
} pl_kaggle_file;

typedef struct pl_kaggle_files {
  pl_kaggle_file *items;
  size_t count;
  bool more;  // there are further pages
} pl_kaggle_files;

// PL_E_FORMAT when it is not such an answer. The caller clears *out.
pl_status pl_kaggle_files_parse(pl_kaggle_files *out, const char *bytes, size_t length, pl_error *err);
void pl_kaggle_files_clear(pl_kaggle_files *files);

// The words of an error answer, {"message": "..."}, safe to print; "" when there are none.
void pl_kaggle_error_text(char *out, size_t size, const char *bytes, size_t length);

#ifdef __cplusplus
}
#endif

// A small workspace with train-rle.csv, for the tests of label correction.
#pragma once

#include "core/data/label_edit.h"
#include "core/data/labels.h"
#include "core/data/manifest.h"

enum { LABEL_COLS = 40, LABEL_ROWS = 30, LABEL_CASES = 5, LABEL_SIDE = 20 };

// Cases: "one" has a row, "two" two rows, "none" -1, "bare" no row at all, "test" is a test image. Images are prepared
// at LABEL_SIDE pixels.
typedef struct label_workspace {
  char *folder;
  pl_manifest manifest;
} label_workspace;

extern const char *const label_table_text;

// cmocka's fixtures of one test: *state is the workspace.
int make_label_workspace(void **state);
int remove_label_workspace(void **state);

// Reads the manifest anew.
void reload(label_workspace *w);

const pl_case *case_of(const label_workspace *w, const char *id);
void write_text(const label_workspace *w, const char *name, const char *text);
char *read_text(const label_workspace *w, const char *name);  // the caller frees
bool exists(const label_workspace *w, const char *name);

// These fail the test with the message.
pl_label_edit *open_edit(const label_workspace *w, const char *id);
void dab(pl_label_edit *edit, bool erase, int radius, int x, int y);
void finish(pl_label_edit *edit, const char *why);
size_t export_labels(const label_workspace *w);  // how many are corrected

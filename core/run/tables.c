#include "core/run/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"

static pl_status hash_file(char out[PL_SHA256_HEX_SIZE], const char *workspace, const char *name, pl_error *err) {
  char *path = pl_path_join(workspace, name);
  out[0] = '\0';
  const pl_status status = pl_fs_is_file(path) ? pl_sha256_file(out, path, err) : PL_OK;
  free(path);
  return status;
}

pl_status pl_tables_hash(pl_table_hashes *out, const char *workspace, pl_error *err) {
  pl_table_hashes made;
  pl_status status = hash_file(made.cases, workspace, "cases.csv", err);
  if (status == PL_OK) status = hash_file(made.folds, workspace, "folds.csv", err);
  for (int i = 0; i <= PL_LABELS_CORRECTED && status == PL_OK; i++) {
    status = hash_file(made.labels[i], workspace, pl_label_table_name((pl_label_choice)i), err);
  }
  if (status == PL_OK) *out = made;
  return status;
}

// The hash of lines "HASH NAME", without those of tables that are not there.
static void sum(char out[PL_SHA256_HEX_SIZE], const char *const hashes[2], const char *const names[2]) {
  pl_buf text;
  pl_buf_init(&text, 4096);
  for (int i = 0; i < 2; i++) {
    if (hashes[i] != NULL && hashes[i][0] != '\0') (void)pl_buf_printf(&text, "%s %s\n", hashes[i], names[i]);
  }
  pl_sha256_bytes(out, text.data != NULL ? text.data : "", text.length);
  pl_buf_clear(&text);
}

static void sum_labels(char out[PL_SHA256_HEX_SIZE], const char *folds, const pl_table_hashes *tables,
                       pl_label_choice choice) {
  sum(out, (const char *const[2]){folds, tables->labels[choice]},
      (const char *const[2]){"folds.csv", pl_label_table_name(choice)});
}

void pl_tables_sums(char dataset[PL_SHA256_HEX_SIZE], char labels[PL_SHA256_HEX_SIZE], const pl_table_hashes *tables,
                    pl_label_choice choice) {
  sum(dataset, (const char *const[2]){tables->cases, NULL}, (const char *const[2]){"cases.csv", NULL});
  sum_labels(labels, tables->folds, tables, choice);
}

unsigned pl_tables_changed(const pl_run_info *info, const pl_table_hashes *now) {
  char dataset[PL_SHA256_HEX_SIZE], labels[PL_SHA256_HEX_SIZE];
  const pl_label_choice choice = pl_config_labels(&info->config);
  pl_tables_sums(dataset, labels, now, choice);
  unsigned changed = strcmp(dataset, info->dataset_sha256) != 0 ? PL_OTHER_CASES : 0;
  if (strcmp(labels, info->labels_sha256) == 0) return changed;
  if (info->folds_sha256[0] == '\0') return changed | PL_OTHER_FOLDS_OR_LABELS;
  // With the folds of then the sum tells whether the labels alone are the same.
  if (strcmp(info->folds_sha256, now->folds) != 0) changed |= PL_OTHER_FOLDS;
  sum_labels(labels, info->folds_sha256, now, choice);
  return strcmp(labels, info->labels_sha256) != 0 ? changed | PL_OTHER_LABELS : changed;
}

void pl_tables_changed_words(char *out, size_t size, unsigned changed, const char *each) {
  static const char *const words[] = {"cases", "folds", "labels", "folds or labels"};
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if ((changed & (1u << i)) == 0 || used + 1 >= size) continue;
    const int added = snprintf(out + used, size - used, "%s%s%s", used > 0 ? ", " : "", each, words[i]);
    used += added > 0 ? (size_t)added : 0;
  }
}

void pl_tables_marks(char *out, size_t size, const pl_run_info *info, const pl_table_hashes *now,
                     pl_label_choice shown) {
  char others[96];
  const pl_label_choice choice = pl_config_labels(&info->config);
  const bool say = choice == PL_LABELS_CORRECTED || shown == PL_LABELS_CORRECTED;
  pl_tables_changed_words(others, sizeof others, pl_tables_changed(info, now), "other ");
  (void)snprintf(out, size, "%s%s%s%s%s", say ? "scored on " : "", say ? pl_label_choice_name(choice) : "",
                 say ? " labels" : "", say && others[0] != '\0' ? ", " : "", others);
}

// What `pleura split` and `pleura leaks` tell about a table of folds.
#pragma once

#include "core/data/leaks.h"

// A line a fold: rows, images, positives, the mean area of their masks, leaks; and one for all.
void pl_cli_print_fold_table(const pl_leak_report *report, const pl_folds *folds);

// A line a kind of leak: how many there are, or why that is unknown.
void pl_cli_print_leak_counts(const pl_leak_report *report, const pl_folds *folds);

// The subcommands of `pleura`, one file each. No curses here: a subcommand reads its arguments, calls core or viewers,
// and prints. The table in cli.c is the only list of them; help and completion are made from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/pack.h"

typedef struct pl_cli_command {
  const char *name;
  const char *summary;                // one line
  bool internal;                      // left out of the overview: pleura itself starts it
  int (*run)(int argc, char **argv);  // argv[0] is the command's name; returns the exit code
} pl_cli_command;

extern const pl_cli_command pl_cli_commands[];
extern const size_t pl_cli_command_count;

// The row of that name, or NULL.
const pl_cli_command *pl_cli_find(const char *name);

// Prints "pleura NAME: message" on stderr and returns the exit code that goes with the error.
int pl_cli_report(const char *command, const pl_error *err);

// Says on stderr that files are decoded without a system call filter. For what opens files from outside.
void pl_cli_warn_unconfined(const char *command);

// Makes the packed cache, shows how far it is unless `quiet`, and prints how it went; `threads` 0 for one a processor.
// For pack and import. Fails as pl_pack_build.
pl_status pl_cli_make_pack(const pl_manifest *manifest, unsigned threads, bool quiet, pl_error *err);

// argp_parse for a subcommand: messages and --help call it "pleura NAME", and mistakes end the process with exit
// code 2. Returns 0, or the exit code to end with.
struct argp;
int pl_cli_parse(const struct argp *parser, int argc, char **argv, void *input);
// The same, with options only in front of the first word that is none and behind it those of what it names.
int pl_cli_parse_in_order(const struct argp *parser, int argc, char **argv, void *input);

// What most subcommands are: takes the arguments, does `work` on them, and reports why it failed. Returns the exit
// code.
int pl_cli_run(const struct argp *parser, int argc, char **argv, void *arguments,
               pl_status (*work)(void *arguments, pl_error *err));

// One per file in this folder.
int pl_cli_caps(int argc, char **argv);
int pl_cli_compare(int argc, char **argv);
int pl_cli_core(int argc, char **argv);
int pl_cli_ctl(int argc, char **argv);
int pl_cli_data(int argc, char **argv);
int pl_cli_demo(int argc, char **argv);
int pl_cli_decode(int argc, char **argv);
int pl_cli_devices(int argc, char **argv);
int pl_cli_eval(int argc, char **argv);
int pl_cli_export(int argc, char **argv);
int pl_cli_fetch(int argc, char **argv);
int pl_cli_golden(int argc, char **argv);
int pl_cli_import(int argc, char **argv);
int pl_cli_init(int argc, char **argv);
int pl_cli_job(int argc, char **argv);
int pl_cli_jobs(int argc, char **argv);
int pl_cli_labels(int argc, char **argv);
int pl_cli_leaks(int argc, char **argv);
int pl_cli_pack(int argc, char **argv);
int pl_cli_phantom(int argc, char **argv);
int pl_cli_plan(int argc, char **argv);
int pl_cli_predict(int argc, char **argv);
int pl_cli_presets(int argc, char **argv);
int pl_cli_previews(int argc, char **argv);
int pl_cli_replay_run(int argc, char **argv);
int pl_cli_runs(int argc, char **argv);
int pl_cli_status(int argc, char **argv);
int pl_cli_pause(int argc, char **argv);
int pl_cli_resume(int argc, char **argv);
int pl_cli_checkpoint(int argc, char **argv);
int pl_cli_stop(int argc, char **argv);
int pl_cli_score(int argc, char **argv);
int pl_cli_set(int argc, char **argv);
int pl_cli_show(int argc, char **argv);
int pl_cli_split(int argc, char **argv);
int pl_cli_submit(int argc, char **argv);
int pl_cli_train(int argc, char **argv);
int pl_cli_triplet(int argc, char **argv);
int pl_cli_weights(int argc, char **argv);

#include "tui/cli/cli.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/filter.h"

const pl_cli_command *pl_cli_find(const char *name) {
  for (size_t i = 0; i < pl_cli_command_count; i++) {
    if (strcmp(pl_cli_commands[i].name, name) == 0) return &pl_cli_commands[i];
  }
  return NULL;
}

int pl_cli_report(const char *command, const pl_error *err) {
  fprintf(stderr, "pleura %s: %s\n", command, err->message);
  return pl_status_exit_code(err->code);
}

void pl_cli_warn_unconfined(const char *command) {
  fprintf(
      stderr,
      "pleura %s: warning: this kernel gives no seccomp, so the decoder had limits on memory and time, but no system "
      "call filter: open only files that you trust\n",
      command);
}

static int parse_with(const struct argp *parser, int argc, char **argv, unsigned flags, void *input) {
  char *plain = argv[0], *full = pl_xprintf("pleura %s", plain);
  argp_err_exit_status = 2;
  argv[0] = full;
  error_t failed = argp_parse(parser, argc, argv, flags, NULL, input);
  argv[0] = plain;
  free(full);
  return failed != 0 ? 2 : 0;
}

int pl_cli_parse(const struct argp *parser, int argc, char **argv, void *input) {
  return parse_with(parser, argc, argv, 0, input);
}

int pl_cli_parse_in_order(const struct argp *parser, int argc, char **argv, void *input) {
  return parse_with(parser, argc, argv, ARGP_IN_ORDER, input);
}

int pl_cli_run(const struct argp *parser, int argc, char **argv, void *arguments,
               pl_status (*work)(void *arguments, pl_error *err)) {
  const int code = pl_cli_parse(parser, argc, argv, arguments);
  if (code != 0) return code;
  pl_error err = {0};
  return work(arguments, &err) == PL_OK ? 0 : pl_cli_report(argv[0], &err);
}

static void print_filter_help(void) {
  printf(
      "A filter says which cases are meant: for --where, and for f in the workbench.\n\n"
      "  fold=2 mask>2000 sex=F      all three\n"
      "  positive | age<18           either\n"
      "  !(view=AP part=test)        not both\n\n"
      "Terms are FIELD OP VALUE with = != < <= > >= or ~ (holds the text), or a word alone: positive, negative,\n"
      "unlabelled, bad, train, test. What is not known of a case fits no term. The fields:\n\n");
  for (size_t i = 0; pl_filter_field_name(i) != NULL; i++) {
    printf("  %-10s %s\n", pl_filter_field_name(i), pl_filter_field_help(i));
  }
}

// Of a command what its --help says.
static int help_about(char *name) {
  const pl_cli_command *command = pl_cli_find(name);
  char option[] = "--help", *words[] = {name, option, NULL};
  pl_error err = {0};
  int code = 0;
  if (strcmp(name, "filter") == 0) {
    print_filter_help();
  } else if (command != NULL) {
    code = command->run(2, words);  // ends the process
  } else {
    (void)pl_fail(&err, PL_E_USAGE, "there is no command '%.60s'; 'pleura help' lists them", name);
    code = pl_cli_report("help", &err);
  }
  return code;
}

static int help(int argc, char **argv) {
  if (argc > 1 && argv[1][0] != '-') return help_about(argv[1]);
  printf(
      "Usage: pleura [-C WORKSPACE]            open the workbench; --labels original|corrected, --graphics HOW\n"
      "       pleura COMMAND [ARGUMENT ...]    run one command; --help after it tells its options\n\n");
  for (size_t i = 0; i < pl_cli_command_count; i++) {
    const pl_cli_command *command = &pl_cli_commands[i];
    if (!command->internal) printf("  %-10s %s\n", command->name, command->summary);
  }
  printf("\n'pleura help filter' tells how cases are chosen with --where.\n");
  return 0;
}

const pl_cli_command pl_cli_commands[] = {
    {.name = "help", .summary = "show this overview, or the help of a command", .run = help},
    {.name = "caps", .summary = "tell what this terminal can do", .run = pl_cli_caps},
    {.name = "data", .summary = "tell what a data set holds and what training sizes can reach", .run = pl_cli_data},
    {.name = "demo", .summary = "make a synthetic workspace and train on it", .run = pl_cli_demo},
    {.name = "devices",
     .summary = "list the backends with their devices, or why they cannot be used",
     .run = pl_cli_devices},
    {.name = "export", .summary = "write what a run made for other programs", .run = pl_cli_export},
    {.name = "fetch", .summary = "download a data set from Kaggle", .run = pl_cli_fetch},
    {.name = "import", .summary = "bring DICOM or PNG images and their masks into a workspace", .run = pl_cli_import},
    {.name = "init", .summary = "make an empty workspace", .run = pl_cli_init},
    {.name = "jobs", .summary = "long commands in the background of a workspace", .run = pl_cli_jobs},
    {.name = "pack", .summary = "make the packed cache, which saves decoding PNGs", .run = pl_cli_pack},
    {.name = "phantom", .summary = "write a synthetic set of chest X-rays", .run = pl_cli_phantom},
    {.name = "plan", .summary = "tell what a training would take: memory, disk and time", .run = pl_cli_plan},
    {.name = "presets", .summary = "list the presets of a training, or what one of them sets", .run = pl_cli_presets},
    {.name = "show",
     .summary = "print one image with its mask, or a training batch, into the terminal",
     .run = pl_cli_show},
    {.name = "split", .summary = "deal the images to folds", .run = pl_cli_split},
    {.name = "labels",
     .summary = "tell which labels are corrected, correct one, and write the corrected table",
     .run = pl_cli_labels},
    {.name = "leaks", .summary = "tell what is in several folds at once", .run = pl_cli_leaks},
    {.name = "train", .summary = "train a network; goes on when the terminal closes", .run = pl_cli_train},
    {.name = "eval", .summary = "score runs on what they held out", .run = pl_cli_eval},
    {.name = "triplet", .summary = "find the thresholds that score best on what runs held out", .run = pl_cli_triplet},
    {.name = "compare", .summary = "compare two runs or submissions case by case", .run = pl_cli_compare},
    {.name = "predict", .summary = "write what a run's network makes of cases", .run = pl_cli_predict},
    {.name = "submit", .summary = "write a submission for the competition", .run = pl_cli_submit},
    {.name = "score", .summary = "score any submission against a table of labels", .run = pl_cli_score},
    {.name = "weights", .summary = "ImageNet weights for the encoders, and PyTorch's files", .run = pl_cli_weights},
    {.name = "previews",
     .summary = "what a run's network made of chosen cases, epoch by epoch",
     .run = pl_cli_previews},
    {.name = "replay", .summary = "play a run's journal at any speed", .run = pl_cli_replay_run},
    {.name = "runs", .summary = "list the runs of a workspace", .run = pl_cli_runs},
    {.name = "status", .summary = "tell in one line where a run is", .run = pl_cli_status},
    {.name = "pause", .summary = "let a run rest", .run = pl_cli_pause},
    {.name = "resume", .summary = "let a paused run go on", .run = pl_cli_resume},
    {.name = "checkpoint", .summary = "have a run write a checkpoint", .run = pl_cli_checkpoint},
    {.name = "stop", .summary = "have a run write a checkpoint and end", .run = pl_cli_stop},
    {.name = "set", .summary = "change an option of a run that is going", .run = pl_cli_set},
    {.name = "ctl", .summary = "send a command to a run", .run = pl_cli_ctl},
    {.name = "core", .summary = "the background process of a run", .internal = true, .run = pl_cli_core},
    {.name = "job", .summary = "the background process of a job", .internal = true, .run = pl_cli_job},
    {.name = "golden", .summary = "compute a case that PyTorch computed", .internal = true, .run = pl_cli_golden},
    {.name = "decode", .summary = "decode files for another pleura process", .internal = true, .run = pl_cli_decode},
};
const size_t pl_cli_command_count = sizeof pl_cli_commands / sizeof pl_cli_commands[0];

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
    {.name = "help",
     .arguments = "[COMMAND|filter]",
     .summary = "show this overview, or the help of a command",
     .run = help},
    {.name = "caps",
     .arguments = "[--graphics HOW --json]",
     .summary = "tell what this terminal can do",
     .run = pl_cli_caps},
    {.name = "data",
     .arguments = "report [-C WORKSPACE --size PX -o FILE.png --json]",
     .summary = "tell what a data set holds and what training sizes can reach",
     .run = pl_cli_data},
    {.name = "demo",
     .arguments = "[DIR] [--detach --again]",
     .summary = "make a synthetic workspace and train on it",
     .run = pl_cli_demo},
    {.name = "devices",
     .arguments = "[--device N --plugin PATH]",
     .summary = "list the backends with their devices, or why they cannot be used",
     .run = pl_cli_devices},
    {.name = "export",
     .arguments =
         "[RUN|CHECKPOINT] --weights|--epochs|--steps|--tfevents|--cases [-o FILE --where FILTER --labels WHICH]",
     .summary = "write what a run made for other programs",
     .run = pl_cli_export},
    {.name = "fetch",
     .arguments = "[OWNER/NAME] [-o DIR --competition NAME --list]",
     .summary = "download a data set from Kaggle",
     .run = pl_cli_fetch},
    {.name = "import",
     .arguments = "FOLDER|FILE.zip|--images DIR --masks DIR [--test-images DIR --rle CSV --size PX -C WORKSPACE]",
     .summary = "bring DICOM or PNG images and their masks into a workspace",
     .run = pl_cli_import},
    {.name = "init", .arguments = "[DIR]", .summary = "make an empty workspace", .run = pl_cli_init},
    {.name = "jobs",
     .arguments = "[start COMMAND ...|log NAME|cancel NAME|clear] [-C WORKSPACE --json]",
     .summary = "long commands in the background of a workspace",
     .run = pl_cli_jobs},
    {.name = "pack",
     .arguments = "[--verify] [--remove] [-C WORKSPACE]",
     .summary = "make the packed cache, which saves decoding PNGs",
     .run = pl_cli_pack},
    {.name = "phantom",
     .arguments = "DIR [--cases N --size PX --seed S --positive SHARE]",
     .summary = "write a synthetic set of chest X-rays",
     .run = pl_cli_phantom},
    {.name = "plan",
     .arguments = "[--preset NAME --size PX --batch N ... --images N --json -C WORKSPACE]",
     .summary = "tell what a training would take: memory, disk and time",
     .run = pl_cli_plan},
    {.name = "presets",
     .arguments = "[NAME]",
     .summary = "list the presets of a training, or what one of them sets",
     .run = pl_cli_presets},
    {.name = "show",
     .arguments = "CASE|--where FILTER|--batch [N] [--labels original|corrected] [-C WORKSPACE] [-o FILE.png]",
     .summary = "print one image with its mask, or a training batch, into the terminal",
     .run = pl_cli_show},
    {.name = "split",
     .arguments =
         "[--by patient|image|row --patients MAP.csv --folds K --seed N --rle CSV --labels original|corrected -o CSV]",
     .summary = "deal the images to folds",
     .run = pl_cli_split},
    {.name = "labels",
     .arguments = "[status]|log CASE|draw CASE --why TEXT --paint \"R X,Y ...\"|revert CASE --why TEXT|export",
     .summary = "tell which labels are corrected, correct one, and write the corrected table",
     .run = pl_cli_labels},
    {.name = "leaks",
     .arguments = "[FOLDS.csv] [--patients MAP.csv --json -C WORKSPACE]",
     .summary = "tell what is in several folds at once",
     .run = pl_cli_leaks},
    {.name = "train",
     .arguments = "[--preset NAME --epochs N ... --detach --resume RUN -C WORKSPACE]",
     .summary = "train a network; goes on when the terminal closes",
     .run = pl_cli_train},
    {.name = "eval",
     .arguments = "[RUN|RUN/ckpt/STEP...] [--triplet T,A,B --top K --tta --where FILTER --cases FILE --json]",
     .summary = "score runs on what they held out",
     .run = pl_cli_eval},
    {.name = "triplet",
     .arguments = "[RUN...] [--tops FROM:TO:STEP --areas ... --bottoms ... --top K --tta -o FILE --json]",
     .summary = "find the thresholds that score best on what runs held out",
     .run = pl_cli_triplet},
    {.name = "compare",
     .arguments = "A B [--triplet T,A,B --rle FILE --show N --json]",
     .summary = "compare two runs or submissions case by case",
     .run = pl_cli_compare},
    {.name = "predict",
     .arguments = "[RUN|RUN/ckpt/STEP...] [--part test|train|all --where FILTER --top K --tta -o DIR]",
     .summary = "write what a run's network makes of cases",
     .run = pl_cli_predict},
    {.name = "submit",
     .arguments = "[RUN...] [--sample FILE -o FILE --triplet T,A,B --top K --tta --weights W,...]",
     .summary = "write a submission for the competition",
     .run = pl_cli_submit},
    {.name = "score",
     .arguments = "SUBMISSION.csv [--rle FILE.csv|--labels original|corrected --size PX --json]",
     .summary = "score any submission against a table of labels",
     .run = pl_cli_score},
    {.name = "weights",
     .arguments = "fetch ENCODER [--url URL --sha256 HEX --force] | import FILE.pth [-o FILE --encoder NAME] | list",
     .summary = "ImageNet weights for the encoders, and PyTorch's files",
     .run = pl_cli_weights},
    {.name = "previews",
     .arguments = "[RUN] [--case CASE --epoch N --threshold P --json -C WORKSPACE]",
     .summary = "what a run's network made of chosen cases, epoch by epoch",
     .run = pl_cli_previews},
    {.name = "replay",
     .arguments = "[RUN] [--speed X -C WORKSPACE]",
     .summary = "play a run's journal at any speed",
     .run = pl_cli_replay_run},
    {.name = "runs",
     .arguments = "[-C WORKSPACE --json]",
     .summary = "list the runs of a workspace",
     .run = pl_cli_runs},
    {.name = "status",
     .arguments = "[RUN] [--json --long]",
     .summary = "tell in one line where a run is",
     .run = pl_cli_status},
    {.name = "pause", .arguments = "[RUN]", .summary = "let a run rest", .run = pl_cli_pause},
    {.name = "resume", .arguments = "[RUN]", .summary = "let a paused run go on", .run = pl_cli_resume},
    {.name = "checkpoint", .arguments = "[RUN]", .summary = "have a run write a checkpoint", .run = pl_cli_checkpoint},
    {.name = "stop", .arguments = "[RUN]", .summary = "have a run write a checkpoint and end", .run = pl_cli_stop},
    {.name = "set",
     .arguments = "[RUN] NAME VALUE",
     .summary = "change an option of a run that is going",
     .run = pl_cli_set},
    {.name = "ctl",
     .arguments = "[RUN] status|pause|resume|checkpoint|stop|set NAME VALUE",
     .summary = "send a command to a run",
     .run = pl_cli_ctl},
    {.name = "core",
     .arguments = "--run DIR",
     .summary = "the background process of a run",
     .internal = true,
     .run = pl_cli_core},
    {.name = "job",
     .arguments = "FOLDER",
     .summary = "the background process of a job",
     .internal = true,
     .run = pl_cli_job},
    {.name = "golden",
     .arguments = "--json",
     .summary = "compute a case that PyTorch computed",
     .internal = true,
     .run = pl_cli_golden},
    {.name = "decode",
     .arguments = "",
     .summary = "decode files for another pleura process",
     .internal = true,
     .run = pl_cli_decode},
};
const size_t pl_cli_command_count = sizeof pl_cli_commands / sizeof pl_cli_commands[0];

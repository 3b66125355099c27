// pleura train: makes a run or a group of runs, starts its core, and follows it.
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/manifest.h"
#include "core/run/find.h"
#include "core/run/group.h"
#include "core/run/logout.h"
#include "core/run/rundir.h"
#include "core/run/spawn.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"
#include "tui/cli/place.h"
#include "tui/cli/training.h"

enum { OPTION_DETACH = 256, OPTION_RESUME, OPTION_FORCE, OPTION_PRINT, OPTION_ON_END };

typedef struct arguments {
  const char *workspace, *resume, *on_end;
  bool run_may_follow;  // --resume had none
  bool detach, force, print;
  pl_cli_training training;
} arguments;

static const struct argp_option own_options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "detach", .key = OPTION_DETACH, .doc = "Print the run's folder and return; the run goes on"},
    {.name = "resume",
     .key = OPTION_RESUME,
     .arg = "RUN",
     .flags = OPTION_ARG_OPTIONAL,
     .doc = "Go on with this run (a name, its unique beginning or ending, a path, or latest, the default) or group of "
            "runs; options that may change go with a "
            "run: --epochs 20"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Resume although the cases, folds or labels changed"},
    {.name = "print-options", .key = OPTION_PRINT, .doc = "Print all options with where they come from, and return"},
    {.name = "on-end",
     .key = OPTION_ON_END,
     .arg = "COMMAND",
     .doc =
         "Run this in a shell when the training ends, however it ends; it finds PLEURA_RUN, PLEURA_STATE, PLEURA_BEST, "
         "PLEURA_EXIT_CODE and PLEURA_ERROR in its environment"},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_DETACH: a->detach = true; return 0;
    case OPTION_RESUME:
      a->resume = arg != NULL ? arg : "latest";
      a->run_may_follow = arg == NULL;
      return 0;
    case OPTION_FORCE: a->force = true; return 0;
    case OPTION_PRINT: a->print = true; return 0;
    case OPTION_ON_END: a->on_end = arg; return 0;
    case ARGP_KEY_ARG:
      // "--resume RUN" as well as "--resume=RUN".
      if (!a->run_may_follow) argp_error(state, "'%s' is one word too many", arg);
      a->resume = arg;
      a->run_may_follow = false;
      return 0;
    default: return pl_cli_training_parse(&a->training, key, arg, state);
  }
}

static char *make_doc(void) {
  pl_buf text;
  pl_buf_init(&text, 65536);
  (void)pl_buf_add_text(&text,
                        "Trains a network on the workspace's cases. The training runs in a process of its own, which "
                        "goes on when the terminal closes; this command follows it, one line per epoch. Ctrl-C asks it "
                        "to write a checkpoint and stop.\v");
  pl_cli_training_add_presets(&text);
  (void)pl_buf_add_text(&text,
                        "\nThe last line has the scores of the best epoch, whose weights are in ckpt/best: "
                        "'validation dice X dice_pos Y nothing Z', where Z is what predicting nothing would score.\n"
                        "With --all-folds the runs are NAME-fold0, NAME-fold1, ...; the same command again, or "
                        "--resume NAME, goes on where it was cut. --weights run:NAME takes the weights of the same "
                        "fold.\n"
                        "Exit codes: 0 done, 2 usage, 3 data, 4 device, 5 storage, 6 stopped with a checkpoint.");
  return text.data;
}

// What is to be trained: a run, or a group of runs.
typedef struct training {
  char *folder;
  bool group;
} training;

static pl_status check_resume(const arguments *a, pl_error *err) {
  for (size_t i = 0; i < pl_cli_training_count(); i++) {
    if (a->training.values[i] != NULL && (pl_options[i].flags & PL_OPTION_LIVE) == 0) {
      return pl_fail(err, PL_E_USAGE, "--%s cannot be given with --resume: the run keeps its options",
                     pl_options[i].name);
    }
  }
  return a->training.preset != NULL ? pl_fail(err, PL_E_USAGE, "--preset cannot be given with --resume") : PL_OK;
}

// Options that may change go to a run that is resumed, but each run of a group has its own.
static pl_status check_resume_group(const arguments *a, pl_error *err) {
  for (size_t i = 0; i < pl_cli_training_count(); i++) {
    if (a->training.values[i] == NULL) continue;
    return pl_fail(err, PL_E_USAGE, "--%s cannot be given with --resume %s: it is a group of runs; resume one of them",
                   pl_options[i].name, a->resume);
  }
  return PL_OK;
}

static pl_status find_training(training *out, const arguments *a, pl_error *err) {
  pl_status status = check_resume(a, err);
  if (status != PL_OK) return status;
  char *workspace = NULL;
  if (!pl_run_is_path(a->resume)) status = pl_cli_workspace(&workspace, a->workspace, err);
  if (status == PL_OK) out->folder = pl_group_find(workspace, a->resume);
  out->group = out->folder != NULL;
  if (status == PL_OK && out->group) {
    status = check_resume_group(a, err);
  } else if (status == PL_OK) {
    status = pl_run_find(&out->folder, workspace, a->resume, err);
  }
  free(workspace);
  return status;
}

static pl_status begin_group(training *out, const arguments *a, const char *workspace, const pl_config *config,
                             pl_error *err) {
  if (a->training.values[pl_option_find("fold") - pl_options] != NULL) {
    return pl_fail(err, PL_E_USAGE, "--fold and --all-folds exclude each other: every fold is held out once");
  }
  out->group = true;
  return pl_group_begin(&out->folder, workspace, config, err);
}

static pl_status make_training(training *out, const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_status status = a->print ? pl_cli_workspace(&workspace, a->workspace, err)
                              : pl_cli_workspace_to_write(&workspace, a->workspace, err);
  if (status != PL_OK) return status;
  pl_config *config = pl_xcalloc(1, sizeof *config);
  status = pl_cli_training_config(config, &a->training, workspace, err);
  if (status == PL_OK && a->print) {
    pl_buf text;
    pl_buf_init(&text, 65536);
    pl_config_describe(&text, config);
    (void)fputs(text.data, stdout);
    pl_buf_clear(&text);
  } else if (status == PL_OK && config->all_folds) {
    status = begin_group(out, a, workspace, config, err);
  } else if (status == PL_OK) {
    status = pl_run_make(&out->folder, workspace, config, err);
  }
  free(config);
  free(workspace);
  return status;
}

// The options given with --resume, as "epochs=20"; the caller frees each.
static size_t make_sets(char *sets[PL_OPTIONS_MAX], const arguments *a) {
  size_t count = 0;
  for (size_t i = 0; i < pl_cli_training_count(); i++) {
    if (a->training.values[i] != NULL) sets[count++] = pl_xprintf("%s=%s", pl_options[i].name, a->training.values[i]);
  }
  return count;
}

static pl_status start(const training *what, const arguments *a, pl_error *err) {
  char *sets[PL_OPTIONS_MAX];
  const bool resume = a->resume != NULL && !what->group;
  size_t set_count = resume ? make_sets(sets, a) : 0;
  pl_cli_start wait = {.folder = what->folder};
  pl_spawn_options options = {.group = what->group,
                              .resume = resume,
                              .force = a->force,
                              .sets = (const char *const *)sets,
                              .set_count = set_count,
                              .on_end = a->on_end,
                              .waiting = pl_cli_starting,
                              .context = &wait};
  if (pl_logout_check() == PL_LOGOUT_KILLS) fprintf(stderr, "pleura train: %s\n", pl_logout_remedy());
  pl_status status = pl_spawn_core(what->folder, &options, err);
  pl_cli_started(&wait);
  for (size_t i = 0; i < set_count; i++) free(sets[i]);
  return status;
}

static bool is_over(const training *what) {
  pl_group_progress progress;
  return what->group && pl_group_look(&progress, what->folder, NULL) == PL_OK && progress.current < 0;
}

static pl_status train(int *code, const arguments *a, pl_error *err) {
  training what = {.folder = NULL};
  pl_status status = a->resume != NULL ? find_training(&what, a, err) : make_training(&what, a, err);
  if (status == PL_OK && is_over(&what)) {
    pl_cli_print_group(what.folder);
    free(what.folder);
    return PL_OK;
  }
  if (status != PL_OK || what.folder == NULL) {
    free(what.folder);
    return status;
  }
  // A Ctrl-C while the core starts is kept for the follower, who passes it on: else the training would go on alone.
  sigset_t interrupt, before;
  (void)sigemptyset(&interrupt);
  if (!a->detach) (void)sigaddset(&interrupt, SIGINT);
  (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
  status = start(&what, a, err);
  if (status == PL_OK && a->detach) {
    printf("%s\n", what.folder);
  } else if (status == PL_OK) {
    status = what.group ? pl_cli_follow_group(code, what.folder, err) : pl_cli_follow(code, what.folder, err);
  }
  (void)sigprocmask(SIG_SETMASK, &before, NULL);
  free(what.folder);
  return status;
}

int pl_cli_train(int argc, char **argv) {
  arguments a = {.detach = false};
  char **texts = NULL, *doc = make_doc();
  struct argp_option *options =
      pl_cli_training_options(&texts, own_options, sizeof own_options / sizeof own_options[0]);
  struct argp parser = {.options = options, .parser = parse, .doc = doc};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code == 0) {
    pl_error err = {0};
    pl_status status = train(&code, &a, &err);
    if (status != PL_OK) {
      code = pl_cli_report("train", &err);
    } else if (err.message[0] != '\0') {
      (void)pl_cli_report("train", &err);
    }
  }
  pl_cli_training_free(options, texts);
  free(doc);
  return code;
}

// pleura demo: a synthetic workspace with a short training, by the same commands that a person would type.
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/manifest.h"
#include "core/run/rundir.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"
#include "tui/cli/place.h"

enum { KEY_DETACH = 256, KEY_AGAIN, WORDS_MAX = 12 };

typedef struct arguments {
  const char *folder;
  bool detach, again;
} arguments;

static error_t parse(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case KEY_DETACH: a->detach = true; return 0;
    case KEY_AGAIN: a->again = true; return 0;
    case ARGP_KEY_ARG:
      if (a->folder != NULL) argp_error(state, "one folder, not also %s", text);
      a->folder = text;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// Shows the command and runs it. The words are copied: argp may reorder and rename them.
static int run(int (*command)(int, char **), const char *const words[]) {
  char *copy[WORDS_MAX + 1] = {0};
  int count = 0;
  printf("$ pleura");
  for (; words[count] != NULL && count < WORDS_MAX; count++) {
    printf(" %s", words[count]);
    copy[count] = pl_xstrdup(words[count]);
  }
  printf("\n");
  (void)fflush(stdout);
  char *kept[WORDS_MAX + 1];
  memcpy(kept, copy, sizeof kept);
  int code = command(count, copy);
  for (int i = 0; i < count; i++) free(kept[i]);
  return code;
}

// Drawn aside and renamed, so that an interrupted drawing starts over instead of being taken for whole.
static int draw(const char *set, pl_error *err) {
  if (pl_fs_is_folder(set)) return 0;
  char *part = pl_xprintf("%s.part", set);
  int code = 0;
  if (pl_fs_remove_tree(part, err) != PL_OK) {
    code = pl_cli_report("demo", err);
  } else {
    code = run(pl_cli_phantom,
               (const char *const[]){"phantom", part, "--cases", "200", "--size", "512", "--positive", "0.5", NULL});
    if (code == 0 && rename(part, set) != 0) {
      (void)pl_fail_errno(err, errno, "cannot rename %s", part);
      code = pl_cli_report("demo", err);
    }
  }
  free(part);
  return code;
}

static int make_workspace(const char *folder, pl_error *err) {
  char *cases = pl_path_join(folder, "cases.csv"), *set = pl_path_join(folder, "synthetic-dicom");
  int code = 0;
  if (!pl_fs_is_file(cases)) {
    pl_status status = pl_cli_check_output(folder, err);
    if (status == PL_OK) status = pl_fs_make_folders(folder, err);
    code = status == PL_OK ? draw(set, err) : pl_cli_report("demo", err);
    if (code == 0) code = run(pl_cli_import, (const char *const[]){"import", set, "--size", "256", "-C", folder, NULL});
  }
  free(set);
  free(cases);
  return code;
}

// A new training, the interrupted one, or what came of the last one.
static int train(const arguments *a, pl_error *err) {
  char **runs = NULL;
  size_t count = 0;
  if (pl_run_list(&runs, &count, a->folder, err) != PL_OK) return pl_cli_report("demo", err);
  const char *detach = a->detach ? "--detach" : NULL;
  int code = 0;
  pl_run_state state;
  if (a->again || count == 0) {
    code = run(pl_cli_train, (const char *const[]){"train", "--preset", "demo", "-C", a->folder, detach, NULL});
  } else {
    const char *last = runs[count - 1];
    bool known = pl_run_state_load(&state, last, err) == PL_OK;
    bool alive = pl_run_alive(last, known ? &state : NULL, 0) != PL_ALIVE_NO;
    if (!alive && (!known || state.phase != PL_PHASE_FINISHED)) {
      code = run(pl_cli_train, (const char *const[]){"train", "--resume", last, detach, NULL});
    } else if (!a->detach && pl_cli_follow(&code, last, err) != PL_OK) {
      code = pl_cli_report("demo", err);
    }
  }
  pl_fs_free_names(runs, count);
  return code;
}

int pl_cli_demo(int argc, char **argv) {
  static const struct argp_option options[] = {
      {.name = "detach", .key = KEY_DETACH, .doc = "Leave the training running and return"},
      {.name = "again", .key = KEY_AGAIN, .doc = "Train anew although there is a training already"},
      {0},
  };
  static const struct argp parser = {
      .options = options,
      .parser = parse,
      .args_doc = "[DIR]",
      .doc =
          "Makes a workspace of synthetic chest X-rays in DIR (default pleura-demo) and trains a small network on it, "
          "a few minutes on two cores. What is there already is kept: an interrupted training goes on, a finished one "
          "is only reported.\vLook at it with `pleura -C DIR`.",
  };
  arguments a = {0};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  if (a.folder == NULL) a.folder = "pleura-demo";
  pl_error err = {0};
  code = make_workspace(a.folder, &err);
  return code != 0 ? code : train(&a, &err);
}

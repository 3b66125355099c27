// pleura: the workbench without a command, else one subcommand.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/app.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"

enum { OPTION_SCRIPT = 256, OPTION_GRAPHICS, OPTION_LABELS };

typedef struct arguments {
  pl_app_options app;
  const char *graphics;  // NULL for what the environment and the settings say
  int command;           // index of the command's name in argv; 0 for the workbench
  bool help, version;
} arguments;

static error_t parse(int key, char *value, struct argp_state *state) {
  arguments *out = state->input;
  switch (key) {
    case 'C': out->app.folder = value; return 0;
    case OPTION_GRAPHICS:
      if (!pl_graphics_is_choice(value)) argp_error(state, "--graphics %s: it can be " PL_GRAPHICS_CHOICES, value);
      out->graphics = value;
      return 0;
    case OPTION_LABELS: {
      pl_cli_label_choice labels = {.given = false};
      pl_cli_label_choice_take(&labels, value, state);
      out->app.labels = value;
      return 0;
    }
    case OPTION_SCRIPT: out->app.script = value; return 0;
    case 'V': out->version = true; return 0;
    case 'h': out->help = true; return 0;
    case ARGP_KEY_ARG:
      // The command and all behind it are the command's own.
      out->command = state->next - 1;
      state->next = state->argc;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static int run_command(const arguments *given, int argc, char **argv) {
  const char *name = argv[given->command];
  const pl_cli_command *command = pl_cli_find(name);
  if (command == NULL) {
    fprintf(stderr, "pleura: there is no command '%s'; 'pleura help' lists them\n", name);
    return 2;
  }
  if (given->app.folder != NULL || given->app.script != NULL || given->app.labels != NULL || given->graphics != NULL) {
    fprintf(stderr, "pleura: options go behind the command: pleura %s ... -C WORKSPACE\n", name);
    return 2;
  }
  return command->run(argc - given->command, argv + given->command);
}

static int run_workbench(arguments *given) {
  pl_error err = {0};
  if (given->graphics != NULL) setenv("PLEURA_GRAPHICS", given->graphics, 1);
  const int code = pl_app_run(&given->app, &err);
  if (err.code != PL_OK) fprintf(stderr, "pleura: %s\n", err.message);
  if (given->app.farewell[0] != '\0') printf("%s\n", given->app.farewell);
  return code;
}

int main(int argc, char **argv) {
  static const struct argp_option options[] = {
      {.name = "workspace",
       .key = 'C',
       .arg = "WORKSPACE",
       .doc = "Open this workspace (default: the one around here)"},
      {.name = "graphics",
       .key = OPTION_GRAPHICS,
       .arg = "HOW",
       .doc = "Draw pictures as " PL_GRAPHICS_CHOICES " (default: auto)"},
      {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = "Show these labels"},
      {.name = "script", .key = OPTION_SCRIPT, .arg = "FILE", .flags = OPTION_HIDDEN, .doc = "Type these keys"},
      {.name = "version", .key = 'V', .doc = "Print the version"},
      {.name = "help", .key = 'h', .doc = "Print the commands"},
      {0},
  };
  static const struct argp parser = {.options = options, .parser = parse, .args_doc = "[COMMAND [ARGUMENT ...]]"};
  arguments given = {0};
  argp_err_exit_status = 2;
  if (argp_parse(&parser, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP, NULL, &given) != 0) return 2;
  if (given.version) {
    printf("pleura %s\n", PLEURA_VERSION);
    return 0;
  }
  if (given.help) return pl_cli_find("help")->run(1, argv);
  return given.command > 0 ? run_command(&given, argc, argv) : run_workbench(&given);
}

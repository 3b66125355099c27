// pleura: the workbench without arguments, else one subcommand.
#include <stdio.h>
#include <string.h>

#include "tui/cli/cli.h"

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "help";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
  const pl_cli_command *command = pl_cli_find(name);
  if (command == NULL) {
    fprintf(stderr, "pleura: there is no command '%s'; 'pleura help' lists them\n", name);
    return 2;
  }
  return command->run(argc - 1, argv + 1);
}

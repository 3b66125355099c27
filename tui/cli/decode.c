// pleura decode: the helper process that decodes files from outside. pleura starts it itself; see core/image/decode.h.
#include <argp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/image/decode.h"
#include "tui/cli/cli.h"

static bool is_socket(int fd) {
  int type;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int pl_cli_decode(int argc, char **argv) {
  static const char doc[] =
      "The process in which pleura decodes DICOM files, so that a bad one cannot harm it. pleura starts it by itself "
      "with "
      "a socket as its standard input; there is nothing to do with it by hand. To look at a file, use 'pleura show'.";
  const struct argp parser = {.doc = doc};
  int failed = pl_cli_parse(&parser, argc, argv, NULL);
  if (failed != 0) return failed;
  if (!is_socket(STDIN_FILENO)) {
    pl_error err = {0};
    pl_fail(&err, PL_E_USAGE, "pleura starts this command itself; to look at a file, use 'pleura show FILE'");
    return pl_cli_report("decode", &err);
  }
  _exit(pl_decode_serve(STDIN_FILENO));
}

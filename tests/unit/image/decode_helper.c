// A decoding helper for tests, without the rest of pleura.
//
//   decode_helper decode                                the real thing; with DECODE_HELPER_PLAYS=1 one that misbehaves
//                                                       as the file's bytes ask: "crash", "hang", "exit", …; DICOM
//                                                       files are decoded all the same
//   decode_helper probe                                 exit code 0 when what a helper must not do is impossible
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/image/decode.h"
#include "core/image/decode_wire.h"

enum { FILE_MAX = 1 << 16, DICOM_PREAMBLE = 128 };

static bool read_all(void *out, size_t length) {
  for (char *p = out; length > 0;) {
    ssize_t n = read(0, p, length);
    if (n <= 0) return false;
    p += n;
    length -= (size_t)n;
  }
  return true;
}

static void write_reply(const pl_decode_reply *reply) {
  if (write(0, reply, sizeof *reply) != (ssize_t)sizeof *reply) _exit(9);
}

static void spin(void) {
  for (;;) pause();
}

static void misbehave(const char *how) {
  pl_dicom dicom = {.image = {.width = 2, .height = 2}, .bits_allocated = 8, .bits_stored = 8, .rescale_slope = 1};
  pl_decode_reply reply;
  pl_decode_pack(&reply, &dicom);
  if (strcmp(how, "crash") == 0) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  if (strcmp(how, "exit") == 0) _exit(3);
  if (strcmp(how, "hang") == 0) spin();
  if (strcmp(how, "close") == 0) {
    close(0);
    spin();
  }
  if (strcmp(how, "half") == 0) {
    write_reply(&reply);
    if (write(0, "ab", 2) != 2) _exit(9);
    spin();
  }
  if (strcmp(how, "huge") == 0) reply.width = reply.height = 4000000000u;
  if (strcmp(how, "type") == 0) reply.pixel_type = 77;
  if (strcmp(how, "text") == 0) memset(reply.patient, 'x', sizeof reply.patient);
  if (strcmp(how, "windows") == 0) reply.window_count = 1000;
  if (strcmp(how, "status") == 0) reply.status = 12345;
  write_reply(&reply);
  if (write(0, "abcd", 4) != 4) _exit(9);
}

static bool is_dicom(const char *file, size_t length) {
  return length > DICOM_PREAMBLE + 4 && memcmp(file + DICOM_PREAMBLE, "DICM", 4) == 0;
}

static void behave(const char *file, size_t length) {
  pl_dicom dicom = {0};
  pl_decode_reply reply;
  if (pl_dicom_decode(&dicom, file, length, NULL) != PL_OK) _exit(9);
  pl_decode_pack(&reply, &dicom);
  write_reply(&reply);
  size_t bytes = pl_image_bytes(&dicom.image);
  if (write(0, dicom.image.data, bytes) != (ssize_t)bytes) _exit(9);
  pl_dicom_clear(&dicom);
}

static int play(void) {
  pl_decode_reply greeting;
  pl_error fine = {.code = PL_OK};
  pl_decode_pack_error(&greeting, &fine);
  write_reply(&greeting);
  pl_decode_request request;
  static char file[FILE_MAX + 1];
  while (read_all(&request, sizeof request) && request.length <= FILE_MAX && read_all(file, (size_t)request.length)) {
    file[request.length] = '\0';
    if (is_dicom(file, (size_t)request.length)) {
      behave(file, (size_t)request.length);
    } else {
      misbehave(file);
    }
  }
  return 0;
}

static int probe(void) {
  int pair[2];
  signal(SIGPIPE, SIG_IGN);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 2;
  pl_decode_reply greeting;
  int file = open("/dev/null", O_RDONLY);
  shutdown(pair[1], SHUT_WR);
  if (file < 0 || pl_decode_serve(pair[0]) != 0) return 3;
  if (read(pair[1], &greeting, sizeof greeting) != (ssize_t)sizeof greeting) return 4;
  if ((greeting.flags & PL_DECODE_CONFINED) == 0) return 77;
  if (open("/dev/null", O_RDONLY) >= 0) return 5;
  if (socket(AF_INET, SOCK_STREAM, 0) >= 0) return 6;
  if (dup(file) >= 0) return 7;
  if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 8;
  if (kill(getppid(), 0) == 0 || fork() >= 0) return 9;
  char *const arguments[] = {(char *)"/bin/true", NULL};
  execv(arguments[0], arguments);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "probe") == 0) _exit(probe());
  _exit(getenv("DECODE_HELPER_PLAYS") != NULL ? play() : pl_decode_serve(0));
}

#include "core/image/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/decode_wire.h"
#include "core/image/png_io.h"

enum {
  DEADLINE_SECONDS = 20,
  FILES_PER_HELPER = 100,
  PNG_SIGNATURE_BYTES = 8,
  GRACE_TRIES = 200,
  GRACE_NANOSECONDS = 5 * 1000 * 1000,
};

// Marks a helper's environment: a helper that starts helpers would be a fork bomb.
static const char *const helper_mark = "PLEURA_DECODE_HELPER=1";

extern char **environ;

struct pl_decoder {
  char *executable;
  double deadline;  // seconds per file
  pl_clock clock;
  pid_t helper;  // 0 when none runs
  int socket;    // -1 when none runs
  bool confined;
  int files;  // decoded by this helper; a fresh one now and then bounds what a file can leave behind
};

static bool is_helper(void) { return getenv("PLEURA_DECODE_HELPER") != NULL; }

pl_status pl_decoder_create(pl_decoder **out, const pl_decoder_options *options, pl_error *err) {
  if (is_helper()) return pl_fail(err, PL_E_USAGE, "a decoding helper cannot start decoders");
  const char *executable = options != NULL ? options->executable : NULL;
  double deadline = options != NULL ? options->deadline : 0;
  pl_decoder *decoder = pl_xcalloc(1, sizeof *decoder);
  // This link leads to the running file even when another version has been installed over its name.
  decoder->executable = pl_xstrdup(executable != NULL ? executable : "/proc/self/exe");
  decoder->deadline = deadline > 0 ? deadline : DEADLINE_SECONDS;
  decoder->clock = pl_clock_system();
  decoder->socket = -1;
  *out = decoder;
  return PL_OK;
}

// Ends the helper and says how it ended: waitpid's status, -1 when someone else took it. Unless `now`, it gets a moment
// to end by itself, so that its own reason is seen; a helper that closed its socket and lives on is killed all the
// same.
static int end_helper(pl_decoder *decoder, bool now) {
  int how = -1;
  if (decoder->helper == 0) return how;
  close(decoder->socket);
  pid_t got = 0;
  for (int i = 0; !now && got == 0 && i < GRACE_TRIES; i++) {
    got = waitpid(decoder->helper, &how, WNOHANG);
    if (got == 0) (void)nanosleep(&(struct timespec){.tv_nsec = GRACE_NANOSECONDS}, NULL);
  }
  if (got == 0) {
    (void)kill(decoder->helper, SIGKILL);
    do {
      got = waitpid(decoder->helper, &how, 0);
    } while (got < 0 && errno == EINTR);
  }
  decoder->helper = 0;
  decoder->socket = -1;
  decoder->confined = false;
  decoder->files = 0;
  return got > 0 ? how : -1;
}

void pl_decoder_destroy(pl_decoder *decoder) {
  if (decoder == NULL) return;
  (void)end_helper(decoder, true);
  free(decoder->executable);
  free(decoder);
}

bool pl_decoder_is_confined(const pl_decoder *decoder) { return decoder->confined; }

// The environment with the mark added. The strings are borrowed; the caller frees the array.
static char **helper_environment(void) {
  size_t count = 0;
  while (environ != NULL && environ[count] != NULL) count++;
  char **copy = pl_xcalloc(count + 2, sizeof *copy);
  if (count > 0) memcpy(copy, environ, count * sizeof *copy);
  copy[count] = (char *)helper_mark;
  return copy;
}

// No terminal, default signals, and a process group of its own, so that Ctrl-C is the parent's business alone.
static int spawn_helper(pid_t *pid, const char *executable, int socket) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  char *const arguments[] = {(char *)executable, (char *)"decode", NULL};
  char **environment = helper_environment();
  int failed = posix_spawn(pid, executable, &files, &attributes, arguments, environment);
  free(environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

// Waits until the socket can do `events` or the deadline passes: PL_OK or PL_E_BUSY.
static pl_status wait_until(pl_decoder *decoder, short events, double until) {
  for (;;) {
    double left = until - pl_clock_monotonic(&decoder->clock);
    if (left <= 0) return PL_E_BUSY;
    struct pollfd fd = {.fd = decoder->socket, .events = events};
    int n = poll(&fd, 1, left > 3600 ? 3600000 : (int)ceil(left * 1000));
    if (n > 0) return PL_OK;
    if (n < 0 && errno != EINTR) return PL_E_IO;
  }
}

// PL_E_BUSY when time ran out, PL_E_IO when the helper is gone.
static pl_status receive(pl_decoder *decoder, void *out, size_t length, double until) {
  for (char *p = out; length > 0;) {
    ssize_t n = recv(decoder->socket, p, length, MSG_DONTWAIT);
    if (n > 0) {
      p += n;
      length -= (size_t)n;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pl_status status = wait_until(decoder, POLLIN, until);
      if (status != PL_OK) return status;
    } else if (n == 0 || errno != EINTR) {
      return PL_E_IO;
    }
  }
  return PL_OK;
}

static pl_status transmit(pl_decoder *decoder, const void *bytes, size_t length, double until) {
  for (const char *p = bytes; length > 0;) {
    ssize_t n = send(decoder->socket, p, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      p += n;
      length -= (size_t)n;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pl_status status = wait_until(decoder, POLLOUT, until);
      if (status != PL_OK) return status;
    } else if (n == 0 || errno != EINTR) {
      return PL_E_IO;
    }
  }
  return PL_OK;
}

// Turns a broken conversation into words and ends the helper.
static pl_status helper_failed(pl_decoder *decoder, pl_status why, pl_status code, pl_error *err) {
  if (why == PL_E_BUSY) {
    (void)end_helper(decoder, true);
    return pl_fail(err, code, "the decoder did not finish within %g s", decoder->deadline);
  }
  // The socket is closed, so the helper is ending or dead; it must not be killed, or the reason would be lost.
  int how = end_helper(decoder, false);
  if (how >= 0 && WIFSIGNALED(how)) {
    return pl_fail(err, code, "the decoder crashed (signal %d)", WTERMSIG(how));
  }
  return pl_fail(err, code, "the decoder ended before it answered (exit code %d)",
                 how >= 0 && WIFEXITED(how) ? WEXITSTATUS(how) : -1);
}

static pl_status start_helper(pl_decoder *decoder, double until, pl_error *err) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return pl_fail_errno(err, errno, "cannot make a socket for the decoder");
  }
  int failed = spawn_helper(&decoder->helper, decoder->executable, pair[1]);
  close(pair[1]);
  if (failed != 0) {
    close(pair[0]);
    decoder->helper = 0;
    return pl_fail(err, PL_E_INTERNAL, "cannot start the decoder %s: %s", decoder->executable, strerror(failed));
  }
  decoder->socket = pair[0];
  pl_decode_reply greeting;
  pl_status status = receive(decoder, &greeting, sizeof greeting, until);
  if (status != PL_OK) {
    helper_failed(decoder, status, PL_E_INTERNAL, err);
    return pl_wrap(err, "%s decode", decoder->executable);
  }
  if (greeting.magic != PL_DECODE_MAGIC || greeting.status != PL_OK) {
    (void)end_helper(decoder, true);
    if (pl_decode_is_refusal(&greeting)) return pl_fail(err, (pl_status)greeting.status, "%s", greeting.message);
    return pl_fail(err, PL_E_INTERNAL, "%s does not answer as a decoder of this version", decoder->executable);
  }
  decoder->confined = (greeting.flags & PL_DECODE_CONFINED) != 0;
  return PL_OK;
}

static pl_status converse(pl_decoder *decoder, pl_dicom *out, const void *bytes, size_t length, double until,
                          pl_error *err) {
  pl_decode_request request = {
      .magic = PL_DECODE_MAGIC, .seconds = (uint32_t)fmin(decoder->deadline * 2 + 1, 1e6), .length = length};
  pl_decode_reply reply;
  pl_status status = transmit(decoder, &request, sizeof request, until);
  if (status == PL_OK) status = transmit(decoder, bytes, length, until);
  if (status == PL_OK) status = receive(decoder, &reply, sizeof reply, until);
  if (status != PL_OK) return helper_failed(decoder, status, PL_E_FORMAT, err);
  pl_dicom dicom;
  status = pl_decode_unpack(&dicom, &reply, err);
  if (status != PL_OK) {
    // After a refusal the helper waits for the next file. Otherwise its plane, or more nonsense, is still to come.
    if (!pl_decode_is_refusal(&reply)) (void)end_helper(decoder, true);
    return status;
  }
  pl_dicom_lut *luts[PL_DECODE_LUTS];
  size_t lut_count = pl_decode_luts(luts, &dicom);
  status = receive(decoder, dicom.image.data, pl_image_bytes(&dicom.image), until);
  for (size_t i = 0; status == PL_OK && i < lut_count; i++) {
    status = receive(decoder, luts[i]->values, luts[i]->count * sizeof *luts[i]->values, until);
  }
  if (status != PL_OK) {
    pl_dicom_clear(&dicom);
    return helper_failed(decoder, status, PL_E_FORMAT, err);
  }
  *out = dicom;
  return PL_OK;
}

// A helper between two files has nothing to say: bytes are nonsense from the file before, an end means that it died.
static bool is_waiting(const pl_decoder *decoder) {
  char byte;
  ssize_t n = recv(decoder->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

pl_status pl_decoder_read_bytes(pl_decoder *decoder, pl_dicom *out, const void *bytes, size_t length, pl_error *err) {
  if (length > PL_DICOM_FILE_MAX) return pl_fail(err, PL_E_LIMIT, "it is larger than %d bytes", PL_DICOM_FILE_MAX);
  double until = pl_clock_monotonic(&decoder->clock) + decoder->deadline;
  if (decoder->helper != 0 && (decoder->files >= FILES_PER_HELPER || !is_waiting(decoder))) {
    (void)end_helper(decoder, true);
  }
  if (decoder->helper == 0) {
    pl_status status = start_helper(decoder, until, err);
    if (status != PL_OK) return status;
  }
  decoder->files++;
  return converse(decoder, out, bytes, length, until, err);
}

pl_status pl_decoder_read(pl_decoder *decoder, pl_dicom *out, char sha256[PL_SHA256_HEX_SIZE], const char *path,
                          pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_DICOM_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    if (sha256 != NULL) pl_sha256_bytes(sha256, bytes.data, bytes.length);
    status = pl_decoder_read_bytes(decoder, out, bytes.data, bytes.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&bytes);
  return status;
}

// A plane without attributes.
static void wrap_plane(pl_dicom *out, const pl_image *plane) {
  *out = (pl_dicom){.image = *plane, .rescale_slope = 1, .age = -1};
  out->bits_allocated = plane->type == PL_PIXEL_U8 ? 8 : 16;
  out->bits_stored = out->bits_allocated;
  out->high_bit = (uint16_t)(out->bits_stored - 1);
}

static bool begins_as_png(const void *bytes, size_t length) {
  static const uint8_t signature[PNG_SIGNATURE_BYTES] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return length >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

static bool is_png_file(const char *path) {
  uint8_t first[PNG_SIGNATURE_BYTES];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  ssize_t n = read(fd, first, sizeof first);
  close(fd);
  return n > 0 && begins_as_png(first, (size_t)n);
}

pl_status pl_image_decode_any(pl_dicom *out, const void *bytes, size_t length, pl_decoder *decoder, pl_error *err) {
  return begins_as_png(bytes, length) ? pl_image_decode_png(out, bytes, length, err)
                                      : pl_decoder_read_bytes(decoder, out, bytes, length, err);
}

pl_status pl_image_decode_png(pl_dicom *out, const void *bytes, size_t length, pl_error *err) {
  pl_image plane = {0};
  pl_status status = pl_png_decode(&plane, bytes, length, err);
  if (status == PL_OK) wrap_plane(out, &plane);
  return status;
}

pl_status pl_image_read_any(pl_dicom *out, const char *path, pl_decoder *decoder, pl_error *err) {
  if (is_png_file(path)) {
    pl_image plane = {0};
    pl_status status = pl_png_read(&plane, path, err);
    if (status == PL_OK) wrap_plane(out, &plane);
    return status;
  }
  pl_decoder *own = NULL;
  if (decoder == NULL) {
    pl_status status = pl_decoder_create(&own, NULL, err);
    if (status != PL_OK) return status;
    decoder = own;
  }
  pl_status status = pl_decoder_read(decoder, out, NULL, path, err);
  pl_decoder_destroy(own);
  return status;
}

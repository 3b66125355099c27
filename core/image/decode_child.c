// The helper's side of decode.h: confine the process, then answer requests until the socket closes.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/image/decode.h"
#include "core/image/decode_wire.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#endif

enum {
  MEMORY_MAX_GIB = 4,  // the largest plane, twice in DCMTK and once in the file, and the executable itself
  CPU_SECONDS_MAX = 3600,
  DESCRIPTORS_MAX = 3,
  SYSCALLS = 24,
};

static const int allowed_syscalls[SYSCALLS];

static void limit(unsigned which, rlim_t value) {
  // A limit that cannot be set (already lower) is at least as strict.
  struct rlimit both = {.rlim_cur = value, .rlim_max = value};
  (void)setrlimit(which, &both);
}

static void set_limits(void) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, CPU_SECONDS_MAX);
  limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
#ifndef UNDER_SANITIZER
  // Sanitizers reserve terabytes of address space for their shadow.
  limit(RLIMIT_AS, (rlim_t)MEMORY_MAX_GIB << 30);
#endif
  // Also keeps patient data out of core dumps that are piped to a handler, for which the limit above does not count.
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Everything that is not listed fails with EPERM; memory can never become executable.
static bool install_filter(void) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == NULL) return false;
  int failed = 0;
  for (size_t i = 0; i < SYSCALLS; i++) {
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_syscalls[i], 0);
  }
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  bool loaded = failed == 0 && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return loaded;
}

static bool read_all(int fd, void *out, size_t length) {
  for (char *p = out; length > 0;) {
    ssize_t n = read(fd, p, length < INT_MAX ? length : INT_MAX);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    length -= (size_t)n;
  }
  return true;
}

static bool write_all(int fd, const void *bytes, size_t length) {
  for (const char *p = bytes; length > 0;) {
    ssize_t n = write(fd, p, length < INT_MAX ? length : INT_MAX);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    length -= (size_t)n;
  }
  return true;
}

static bool greet(int socket) {
  pl_error err = {0};
  pl_decode_reply reply;
  bool ready = pl_dicom_setup(&err) == PL_OK;
  pl_decode_pack_error(&reply, &err);
  set_limits();
  if (install_filter()) reply.flags |= PL_DECODE_CONFINED;
  return write_all(socket, &reply, sizeof reply) && ready;
}

static bool send_pixels(int socket, pl_dicom *dicom) {
  pl_dicom_lut *luts[PL_DECODE_LUTS];
  size_t count = pl_decode_luts(luts, dicom);
  bool sent = write_all(socket, dicom->image.data, pl_image_bytes(&dicom->image));
  for (size_t i = 0; sent && i < count; i++) {
    sent = write_all(socket, luts[i]->values, luts[i]->count * sizeof *luts[i]->values);
  }
  return sent;
}

// False when the socket is closed or the parent makes no sense.
static bool serve_one(int socket) {
  pl_decode_request request;
  if (!read_all(socket, &request, sizeof request)) return false;
  if (request.magic != PL_DECODE_MAGIC || request.length > PL_DICOM_FILE_MAX) return false;
  // The parent keeps the time; this is for a parent that is gone.
  alarm(request.seconds);
  pl_error err = {0};
  pl_dicom dicom = {0};
  pl_decode_reply reply;
  void *bytes = pl_try_alloc(request.length > 0 ? (size_t)request.length : 1);
  if (bytes == NULL) return false;
  if (!read_all(socket, bytes, (size_t)request.length)) {
    free(bytes);
    return false;
  }
  pl_status status = pl_dicom_decode(&dicom, bytes, (size_t)request.length, &err);
  free(bytes);
  if (status == PL_OK) {
    pl_decode_pack(&reply, &dicom);
  } else {
    pl_decode_pack_error(&reply, &err);
  }
  bool sent = write_all(socket, &reply, sizeof reply) && (status != PL_OK || send_pixels(socket, &dicom));
  pl_dicom_clear(&dicom);
  alarm(0);
  return sent;
}

int pl_decode_serve(int socket) {
  if (!greet(socket)) return 1;
  while (serve_one(socket)) continue;
  return 0;
}

// What reading the socket, decoding, C++ exceptions and ending need. Sanitizers also want their alternate stack.
static const int allowed_syscalls[SYSCALLS] = {
    SCMP_SYS(read),         SCMP_SYS(write),       SCMP_SYS(close),           SCMP_SYS(brk),
    SCMP_SYS(munmap),       SCMP_SYS(mremap),      SCMP_SYS(madvise),         SCMP_SYS(futex),
    SCMP_SYS(exit),         SCMP_SYS(exit_group),  SCMP_SYS(rt_sigreturn),    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(getpid),      SCMP_SYS(gettid),          SCMP_SYS(tgkill),
    SCMP_SYS(getrandom),    SCMP_SYS(alarm),       SCMP_SYS(setitimer),       SCMP_SYS(sched_yield),
};

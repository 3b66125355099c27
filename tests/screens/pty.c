#include "tests/screens/pty.h"

#include <dirent.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 64 << 20, CELL_WIDTH = 10, CELL_HEIGHT = 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void pty_start(pty *out, pty_kind kind, int cols, int rows, const char *term, const char *const *argv) {
  *out = (pty){.kind = kind};
  pl_buf_init(&out->output, OUTPUT_MAX);
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
  if (kind != PTY_SILENT && kind != PTY_CONSOLE) {
    size.ws_xpixel = (unsigned short)(cols * CELL_WIDTH);
    size.ws_ypixel = (unsigned short)(rows * CELL_HEIGHT);
  }
  if (openpty(&out->master, &out->slave, NULL, NULL, &size) != 0) return;
  tcgetattr(out->slave, &out->before);
  out->child = fork();
  if (out->child == 0) {
    setsid();
    ioctl(out->slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(out->slave, fd);
    close(out->master);
    close(out->slave);
    setenv("TERM", term, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TZ", "UTC", 1);
    const char *config = getenv("BENCH_CONFIG");
    setenv("XDG_CONFIG_HOME", config != NULL ? config : "/nonexistent", 1);  // no settings of the user
    setenv("XDG_STATE_HOME", "/proc/nowhere", 0);                            // no visits before, and none are kept
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);                             // no fetched weights
    static const char *const unwanted[] = {"PLEURA_GRAPHICS", "TMUX",  "STY",    "NO_COLOR",
                                           "COLORTERM",       "LINES", "COLUMNS"};
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) unsetenv(unwanted[i]);
    execv(argv[0], (char *const *)argv);
    _exit(127);
  }
}

static const char arrived[] = "\x1b[5n";  // the question behind a picture

static void answer(pty *p) {
  static const char *const replies[][2] = {
      {"\x1b[c", "\x1b[?63;1;2;4;6;9;15;22c"},
      {"\x1b[>q", "\x1bP>|XTerm(379)\x1b\\"},
      {"\x1b[>0q", "\x1bP>|XTerm(379)\x1b\\"},
      {"\x1b[?1;1;0S", "\x1b[?1;0;1024S"},
      {"\x1b[?2;4;0S", "\x1b[?2;0;4000;4000S"},
      {"\x1b[?2;1;0S", "\x1b[?2;0;4000;4000S"},
      {"\x1b[16t", "\x1b[6;20;10t"},
      {"\x1b[?1016$p", "\x1b[?1016;2$y"},
      {arrived, "\x1b[0n"},
  };
  static const char plain[] = "\x1b[?1;2c", console[] = "\x1b[?6c";
  if (p->kind == PTY_SILENT) return;
  // In the order of the questions; what has been looked at is not looked at again.
  while (p->answered < p->output.length) {
    const char *at = memchr(p->output.data + p->answered, '\x1b', p->output.length - p->answered);
    p->answered = at != NULL ? (size_t)(at - p->output.data) : p->output.length;
    const size_t left = p->output.length - p->answered;
    size_t answered = left > 0 ? 1 : 0;
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
      const size_t length = strlen(replies[i][0]);
      if (at == NULL || memcmp(at, replies[i][0], length < left ? length : left) != 0) continue;
      if (length > left) return;  // the rest of the question is still to come
      answered = length;
      if (p->kind == PTY_PLAIN_SIXEL && replies[i][0][1] == '[' && replies[i][0][2] == '>') continue;  // has no name
      // The first question is one that every terminal answers, and the last one too.
      const bool all = (p->kind != PTY_PLAIN && p->kind != PTY_CONSOLE) || strcmp(replies[i][0], arrived) == 0;
      const char *reply = all ? replies[i][1] : i > 0 ? "" : p->kind == PTY_CONSOLE ? console : plain;
      const ssize_t ignored = write(p->master, reply, strlen(reply));
      (void)ignored;
      if (strcmp(replies[i][0], arrived) == 0) p->arrived++;
    }
    p->answered += answered;
  }
}

size_t pty_take(pty *p, size_t most, int milliseconds) {
  struct pollfd ready = {.fd = p->master, .events = POLLIN};
  if (poll(&ready, 1, milliseconds) != 1 || (ready.revents & POLLIN) == 0) return 0;
  char bytes[65536];
  const ssize_t count = read(p->master, bytes, most < sizeof bytes ? most : sizeof bytes);
  if (count <= 0) return 0;
  pl_buf_add(&p->output, bytes, (size_t)count);
  answer(p);
  return (size_t)count;
}

bool pty_run(pty *p, const char *text, double seconds) {
  const double end = now() + seconds;
  size_t from = p->output.length;
  while (now() < end) {
    if (pty_take(p, SIZE_MAX, 20) > 0) {
      const size_t back = text != NULL ? strlen(text) : 0;
      const size_t start = from > back ? from - back : 0;
      if (text != NULL && memmem(p->output.data + start, p->output.length - start, text, back) != NULL) return true;
      continue;
    }
    if (!p->ended && waitpid(p->child, &p->status, WNOHANG) == p->child) p->ended = true;
    if (p->ended) return true;
  }
  return false;
}

static bool works(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  bool busy = false;
  for (struct dirent *task; tasks != NULL && !busy && (task = readdir(tasks)) != NULL;) {
    const int tid = atoi(task->d_name);
    if (tid == 0) continue;
    char line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, tid);
    FILE *file = fopen(path, "r");
    if (file != NULL && fgets(line, sizeof line, file) != NULL) {
      const char *name_end = strrchr(line, ')');  // the state follows the name
      busy = name_end != NULL && (name_end[2] == 'R' || name_end[2] == 'D');
    }
    if (file != NULL) fclose(file);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, tid);
    file = busy ? NULL : fopen(path, "r");
    for (int child; file != NULL && !busy && fscanf(file, "%d", &child) == 1;) busy = works(child);
    if (file != NULL) fclose(file);
  }
  if (tasks != NULL) closedir(tasks);
  return busy;
}

bool pty_works(const pty *p) { return !p->ended && works(p->child); }

void pty_settle(pty *p, double rate, double seconds) {
  const int step = 10;
  for (int quiet = 0, waited = 0; quiet < 350 && waited < seconds * 1000; quiet += step, waited += step) {
    if (pty_take(p, rate > 0 ? (size_t)(rate * step / 1000) : SIZE_MAX, step) > 0 || pty_works(p)) quiet = 0;
    if (rate > 0) usleep((useconds_t)step * 1000);
  }
}

void pty_type(pty *p, const char *text) {
  const ssize_t ignored = write(p->master, text, strlen(text));
  (void)ignored;
}

bool pty_same_mode(const pty *p) {
  struct termios after;
  if (tcgetattr(p->slave, &after) != 0) return false;
  return after.c_iflag == p->before.c_iflag && after.c_oflag == p->before.c_oflag &&
         after.c_cflag == p->before.c_cflag && after.c_lflag == p->before.c_lflag &&
         memcmp(after.c_cc, p->before.c_cc, sizeof after.c_cc) == 0;
}

void pty_close(pty *p) {
  if (!p->ended && p->child > 0) {
    kill(p->child, SIGKILL);
    waitpid(p->child, &p->status, 0);
  }
  close(p->master);
  close(p->slave);
  pl_buf_clear(&p->output);
}

size_t pty_sixels(const pty *p, size_t *first, size_t *length) {
  size_t count = 0;
  const char *data = p->output.data;
  for (size_t at = 0; at + 2 < p->output.length; at++) {
    if (data[at] != '\x1b' || data[at + 1] != 'P') continue;
    const char *end = memmem(data + at, p->output.length - at, "\x1b\\", 2);
    size_t q = at + 2;
    while (q < p->output.length && ((data[q] >= '0' && data[q] <= '9') || data[q] == ';')) q++;
    if (end == NULL || q >= p->output.length || data[q] != 'q') continue;
    count++;
    *first = at;
    *length = (size_t)(end + 2 - (data + at));
  }
  return count;
}

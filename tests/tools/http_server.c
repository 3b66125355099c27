#include "tests/tools/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "tests/tools/testing.h"

enum { REQUEST_MAX = 16384 };

static bool send_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes += n;
    length -= (size_t)n;
  }
  return true;
}

static bool send_head(int fd, const char *head) {
  for (const char *p = head; *p != '\0';) {
    size_t n = strcspn(p, "\n");
    if (!send_all(fd, p, n) || !send_all(fd, "\r\n", 2)) return false;
    p += n + (p[n] == '\n');
  }
  const char *end = "Connection: close\r\n\r\n";
  return send_all(fd, end, strlen(end));
}

static void read_request(int fd, int log) {
  char request[REQUEST_MAX + 1];
  size_t length = 0;
  while (length < REQUEST_MAX) {
    ssize_t n = recv(fd, request + length, REQUEST_MAX - length, 0);
    if (n <= 0) break;
    length += (size_t)n;
    request[length] = '\0';
    if (strstr(request, "\r\n\r\n") != NULL) break;
    if (request[0] == 0x16) break;  // a TLS greeting, which has no such end
  }
  if (write(log, request, length) < 0) _exit(1);
}

static void answer(int fd, const http_step *step) {
  if (step->head == NULL || !send_head(fd, step->head)) return;
  size_t length = step->length != 0 ? step->length : step->body != NULL ? strlen(step->body) : 0;
  bool sent = length == 0 || send_all(fd, step->body, length);
  while (sent && step->endless) sent = send_all(fd, step->body, length);
  char byte;
  if (sent && step->stalls) (void)recv(fd, &byte, 1, 0);  // until the client goes
}

static void serve(int listener, int log, const http_step *steps, size_t count) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (size_t i = 0;; i++) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) _exit(1);
    read_request(fd, log);
    answer(fd, &steps[i < count ? i : count - 1]);
    // Closing with unread bytes would reset the connection and take the answer along.
    shutdown(fd, SHUT_WR);
    close(fd);
  }
}

void http_server_start(http_server *server, const http_step *steps, size_t count) {
  *server = (http_server){0};
  (void)pl_copy_text(server->log, sizeof server->log, "/tmp/pleura-http-XXXXXX");
  int log = mkostemp(server->log, O_APPEND | O_CLOEXEC);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (log < 0 || listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
    fail_msg("cannot start a server: %s", strerror(errno));
  }
  server->port = ntohs(address.sin_port);
  server->process = fork();
  if (server->process == 0) serve(listener, log, steps, count);
  close(listener);
  close(log);
}

char *http_server_stop(http_server *server) {
  (void)kill(server->process, SIGKILL);
  (void)waitpid(server->process, NULL, 0);
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  if (pl_fs_read(&text, server->log, NULL) != PL_OK) fail_msg("the server's log is gone");
  (void)unlink(server->log);
  return text.data;
}

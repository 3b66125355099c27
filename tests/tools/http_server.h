// A server on this machine that answers by a script, in a process of its own: one step a connection, whatever is asked.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct http_step {
  const char *head;  // status line and fields, lines ended by \n; without "Connection" and the empty line
  const char *body;
  size_t length;  // 0 for strlen(body)
  bool stalls;    // after the body nothing more comes, and the connection stays
  bool endless;   // the body comes again and again
} http_step;

typedef struct http_server {
  pid_t process;
  int port;
  char log[32];  // file with the requests
} http_server;

// Serves the steps one after the other, the last one for ever. They must stay until the server is stopped.
void http_server_start(http_server *server, const http_step *steps, size_t count);

// Ends the server and returns the heads of all requests; the caller frees.
char *http_server_stop(http_server *server);

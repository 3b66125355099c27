// Commands to a running core: one JSON file each, written aside and renamed into RUN/inbox, a folder of the owner
// alone (0700). They take effect between two steps, and each is journaled with user and terminal and answered there.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_INBOX_FILE_MAX = 4096,   // bytes of a command
  PL_INBOX_FILES_MAX = 1000,  // more than that are not looked at
};

typedef enum pl_command_kind {
  PL_COMMAND_PAUSE,
  PL_COMMAND_RESUME,
  PL_COMMAND_STOP,  // checkpoint, then end
  PL_COMMAND_CHECKPOINT,
  PL_COMMAND_SET,  // an option marked PL_OPTION_LIVE: `option` to `value`
} pl_command_kind;

typedef struct pl_command {
  pl_command_kind kind;
  char option[64], value[256];
  char user[64], tty[64];  // filled by pl_inbox_send
  char id[64];             // likewise: names the answer in the journal
} pl_command;

// Sends a command to the run in `folder`; fills user, tty and id. PL_E_USAGE for an option that is not live,
// PL_E_NOTFOUND when there is no such run, PL_E_IO when it may only be read.
pl_status pl_inbox_send(pl_command *command, const char *folder, pl_error *err);

// The core's side: takes the oldest command out of the inbox. *got is false when there is none. A file that is no
// command (a link, a pipe, someone else's, too large, not JSON, unknown) is removed and *got is false with PL_OK, with
// the reason in `refused` (at least PL_ERROR_MESSAGE_MAX bytes; else ""): call again.
pl_status pl_inbox_receive(pl_command *out, bool *got, char *refused, const char *folder, pl_error *err);

// The word of a kind ("pause") and its inverse, false for other words.
const char *pl_command_name(pl_command_kind kind);
bool pl_command_from_name(pl_command_kind *out, const char *name);

#ifdef __cplusplus
}
#endif

#include "core/run/inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/user.h"
#include "core/data/access.h"
#include "core/run/config.h"
#include "core/run/json.h"

enum { COMMAND_COUNT = PL_COMMAND_SET + 1 };

static const char *const command_names[COMMAND_COUNT];

const char *pl_command_name(pl_command_kind kind) { return command_names[kind]; }

bool pl_command_from_name(pl_command_kind *out, const char *name) {
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(command_names[i], name) == 0) {
      *out = (pl_command_kind)i;
      return true;
    }
  }
  return false;
}

static pl_status check_set(const pl_command *command, pl_error *err) {
  if (command->kind != PL_COMMAND_SET) return PL_OK;
  const pl_option *o = pl_option_find(command->option);
  pl_config scratch;
  pl_config_defaults(&scratch);
  pl_status status = pl_config_set(&scratch, command->option, command->value, PL_ORIGIN_RUN, err);
  if (status != PL_OK) return status;
  if (!(o->flags & PL_OPTION_LIVE)) {
    return pl_fail(err, PL_E_USAGE, "%s is fixed once a run has begun", o->name);
  }
  return PL_OK;
}

// User, terminal, and an id that sorts by time.
static void sign(pl_command *command) {
  pl_user_name(command->user);
  pl_tty_name(command->tty);
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  char *id = pl_xprintf("%012" PRIx64 "%08" PRIx64 "-%ld", (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, (long)getpid());
  (void)pl_copy_text(command->id, sizeof command->id, id);
  free(id);
}

pl_status pl_inbox_send(pl_command *command, const char *folder, pl_error *err) {
  pl_status status = check_set(command, err);
  if (status != PL_OK) return status;
  char *inbox = pl_path_join(folder, "inbox");
  if (!pl_fs_is_folder(inbox)) {
    status = pl_fail(err, PL_E_NOTFOUND, "%s is not a run: it has no inbox", folder);
    free(inbox);
    return status;
  }
  char *instead = pl_xprintf("only they may %s it", pl_command_name(command->kind));
  status = pl_access_check(folder, instead, err);
  free(instead);
  if (status != PL_OK) {
    free(inbox);
    return status;
  }
  sign(command);
  pl_buf text;
  pl_buf_init(&text, PL_INBOX_FILE_MAX);
  (void)pl_buf_printf(&text, "{\"command\":\"%s\"", pl_command_name(command->kind));
  if (command->kind == PL_COMMAND_SET) {
    pl_json_add_text(&text, "option", command->option);
    pl_json_add_text(&text, "value", command->value);
  }
  pl_json_add_text(&text, "user", command->user);
  pl_json_add_text(&text, "tty", command->tty);
  (void)pl_buf_add_text(&text, "}\n");
  char *name = pl_xprintf("%s/%s.json", inbox, command->id);
  status = pl_fs_replace(name, text.data, text.length, err);
  if (status != PL_OK) status = pl_wrap(err, "cannot send '%s' to the run", pl_command_name(command->kind));
  free(name);
  free(inbox);
  pl_buf_clear(&text);
  return status;
}

// Commands are small files of our own, whatever else lies there.
static pl_status read_command(pl_buf *text, int inbox, const char *name, pl_error *err) {
  int fd = openat(inbox, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return pl_fail(err, PL_E_FORMAT, "it cannot be opened or is a link");
  struct stat st;
  pl_status status = PL_OK;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    status = pl_fail(err, PL_E_FORMAT, "it is not a regular file");
  } else if (st.st_uid != geteuid()) {
    status = pl_fail(err, PL_E_FORMAT, "it belongs to another user");
  } else if (st.st_size > PL_INBOX_FILE_MAX) {
    status = pl_fail(err, PL_E_LIMIT, "it has more than %d bytes", PL_INBOX_FILE_MAX);
  } else {
    char *room = pl_buf_reserve(text, PL_INBOX_FILE_MAX);
    ssize_t n = read(fd, room, PL_INBOX_FILE_MAX);
    if (n < 0) {
      status = pl_fail_errno(err, errno, "it cannot be read");
    } else {
      text->length = (size_t)n;
      text->data[n] = '\0';
    }
  }
  close(fd);
  return status;
}

static pl_status parse_command(pl_command *out, const pl_buf *text, pl_error *err) {
  json_error_t problem;
  json_t *object = json_loadb(text->data, text->length, JSON_REJECT_DUPLICATES, &problem);
  if (!json_is_object(object)) {
    json_decref(object);
    return pl_fail(err, PL_E_FORMAT, "it is not a JSON object");
  }
  char word[32];
  pl_json_text(word, sizeof word, object, "command");
  pl_status status = PL_OK;
  if (!pl_command_from_name(&out->kind, word)) {
    status = pl_fail(err, PL_E_FORMAT, "there is no command '%s'", word);
  } else {
    pl_json_text(out->option, sizeof out->option, object, "option");
    pl_json_text(out->value, sizeof out->value, object, "value");
    pl_json_text(out->user, sizeof out->user, object, "user");
    pl_json_text(out->tty, sizeof out->tty, object, "tty");
    status = check_set(out, err);
  }
  json_decref(object);
  return status;
}

// The first name in byte order that is not one being written; the caller frees. NULL when there is none.
static char *oldest(int inbox) {
  int copy = openat(inbox, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
  if (dir == NULL) {
    if (copy >= 0) close(copy);
    return NULL;
  }
  char *best = NULL;
  struct dirent *entry;
  for (int seen = 0; seen < PL_INBOX_FILES_MAX && (entry = readdir(dir)) != NULL; seen++) {
    if (entry->d_name[0] == '.' || strstr(entry->d_name, ".tmp-") != NULL) continue;
    if (best == NULL || strcmp(entry->d_name, best) < 0) {
      free(best);
      best = pl_xstrdup(entry->d_name);
    }
  }
  closedir(dir);
  return best;
}

pl_status pl_inbox_receive(pl_command *out, bool *got, char *refused, const char *folder, pl_error *err) {
  *got = false;
  refused[0] = '\0';
  char *path = pl_path_join(folder, "inbox");
  int inbox = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  pl_status status = PL_OK;
  struct stat st;
  if (inbox < 0) {
    status = pl_fail_errno(err, errno, "cannot open %s", path);
  } else if (fstat(inbox, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
    status = pl_fail(err, PL_E_IO, "%s can be written by others: no commands are taken from it", path);
  }
  char *name = status == PL_OK ? oldest(inbox) : NULL;
  if (name != NULL) {
    pl_command command = {.kind = PL_COMMAND_PAUSE};
    pl_error problem = {0};
    pl_buf text;
    pl_buf_init(&text, PL_INBOX_FILE_MAX);
    if (read_command(&text, inbox, name, &problem) == PL_OK && parse_command(&command, &text, &problem) == PL_OK) {
      const char *dot = strrchr(name, '.');
      size_t length = dot != NULL ? (size_t)(dot - name) : strlen(name);
      (void)pl_safe_text(command.id, sizeof command.id, name, length);
      *out = command;
      *got = true;
    } else {
      char *why = pl_xprintf("inbox: refused '%s': %s", name, problem.message);
      (void)pl_safe_text(refused, PL_ERROR_MESSAGE_MAX, why, strlen(why));
      free(why);
    }
    pl_buf_clear(&text);
    // What is not removed would come again for ever: then nothing is taken.
    if (unlinkat(inbox, name, 0) != 0 && errno != ENOENT && unlinkat(inbox, name, AT_REMOVEDIR) != 0) {
      *got = false;
      status = pl_fail_errno(err, errno, "cannot remove %s from %s", name, path);
    }
    free(name);
  }
  if (inbox >= 0) close(inbox);
  free(path);
  return status;
}

static const char *const command_names[COMMAND_COUNT] = {
    [PL_COMMAND_PAUSE] = "pause",           [PL_COMMAND_RESUME] = "resume", [PL_COMMAND_STOP] = "stop",
    [PL_COMMAND_CHECKPOINT] = "checkpoint", [PL_COMMAND_SET] = "set",
};

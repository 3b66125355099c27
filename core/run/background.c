#include "core/run/background.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/base/user.h"
#include "core/data/access.h"
#include "core/run/background_private.h"
#include "core/run/json.h"
#include "core/run/spawn.h"

enum { START_SECONDS = 60, LOG_TAIL_BYTES = 65536, LOG_LINE_SIZE = 512, LAST_LINES = 5 };

static char *folder_of(const char *workspace, const char *name) {
  char *jobs = pl_path_join(workspace, ".jobs"), *folder = pl_path_join(jobs, name);
  free(jobs);
  return folder;
}

// ---- Reading

json_t *pl_background_read(const char *folder, const char *file) {
  char *path = pl_path_join(folder, file);
  pl_buf text;
  pl_buf_init(&text, PL_BACKGROUND_FILE_MAX);
  json_t *object = NULL;
  if (pl_fs_read(&text, path, NULL) == PL_OK) object = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
  pl_buf_clear(&text);
  free(path);
  if (json_is_object(object)) return object;
  json_decref(object);
  return NULL;
}

static void add_word(pl_background *job, const char *word) {
  char safe[sizeof job->line];
  const size_t used = strlen(job->line);
  pl_safe_text(safe, sizeof safe, word, strlen(word));
  const bool spaced = strchr(safe, ' ') != NULL || safe[0] == '\0';
  (void)snprintf(job->line + used, sizeof job->line - used, spaced ? " '%s'" : " %s", safe);
}

static bool exists(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  const bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static pl_alive alive_of(const pl_background *job, const char *folder) {
  char host[sizeof job->host];
  if (job->ended) return PL_ALIVE_NO;
  pl_background_host(host, sizeof host);
  if (strcmp(host, job->host) != 0) return PL_ALIVE_UNKNOWN;
  char *path = pl_path_join(folder, "lock");
  const int held = pl_lock_is_held(path);
  free(path);
  return held > 0 ? PL_ALIVE_YES : held == 0 ? PL_ALIVE_NO : PL_ALIVE_UNKNOWN;
}

// The last lines of a file of which only the end is read; a line that it begins in the midst of is left out.
static pl_status read_tail(char ***text, size_t *count, const char *folder, size_t lines, pl_error *err) {
  char *path = pl_path_join(folder, "log"), *bytes = pl_xmalloc(LOG_TAIL_BYTES);
  pl_status status = PL_OK;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) status = pl_fail_errno(err, errno, "cannot open %s", path);
  ssize_t length = 0;
  if (status == PL_OK) {
    const off_t end = lseek(fd, 0, SEEK_END), start = end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0;
    length = pread(fd, bytes, LOG_TAIL_BYTES, start);
    if (length < 0) status = pl_fail_errno(err, errno, "cannot read %s", path);
  }
  if (fd >= 0) close(fd);
  free(path);
  if (status != PL_OK) {
    free(bytes);
    return status;
  }
  const char *at = bytes, *end = bytes + length;
  // From the back, so that at most so many lines are counted.
  const char *p = end > at && end[-1] == '\n' ? end - 1 : end;
  for (size_t found = 0; p > at && found < lines; p--) {
    if (p[-1] == '\n' && ++found == lines) break;
  }
  char **list = pl_xcalloc(lines + 1, sizeof *list);
  size_t used = 0;
  while (p < end && used < lines) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    const size_t size = (size_t)((stop != NULL ? stop : end) - p);
    char safe[LOG_LINE_SIZE];
    pl_safe_text(safe, sizeof safe, p, size);
    list[used++] = pl_xstrdup(safe);
    p += size + 1;
  }
  free(bytes);
  *text = list;
  *count = used;
  return PL_OK;
}

// What a command says of an error begins with its name; a hint on how to call it may follow.
static void read_last_words(pl_background *job, const char *folder) {
  char **lines = NULL;
  size_t count = 0;
  if (read_tail(&lines, &count, folder, LAST_LINES, NULL) != PL_OK) return;
  size_t chosen = count > 0 ? count - 1 : 0;
  for (size_t i = 0; i < count && job->exit_code != 0; i++) {
    if (pl_begins_with(lines[i], "pleura ")) chosen = i;
  }
  if (count > 0) pl_copy_text(job->last_words, sizeof job->last_words, lines[chosen]);
  pl_fs_free_names(lines, count);
}

// False when the folder is none of a job.
static bool read_job(pl_background *out, const char *folder) {
  json_t *made = pl_background_read(folder, "job.json");
  const json_t *argv = json_object_get(made, "argv");
  if (json_array_size(argv) == 0) {
    json_decref(made);
    return false;
  }
  *out = (pl_background){.share = NAN, .left = NAN, .seconds = NAN, .started = pl_json_number(made, "started", 0)};
  pl_copy_text(out->name, sizeof out->name, pl_path_base(folder));
  pl_json_text(out->command, sizeof out->command, made, "command");
  pl_json_text(out->user, sizeof out->user, made, "user");
  pl_json_text(out->host, sizeof out->host, made, "host");
  pl_copy_text(out->line, sizeof out->line, "pleura");
  for (size_t i = 0; i < json_array_size(argv); i++) {
    const char *word = json_string_value(json_array_get(argv, i));
    add_word(out, word != NULL ? word : "?");
  }
  json_decref(made);
  // The end is looked for behind the lock: who lets go of it has written it before.
  out->cancelled = exists(folder, "cancel");
  out->alive = alive_of(out, folder);
  json_t *end = pl_background_read(folder, "end.json"), *progress = pl_background_read(folder, "progress.json");
  if (end != NULL) {
    out->ended = true;
    out->alive = PL_ALIVE_NO;
    out->exit_code = (int)pl_json_int(end, "exit_code", 1);
    out->seconds = pl_json_number(end, "time", NAN) - out->started;
  }
  if (progress != NULL) {
    out->share = pl_json_number(progress, "share", NAN);
    out->left = pl_json_number(progress, "left", NAN);
    pl_json_text(out->words, sizeof out->words, progress, "words");
  }
  json_decref(progress);
  json_decref(end);
  if (out->alive != PL_ALIVE_YES) read_last_words(out, folder);
  return true;
}

static int newest_first(const void *a, const void *b) {
  const pl_background *x = a, *y = b;
  if (x->started != y->started) return x->started < y->started ? 1 : -1;
  return strcmp(y->name, x->name);
}

pl_status pl_background_list(pl_background **out, size_t *count, const char *workspace, pl_error *err) {
  char *jobs = pl_path_join(workspace, ".jobs"), **names = NULL;
  size_t name_count = 0, used = 0;
  pl_status status = pl_fs_list(&names, &name_count, jobs, err);
  pl_background *list = pl_xcalloc(name_count + 1, sizeof *list);
  for (size_t i = 0; i < name_count; i++) {
    char *folder = pl_path_join(jobs, names[i]);
    if (read_job(&list[used], folder)) used++;
    free(folder);
  }
  pl_fs_free_names(names, name_count);
  free(jobs);
  if (status == PL_E_NOTFOUND) status = PL_OK;
  if (status != PL_OK) {
    free(list);
    return status;
  }
  if (used > 1) qsort(list, used, sizeof *list, newest_first);
  *out = list;
  *count = used;
  return PL_OK;
}

pl_status pl_background_log(char ***text, size_t *count, const char *workspace, const char *name, size_t lines,
                            pl_error *err) {
  char *folder = folder_of(workspace, name);
  const pl_status status = read_tail(text, count, folder, lines, err);
  free(folder);
  return status;
}

void pl_background_state(char *out, size_t size, const pl_background *job) {
  if (job->alive == PL_ALIVE_YES) {
    snprintf(out, size, "%s", job->cancelled ? "ending" : "running");
  } else if (job->alive == PL_ALIVE_UNKNOWN) {
    snprintf(out, size, "unknown, on %.64s", job->host);
  } else if (!job->ended) {
    snprintf(out, size, "killed");
  } else if (job->exit_code != 0) {
    snprintf(out, size, job->cancelled ? "cancelled" : "ended with %d", job->exit_code);
  } else {
    snprintf(out, size, "done");
  }
}

// ---- Acting

pl_status pl_background_cancel(const char *workspace, const char *name, pl_error *err) {
  pl_background job;
  // A name is one folder's name and no way to another.
  if (strchr(name, '/') != NULL || name[0] == '.') return pl_fail(err, PL_E_USAGE, "'%.60s' is no name of a job", name);
  char *folder = folder_of(workspace, name);
  pl_status status = PL_OK;
  if (!read_job(&job, folder)) {
    status = pl_fail(err, PL_E_NOTFOUND, "there is no job '%.60s'; 'pleura jobs' lists them", name);
  } else if (job.alive == PL_ALIVE_NO) {
    char state[64];
    pl_background_state(state, sizeof state, &job);
    status = pl_fail(err, PL_E_NOTFOUND, "%s runs no longer: %s", name, state);
  } else {
    char *path = pl_path_join(folder, "cancel");
    status = pl_access_check(workspace, "only they may end its jobs", err);
    if (status == PL_OK) status = pl_fs_replace(path, "", 0, err);
    free(path);
  }
  free(folder);
  return status;
}

// Removes all but the newest `keep` of those that ended.
static pl_status remove_ended(size_t *removed, const char *workspace, size_t keep, pl_error *err) {
  pl_background *list = NULL;
  size_t count = 0, kept = 0, gone = 0;
  pl_status status = pl_background_list(&list, &count, workspace, err);
  for (size_t i = 0; status == PL_OK && i < count; i++) {
    if (list[i].alive != PL_ALIVE_NO || kept++ < keep) continue;
    char *folder = folder_of(workspace, list[i].name);
    status = pl_fs_remove_tree(folder, err);
    gone += status == PL_OK;
    free(folder);
  }
  free(list);
  if (removed != NULL) *removed = gone;
  return status;
}

// Held by whoever starts jobs or clears them away, so that each sees the other's work whole.
static pl_status lock_jobs(int *lock, const char *workspace, pl_error *err) {
  char *jobs = pl_path_join(workspace, ".jobs"), *path = pl_path_join(jobs, "lock");
  pl_status status = pl_access_check(workspace, "only they may start jobs there, and clear them away", err);
  if (status == PL_OK) status = pl_fs_make_folders(jobs, err);
  if (status == PL_OK) status = pl_lock_take(lock, path, err);
  free(path);
  free(jobs);
  return status;
}

pl_status pl_background_clear(size_t *removed, const char *workspace, pl_error *err) {
  int lock = -1;
  pl_status status = lock_jobs(&lock, workspace, err);
  if (status == PL_OK) status = remove_ended(removed, workspace, 0, err);
  if (lock >= 0) close(lock);
  return status;
}

// ---- Starting

static pl_status check_free(const char *workspace, const char *command, size_t *number, pl_error *err) {
  pl_background *list = NULL;
  size_t count = 0;
  pl_status status = pl_background_list(&list, &count, workspace, err);
  if (status != PL_OK) return status;
  *number = 1;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    const size_t length = strlen(command);
    uint64_t n = 0;
    if (strncmp(list[i].name, command, length) == 0 && list[i].name[length] == '-' &&
        pl_parse_u64(&n, list[i].name + length + 1, strlen(list[i].name + length + 1)) && n >= *number) {
      *number = (size_t)n + 1;
    }
    if (list[i].alive == PL_ALIVE_YES && strcmp(list[i].command, command) == 0) {
      status = pl_fail(err, PL_E_BUSY, "%s is running already: %s", list[i].name,
                       list[i].words[0] != '\0' ? list[i].words : list[i].line);
    }
  }
  free(list);
  return status;
}

static pl_status write_job(const char *folder, char *const *argv, size_t argc, const char *where, pl_error *err) {
  const pl_clock clock = pl_clock_system();
  char host[128], user[PL_USER_SIZE];
  pl_background_host(host, sizeof host);
  pl_user_name(user);
  json_t *words = json_array();
  for (size_t i = 0; i < argc; i++) json_array_append_new(words, json_string(argv[i]));
  json_t *made = json_pack("{s:s, s:o, s:s, s:s, s:s, s:f}", "command", argv[0], "argv", words, "folder", where, "user",
                           user, "host", host, "started", pl_clock_wall(&clock));
  char *text = made != NULL ? json_dumps(made, JSON_COMPACT) : NULL, *path = pl_path_join(folder, "job.json");
  pl_status status = text != NULL ? pl_fs_replace(path, text, strlen(text), err)
                                  : pl_fail(err, PL_E_USAGE, "an argument is no text in UTF-8: use a shell for it");
  json_decref(made);
  free(text);
  free(path);
  return status;
}

static pl_status check_words(char *const *argv, size_t argc, const char *where, pl_error *err) {
  for (size_t i = 0; i <= argc; i++) {
    const char *word = i < argc ? argv[i] : where;
    char *safe = pl_xcalloc(4 * strlen(word) + 1, 1);
    pl_safe_text(safe, 4 * strlen(word) + 1, word, strlen(word));
    const bool same = strcmp(safe, word) == 0;
    pl_status status =
        same ? PL_OK : pl_fail(err, PL_E_USAGE, "'%.80s' cannot be passed on to a job: use a shell", safe);
    free(safe);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

static pl_status spawn_keeper(const char *folder, const pl_background_options *options, pl_error *err) {
  char *executable = NULL, *log = pl_path_join(folder, "log");
  pl_status status = PL_OK;
  if (options->executable != NULL) {
    executable = pl_xstrdup(options->executable);
  } else {
    status = pl_fs_executable(&executable, err);
  }
  if (status == PL_OK) {
    char command[] = "job", ready[] = "--ready=3", *path = pl_xstrdup(folder);
    char *argv[] = {executable, command, ready, path, NULL};
    status = pl_spawn_detached(argv, "the job", log, options->timeout > 0 ? options->timeout : START_SECONDS, err);
    free(path);
  }
  free(executable);
  free(log);
  return status;
}

static pl_status start_in(char **name, const char *workspace, char *const *argv, size_t argc, const char *where,
                          const pl_background_options *options, pl_error *err) {
  size_t number = 0;
  pl_status status = remove_ended(NULL, workspace, PL_BACKGROUND_KEEP, err);
  if (status == PL_OK) status = check_free(workspace, argv[0], &number, err);
  if (status != PL_OK) return status;
  char *made = pl_xprintf("%s-%zu", argv[0], number), *folder = folder_of(workspace, made);
  status = pl_fs_make_folders(folder, err);
  if (status == PL_OK) status = write_job(folder, argv, argc, where, err);
  if (status == PL_OK) status = spawn_keeper(folder, options, err);
  if (status == PL_OK) {
    *name = made;
  } else {
    (void)pl_fs_remove_tree(folder, NULL);
    free(made);
  }
  free(folder);
  return status;
}

pl_status pl_background_start(char **name, const char *workspace, char *const *argv, size_t argc,
                              const pl_background_options *options, pl_error *err) {
  static const pl_background_options standard = {.timeout = 0};
  if (options == NULL) options = &standard;
  char *where = realpath(options->folder != NULL ? options->folder : ".", NULL), *root = realpath(workspace, NULL);
  pl_status status = where == NULL  ? pl_fail_errno(err, errno, "cannot open the current folder")
                     : root == NULL ? pl_fail_errno(err, errno, "cannot open %s", workspace)
                                    : check_words(argv, argc, where, err);
  int lock = -1;
  if (status == PL_OK) status = lock_jobs(&lock, root, err);
  if (status == PL_OK) status = start_in(name, root, argv, argc, where, options, err);
  if (lock >= 0) close(lock);
  free(root);
  free(where);
  return status;
}

#include "core/data/access.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/user.h"
#include "core/data/manifest.h"

const char pl_access_nothing[] = "nothing is written there; ask them, or work in a copy of your own";
const char pl_access_output[] = "nothing is written there; name another place with -o";

enum { RUN_FILE_MAX = 1 << 20 };

static bool may_write(const char *folder) { return access(folder, W_OK | X_OK) == 0; }

static bool has_file(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  const bool found = pl_fs_is_file(path);
  free(path);
  return found;
}

// The nearest folder of a path that is there, without links; the caller frees. NULL with errno when there is none.
static char *nearest_folder(const char *path) {
  char *at = pl_xstrdup(path[0] != '\0' ? path : "."), *found = NULL;
  for (;;) {
    found = realpath(at, NULL);
    if (found != NULL && pl_fs_is_folder(found)) break;
    const int reason = found != NULL ? ENOTDIR : errno;
    free(found);
    found = NULL;
    if ((reason != ENOENT && reason != ENOTDIR) || strcmp(at, ".") == 0 || strcmp(at, "/") == 0) {
      errno = reason;
      break;
    }
    // One part less; what has none left lies in the current folder.
    size_t length = strlen(at);
    while (length > 1 && at[length - 1] == '/') length--;
    while (length > 0 && at[length - 1] != '/') length--;
    while (length > 1 && at[length - 1] == '/') length--;
    if (length == 0) at[length++] = '.';
    at[length] = '\0';
  }
  free(at);
  return found;
}

// Cuts the last part off. False at what belongs to this user in a folder that does not: what is around that is not
// theirs, but this is.
static bool go_up(char *folder) {
  struct stat own, above;
  if (strcmp(folder, "/") == 0 || stat(folder, &own) != 0) return false;
  char *slash = strrchr(folder, '/');
  slash[slash == folder ? 1 : 0] = '\0';
  return own.st_uid != geteuid() || (stat(folder, &above) == 0 && above.st_uid == geteuid());
}

// Cuts `folder` down to the run or workspace around it. False when there is none.
static bool find_place(char *folder, bool *is_run) {
  do {
    *is_run = has_file(folder, "run.json");
    if (*is_run || has_file(folder, PL_WORKSPACE_FILE)) return true;
  } while (go_up(folder));
  return false;
}

static bool is_watched(const char *place, bool is_run) {
  if (!may_write(place)) return true;
  char *inbox = pl_path_join(place, "inbox");
  const bool watched = is_run && pl_fs_is_folder(inbox) && !may_write(inbox);
  free(inbox);
  return watched;
}

// Who made a run, and where; "" when it does not say.
static void read_maker(char owner[PL_OWNER_SIZE], const char *run) {
  char *path = pl_path_join(run, "run.json");
  pl_buf text;
  pl_buf_init(&text, RUN_FILE_MAX);
  owner[0] = '\0';
  if (pl_fs_read(&text, path, NULL) == PL_OK) {
    json_t *object = json_loadb(text.data, text.length, 0, NULL);
    const char *user = json_string_value(json_object_get(object, "user"));
    const char *host = json_string_value(json_object_get(object, "host"));
    char *words = user != NULL ? pl_xprintf("%s%s%s", user, host != NULL ? "@" : "", host != NULL ? host : "") : NULL;
    if (words != NULL) (void)pl_safe_text(owner, PL_OWNER_SIZE, words, strlen(words));
    free(words);
    json_decref(object);
  }
  pl_buf_clear(&text);
  free(path);
}

static void find_owner(char owner[PL_OWNER_SIZE], const char *place, bool is_run) {
  struct stat st;
  owner[0] = '\0';
  if (is_run) read_maker(owner, place);
  if (owner[0] == '\0' && stat(place, &st) == 0) pl_user_name_of(owner, st.st_uid);
}

static bool is_own(const char *place) {
  struct stat st;
  return stat(place, &st) == 0 && st.st_uid == geteuid();
}

static pl_status refuse(const char *place, bool is_run, const char *instead, pl_error *err) {
  char owner[PL_OWNER_SIZE];
  if (is_own(place)) {
    return pl_fail(err, PL_E_IO, "%.110s is yours but write-protected, and %s; or open it with 'chmod u+w'", place,
                   instead);
  }
  find_owner(owner, place, is_run);
  return pl_fail(err, PL_E_IO, "%s%.90s belongs to %.60s: you may watch it, and %s", is_run ? "run " : "",
                 is_run ? pl_path_base(place) : place, owner, instead);
}

pl_status pl_access_check(const char *path, const char *instead, pl_error *err) {
  char *folder = nearest_folder(path);
  if (folder == NULL) return pl_fail_errno(err, errno, "cannot open %.150s", path);
  char *place = pl_xstrdup(folder);
  bool is_run = false;
  pl_status status = PL_OK;
  if (find_place(place, &is_run) && is_watched(place, is_run)) {
    status = refuse(place, is_run, instead, err);
  } else if (!may_write(folder)) {
    status = refuse(folder, false, instead, err);
  }
  free(place);
  free(folder);
  return status;
}

bool pl_access_watched(char owner[PL_OWNER_SIZE], const char *path) {
  char *place = nearest_folder(path);
  bool is_run = false;
  const bool watched = place != NULL && find_place(place, &is_run) && is_watched(place, is_run);
  owner[0] = '\0';
  if (watched) find_owner(owner, place, is_run);
  free(place);
  return watched;
}

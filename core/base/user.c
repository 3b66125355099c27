#include "core/base/user.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"

void pl_user_name(char out[PL_USER_SIZE]) {
  char room[1024];
  struct passwd entry, *found = NULL;
  const char *name = "?";
  if (getpwuid_r(geteuid(), &entry, room, sizeof room, &found) == 0 && found != NULL) name = found->pw_name;
  (void)pl_safe_text(out, PL_USER_SIZE, name, strlen(name));
}

void pl_user_name_of(char out[PL_USER_SIZE], unsigned id) {
  char room[1024], number[16];
  struct passwd entry, *found = NULL;
  (void)snprintf(number, sizeof number, "%u", id);
  const bool known = getpwuid_r(id, &entry, room, sizeof room, &found) == 0 && found != NULL;
  const char *name = known ? found->pw_name : number;
  (void)pl_safe_text(out, PL_USER_SIZE, name, strlen(name));
}

void pl_host_name(char out[PL_HOST_SIZE]) {
  char raw[PL_HOST_SIZE] = "";
  if (gethostname(raw, sizeof raw - 1) != 0) raw[0] = '\0';
  (void)pl_safe_text(out, PL_HOST_SIZE, raw, strlen(raw));
}

void pl_tty_name(char out[PL_TTY_SIZE]) {
  char raw[PL_TTY_SIZE] = "";
  if (ttyname_r(STDIN_FILENO, raw, sizeof raw) != 0) raw[0] = '\0';
  (void)pl_safe_text(out, PL_TTY_SIZE, raw, strlen(raw));
}

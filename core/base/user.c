#include "core/base/user.h"

#include <pwd.h>
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

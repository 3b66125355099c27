#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "core/data/access.h"
#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/keymap.h"

bool pl_cmd_belongs_to(const pl_cmd *cmd, const char *screen) {
  const size_t length = strlen(screen);
  for (const char *at = cmd->screen; at != NULL && *at != '\0';) {
    const size_t word = strcspn(at, " ");
    if (word == length && memcmp(at, screen, length) == 0) return true;
    at += word + strspn(at + word, " ");
  }
  return false;
}

bool pl_cmd_meet(const pl_cmd *a, const pl_cmd *b) {
  if (a->screen == NULL || b->screen == NULL) return a->screen == b->screen;
  char name[32];
  for (const char *at = a->screen; *at != '\0';) {
    const size_t word = strcspn(at, " ");
    snprintf(name, sizeof name, "%.*s", (int)word, at);
    if (pl_cmd_belongs_to(b, name)) return true;
    at += word + strspn(at + word, " ");
  }
  return false;
}

bool pl_cmd_works_on(const pl_cmd *cmd, const char *screen) {
  return cmd->screen == NULL || pl_cmd_belongs_to(cmd, screen);
}

const pl_cmd *pl_cmd_for_key(const pl_settings *settings, const char *screen, int key) {
  const pl_cmd *everywhere = NULL;
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    if (!pl_cmd_works_on(cmd, screen) || !pl_keys_contain(pl_settings_keys(settings, i), key)) continue;
    if (cmd->screen != NULL) return cmd;
    if (everywhere == NULL) everywhere = cmd;
  }
  return everywhere;
}

static bool name_is(const pl_cmd *cmd, const char *word, size_t length) {
  return strlen(cmd->name) == length && memcmp(cmd->name, word, length) == 0;
}

pl_status pl_cmd_parse(const pl_cmd **out, const char **args, const char *screen, const char *line, pl_error *err) {
  line += strspn(line, " ");
  const size_t length = strcspn(line, " ");
  const char *rest = line + length + strspn(line + length, " ");
  const pl_cmd *found = NULL;
  char candidates[160] = "";
  size_t fitting = 0, used = 0;
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    if (!pl_cmd_works_on(cmd, screen) || strncmp(cmd->name, line, length) != 0) continue;
    // A screen's command comes before the one of the same name for everywhere.
    if (found != NULL && strcmp(found->name, cmd->name) == 0) continue;
    found = cmd;
    if (name_is(cmd, line, length)) {
      fitting = 1;
      break;
    }
    fitting++;
    if (used + strlen(cmd->name) + 3 < sizeof candidates) {
      used += (size_t)snprintf(candidates + used, sizeof candidates - used, "%s%s", used > 0 ? ", " : "", cmd->name);
    }
  }
  if (length == 0 || fitting == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "there is no command '%.*s' on this screen; press ? for all commands",
                   (int)length, line);
  }
  if (fitting > 1) return pl_fail(err, PL_E_USAGE, "'%.*s' may be: %s", (int)length, line, candidates);
  if (found->args == NULL && rest[0] != '\0') {
    return pl_fail(err, PL_E_USAGE, "'%s' takes no argument", found->name);
  }
  *out = found;
  *args = rest;
  return PL_OK;
}

void pl_cmd_run(pl_app *app, const pl_cmd *cmd, const char *args) {
  app->dirty = true;
  pl_error err = {0};
  const char *folder = app->model->workspace != NULL ? app->model->workspace : pl_tui_model_start(app->model);
  if ((cmd->writes || cmd->job != NULL) && pl_access_check(folder, pl_access_nothing, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else if (cmd->job != NULL) {
    pl_joblist_start(app, cmd, args);
  } else {
    cmd->run(app, args);
  }
}

pl_status pl_cmd_run_line(pl_app *app, const char *line, pl_error *err) {
  const pl_cmd *cmd = NULL;
  const char *args = "";
  const pl_status status = pl_cmd_parse(&cmd, &args, pl_app_place(app), line, err);
  if (status != PL_OK) return status;
  pl_cmd_run(app, cmd, args);
  return PL_OK;
}

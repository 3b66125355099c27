#include "tui/cmd_everywhere.h"

#include <string.h>

#include "core/base/str.h"
#include "tui/cmd.h"
#include "tui/complete.h"
#include "tui/screens/data.h"
#include "tui/screens/folds.h"
#include "tui/screens/log.h"
#include "tui/screens/runs.h"
#include "tui/screens/train.h"
#include "tui/theme.h"

void pl_everywhere_help(pl_app *app, const char *args) {
  (void)args;
  pl_help_open(app);
}

void pl_everywhere_data(pl_app *app, const char *args) { (void)args, pl_app_go(app, &pl_screen_data); }

void pl_everywhere_folds(pl_app *app, const char *args) { (void)args, pl_app_go(app, &pl_screen_folds); }

void pl_everywhere_train(pl_app *app, const char *args) { (void)args, pl_app_go(app, &pl_screen_train); }

void pl_everywhere_runs(pl_app *app, const char *args) { (void)args, pl_app_go(app, &pl_screen_runs); }

void pl_everywhere_log(pl_app *app, const char *args) { (void)args, pl_app_go(app, &pl_screen_log); }

void pl_everywhere_back(pl_app *app, const char *args) { (void)args, pl_app_back(app); }

void pl_everywhere_pane(pl_app *app, const char *args) {
  (void)args;
  pl_app_say(app, "this screen has one pane; the digits change the screen");
}

static void entered_command(pl_app *app, const char *text) {
  if (text[strspn(text, " ")] == '\0') return;
  pl_error err = {0};
  if (pl_cmd_run_line(app, text, &err) != PL_OK) pl_app_complain(app, &err);
}

void pl_everywhere_command(pl_app *app, const char *args) {
  (void)args;
  pl_prompt_open(app, ":", pl_complete_command, "", entered_command);
}

void pl_everywhere_theme(pl_app *app, const char *args) {
  size_t i = 0;
  while (pl_theme_names[i] != NULL && strcmp(pl_theme_names[i], args) != 0) i++;
  if (pl_theme_names[i] == NULL) {
    pl_app_say(app, "the themes are dark, colour-blind, 16 and mono; config.yaml keeps one for good");
    app->message_bad = args[0] != '\0';
    return;
  }
  (void)pl_copy_text(app->settings.theme, sizeof app->settings.theme, args);
  pl_app_use_theme(app);
  pl_app_say(app, "theme %s, until the workbench is left", args);
}

void pl_everywhere_labels(pl_app *app, const char *args) {
  const pl_tui_model *model = app->model;
  pl_label_choice labels;
  if (pl_label_choice_find(&labels, args)) {
    pl_app_say(app, "%s labels, until the workbench is left", args);
    pl_app_tell(app, pl_tui_model_choose_labels(app->model, labels));
  } else if (args[0] != '\0') {
    pl_app_say(app, "labels takes original or corrected, not '%s'", args);
    app->message_bad = true;
  } else {
    pl_app_say(app, "the %s labels are shown; %zu are corrected%s%s", pl_label_choice_name(model->manifest.labels),
               model->corrections.count, model->labels_problem[0] != '\0' ? ": " : "", model->labels_problem);
  }
}

void pl_everywhere_mouse(pl_app *app, const char *args) {
  const bool on = strcmp(args, "on") == 0;
  if (!on && strcmp(args, "off") != 0) {
    pl_app_say(app, "mouse takes on or off; off leaves the selecting of text to the terminal");
    app->message_bad = true;
    return;
  }
  app->settings.mouse = on;
  pl_term_set_mouse(app->term, on);
}

void pl_everywhere_repaint(pl_app *app, const char *args) {
  (void)args;
  pl_term_repaint(app->term, app->slots);
}

void pl_everywhere_suspend(pl_app *app, const char *args) {
  (void)args;
  pl_term_suspend(app->term, app->slots);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

void pl_everywhere_quit(pl_app *app, const char *args) {
  (void)args;
  app->quit = true;
}

#include "tui/cli/masks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/score/found.h"
#include "tui/cli/ensemble.h"

enum { OPTION_TRIPLET = 800, OPTION_COMPONENT };

static error_t parse(int key, char *arg, struct argp_state *state) {
  pl_cli_masks *m = state->input;
  switch (key) {
    case OPTION_TRIPLET: m->triplet = arg; return 0;
    case OPTION_COMPONENT:
      if (!pl_parse_u64(&m->min_component, arg, strlen(arg))) {
        argp_error(state, "--min-component takes a number of pixels, not '%s'", arg);
      }
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status load_found(pl_found *out, const pl_ensemble *e, pl_error *err) {
  pl_status status = pl_found_load(out, e->manifest.workspace, err);
  char *names = pl_ensemble_names(e);
  if (status == PL_OK && strcmp(out->runs, names) != 0) {
    status = pl_fail(err, PL_E_NOTFOUND, "%s is of other runs (%.120s)", PL_FOUND_FILE, out->runs);
  }
  free(names);
  return status;
}

static pl_status choose_found(pl_cli_masks_rule *r, const pl_cli_masks *m, const pl_ensemble *e, pl_error *err) {
  pl_found found;
  pl_error problem = {0};
  const pl_status status = load_found(&found, e, &problem);
  if (status == PL_OK) {
    r->binarizer.triplet = found.triplet;
    pl_found_words(r->words, sizeof r->words, &found);
  } else if (status == PL_E_NOTFOUND && m->triplet == NULL) {
    r->binarizer.triplet = pl_triplet_winner();
    (void)snprintf(r->words, sizeof r->words, "the competition winner's; 'pleura triplet' finds the one of these runs");
  } else {
    if (err != NULL) *err = problem;
    return status;
  }
  return PL_OK;
}

static pl_status choose_named(pl_cli_masks_rule *r, const char *choice, pl_error *err) {
  const char *words = strcmp(choice, "winner") == 0 ? "the competition winner's"
                      : strcmp(choice, "half") == 0 ? "training's threshold of 0.5"
                                                    : "given";
  (void)snprintf(r->words, sizeof r->words, "%s", words);
  return pl_triplet_parse(&r->binarizer.triplet, choice, err);
}

pl_status pl_cli_masks_choose(pl_cli_masks_rule *out, const pl_cli_masks *m, const pl_ensemble *e, pl_error *err) {
  pl_cli_masks_rule rule = {.binarizer = {.min_component = m->min_component}};
  const char *choice = m->triplet != NULL ? m->triplet : m->otherwise;
  const pl_status status =
      strcmp(choice, "found") == 0 ? choose_found(&rule, m, e, err) : choose_named(&rule, choice, err);
  if (status != PL_OK) return status;
  pl_triplet_text(rule.triplet, &rule.binarizer.triplet);
  *out = rule;
  return PL_OK;
}

void pl_cli_masks_print(const pl_cli_masks_rule *r) {
  printf("triplet     %s, %s\n", r->triplet, r->words);
  if (r->binarizer.min_component > 0) {
    printf("parts       of fewer than %" PRIu64 " pixels are removed\n", r->binarizer.min_component);
  }
}

static const struct argp_option options[] = {
    {.name = "triplet",
     .key = OPTION_TRIPLET,
     .arg = "T,A,B",
     .doc =
         "Masks by the winner's rule: top threshold, area in pixels, bottom threshold; or half (0.5 and no area, as "
         "training scores), winner (0.75,2000,0.3), found (what 'pleura triplet' found for these runs). Default: half "
         "to score by; for a submission found, else winner"},
    {.name = "min-component",
     .key = OPTION_COMPONENT,
     .arg = "N",
     .doc = "Remove parts of a mask with fewer than N pixels; they hang together by sides and corners"},
    {0},
};
const struct argp pl_cli_masks_argp = {.options = options, .parser = parse};

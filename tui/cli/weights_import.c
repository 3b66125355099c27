#include "tui/cli/weights_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/model.h"
#include "core/net/torch_file.h"
#include "core/net/weights.h"
#include "tui/cli/place.h"

// "/x/model.pth" gives "/x/model.safetensors".
static char *beside(const char *path) {
  const char *base = pl_path_base(path), *dot = strrchr(base, '.');
  const size_t length = dot != NULL && dot != base ? (size_t)(dot - path) : strlen(path);
  return pl_xprintf("%.*s.safetensors", (int)length, path);
}

static pl_status inspect(pl_weights_report *report, const char *path, const char *encoder, pl_error *err) {
  pl_model model = {0};
  const pl_unet unet = {.encoder = encoder};
  pl_status status = pl_unet_model(&model, &unet, err);
  if (status == PL_OK) status = pl_weights_inspect(path, &model, report, err);
  pl_model_clear(&model);
  return status;
}

static void print_fits(const char *path, const char *out) {
  size_t fits = 0;
  for (size_t i = 0; i < pl_encoder_count(); i++) {
    pl_weights_report report = {0};
    const char *name = pl_encoder_at(i)->name;
    if (inspect(&report, path, name, NULL) != PL_OK) continue;
    char words[512];
    pl_weights_describe(words, sizeof words, &report);
    printf("%s   %s: %s\n", fits++ == 0 ? "fits    " : "        ", name, words);
    if (out != NULL && fits == 1) printf("next       pleura train --encoder %s --weights %s\n", name, out);
  }
  if (fits == 0) printf("fits       none of our encoders (pleura weights list)\n");
}

static void print_contents(const pl_pickle *contents, size_t left) {
  printf("read       %zu tensors", contents->count);
  if (contents->within[0] != '\0') {
    char name[PL_PICKLE_NAME_MAX];
    (void)pl_safe_text(name, sizeof name, contents->within, strlen(contents->within));
    printf(" of its \"%s\"", name);
  }
  if (contents->others > 0) printf("; passed over %zu values that are none", contents->others);
  if (left > 0) printf("; left out %zu of more than 4 dimensions", left);
  printf("\n");
}

static pl_status make_folder_of(const char *path, pl_error *err) {
  char *folder = pl_xstrdup(path), *slash = strrchr(folder, '/');
  pl_status status = PL_OK;
  if (slash != NULL && slash != folder) {
    *slash = '\0';
    status = pl_fs_make_folders(folder, err);
  }
  free(folder);
  return status;
}

// Under its name only when it fits the encoder that was named.
static pl_status convert(pl_torch_file *file, const char *target, const char *encoder, pl_error *err) {
  char *aside = pl_xprintf("%s.new", target), hash[PL_SHA256_HEX_SIZE];
  size_t left = 0;
  pl_weights_report report = {0};
  pl_status status = pl_torch_to_safetensors(file, aside, &left, hash, err);
  if (status == PL_OK && encoder != NULL) {
    status = inspect(&report, aside, encoder, err);
    if (status != PL_OK) pl_wrap(err, "not taken as %s", encoder);
  }
  if (status == PL_OK && rename(aside, target) != 0) status = pl_fail(err, PL_E_IO, "cannot name %s", target);
  if (status == PL_OK) {
    print_contents(pl_torch_contents(file), left);
    printf("written    %s\n", target);
    printf("sha256     %s\n", hash);
    print_fits(target, encoder == NULL ? target : NULL);
    if (encoder != NULL) printf("next       pleura train --encoder %s takes them by itself\n", encoder);
  } else {
    (void)unlink(aside);
  }
  free(aside);
  return status;
}

pl_status pl_cli_weights_import(const char *path, const char *out, const char *encoder, bool force, pl_error *err) {
  char *target = out != NULL ? pl_xstrdup(out) : encoder != NULL ? pl_weights_cache_path(encoder) : beside(path);
  if (target == NULL) return pl_fail(err, PL_E_NOTFOUND, "HOME is not set: there is no folder for the weights");
  pl_torch_file *file = NULL;
  pl_status status = pl_cli_check_output(target, err);
  if (status == PL_OK && !force && access(target, F_OK) == 0) {
    status = pl_fail(err, PL_E_EXISTS, "%s is there already; --force replaces it, -o FILE names another", target);
  }
  if (status == PL_OK) status = pl_torch_open(&file, path, err);
  if (status == PL_OK) status = make_folder_of(target, err);
  if (status == PL_OK) status = convert(file, target, encoder, err);
  pl_torch_close(file);
  free(target);
  return status;
}

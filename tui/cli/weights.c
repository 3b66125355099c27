// pleura weights: ImageNet weights of the encoders, fetched once and then found by every new run.
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/model.h"
#include "core/net/weights.h"
#include "tui/cli/cli.h"
#include "tui/cli/download.h"

enum { OPTION_URL = 256, OPTION_SHA256, OPTION_FORCE };

#define SIZE_LIMIT ((uint64_t)2 << 30)

typedef struct arguments {
  const char *verb, *encoder, *url, *sha256;
  bool force, quiet;
} arguments;

static bool is_sha256(const char *text) {
  for (const char *p = text; *p != '\0'; p++) {
    if (!isxdigit((unsigned char)*p)) return false;
  }
  return strlen(text) == PL_SHA256_HEX_SIZE - 1;
}

static void check_arguments(const arguments *a, struct argp_state *state) {
  if (a->verb == NULL) argp_error(state, "say what to do: fetch ENCODER, or list");
  const bool fetch = strcmp(a->verb, "fetch") == 0;
  if (!fetch && strcmp(a->verb, "list") != 0) argp_error(state, "'%s' is neither fetch nor list", a->verb);
  if (fetch && a->encoder == NULL) argp_error(state, "say which encoder: see 'pleura weights list'");
  if (fetch && pl_encoder_find(a->encoder) == NULL) {
    argp_error(state, "there is no encoder '%s': see 'pleura weights list'", a->encoder);
  }
  if (a->sha256 != NULL && !is_sha256(a->sha256)) argp_error(state, "a SHA-256 has 64 hexadecimal digits");
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'q': a->quiet = true; return 0;
    case OPTION_URL: a->url = arg; return 0;
    case OPTION_SHA256: a->sha256 = arg; return 0;
    case OPTION_FORCE: a->force = true; return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num > 1) argp_error(state, "'%s' is one word too many", arg);
      *(state->arg_num == 0 ? &a->verb : &a->encoder) = arg;
      return 0;
    case ARGP_KEY_END: check_arguments(a, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static int list(void) {
  for (size_t i = 0; i < pl_encoder_count(); i++) {
    const pl_encoder *encoder = pl_encoder_at(i);
    char *path = pl_weights_cache_path(encoder->name);
    const bool there = path != NULL && pl_fs_is_file(path);
    printf("%-20s %-8s %s\n", encoder->name, there ? "here" : "-", there ? path : encoder->source);
    free(path);
  }
  return 0;
}

// Is this file what was asked for? `hash` becomes its own.
static pl_status check_file(char hash[PL_SHA256_HEX_SIZE], pl_weights_report *report, const char *path,
                            const arguments *a, pl_error *err) {
  pl_status status = pl_sha256_file(hash, path, err);
  if (status == PL_OK && a->sha256 != NULL && strcasecmp(hash, a->sha256) != 0) {
    return pl_fail(err, PL_E_FORMAT, "the file's SHA-256 is %s, not the one that was given; it is thrown away", hash);
  }
  pl_model model = {0};
  const pl_unet unet = {.encoder = a->encoder};
  if (status == PL_OK) status = pl_unet_model(&model, &unet, err);
  if (status == PL_OK) status = pl_weights_inspect(path, &model, report, err);
  pl_model_clear(&model);
  return status;
}

static void print_file(const char *path, const char *hash, const pl_weights_report *report, const arguments *a) {
  char words[512];
  pl_weights_describe(words, sizeof words, report);
  printf("weights    %s\n", path);
  printf("in a run   %s\n", words);
  printf("sha256     %s\n", hash);
  printf("verified   length, names and shapes%s\n",
         a->sha256 != NULL ? ", SHA-256" : "; not against a hash: give one with --sha256");
  printf("next       pleura train --encoder %s takes them by itself\n", a->encoder);
}

// What is there already: an answer, or a refusal when it is not what the hash says.
static pl_status show_present(const char *path, const arguments *a, pl_error *err) {
  char hash[PL_SHA256_HEX_SIZE] = "";
  pl_weights_report report = {0};
  pl_status status = pl_sha256_file(hash, path, err);
  if (status == PL_OK && a->sha256 != NULL && strcasecmp(hash, a->sha256) != 0) {
    return pl_fail(err, PL_E_EXISTS,
                   "%s is there already with SHA-256 %s, not the one that was given; --force fetches anew", path, hash);
  }
  if (status == PL_OK) status = check_file(hash, &report, path, a, err);
  if (status != PL_OK) return pl_wrap(err, "what was fetched earlier (--force fetches anew)");
  printf("is there already; --force fetches anew\n");
  print_file(path, hash, &report, a);
  return PL_OK;
}

// The file gets its name only when it has been looked at.
static pl_status fetch(const char *path, const char *aside, const arguments *a, pl_error *err) {
  char *folder = pl_xstrdup(path);
  *strrchr(folder, '/') = '\0';
  pl_status status = pl_fs_make_folders(folder, err);
  free(folder);
  if (status == PL_OK && unlink(aside) != 0 && errno != ENOENT) {
    status = pl_fail_errno(err, errno, "cannot remove %s", aside);
  }
  char *what = pl_xprintf("the weights of %s", a->encoder);
  pl_fetch_options o = {
      .url = a->url != NULL ? a->url : pl_encoder_find(a->encoder)->source, .what = what, .size_max = SIZE_LIMIT};
  pl_fetch_result result;
  double seconds = 0;
  char hash[PL_SHA256_HEX_SIZE] = "";
  pl_weights_report report = {0};
  if (status == PL_OK) status = pl_cli_download(&result, &seconds, "weights", aside, a->quiet, &o, err);
  free(what);
  if (status != PL_OK) return status;
  status = check_file(hash, &report, aside, a, err);
  if (status == PL_OK && rename(aside, path) != 0) status = pl_fail_errno(err, errno, "cannot name %s", path);
  if (status != PL_OK) {
    (void)unlink(aside);
    return status;
  }
  printf("fetched    %s\n", o.url);
  printf("size       %.1f MB in %.1f s\n", (double)result.bytes / 1e6, seconds);
  print_file(path, hash, &report, a);
  return PL_OK;
}

static int run(const arguments *a) {
  char *path = pl_weights_cache_path(a->encoder);
  pl_error err = {0};
  if (path == NULL) {
    pl_fail(&err, PL_E_NOTFOUND, "HOME is not set: there is no folder for the weights");
    return pl_cli_report("weights", &err);
  }
  char *aside = pl_xprintf("%s.new", path);
  int code = 0;
  if (!a->force && pl_fs_is_file(path)) {
    if (show_present(path, a, &err) != PL_OK) code = pl_cli_report("weights", &err);
  } else if (fetch(path, aside, a, &err) != PL_OK) {
    code = pl_cli_download_report("weights", aside, &err);
  }
  free(aside);
  free(path);
  return code;
}

static const struct argp_option options[] = {
    {.name = "url",
     .key = OPTION_URL,
     .arg = "URL",
     .doc = "Another place: a safetensors file with the encoder's tensors, by http or https"},
    {.name = "sha256", .key = OPTION_SHA256, .arg = "HEX", .doc = "Take the file only when it has this SHA-256"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Fetch anew what is there already"},
    {.name = "quiet", .key = 'q', .doc = "No progress"},
    {0},
};

int pl_cli_weights(int argc, char **argv) {
  static const struct argp parser = {
      .options = options,
      .parser = parse,
      .args_doc = "fetch ENCODER\nlist",
      .doc =
          "ImageNet weights of the encoders. What 'fetch' brings is kept in ~/.cache/pleura/weights (or "
          "XDG_CACHE_HOME), and every new run of that encoder starts from it unless --weights says otherwise.\v"
          "The places are those that segmentation_models.pytorch has in its source, in a fixed revision; 'list' shows "
          "them. A file is taken when all tensors of the encoder are in it with their shapes, under torchvision's or "
          "Cadene's names, with or without the prefix 'encoder.': also timm's files of resnets and of "
          "legacy_seresnets. "
          "What else is in it, such as a classifier, is left. Its SHA-256 is printed; none is built in, so compare it "
          "with one that you trust, or give that with --sha256.\n\n"
          "Examples:\n"
          "  pleura weights fetch resnet34\n"
          "  pleura weights fetch resnet34 --url https://mirror.example/resnet34.safetensors --sha256 HEX",
  };
  arguments a = {.verb = NULL};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  return strcmp(a.verb, "list") == 0 ? list() : run(&a);
}

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
#include "tui/cli/weights_import.h"

enum { OPTION_URL = 256, OPTION_SHA256, OPTION_FORCE, OPTION_ENCODER };

#define SIZE_LIMIT ((uint64_t)2 << 30)

typedef struct arguments {
  const char *verb, *what, *encoder, *out, *url, *sha256;  // `what`: the encoder to fetch, the file to import
  bool force, quiet;
} arguments;

static bool is_sha256(const char *text) {
  for (const char *p = text; *p != '\0'; p++) {
    if (!isxdigit((unsigned char)*p)) return false;
  }
  return strlen(text) == PL_SHA256_HEX_SIZE - 1;
}

static void check_arguments(const arguments *a, struct argp_state *state) {
  if (a->verb == NULL) argp_error(state, "say what to do: fetch ENCODER, import FILE, or list");
  const bool fetch = strcmp(a->verb, "fetch") == 0, import = strcmp(a->verb, "import") == 0;
  if (!fetch && !import && strcmp(a->verb, "list") != 0) {
    argp_error(state, "'%s' is neither fetch nor import nor list", a->verb);
  }
  if (fetch && a->what == NULL) argp_error(state, "say which encoder: see 'pleura weights list'");
  if (import && a->what == NULL) argp_error(state, "say which file");
  if (!import && (a->out != NULL || a->encoder != NULL)) argp_error(state, "-o and --encoder go with import");
  if (!fetch && (a->url != NULL || a->sha256 != NULL)) argp_error(state, "--url and --sha256 go with fetch");
  const char *encoder = fetch ? a->what : a->encoder;
  if (encoder != NULL && pl_encoder_find(encoder) == NULL) {
    argp_error(state, "there is no encoder '%s': see 'pleura weights list'", encoder);
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
    case OPTION_ENCODER: a->encoder = arg; return 0;
    case 'o': a->out = arg; return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num > 1) argp_error(state, "'%s' is one word too many", arg);
      *(state->arg_num == 0 ? &a->verb : &a->what) = arg;
      return 0;
    case ARGP_KEY_END:
      check_arguments(a, state);
      if (strcmp(a->verb, "fetch") == 0) a->encoder = a->what;
      return 0;
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
    {.name = "encoder",
     .key = OPTION_ENCODER,
     .arg = "NAME",
     .doc = "import: the encoder that they are for; new runs of it then find them by themselves"},
    {.name = "output", .key = 'o', .arg = "FILE", .doc = "import: where to (default: beside the file)"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Replace what is there already"},
    {.name = "quiet", .key = 'q', .doc = "No progress"},
    {0},
};

int pl_cli_weights(int argc, char **argv) {
  static const struct argp parser = {
      .options = options,
      .parser = parse,
      .args_doc = "fetch ENCODER\nimport FILE.pth\nlist",
      .doc =
          "ImageNet weights of the encoders. What 'fetch' brings is kept in ~/.cache/pleura/weights (or "
          "XDG_CACHE_HOME), and every new run of that encoder starts from it unless --weights says otherwise.\v"
          "The places are those that segmentation_models.pytorch has in its source, in a fixed revision; 'list' shows "
          "them. A file is taken when all tensors of the encoder are in it with their shapes, under torchvision's or "
          "Cadene's names, with or without the prefix 'encoder.': also timm's files of resnets and of "
          "legacy_seresnets. "
          "What else is in it, such as a classifier, is left. Its SHA-256 is printed; none is built in, so compare it "
          "with one that you trust, or give that with --sha256.\n\n"
          "'import' makes safetensors of a file of PyTorch's torch.save, in either of its two forms. Such files are "
          "programs; only tensors are read of them and nothing is run, so that a file that wants more is refused. "
          "'pleura train --weights FILE.safetensors' starts from it, with decoder and head where it has them.\n\n"
          "Examples:\n"
          "  pleura weights fetch resnet34\n"
          "  pleura weights import best.pth -o best.safetensors\n"
          "  pleura weights fetch resnet34 --url https://mirror.example/resnet34.safetensors --sha256 HEX",
  };
  arguments a = {.verb = NULL};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  if (strcmp(a.verb, "list") == 0) return list();
  if (strcmp(a.verb, "fetch") == 0) return run(&a);
  pl_error err = {0};
  const pl_status status = pl_cli_weights_import(a.what, a.out, a.encoder, a.force, &err);
  return status == PL_OK ? 0 : pl_cli_report("weights", &err);
}

// pleura fetch: a data set from Kaggle, as the archive that `pleura import` reads.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/fetch.h"
#include "core/data/kaggle.h"
#include "tui/cli/cli.h"
#include "tui/cli/download.h"
#include "tui/cli/place.h"

enum { OPTION_COMPETITION = 256, OPTION_URL, OPTION_SEND, OPTION_CONFIG, OPTION_LIST };

typedef struct arguments {
  const char *name, *folder, *base, *config;
  bool competition, send_credentials, list, quiet;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'o': a->folder = arg; return 0;
    case 'q': a->quiet = true; return 0;
    case OPTION_URL: a->base = arg; return 0;
    case OPTION_SEND: a->send_credentials = true; return 0;
    case OPTION_CONFIG: a->config = arg; return 0;
    case OPTION_LIST: a->list = true; return 0;
    case OPTION_COMPETITION:
    case ARGP_KEY_ARG:
      if (a->name != NULL) argp_error(state, "one data set or competition at a time");
      a->competition = key == OPTION_COMPETITION;
      a->name = arg;
      return 0;
    case ARGP_KEY_END:
      if (a->name == NULL) a->name = PL_KAGGLE_DATASET;
      if (!pl_kaggle_is_name(a->name, a->competition)) {
        argp_error(state, "'%s' is not the name of a %s", a->name,
                   a->competition ? "competition" : "data set: it looks like OWNER/NAME");
      }
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// The key

static pl_status load_key(pl_kaggle_key *key, bool *there, const arguments *a, pl_error *err) {
  pl_status status = pl_kaggle_key_load(key, a->config, err);
  *there = status == PL_OK;
  // Many data sets want none. A file that was named has to be there.
  if (status == PL_E_NOTFOUND && a->config == NULL) return PL_OK;
  if (status == PL_OK && key->is_open) {
    fprintf(stderr, "pleura fetch: warning: others can read your key: chmod 600 %s\n", key->file);
  }
  return status;
}

// Commands

static pl_status list(const pl_fetch_options *o, pl_error *err) {
  pl_buf answer;
  pl_buf_init(&answer, PL_KAGGLE_ANSWER_MAX);
  pl_kaggle_files files = {0};
  pl_status status = pl_fetch_text(&answer, o, err);
  if (status == PL_OK) status = pl_kaggle_files_parse(&files, answer.data, answer.length, err);
  for (size_t i = 0; i < files.count; i++) {
    if (files.items[i].bytes >= 0) {
      printf("%12lld  %s\n", (long long)files.items[i].bytes, files.items[i].name);
    } else {
      printf("%12s  %s\n", "?", files.items[i].name);
    }
  }
  if (files.more) printf("%12s  and more\n", "");
  pl_kaggle_files_clear(&files);
  pl_buf_clear(&answer);
  return status;
}

static void print_result(const char *path, const pl_fetch_result *r, double seconds) {
  double fetched = (double)(r->bytes - r->resumed);
  printf("fetched    %s\n", path);
  printf("size       %.1f MB", (double)r->bytes / 1e6);
  if (r->resumed > 0) printf(", %.1f MB of them earlier", (double)r->resumed / 1e6);
  printf("\ntime       %.1f s, %.1f MB a second\n", seconds, seconds > 0 ? fetched / 1e6 / seconds : 0);
  printf("verified   length%s%s\n", r->md5_checked ? ", MD5" : "", r->zip_checked ? ", the archive's directory" : "");
  printf("next       pleura import %s\n", path);
}

static pl_status download(const char *path, const arguments *a, pl_fetch_options *o, pl_error *err) {
  pl_fetch_result result;
  double seconds = 0;
  pl_status status = pl_cli_check_output(a->folder != NULL ? a->folder : ".", err);
  if (status == PL_OK && a->folder != NULL) status = pl_fs_make_folders(a->folder, err);
  if (status == PL_OK) status = pl_cli_download(&result, &seconds, "fetch", path, a->quiet, o, err);
  if (status == PL_OK) print_result(path, &result, seconds);
  return status;
}

static int run(const arguments *a) {
  pl_error err = {0};
  pl_kaggle_key key = {0};
  bool with_key = false;
  const char *base = a->base != NULL ? a->base : PL_KAGGLE_BASE, *slash = strrchr(a->name, '/');
  char *page = pl_kaggle_page_url(a->name, a->competition), *file = NULL, *url = NULL;
  char *what = pl_xprintf("the %s %s", a->competition ? "competition" : "data set", a->name);
  char *name = pl_xprintf("%s.zip", slash != NULL ? slash + 1 : a->name);
  file = pl_path_join(a->folder != NULL ? a->folder : "", name);
  url = a->list ? pl_kaggle_list_url(base, a->name, a->competition)
                : pl_kaggle_download_url(base, a->name, a->competition);
  pl_status status = load_key(&key, &with_key, a, &err);
  pl_fetch_options o = {
      .url = url, .what = what, .page = page, .key = with_key ? &key : NULL, .send_credentials = a->send_credentials};
  if (status == PL_OK) status = a->list ? list(&o, &err) : download(file, a, &o, &err);
  int code = status == PL_OK ? 0 : pl_cli_download_report("fetch", file, &err);
  pl_kaggle_key_clear(&key);
  free(page);
  free(what);
  free(name);
  free(file);
  free(url);
  return code;
}

static const struct argp_option options[] = {
    {.name = "output", .key = 'o', .arg = "DIR", .doc = "Folder for the archive (default: the current one)"},
    {.name = "competition",
     .key = OPTION_COMPETITION,
     .arg = "NAME",
     .doc = "The data of a competition, instead of a data set"},
    {.name = "list", .key = OPTION_LIST, .doc = "Only list the files and their sizes"},
    {.name = "config", .key = OPTION_CONFIG, .arg = "FILE", .doc = "The file with your key, instead of kaggle.json"},
    {.name = "url", .key = OPTION_URL, .arg = "BASE", .doc = "Another server (default: " PL_KAGGLE_BASE ")"},
    {.name = "send-credentials",
     .key = OPTION_SEND,
     .doc = "Show your key to the server of --url too; over https only, or to this machine itself"},
    {.name = "quiet", .key = 'q', .doc = "No progress"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[OWNER/NAME]",
    .doc =
        "Downloads a data set from Kaggle (default: " PL_KAGGLE_DATASET
        ") as NAME.zip, which 'pleura import NAME.zip' reads.\v"
        "What was cut, stalled or stopped with Ctrl-C is kept as NAME.zip.part, and the same command goes on from "
        "there "
        "if the server still has the same version. The archive gets its name when its length, its MD5 if the server "
        "tells one, and its directory are right.\n\n"
        "Your key is read from KAGGLE_USERNAME and KAGGLE_KEY, or from kaggle.json in KAGGLE_CONFIG_DIR, ~/.kaggle or "
        "~/.config/kaggle: make one at https://www.kaggle.com/settings. It is sent to kaggle.com alone, and never on "
        "to "
        "where a server redirects. The rules of a data set or competition have to be accepted on its page first.\n\n"
        "Examples:\n"
        "  pleura fetch -o data\n"
        "  pleura fetch --competition siim-acr-pneumothorax-segmentation --list",
};

int pl_cli_fetch(int argc, char **argv) {
  arguments a = {0};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  return code != 0 ? code : run(&a);
}

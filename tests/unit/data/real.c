#include "tests/unit/data/real.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"

char *real_file(const char *name) {
  const char *data = getenv("PLEURA_DATA"), *source = getenv("PLEURA_SOURCE");
  char *root = data != NULL ? pl_xstrdup(data) : pl_path_join(source != NULL ? source : ".", "../shared/data");
  char *path = pl_path_join(root, name);
  free(root);
  if (pl_fs_is_file(path)) return path;
  print_message("skipped: no %s\n", path);
  free(path);
  skip();
  return NULL;
}

void real_unpacked(pl_buf *out, const char *name) {
  char *packed = real_file(name);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    execlp("gzip", "gzip", "-dc", packed, (char *)NULL);
    _exit(1);
  }
  close(ends[1]);
  char bytes[65536];
  for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;) pl_buf_add(out, bytes, (size_t)got);
  close(ends[0]);
  int ended = -1;
  assert_int_equal(waitpid(child, &ended, 0), child);
  assert_int_equal(ended, 0);
  assert_false(out->failed);
  free(packed);
}

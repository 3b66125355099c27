#include "viewers/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREAD_PIXELS = 32 * 1024 };  // for fewer a thread takes longer to start than it helps

typedef struct shared_work {
  size_t count;
  void (*work)(void *context, size_t index);
  void *context;
  atomic_size_t next;  // index that nobody has taken
} shared_work;

static unsigned processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

unsigned pl_parallel_threads(size_t pixels) {
  const size_t useful = pixels / THREAD_PIXELS;
  if (useful < 2) return 1;
  size_t threads = processors();
  if (threads > PL_PARALLEL_THREADS_MAX) threads = PL_PARALLEL_THREADS_MAX;
  return (unsigned)(threads < useful ? threads : useful);
}

static void *take(void *argument) {
  shared_work *s = argument;
  for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->count;) s->work(s->context, i);
  return NULL;
}

void pl_parallel(size_t count, unsigned threads, void (*work)(void *context, size_t index), void *context) {
  shared_work s = {.count = count, .work = work, .context = context};
  pthread_t helpers[PL_PARALLEL_THREADS_MAX];
  size_t started = 0;
  if (threads > PL_PARALLEL_THREADS_MAX) threads = PL_PARALLEL_THREADS_MAX;
  if (threads > count) threads = (unsigned)count;
  while (started + 1 < threads && pthread_create(&helpers[started], NULL, take, &s) == 0) {
    (void)pthread_setname_np(helpers[started++], "pleura-picture");
  }
  take(&s);
  for (size_t i = 0; i < started; i++) pthread_join(helpers[i], NULL);
}

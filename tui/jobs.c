#include "tui/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/mem.h"

enum { THREADS_MAX = 4, BEHIND = THREADS_MAX, WORKERS_MAX, BEHIND_NICE = 10 };

typedef struct job_node {
  struct job_node *next;
  pl_job job;
  bool unwanted;
} job_node;

typedef struct job_list {
  job_node *first, **end;
} job_list;

struct pl_jobs {
  pthread_mutex_t mutex;  // guards everything below but the descriptors and `threads`
  pthread_cond_t wake;
  job_list waiting, behind, ended;
  job_node *running[WORKERS_MAX];
  bool stop;
  int started;      // without the one behind them
  bool has_behind;  // its thread is at place BEHIND, and begins with its first job
  pthread_t threads[WORKERS_MAX];
  int pipe[2];
};

typedef struct worker_start {
  pl_jobs *jobs;
  int index;
} worker_start;

static void list_init(job_list *list) {
  list->first = NULL;
  list->end = &list->first;
}

static void list_add(job_list *list, job_node *node) {
  node->next = NULL;
  *list->end = node;
  list->end = &node->next;
}

static job_node *list_take(job_list *list) {
  job_node *node = list->first;
  if (node == NULL) return NULL;
  list->first = node->next;
  if (list->first == NULL) list->end = &list->first;
  return node;
}

static void node_drop(job_node *node) {
  node->job.drop(node->job.data);
  free(node);
}

static void *worker(void *argument) {
  const worker_start start = *(worker_start *)argument;
  free(argument);
  pl_jobs *jobs = start.jobs;
  job_list *list = start.index == BEHIND ? &jobs->behind : &jobs->waiting;
  // Linux takes 0 for the calling thread alone.
  if (start.index == BEHIND) (void)setpriority(PRIO_PROCESS, 0, BEHIND_NICE);
  pthread_mutex_lock(&jobs->mutex);
  while (!jobs->stop) {
    job_node *node = list_take(list);
    if (node == NULL) {
      pthread_cond_wait(&jobs->wake, &jobs->mutex);
      continue;
    }
    jobs->running[start.index] = node;
    pthread_mutex_unlock(&jobs->mutex);
    node->job.work(node->job.data);
    pthread_mutex_lock(&jobs->mutex);
    jobs->running[start.index] = NULL;
    list_add(&jobs->ended, node);
    const char byte = 1;
    // A full pipe already says that something has ended.
    while (write(jobs->pipe[1], &byte, 1) < 0 && errno == EINTR) continue;
  }
  pthread_mutex_unlock(&jobs->mutex);
  return NULL;
}

// Signals are for the thread that polls; a worker starts with all of them blocked.
static int start_worker(pl_jobs *jobs, int index) {
  worker_start *start = pl_xmalloc(sizeof *start);
  *start = (worker_start){.jobs = jobs, .index = index};
  sigset_t all, old;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGABRT);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGILL);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const int failed = pthread_create(&jobs->threads[index], NULL, worker, start);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (failed != 0) free(start);
  return failed;
}

pl_status pl_jobs_create(pl_jobs **out, int threads, pl_error *err) {
  pl_jobs *jobs = pl_xcalloc(1, sizeof *jobs);
  if (pipe2(jobs->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    const int saved = errno;
    free(jobs);
    return pl_fail_errno(err, saved, "cannot make a pipe");
  }
  pthread_mutex_init(&jobs->mutex, NULL);
  pthread_cond_init(&jobs->wake, NULL);
  list_init(&jobs->waiting);
  list_init(&jobs->behind);
  list_init(&jobs->ended);
  if (threads > THREADS_MAX) threads = THREADS_MAX;
  for (; jobs->started < threads; jobs->started++) {
    const int failed = start_worker(jobs, jobs->started);
    if (failed == 0) continue;
    if (jobs->started > 0) break;  // fewer threads than asked for still work
    pl_jobs_destroy(jobs);
    return pl_fail_errno(err, failed, "cannot start a thread");
  }
  *out = jobs;
  return PL_OK;
}

void pl_jobs_destroy(pl_jobs *jobs) {
  if (jobs == NULL) return;
  pthread_mutex_lock(&jobs->mutex);
  jobs->stop = true;
  pthread_cond_broadcast(&jobs->wake);
  pthread_mutex_unlock(&jobs->mutex);
  for (int i = 0; i < jobs->started; i++) pthread_join(jobs->threads[i], NULL);
  if (jobs->has_behind) pthread_join(jobs->threads[BEHIND], NULL);
  for (job_node *node; (node = list_take(&jobs->behind)) != NULL;) node_drop(node);
  for (job_node *node; (node = list_take(&jobs->waiting)) != NULL;) node_drop(node);
  for (job_node *node; (node = list_take(&jobs->ended)) != NULL;) node_drop(node);
  pthread_cond_destroy(&jobs->wake);
  pthread_mutex_destroy(&jobs->mutex);
  close(jobs->pipe[0]);
  close(jobs->pipe[1]);
  free(jobs);
}

bool pl_jobs_ending(pl_jobs *jobs) {
  pthread_mutex_lock(&jobs->mutex);
  const bool ending = jobs->stop;
  pthread_mutex_unlock(&jobs->mutex);
  return ending;
}

int pl_jobs_fd(const pl_jobs *jobs) { return jobs->pipe[0]; }

void pl_jobs_submit(pl_jobs *jobs, const pl_job *job) {
  job_node *node = pl_xcalloc(1, sizeof *node);
  node->job = *job;
  if (job->behind && !jobs->has_behind) jobs->has_behind = start_worker(jobs, BEHIND) == 0;
  pthread_mutex_lock(&jobs->mutex);
  list_add(job->behind && jobs->has_behind ? &jobs->behind : &jobs->waiting, node);
  pthread_cond_broadcast(&jobs->wake);
  pthread_mutex_unlock(&jobs->mutex);
}

// Moves what waits for an owner from a list to another.
static void take_owned(job_list *dropped, job_list *list, const void *owner) {
  job_list all = *list;
  if (all.first == NULL) return;
  list_init(list);
  for (job_node *node; (node = list_take(&all)) != NULL;) list_add(node->job.owner == owner ? dropped : list, node);
}

static void cancel(pl_jobs *jobs, const void *owner, bool begun_too) {
  job_list dropped;
  list_init(&dropped);
  pthread_mutex_lock(&jobs->mutex);
  take_owned(&dropped, &jobs->waiting, owner);
  take_owned(&dropped, &jobs->behind, owner);
  if (begun_too) {
    for (int i = 0; i < WORKERS_MAX; i++) {
      job_node *node = jobs->running[i];
      if (node != NULL && node->job.owner == owner) node->unwanted = true;
    }
    for (job_node *node = jobs->ended.first; node != NULL; node = node->next) {
      if (node->job.owner == owner) node->unwanted = true;
    }
  }
  pthread_mutex_unlock(&jobs->mutex);
  for (job_node *node; (node = list_take(&dropped)) != NULL;) node_drop(node);
}

void pl_jobs_cancel(pl_jobs *jobs, const void *owner) { cancel(jobs, owner, true); }

void pl_jobs_cancel_waiting(pl_jobs *jobs, const void *owner) { cancel(jobs, owner, false); }

size_t pl_jobs_collect(pl_jobs *jobs) {
  char drain[64];
  while (read(jobs->pipe[0], drain, sizeof drain) > 0) continue;
  size_t delivered = 0;
  for (;;) {
    pthread_mutex_lock(&jobs->mutex);
    job_node *node = list_take(&jobs->ended);
    pthread_mutex_unlock(&jobs->mutex);
    if (node == NULL) return delivered;
    if (node->unwanted) {
      node_drop(node);
      continue;
    }
    node->job.done(node->job.owner, node->job.data);
    free(node);
    delivered++;
  }
}

bool pl_jobs_idle(pl_jobs *jobs) {
  pthread_mutex_lock(&jobs->mutex);
  bool idle = jobs->waiting.first == NULL && jobs->behind.first == NULL && jobs->ended.first == NULL;
  for (int i = 0; i < WORKERS_MAX; i++) idle = idle && jobs->running[i] == NULL;
  pthread_mutex_unlock(&jobs->mutex);
  return idle;
}

// The emulator's other half: blocks, fibers, barriers. See emulate.h.
#include "tests/gpu/emulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <vector>
#if defined(__has_feature)
#define PL_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define PL_ASAN 1
#else
#define PL_ASAN 0
#endif
#if PL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

__thread pl_emulated_index threadIdx, blockIdx, blockDim, gridDim;

void pl_emulated_fault(const char *what) {
  fprintf(stderr, "emulated device: %s (block %u,%u,%u thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
          threadIdx.x);
  abort();
}

// ---------------------------------------------------------------------------------------------------------------------
// Fibers: a thread of execution with its own stack, entered and left by switch_to.

namespace {

constexpr int WARP = 32, THREADS_MAX = 1024;
constexpr size_t STACK = 256 * 1024;

enum state { READY, AT_BLOCK, AT_WARP, DONE };

// A copy in the background, and the batch that it belongs to.
struct copy {
  void *to;
  const void *from;
  bool inside;
  unsigned batch;
};

struct fiber {
  void *stack;  // lowest address
  enum state state;
  unsigned exchanges, batches;
  std::vector<copy> copies;
#if defined(__x86_64__)
  void *pointer;
#else
  ucontext_t context;
#endif
#if PL_ASAN
  void *fake_stack;
#endif
#if defined(__SANITIZE_THREAD__)
  void *tsan;
#endif
};

struct machine {
  fiber scheduler, fibers[THREADS_MAX];
  int created, current;
  void (*thread)(void *);
  void *call;
  void *shared;
  unsigned char exchange[THREADS_MAX / WARP][2][WARP][32];
#if PL_ASAN
  const void *scheduler_stack;
  size_t scheduler_size;
#endif

  ~machine() {
    for (int i = 0; i < created; i++) munmap(fibers[i].stack, STACK);
  }
};

thread_local machine *running;  // NULL while threads run in a plain loop

machine *this_machine() {
  static thread_local machine instance;
  return &instance;
}

#if defined(__x86_64__)
// Saves what a function must keep, and the stack, in *from; continues at `to`.
extern "C" void pl_emulated_switch(void **from, void *to);
asm(R"(
.text
.globl pl_emulated_switch
.hidden pl_emulated_switch
.type pl_emulated_switch, @function
pl_emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pl_emulated_switch, .-pl_emulated_switch
)");
#endif

// The sanitizers are told which stack comes next, and that it has come.
void leave(fiber *from, const fiber *to, const void *stack, size_t size, bool for_good) {
#if PL_ASAN
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from->fake_stack, stack, size);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to->tsan, 0);
#endif
  (void)from, (void)to, (void)stack, (void)size, (void)for_good;
}

void switch_to(fiber *from, fiber *to) {
#if defined(__x86_64__)
  pl_emulated_switch(&from->pointer, to->pointer);
#else
  swapcontext(&from->context, &to->context);
#endif
}

void resume(machine *m, int i) {
  fiber *f = &m->fibers[i];
  m->current = i;
  threadIdx = {(unsigned)i, 0, 0};
  leave(&m->scheduler, f, f->stack, STACK, false);
  switch_to(&m->scheduler, f);
#if PL_ASAN
  __sanitizer_finish_switch_fiber(m->scheduler.fake_stack, nullptr, nullptr);
#endif
}

void give_way(machine *m, enum state state) {
  fiber *f = &m->fibers[m->current];
  f->state = state;
#if PL_ASAN
  leave(f, &m->scheduler, m->scheduler_stack, m->scheduler_size, state == DONE);
#else
  leave(f, &m->scheduler, nullptr, 0, state == DONE);
#endif
  switch_to(f, &m->scheduler);
#if PL_ASAN
  __sanitizer_finish_switch_fiber(f->fake_stack, &m->scheduler_stack, &m->scheduler_size);
#endif
}

void fiber_main() {
  machine *m = running;
#if PL_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &m->scheduler_stack, &m->scheduler_size);
#endif
  m->thread(m->call);
  give_way(m, DONE);
}

void prepare(machine *m, int i) {
  fiber *f = &m->fibers[i];
  if (i >= m->created) {
    f->stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->stack == MAP_FAILED) pl_emulated_fault("no memory for a thread's stack");
    mprotect(f->stack, 4096, PROT_NONE);
    m->created = i + 1;
#if defined(__SANITIZE_THREAD__)
    f->tsan = __tsan_create_fiber(0);
#endif
  }
  f->state = READY;
  f->exchanges = f->batches = 0;
  f->copies.clear();
#if defined(__x86_64__)
  // As if fiber_main had called the switch: six registers, then the address to return to, at the alignment of a call.
  void **top = reinterpret_cast<void **>(static_cast<unsigned char *>(f->stack) + STACK) - 3;
  *--top = reinterpret_cast<void *>(fiber_main);
  for (int r = 0; r < 6; r++) *--top = nullptr;
  f->pointer = top;
#else
  getcontext(&f->context);
  f->context.uc_stack.ss_sp = f->stack;
  f->context.uc_stack.ss_size = STACK;
  f->context.uc_link = nullptr;
  makecontext(&f->context, fiber_main, 0);
#endif
}

// Lets go of barriers that all threads which still run have reached. False: none was.
bool release(machine *m, int first, int end, enum state state) {
  for (int i = first; i < end; i++)
    if (m->fibers[i].state != state && m->fibers[i].state != DONE) return false;
  bool any = false;
  for (int i = first; i < end; i++) {
    if (m->fibers[i].state != state) continue;
    m->fibers[i].state = READY;
    any = true;
  }
  return any;
}

void run_meeting_block(machine *m, int threads) {
#if defined(__SANITIZE_THREAD__)
  m->scheduler.tsan = __tsan_get_current_fiber();
#endif
  for (int i = 0; i < threads; i++) prepare(m, i);
  // Now from the first thread, now from the last, so that what lacks a barrier shows whichever way it goes wrong.
  for (bool forward = true;; forward = !forward) {
    int done = 0;
    for (int i = 0; i < threads; i++) {
      const int thread = forward ? i : threads - 1 - i;
      if (m->fibers[thread].state == READY) resume(m, thread);
      done += m->fibers[thread].state == DONE;
    }
    if (done == threads) return;
    bool any = release(m, 0, threads, AT_BLOCK);
    for (int warp = 0; warp < threads; warp += WARP)
      any |= release(m, warp, warp + WARP < threads ? warp + WARP : threads, AT_WARP);
    if (!any) pl_emulated_fault("the threads of a block wait at different barriers");
  }
}

}  // namespace

void __syncthreads(void) {
  if (running == nullptr) pl_emulated_fault("__syncthreads in a kernel that was launched without");
  give_way(running, AT_BLOCK);
}

void __syncwarp(unsigned) {
  if (running == nullptr) pl_emulated_fault("__syncwarp in a kernel that was launched without");
  give_way(running, AT_WARP);
}

// Two sets of entries in turns: nobody is at the next exchange but one before all have read this one.
const unsigned char *pl_emulated_exchange(const void *value, size_t bytes) {
  machine *m = running;
  if (m == nullptr) pl_emulated_fault("an exchange in a kernel that was launched without");
  if (bytes > 32) pl_emulated_fault("an exchange of more than 32 bytes");
  unsigned char(*entries)[32] = m->exchange[m->current / WARP][m->fibers[m->current].exchanges++ & 1];
  memcpy(entries[m->current % WARP], value, bytes);
  give_way(m, AT_WARP);
  return &entries[0][0];
}

void pl_emulated_copy(void *to, const void *from, bool inside) {
  fiber *f = &running->fibers[running->current];
  f->copies.push_back({to, from, inside, f->batches});
}

void pl_emulated_copy_commit(void) { running->fibers[running->current].batches++; }

void pl_emulated_copy_wait(int pending) {
  fiber *f = &running->fibers[running->current];
  std::vector<copy> later;
  for (const copy &c : f->copies) {
    if (c.batch + (unsigned)pending >= f->batches) {
      later.push_back(c);
    } else if (c.inside) {
      pl_copy16(c.to, c.from);
    } else {
      memset(c.to, 0, 16);
    }
  }
  f->copies.swap(later);
}

void pl_emulated_load_matrices(uint32_t (&out)[4], const void *row, bool transposed) {
  if ((uintptr_t)row % 16 != 0) pl_emulated_fault("a matrix's row is not aligned to 16 bytes");
  const unsigned char *entries = pl_emulated_exchange(&row, sizeof row);
  const int lane = running->current % WARP;
  for (int matrix = 0; matrix < 4; matrix++) {
    uint16_t pair[2];
    for (int i = 0; i < 2; i++) {
      const int r = transposed ? lane % 4 * 2 + i : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + i;
      const unsigned char *from = pl_emulated_lane<const unsigned char *>(entries, matrix * 8 + r);
      memcpy(&pair[i], from + 2 * column, sizeof pair[i]);
    }
    memcpy(&out[matrix], pair, sizeof out[matrix]);
  }
}

void *pl_emulated_shared_memory(void) {
  if (running == nullptr) pl_emulated_fault("shared memory in a kernel that was launched without");
  return running->shared;
}

// ---------------------------------------------------------------------------------------------------------------------
// Launches

static pl_emulator_hook *launch_hook;

void pl_emulator_set_hook(pl_emulator_hook *hook) { launch_hook = hook; }

void pl_emulated_submit(pl_stream stream, void (*run)(void *), void (*destroy)(void *), void *work) {
  if (launch_hook != nullptr && launch_hook(stream, run, destroy, work)) return;
  run(work);
  destroy(work);
}

void pl_emulated_run(dim3 grid, int threads, bool meet, size_t shared, void (*thread)(void *), void *call) {
  if (threads < 1 || threads > THREADS_MAX || grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535 || shared > 227 * 1024) {
    pl_emulated_fault("a launch that the device refuses");
  }
  machine *m = meet ? this_machine() : nullptr;
  gridDim = {grid.x, grid.y, grid.z};
  blockDim = {(unsigned)threads, 1, 1};
  if (meet) {
    m->thread = thread;
    m->call = call;
    // Exactly that many bytes, so that what lies behind is found.
    m->shared = shared % 128 == 0 && shared > 0 ? aligned_alloc(128, shared) : malloc(shared > 0 ? shared : 1);
    if (m->shared == nullptr) pl_emulated_fault("no memory for shared memory");
  }
  running = m;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        if (meet) {
          memset(m->shared, 0xff, shared);
          run_meeting_block(m, threads);
          continue;
        }
        for (unsigned i = 0; i < (unsigned)threads; i++) {
          threadIdx = {i, 0, 0};
          thread(call);
        }
      }
  running = nullptr;
  if (meet) free(m->shared);
}

/*
 * host.h: np_host, everything one instance of neap owns. Each module has its
 * part below; only that module writes it, unless a line says otherwise.
 */
#ifndef NP_HOST_H
#define NP_HOST_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "core/alloc.h"
#include "core/hook.h"
#include "core/limits.h"
#include "core/timer.h"
#include "core/wait.h"

enum { NP_NSIGNALS = 65 };

/* Values that C needs often lie at fixed places on the stack of `slots`. */
enum {
  NP_SLOT_LIVE = 1,  /* table: slot -> userdata of each live task */
  NP_SLOT_THREADS,   /* table: slot -> Lua thread, in use or pooled */
  NP_SLOT_TASK_MT,   /* metatable of Task */
  NP_SLOT_FUTURE_MT, /* metatable of Future */
  NP_SLOT_HANDLE_MT, /* metatable of the handles of callbacks */
  NP_SLOT_SCOPE_MT,  /* metatable of scopes */
  NP_SLOT_SCOPES,    /* nil, or the first of the idle scopes */
  NP_SLOT_MAIN,      /* the C function at the base of each task */
  NP_SLOT_MSGH,      /* the message handler of protected calls: np_msgh */
  NP_SLOT_CORO,      /* weak table: coroutine -> its np_coro record */
  NP_SLOT_ORIGIN,    /* weak table: CANCELLED error -> id of its scope */
  NP_SLOT_CORE,      /* the table neap.core */
  NP_SLOT_HANDLER,   /* function(context): reports errors nobody took */
  NP_NSLOTS = NP_SLOT_HANDLER
};

typedef struct np_coro np_coro;
typedef struct np_thread {
  lua_State *co;
  int slot;
} np_thread;

struct np_host {
  lua_State *L;           /* the main state */
  lua_State *slots;       /* runs nothing: the values of the slots below */
  lua_State *scratch;     /* for protected calls outside of any task */
  bool owns_state;        /* the state was made by this host */
  bool owns_loop;         /* uv == &own_uv */
  bool yieldable_require; /* `require` may wait: in every state of ours */
  bool command;           /* the host is the neap command (it may exit) */
  uv_loop_t *uv;
  uv_loop_t own_uv;
  np_pool pool_memory; /* of a state of ours */
  lua_Alloc alloc;     /* for C memory: counted with the state's */
  void *alloc_ud;

  /* what runs now: task.c, coro.c */
  np_task *current;   /* the running task, or NULL */
  lua_State *running; /* its innermost coroutine */
  bool chain_ok;      /* Lua can yield at each level below `running` */
  bool parking;       /* a yield under way is a wait, not the script's own */
  np_coro *no_coro;   /* extra space of a coroutine without a record */

  /* what scripts may take, and what stops them: limits.c, hook.c */
  np_limits limits;
  bool limited; /* of tasks or memory: a spawn has to look */
  np_guard guard;

  /* the ready queue and its turns: loop.c */
  np_task *ready_head, *ready_tail;
  uint32_t nready;
  uint32_t look;  /* the resumption of a turn that looks at the clock */
  bool turn_over; /* the turn ends then: the loop has to free something */
  bool draining;  /* inside a turn */
  bool polling;   /* between prepare and check: a turn follows */
  bool idle_on;
  bool shuffle; /* neap.testing.shuffle */
  uint64_t shuffle_state;
  uint64_t turns, longest_turn; /* count; ns */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;
  uv_async_t async; /* posts from other threads; ref'd while `nforever` */
  int nhandles;     /* our own uv handles that are not closed yet */

  /* timers and the clock: timer.c */
  uv_timer_t uvtimer;
  np_timer **heap;
  uint32_t *units; /* of the heap's deadlines, since `epoch` */
  uint64_t epoch;
  uint32_t nheap, heap_capacity, nstrong;
  uint32_t timer_seq;
  uint64_t armed; /* when uvtimer fires; NP_FOREVER: not at all */
  bool virtual_on;
  bool virtual_lenient; /* real sockets are let pass, for our own specs */
  uint64_t virtual_now;
  uint64_t clock_offset; /* what the virtual clock left behind */
  uv_timer_t watchdog;   /* by the real clock: callback.c */
  np_task *watchman;     /* what it calls; NULL: it does not run */
  uint32_t clock_holds;  /* work on other threads: the clock waits for it */

  /* tasks: task.c */
  uint32_t ntasks;   /* live */
  uint32_t ndaemons; /* of them */
  uint32_t nkeep;    /* servers, timers, readers: keep the program alive */
  uint32_t nforever; /* waits that are not to be taken for a deadlock */
  uint64_t next_order;
  uint32_t next_task, next_callback;
  np_thread *pool; /* finished threads to use again */
  uint32_t npool, pool_capacity;
  uint32_t nvacant; /* the first of the pool: places without a thread */
  int *free_slots;  /* free places in NP_SLOT_LIVE */
  uint32_t nfree, free_capacity, nslots;
  int next_thread_slot;
  uint64_t next_scope;
  uint32_t nscopes; /* idle ones: scope.c */

  /* a pass of cancellation: scope.c */
  np_task *pass_head, *pass_tail;
  uint32_t cancel_pass; /* numbers the passes, to see cycles */
  bool passing;
  bool in_run;    /* inside our own uv_run */
  bool unwinding; /* everything is being cancelled */
  bool grace_over;
  bool ending;         /* the tasks are gone, and no new one may be spawned */
  double grace;        /* seconds that unwinding may take */
  double unwind_grace; /* of np_loop_unwind_start */
  np_timer grace_timer;
  bool main_done, main_failed;
  bool end_with_main; /* the other tasks are cancelled then */
  bool deadlocked;
  bool failed; /* the default handler reported something */
  bool closed;
  int exit_code;
  bool exit_called;
  np_task *main;

  /* for whoever drives the host from outside: api/. Each is called from a
   * turn, outside of any task. */
  void *api;                      /* the neap_host, or NULL */
  bool posts_due;                 /* set with np_loop_kick: on_posts follows */
  void (*on_posts)(np_host *h);   /* something came from other threads */
  void (*on_ended)(np_host *h);   /* once: the program has ended */
  void (*on_unwound)(np_host *h); /* np_loop_unwind_start is done */
  void (*on_gone)(np_host *h);    /* the last handle is closed; from the loop */
  void (*on_broken)(np_host *h, const char *text); /* instead of stderr */

  /* handles and sockets: io/ */
  void (*on_guest_end)(np_task *t); /* plain (io/guests.c) */
  uint32_t nlisted;                 /* in the list of handles */
  uint32_t nfiles;                  /* open files */
  np_link handles; /* every np_handle that is not closed (io/handle.c) */
  uint32_t next_handle;
  struct np_bufpool
      *buffers; /* for reading; made when first used (io/bufpool.c) */
  struct np_poller *poller;        /* of descriptors of others (io/poll.c) */
  struct np_children *children;    /* that have not ended (io/process.c) */
  uint16_t listeners[NP_NSIGNALS]; /* of each signal (io/signal.c) */
  bool no_threads; /* they would not be held to what scripts may see here */
  bool in_thread;  /* another host, which outlives this one, started it */
  void (*open_lib)(lua_State *L, np_host *h); /* for hosts of its threads */
  void (*close_lib)(np_host *h);
  struct np_inbox *inbox;     /* from other threads (thread/inbox.c) */
  struct np_crew *crew;       /* its threads (thread/crew.c) */
  uint64_t child_descriptors; /* their soft limit for children; 0: as ours */

  /* failures nobody took yet: failure.c */
  np_link unretrieved;
  np_link groups;          /* task groups that are not collected: group.c */
  np_timer failures_timer; /* weak; for the first in the list */
  bool failures_due;
  bool debug;                                     /* debug mode: warn.c */
  void (*on_warning)(void *ud, const char *text); /* NULL: stderr */
  void *on_warning_ud;
  bool dump_due;    /* SIGQUIT asked for a dump of the tasks: debug.c */
  uint32_t tracing; /* how many want to know where things are made */
};

/*
 * The life of a host. Init sets up a zeroed np_host on `loop`, or on a loop of
 * its own (0 or a UV_ code, with all undone); attach makes it the host of a
 * Lua state and pushes the table neap.core ([..] -> [.. core], **raises** for
 * want of memory). To close: unwind the tasks (loop.h), detach, close the
 * state if it is ours, then finish: the first half closes every handle, the
 * second one comes once h->nhandles is 0. The np_host is the caller's to free.
 */
int np_host_init(np_host *h, uv_loop_t *loop);
void np_host_attach(lua_State *L, np_host *h);
void np_host_detach(np_host *h);
void np_host_finish_start(np_host *h, void (*close_handles)(np_host *));
void np_host_finish_end(np_host *h);

/* A handle or request that h->nhandles counted is gone; h may be, too. */
void np_host_handle_gone(np_host *h);

/* The host of a state, or NULL. */
np_host *np_host_of(lua_State *L);

/* [.. ] -> [.. value] on L: the value in a slot. */
static inline void np_pushslot(lua_State *L, np_host *h, int slot) {
  lua_pushvalue(h->slots, slot);
  lua_xmove(h->slots, L, 1);
}

/* The host of the running C function: from the allocator of a state that a
 * host made, which is quicker, or else from upvalue 1. */
static inline np_host *np_gethost(lua_State *L) {
  void *ud;
  if (lua_getallocf(L, &ud) == np_pool_alloc) return ud;
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* C memory that counts against the host's limit. np_alloc gives NULL when
 * there is none; np_free takes the size that was asked for. */
void *np_alloc(np_host *h, size_t size);
void *np_realloc(np_host *h, void *p, size_t old_size, size_t size);
void np_free(np_host *h, void *p, size_t size);

/* np_realloc for the arrays of the host itself, which outside of tasks may
 * exceed the limit. */
void *np_grow(np_host *h, void *p, size_t old_size, size_t size);

/* Something that keeps the program alive besides tasks (a server, a timer, a
 * reader, a child) began or ended. */
void np_keep(np_host *h);
void np_unkeep(np_host *h);

/* A wait that is no deadlock though no handle could end it (sleep(math.huge),
 * run_forever, another thread) began or ended. */
void np_forever(np_host *h);
void np_unforever(np_host *h);

#endif

/*
 * worker.h: a host on a thread of its own, which runs one job after another.
 */
#ifndef NP_WORKER_H
#define NP_WORKER_H

#include "core/host.h"
#include "thread/crew.h"

/* What the hosts of a crew begin with: taken from the host that made it. */
typedef struct np_worker_setup {
  void (*open_lib)(lua_State *L, np_host *h);
  void (*close_lib)(np_host *h);
  char *path, *cpath; /* package.path and cpath; NULL: as they are */
  np_limits limits;
  double grace;
  bool debug;
} np_worker_setup;

struct np_worker {
  np_host host;
  uv_async_t wake;
  uv_mutex_t lock; /* for the next two, and for sending to `wake` */
  bool open;       /* there is somebody to wake */
  bool stop;
  bool spoiled; /* it was stopped: not to be used again */
  void (*close_lib)(np_host *h);
};

/* [..] -> [..]  In the thread of the host that has the crew. **raises** */
void np_worker_setup_take(lua_State *L, np_host *h, np_worker_setup *setup);
void np_worker_setup_free(np_worker_setup *setup);

/* In the thread of the crew's host, before and after the worker's thread. */
void np_worker_init(np_worker *w);
void np_worker_free(np_worker *w);

/* In the worker's thread: opens its host (0 or a UV_ code), does a job, whose
 * result it sets, and closes the host. */
int np_worker_open(np_worker *w, const np_worker_setup *setup);
np_job_state np_worker_run(np_worker *w, np_job *job);
void np_worker_close(np_worker *w);

/* Ends the job that it does, and makes it unfit for another. **thread-safe** */
void np_worker_stop(np_worker *w);

#endif

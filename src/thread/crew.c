/*
 * crew.c: a crew is made when a host first starts a job. Its workers are
 * threads that each have a host with a state and a loop; one that is done with
 * its job takes the next from the queue, and ends after it was idle for a
 * while. The lock of the crew is for the queue, the list of workers, and who
 * runs what. When the host closes, the crew asks every job to end and joins
 * the threads.
 */
#include "thread/crew.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/class.h"
#include "core/loop.h"
#include "io/handle.h"
#include "thread/worker.h"

#define IDLE_NS (10 * UINT64_C(1000000000))

enum { WORKERS_MAX = 64, ALONE_MAX = 1024 };

struct np_crew {
  np_handle base;
  np_inbox *inbox; /* of the host */
  uv_mutex_t lock;
  uv_cond_t work;       /* there is a job in the queue, or the crew ends */
  np_link queue;        /* np_job.link */
  np_link workers;      /* crew_member.link */
  int nworkers, nalone; /* of the pool that do not leave, and of jobs alone */
  int nidle, nqueued;
  bool resting; /* who is idle is to end */
  bool ending;
  np_worker_setup setup; /* what each worker's host begins with */
};

typedef struct crew_member {
  np_link link;
  np_crew *crew;
  uv_thread_t thread;
  np_worker worker;
  np_job *first; /* of one that has a thread of its own */
  bool alone;
  bool busy;    /* does a job of the queue */
  bool leaving; /* it takes no job any more */
  bool ended;   /* to be joined */
} crew_member;

/* ---- jobs -------------------------------------------------------------- */

void np_job_drop(np_job *job) {
  if (atomic_fetch_sub(&job->holds, 1) > 1) return;
  np_packed_free(job->call);
  np_packed_free(job->result);
  free(job);
}

/* In the thread of the host: the job is done. */
static void on_note(np_note *note) {
  np_job *job = (np_job *)note;
  job->told = true;
  np_unforever(job->crew->base.host);
  if (job->on_done) job->on_done(job->user);
  np_job_drop(job);
}

static void on_discard(np_note *note) { np_job_drop((np_job *)note); }

/* ---- workers ----------------------------------------------------------- */

static void run(crew_member *m, np_job *job) {
  np_crew *crew = m->crew;
  bool stopped = job->stop || crew->ending;
  m->busy = true;
  job->worker = &m->worker;
  job->state = NP_JOB_RUNNING;
  uv_mutex_unlock(&crew->lock);
  np_job_state state = NP_JOB_CANCELLED;
  if (!stopped) state = np_worker_run(&m->worker, job);
  uv_mutex_lock(&crew->lock);
  m->busy = false;
  job->worker = NULL;
  job->state = state;
  np_inbox_put(crew->inbox, &job->note);
}

static np_job *take_job(np_crew *crew) {
  np_link *l = np_list_first(&crew->queue);
  if (!l) return NULL;
  np_list_remove(l);
  crew->nqueued--;
  return np_container_of(l, np_job, link);
}

/* Waits for a job of the queue; NULL: the worker is to end. */
static np_job *next_job(crew_member *m) {
  np_crew *crew = m->crew;
  np_job *job = take_job(crew);
  if (job || crew->ending || crew->resting) return job;
  crew->nidle++;
  int r = 0;
  while (r == 0 && !crew->ending && !crew->resting &&
         np_list_empty(&crew->queue))
    r = uv_cond_timedwait(&crew->work, &crew->lock, IDLE_NS);
  crew->nidle--;
  return take_job(crew);
}

static void fail_job(np_crew *crew, np_job *job, int err) {
  job->err = err;
  job->state = NP_JOB_UNSTARTED;
  np_inbox_put(crew->inbox, &job->note);
}

/* The host could not be opened: what nobody else will do ends with that. */
static void give_up(crew_member *m, int err) {
  np_job *job;
  if (m->alone) fail_job(m->crew, m->first, err);
  while (!m->alone && m->crew->nworkers == 1 && (job = take_job(m->crew)))
    fail_job(m->crew, job, err);
}

static void worker_main(void *arg);

/* A new thread; for `job` alone, or for the queue (NULL). With the lock. */
static int hire(np_crew *crew, np_job *job) {
  crew_member *m = calloc(1, sizeof *m);
  if (!m) return UV_ENOMEM;
  m->crew = crew;
  m->alone = job != NULL;
  m->first = job;
  np_worker_init(&m->worker);
  int err = uv_thread_create(&m->thread, worker_main, m);
  if (err < 0) {
    np_worker_free(&m->worker);
    free(m);
    return err;
  }
  np_list_append(&crew->workers, &m->link);
  if (m->alone)
    crew->nalone++;
  else
    crew->nworkers++;
  return 0;
}

static int most_workers(void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (int)n;
}

/* The pool may grow for jobs that nobody waits for. With the lock; a UV_ code
 * if there is nobody at all to do them. */
static int hire_for_queue(np_crew *crew) {
  if (crew->nqueued <= crew->nidle || crew->nworkers >= most_workers())
    return 0;
  int err = hire(crew, NULL);
  return crew->nworkers > 0 ? 0 : err;
}

/* Takes no job any more; somebody else may be needed for the queue. */
static void leave(crew_member *m) {
  np_crew *crew = m->crew;
  np_job *job;
  m->leaving = true;
  if (m->alone) return;
  crew->nworkers--;
  int err = crew->ending ? 0 : hire_for_queue(crew);
  while (err < 0 && (job = take_job(crew)) != NULL) fail_job(crew, job, err);
}

/* A stop that came when the job was done is not for the next one. */
static bool is_spoiled(const crew_member *m) {
  return m->worker.spoiled || m->worker.stop;
}

static void worker_main(void *arg) {
  crew_member *m = arg;
  np_crew *crew = m->crew;
  int err = np_worker_open(&m->worker, &crew->setup);
  uv_mutex_lock(&crew->lock);
  if (err < 0) {
    give_up(m, err);
    if (!m->alone) crew->nworkers--;
  } else {
    np_job *job = m->alone ? m->first : next_job(m);
    while (job) {
      run(m, job);
      job = m->alone || is_spoiled(m) ? NULL : next_job(m);
    }
    leave(m);
    uv_mutex_unlock(&crew->lock);
    np_worker_close(&m->worker);
    uv_mutex_lock(&crew->lock);
  }
  m->ended = true;
  if (m->alone) crew->nalone--;
  uv_mutex_unlock(&crew->lock);
}

static bool has_ended(crew_member *m) { return m->ended; }

/* Of the pool also one that is only starting, where there is nothing to do. */
static bool has_no_job(crew_member *m) {
  bool idle = !m->alone && !m->busy && m->crew->nqueued == 0;
  return m->ended || m->leaving || idle;
}

static bool any(crew_member *m) { return m != NULL; }

/* Joins the threads that `which` says. With the lock. */
static void reap(np_crew *crew, bool (*which)(crew_member *m)) {
  np_link *next;
  for (np_link *l = crew->workers.next; l != &crew->workers; l = next) {
    crew_member *m = np_container_of(l, crew_member, link);
    next = l->next;
    if (!which(m)) continue;
    uv_mutex_unlock(&crew->lock);
    uv_thread_join(&m->thread);
    uv_mutex_lock(&crew->lock);
    next = m->link.next;
    np_list_remove(&m->link);
    np_worker_free(&m->worker);
    free(m);
  }
}

/* ---- the crew ---------------------------------------------------------- */

static void ask_to_end(np_crew *crew) {
  crew->ending = true;
  uv_cond_broadcast(&crew->work);
  for (np_link *l = crew->workers.next; l != &crew->workers; l = l->next)
    np_worker_stop(&np_container_of(l, crew_member, link)->worker);
}

static void crew_shut(np_handle *base) {
  np_crew *crew = np_container_of(base, np_crew, base);
  np_job *job;
  uv_mutex_lock(&crew->lock);
  while ((job = take_job(crew)) != NULL) np_job_drop(job);
  ask_to_end(crew);
  reap(crew, any);
  uv_mutex_unlock(&crew->lock);
  base->host->crew = NULL;
  np_release(base);
}

static void crew_destroy(np_handle *base) {
  np_crew *crew = np_container_of(base, np_crew, base);
  np_worker_setup_free(&crew->setup);
  uv_cond_destroy(&crew->work);
  uv_mutex_destroy(&crew->lock);
  np_free(base->host, crew, sizeof *crew);
}

static const np_handle_class crew_class = {.shut = crew_shut,
                                           .destroy = crew_destroy};

static np_crew *get(lua_State *L, np_host *h) {
  if (h->crew) return h->crew;
  np_inbox *inbox = np_inbox_get(L, h);
  np_crew *crew = np_alloc(h, sizeof *crew);
  if (!crew) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  *crew = (np_crew){.inbox = inbox};
  np_handle_init(&crew->base, h, &crew_class);
  uv_mutex_init(&crew->lock);
  uv_cond_init(&crew->work);
  np_list_init(&crew->queue);
  np_list_init(&crew->workers);
  h->crew = crew;
  np_handle_list(&crew->base);
  np_worker_setup_take(L, h, &crew->setup);
  return crew;
}

/* Sees that somebody will do the job. With the lock. */
static int assign(np_crew *crew, np_job *job) {
  reap(crew, has_ended);
  if (job->alone) return crew->nalone < ALONE_MAX ? hire(crew, job) : UV_EAGAIN;
  np_list_append(&crew->queue, &job->link);
  crew->nqueued++;
  uv_cond_signal(&crew->work);
  int err = hire_for_queue(crew);
  if (err == 0) return 0;
  np_list_remove(&job->link);
  crew->nqueued--;
  return err;
}

np_job *np_job_new(np_packed *call, bool alone) {
  np_job *job = calloc(1, sizeof *job);
  if (!job) {
    np_packed_free(call);
    return NULL;
  }
  job->note = (np_note){.deliver = on_note, .discard = on_discard};
  np_list_init(&job->link);
  atomic_init(&job->holds, 1);
  job->call = call;
  job->alone = alone;
  return job;
}

int np_job_queue(lua_State *L, np_host *h, np_job *job) {
  np_crew *crew = get(L, h);
  job->crew = crew;
  atomic_fetch_add(&job->holds, 1);
  uv_mutex_lock(&crew->lock);
  int err = assign(crew, job);
  uv_mutex_unlock(&crew->lock);
  if (err < 0)
    np_job_drop(job);
  else
    np_forever(h);
  return err;
}

void np_job_stop(np_job *job) {
  np_crew *crew = job->crew;
  uv_mutex_lock(&crew->lock);
  job->stop = true;
  if (job->worker) {
    np_worker_stop(job->worker);
  } else if (np_list_linked(&job->link)) {
    np_list_remove(&job->link);
    crew->nqueued--;
    job->state = NP_JOB_CANCELLED;
    np_inbox_put(crew->inbox, &job->note);
  }
  uv_mutex_unlock(&crew->lock);
}

void np_crew_rest(np_host *h) {
  np_crew *crew = h->crew;
  if (!crew) return;
  uv_mutex_lock(&crew->lock);
  crew->resting = true;
  uv_cond_broadcast(&crew->work);
  reap(crew, has_no_job);
  crew->resting = false;
  uv_mutex_unlock(&crew->lock);
}

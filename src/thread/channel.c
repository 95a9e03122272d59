/*
 * channel.c: a channel is a queue of packed values behind a lock, with the
 * tasks of any hosts that wait at its two ends. Each state that knows the
 * channel has a userdata with a hold; packed values that carry it have one,
 * too.
 *
 * A value goes directly to the first receiver that waits, so receivers wait
 * only while the queue is empty, and senders only while it is full. Who waits
 * is a chan_wait in a userdata on the task's stack, with a hold. Under the lock
 * it goes from WAITING to HANDED, with a note to its host; from then on the
 * wait cannot be undone, so no value is lost.
 */
#include "thread/channel.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/class.h"
#include "base/err.h"
#include "base/pack.h"
#include "core/task.h"
#include "core/wait.h"
#include "thread/inbox.h"

typedef struct np_message {
  struct np_message *next;
  np_packed *value;
} np_message;

typedef struct np_channel {
  atomic_int holds;
  uv_mutex_t lock; /* for all below */
  np_message *first, *last;
  size_t count, capacity; /* capacity 0: no limit */
  size_t bytes;           /* of the packed values in the queue */
  np_link receivers, senders;
  bool closed;
} np_channel;

typedef struct chan_wait {
  np_note note; /* first */
  np_wait wait;
  np_link link; /* in receivers or senders while WAITING */
  np_channel *channel;
  np_host *host;
  np_inbox *inbox;
  np_message *message;            /* what is sent, or was received */
  enum { WAITING, HANDED } state; /* under the channel's lock */
  bool waits; /* in its own thread: there is a state, and a hold */
  bool sends;
  bool refused; /* a sender: the channel was closed */
} chan_wait;

static void channel_hold(void *object) {
  atomic_fetch_add(&((np_channel *)object)->holds, 1);
}

static void message_free(np_message *m) {
  if (!m) return;
  np_packed_free(m->value);
  free(m);
}

static void channel_drop(void *object) {
  np_channel *c = object;
  if (atomic_fetch_sub(&c->holds, 1) > 1) return;
  while (c->first) {
    np_message *m = c->first;
    c->first = m->next;
    message_free(m);
  }
  uv_mutex_destroy(&c->lock);
  free(c);
}

/* ---- the queue, under the lock ------------------------------------------ */

static void append(np_channel *c, np_message *m) {
  m->next = NULL;
  if (c->first)
    c->last->next = m;
  else
    c->first = m;
  c->last = m;
  c->count++;
  c->bytes += m->value->size;
}

static np_message *take(np_channel *c) {
  np_message *m = c->first;
  c->first = m->next;
  c->count--;
  c->bytes -= m->value->size;
  return m;
}

/* The wait is over; it is told so in its own thread, which may be ours: h. */
static void hand(np_host *h, chan_wait *w) {
  np_list_remove(&w->link);
  w->state = HANDED;
  if (w->host == h)
    w->note.deliver(&w->note);
  else
    np_inbox_put(w->inbox, &w->note);
}

static chan_wait *first_of(np_link *list) {
  np_link *l = np_list_first(list);
  return l ? np_container_of(l, chan_wait, link) : NULL;
}

/* There is room in the queue: the first sender's value moves in. */
static void admit_sender(np_host *h, np_channel *c) {
  chan_wait *w = first_of(&c->senders);
  if (!w) return;
  append(c, w->message);
  w->message = NULL;
  hand(h, w);
}

/* The value goes to a receiver or into the queue; false if it is full. */
static bool give(np_host *h, np_channel *c, np_message *m) {
  chan_wait *w = first_of(&c->receivers);
  if (w) {
    w->message = m;
    hand(h, w);
    return true;
  }
  if (c->capacity > 0 && c->count >= c->capacity) return false;
  append(c, m);
  return true;
}

/* ---- the wait ---------------------------------------------------------- */

static chan_wait *of_wait(np_wait *w) {
  return np_container_of(w, chan_wait, wait);
}

static void no_longer_waits(chan_wait *w) {
  w->waits = false;
  if (w->host->in_thread) np_unforever(w->host);
  channel_drop(w->channel);
}

static void on_note(np_note *note) {
  chan_wait *w = (chan_wait *)note;
  no_longer_waits(w);
  np_wake(&w->wait);
}

/* The host closes: nobody is there to take what was handed over. */
static void on_discard(np_note *note) { (void)note; }

static bool chan_cancel(np_wait *wait) {
  chan_wait *w = of_wait(wait);
  uv_mutex_lock(&w->channel->lock);
  bool undone = w->state == WAITING;
  if (undone) np_list_remove(&w->link);
  uv_mutex_unlock(&w->channel->lock);
  if (undone) no_longer_waits(w);
  return undone;
}

/* The task is ended by force: a value that was handed to it goes back to the
 * front of the queue. */
static void chan_drop(np_wait *wait) {
  chan_wait *w = of_wait(wait);
  np_channel *c = w->channel;
  if (!w->waits || chan_cancel(wait)) return;
  uv_mutex_lock(&c->lock);
  np_inbox_take(w->inbox, &w->note);
  if (!w->sends && w->message) {
    chan_wait *other = first_of(&c->receivers);
    if (other) {
      other->message = w->message;
      hand(w->host, other);
    } else {
      w->message->next = c->first;
      if (!c->first) c->last = w->message;
      c->first = w->message;
      c->count++;
      c->bytes += w->message->value->size;
    }
    w->message = NULL;
  }
  uv_mutex_unlock(&c->lock);
  no_longer_waits(w);
}

static int closed_error(lua_State *L) {
  return np_raise(L, "CLOSED", "the channel is closed");
}

/* [..] -> [.. value]  Unpacks and frees the message that the box holds. */
static int unpack_message(lua_State *L, np_message **box) {
  np_unpack(L, (*box)->value);
  message_free(*box);
  *box = NULL;
  return 1;
}

static int chan_finish(lua_State *L, np_wait *wait) {
  chan_wait *w = of_wait(wait);
  if (w->sends) return w->refused ? closed_error(L) : 0;
  if (w->message) return unpack_message(L, &w->message);
  lua_pushnil(L);
  return 1;
}

static void chan_describe(np_wait *wait, char *buf, size_t size) {
  snprintf(buf, size, "channel %s", of_wait(wait)->sends ? "send" : "receive");
}

static const np_wait_class chan_class = {"channel", chan_describe, chan_cancel,
                                         chan_finish, chan_drop};

static int wait__gc(lua_State *L) {
  chan_wait *w = lua_touserdata(L, 1);
  if (w->waits) chan_drop(&w->wait); /* the state closes under its task */
  message_free(w->message);
  w->message = NULL;
  return 0;
}

static const luaL_Reg wait_meta[] = {{"__gc", wait__gc}, {NULL, NULL}};
static const np_class wait_class = {"ChannelWait", NULL, wait_meta};

/* [channel ..] -> [channel wait ..]  A wait that does not wait yet. */
static chan_wait *new_wait(lua_State *L, np_channel *c, bool sends) {
  np_host *h = np_gethost(L);
  np_inbox *inbox = np_inbox_get(L, h);
  chan_wait *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (chan_wait){.note = {.deliver = on_note, .discard = on_discard},
                   .channel = c,
                   .host = h,
                   .inbox = inbox,
                   .sends = sends};
  np_list_init(&w->link);
  np_class_set(L, &wait_class);
  lua_insert(L, 2);
  return w;
}

/* Under the lock. Somebody else may end the wait: a thread that was started
 * here, which keeps this loop alive itself, or the one that started us. */
static void start_waiting(chan_wait *w, np_link *list) {
  w->state = WAITING;
  w->waits = true;
  channel_hold(w->channel);
  if (w->host->in_thread) np_forever(w->host);
  np_list_append(list, &w->link);
}

/* ---- the methods ------------------------------------------------------- */

static np_channel *self(lua_State *L) {
  np_channel *c = ((np_shared *)np_checkself(L))->object;
  if (!c) np_raise(L, "INVALID_STATE", "the channel was finalized");
  return c;
}

static int nothing_finish(lua_State *L, np_wait *wait) {
  (void)wait;
  return lua_gettop(L) - 2; /* [channel, wait, results ..] */
}

static bool cannot_undo(np_wait *wait) {
  (void)wait;
  return false;
}

/* What did not have to wait gives a turn now and then. */
static const np_wait_class turn_class = {
    .name = "a turn", .cancel = cannot_undo, .finish = nothing_finish};

/* Takes over the value; NULL when memory is out, and then it is gone. */
static np_message *new_message(np_packed *value) {
  np_message *m = malloc(sizeof *m);
  if (!m) {
    np_packed_free(value);
    return NULL;
  }
  *m = (np_message){.value = value};
  return m;
}

/* Under the lock: what lies in a channel is nobody's memory, but a host with a
 * limit does not put more there than that. */
static bool is_too_much(const np_host *h, const np_channel *c, size_t more) {
  size_t limit = h->limits.memory;
  return limit > 0 && (c->bytes > limit || more > limit - c->bytes);
}

/* send(value): waits while the channel is full. */
static int channel_send(lua_State *L) {
  np_channel *c = self(L);
  if (lua_isnoneornil(L, 2)) return np_typeerror(L, 2, "value other than nil");
  lua_settop(L, 2);
  np_checkwait(L, np_gethost(L));
  chan_wait *w = new_wait(L, c, true);
  w->message = new_message(np_pack(L, 1, 2));
  if (!w->message) return luaL_error(L, "not enough memory");
  lua_settop(L, 2);
  uv_mutex_lock(&c->lock);
  bool closed = c->closed;
  bool full = !closed && is_too_much(w->host, c, w->message->value->size);
  bool given = !closed && !full && give(w->host, c, w->message);
  if (given) w->message = NULL;
  if (!closed && !full && !given) start_waiting(w, &c->senders);
  uv_mutex_unlock(&c->lock);
  if (closed) return closed_error(L);
  if (full) return luaL_error(L, "not enough memory");
  if (given) return np_settle(L, w->host, &w->wait, &turn_class);
  return np_park(L, w->host, &w->wait, &chan_class);
}

/* receive() -> value; nil when the channel is closed and empty */
static int channel_receive(lua_State *L) {
  np_channel *c = self(L);
  lua_settop(L, 1);
  np_checkwait(L, np_gethost(L));
  chan_wait *w = new_wait(L, c, false);
  uv_mutex_lock(&c->lock);
  bool have = c->first != NULL, closed = c->closed;
  if (have) {
    w->message = take(c);
    admit_sender(w->host, c);
  } else if (!closed) {
    start_waiting(w, &c->receivers);
  }
  uv_mutex_unlock(&c->lock);
  if (!have && !closed) return np_park(L, w->host, &w->wait, &chan_class);
  if (have)
    unpack_message(L, &w->message);
  else
    lua_pushnil(L);
  return np_settle(L, w->host, &w->wait, &turn_class);
}

/* close(): receivers get what is left, then nil; senders get CLOSED. */
static int channel_close(lua_State *L) {
  np_host *h = np_gethost(L);
  np_channel *c = self(L);
  chan_wait *w;
  uv_mutex_lock(&c->lock);
  c->closed = true;
  while ((w = first_of(&c->receivers)) != NULL) hand(h, w);
  while ((w = first_of(&c->senders)) != NULL) {
    w->refused = true;
    hand(h, w);
  }
  uv_mutex_unlock(&c->lock);
  return 0;
}

static int next_item(lua_State *L) {
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(4));
  return channel_receive(L);
}

/* items() -> iterator, until the channel is closed and empty */
static int channel_items(lua_State *L) {
  self(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushliteral(L, "receive");
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, next_item, 4);
  return 1;
}

static int channel__tostring(lua_State *L) {
  np_channel *c = ((np_shared *)np_checkself(L))->object;
  if (!c) {
    lua_pushliteral(L, "Channel: finalized");
    return 1;
  }
  uv_mutex_lock(&c->lock);
  size_t count = c->count;
  bool closed = c->closed;
  uv_mutex_unlock(&c->lock);
  lua_pushfstring(L, "Channel: %d items%s", (int)count,
                  closed ? ", closed" : "");
  return 1;
}

static int channel__gc(lua_State *L) {
  np_shared *s = np_checkself(L);
  if (s->object) channel_drop(s->object);
  s->object = NULL;
  return 0;
}

static const luaL_Reg methods[] = {{"send", channel_send},
                                   {"receive", channel_receive},
                                   {"items", channel_items},
                                   {"close", channel_close},
                                   {NULL, NULL}};
static const luaL_Reg meta[] = {
    {"__gc", channel__gc}, {"__tostring", channel__tostring}, {NULL, NULL}};
static const np_class channel_class = {"Channel", methods, meta};

static void push_channel(lua_State *L, void *object);

static const np_shared_class shared_class = {"Channel", channel_hold,
                                             channel_drop, push_channel};

/* [..] -> [.. Channel] without an object */
static np_shared *push_box(lua_State *L) {
  np_shared *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (np_shared){&np_shared_magic, &shared_class, NULL};
  np_class_set(L, &channel_class);
  return s;
}

static void push_channel(lua_State *L, void *object) {
  np_shared *s = push_box(L);
  channel_hold(object);
  s->object = object;
}

/* channel([capacity]): how many values may lie in it; 0 or nil: any number */
static int channel_new(lua_State *L) {
  lua_Integer capacity =
      lua_isnoneornil(L, 1) ? 0 : np_checkinteger(L, 1, 0, 1 << 30);
  np_shared *s = push_box(L);
  np_channel *c = calloc(1, sizeof *c);
  if (!c || uv_mutex_init(&c->lock) < 0) {
    free(c);
    return luaL_error(L, "not enough memory");
  }
  atomic_init(&c->holds, 1);
  c->capacity = (size_t)capacity;
  np_list_init(&c->receivers);
  np_list_init(&c->senders);
  s->object = c;
  return 1;
}

static const luaL_Reg funcs[] = {{"channel", channel_new}, {NULL, NULL}};

void np_channel_open(lua_State *L, np_host *h) {
  np_setfuncs(L, h, funcs);
  np_class_register(L, h, &wait_class);
  np_class_register(L, h, &channel_class);
}

/*
 * list.h: an intrusive, circular, doubly linked list.
 * A list is a head link; an empty head points at itself. An element embeds a
 * link; np_list_remove leaves it pointing at itself, so removing twice is
 * harmless and np_list_linked tells whether it is in any list.
 */
#ifndef NP_LIST_H
#define NP_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct np_link np_link;
struct np_link {
  np_link *prev;
  np_link *next;
};

#define np_container_of(ptr, type, member) \
  ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void np_list_init(np_link *l) { l->prev = l->next = l; }

static inline bool np_list_empty(const np_link *head) {
  return head->next == head;
}

static inline bool np_list_linked(const np_link *l) { return l->next != l; }

static inline void np_list_append(np_link *head, np_link *l) {
  l->prev = head->prev;
  l->next = head;
  head->prev->next = l;
  head->prev = l;
}

static inline void np_list_prepend(np_link *head, np_link *l) {
  l->next = head->next;
  l->prev = head;
  head->next->prev = l;
  head->next = l;
}

static inline void np_list_remove(np_link *l) {
  l->prev->next = l->next;
  l->next->prev = l->prev;
  np_list_init(l);
}

static inline np_link *np_list_first(np_link *head) {
  return head->next == head ? NULL : head->next;
}

#endif

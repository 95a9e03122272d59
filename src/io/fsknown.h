/*
 * fsknown.h: what requests about paths can do at once, on the loop: their
 * status, or UV_EAGAIN where a thread has to do it. Plain; nothing blocks.
 */
#ifndef NP_FSKNOWN_H
#define NP_FSKNOWN_H

#include "io/fs.h"

int np_fsknown_stat(np_fsreq *r);
int np_fsknown_lstat(np_fsreq *r);
int np_fsknown_exists(np_fsreq *r);

/* Up to r->capacity bytes. */
int np_fsknown_read(np_fsreq *r);

#endif

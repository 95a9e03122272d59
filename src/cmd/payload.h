/*
 * payload.h: a program that `neap compile` put behind the command's own file.
 */
#ifndef NP_CMD_PAYLOAD_H
#define NP_CMD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

/* What stands at the end of such a file: the size of the payload before it, as
 * eight bytes, lowest first, and these eight. */
#define NP_PAYLOAD_MARK "NEAPPROG"

/* The payload of the running file, to be freed by the caller. NULL if there is
 * none; then *broken says whether there should be one. */
char *np_payload_read(size_t *size, bool *broken);

#endif

/*
 * steps.h: what the main task of the command does.
 */
#ifndef NP_CMD_STEPS_H
#define NP_CMD_STEPS_H

#include <lua.h>

#include "cmd/args.h"

/* The body of the main task: [np_args, payload or nil]. **waits** */
int np_steps(lua_State *L);

/* Sets the global `arg`. */
void np_steps_arg(lua_State *L, const np_args *a);

/* Prints the version. */
void np_steps_version(void);

#endif

/*
 * options.h: the options of neap.h: checked, copied, put into effect.
 */
#ifndef NP_OPTIONS_H
#define NP_OPTIONS_H

#include "api/embed.h"

/* 0, NEAP_EABI or NEAP_EINVAL; NULL is the defaults. */
int np_options_copy(neap_options *to, const neap_options *from);

/* What the np_host is told, before its Lua state is opened. */
void np_options_hooks(neap_host *n);

/* [..] -> [..]  Opens the libraries and neap as the options say. **raises** */
void np_options_open(lua_State *L, neap_host *n);

/* 0 or a code. */
int np_options_limits(neap_host *n);

/* output.c: what a script writes goes to options.output. **raises** */
void np_output_open(lua_State *L, neap_host *n);
/* output.c: [.. ] a function(context) for errors that nobody took. */
int np_output_report(lua_State *L);
void np_output_warning(void *ud, const char *text, int more);

/* sandbox.c. Scripts get globals of their own, with the libraries that they
 * may see; neap's Lua files keep the whole ones. `begin` comes before
 * np_lib_open, `end` after it, with `neap` on top. **raises** */
void np_sandbox_begin(lua_State *L);
void np_sandbox_end(lua_State *L, neap_host *n);
/* True if the options hide anything. */
bool np_sandbox_wanted(const neap_options *o);
/* The module of that name that options.modules may name? */
bool np_sandbox_knows(const char *module);

/* modules.c: what require finds, and how chunks are loaded. **raises** */
void np_modules_open(lua_State *L, neap_host *n);

#endif

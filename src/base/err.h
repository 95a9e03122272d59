/*
 * err.h: the only place that builds error values.
 * A neap error is a table { code =, message =, ... } with one metatable per
 * Lua state; tostring and `..` give "CODE: message". World failures are
 * returned as nil, err (np_fail); program failures are raised (np_raise).
 */
#ifndef NP_ERR_H
#define NP_ERR_H

#include <lua.h>

/* Codes of our own beside libuv's negative ones: the host has as many as its
 * limits allow. Their name is LIMIT. */
enum { NP_EHANDLES = -20001, NP_EPROCESSES = -20002, NP_ETIMERS = -20003 };

/* Makes the error metatable of this state; call once, before the others. */
void np_err_open(lua_State *L);

/* [..] -> [.. err]  Formats like lua_pushfstring (%s %d %f %p %c %U %% %I). */
void np_pusherror(lua_State *L, const char *code, const char *fmt, ...);

/* [..] -> [.. nil err]; returns 2, so that a function can `return` it. */
int np_fail(lua_State *L, const char *code, const char *fmt, ...);

/*
 * The same for a negative libuv code: the code is its errno name (UV_EAI_*
 * that mean "no such name" become ENOTFOUND, UV_EOF becomes EOF), the message
 * is "<what>: <uv_strerror text>"; `what` says what was attempted, formatted.
 */
int np_fail_uv(lua_State *L, int uv, const char *fmt, ...);
void np_pusherror_uv(lua_State *L, int uv, const char *fmt, ...);

/* Raises a neap error; never returns. */
int np_raise(lua_State *L, const char *code, const char *fmt, ...);

/* The code of the neap error at idx, or NULL for any other value. The string
 * lives as long as the error table keeps it. Never raises. */
const char *np_errcode(lua_State *L, int idx);

/* [.. table] -> [.. table]  A table with the fields of an error becomes one. */
void np_err_adopt(lua_State *L);

/* neap.error(code, message [, fields]) and neap.error_code(err), as Lua
 * functions, registered in neap.core by api/lib.c. */
int np_error_new(lua_State *L);
int np_error_code(lua_State *L);

#endif

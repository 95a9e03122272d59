/*
 * http1.h: HTTP/1.1 on a Stream, the server's end. The parts:
 *   http1.c       the module: connections, requests read, groups of them
 *   http1_head.c  a request head: parsed by llhttp or http_parser, and checked
 *   http1_body.c  a request body: counted or chunked, with its limits
 *   http1_out.c   answers: heads, chunks, corking
 *   http1_file.c  files as their bodies
 *   http1_text.c  characters, names and dates
 *   http1_json.c  numbers in JSON
 *   http1_values.c  fields, dates and reasons for Lua
 */
#ifndef NP_HTTP1_H
#define NP_HTTP1_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/class.h"
#include "core/host.h"
#include "io/stream.h"

/* Bytes that lie in somebody else's memory. */
typedef struct np_span {
  const char *at;
  size_t size;
} np_span;

/* ---- text: http1_text.c ------------------------------------------------- */

enum {
  NP_CHAR_TOKEN = 1, /* of a method or a field's name */
  NP_CHAR_VALUE = 2, /* of a field's value */
  NP_CHAR_PATH = 4,  /* of a path as we take it; '%' is checked besides */
  NP_CHAR_QUERY = 8, /* the same of a query: what browsers do not encode too */
  NP_CHAR_HOST = 16, /* of a name or an IPv4 address; '%' is checked besides */
  NP_CHAR_HEX = 32,
};
extern const unsigned char np_http_chars[256];

/* Whether all bytes are of these classes, and each '%' begins an encoded
 * byte, which is not zero. */
bool np_http_all(np_span text, int chars);
bool np_http_encoded(np_span text);

/* Equal but for the case of letters; `lower` is in lower case. */
bool np_span_is(np_span text, const char *lower);

/* Equal but for the case of letters. */
bool np_span_same(np_span a, np_span b);

/* Without spaces and tabs at both ends. */
np_span np_span_trim(np_span text);

/* The next element of a list with commas, taken off `rest`; false at the end.
 */
bool np_span_next(np_span *rest, np_span *element);

/* "OK", or "" for an unknown status. */
const char *np_http_reason(int status);

enum { NP_DATE_SIZE = 29 };
/* Writes "Sun, 06 Nov 1994 08:49:37 GMT", without a zero. */
void np_http_date(time_t when, char date[NP_DATE_SIZE]);

/* ---- for Lua: http1_values.c --------------------------------------------- */

int np_http_fields(lua_State *L);
int np_http_field(lua_State *L);
int np_http_decode(lua_State *L);
int np_http_query(lua_State *L);
int np_http_date_of(lua_State *L);
int np_http_reason_of(lua_State *L);

/* ---- numbers in JSON: http1_json.c, for Lua ------------------------------ */

int np_http_json_suits(lua_State *L);
int np_http_json_restore(lua_State *L);

/* ---- request heads: http1_head.c ---------------------------------------- */

enum { NP_BODY_CHUNKED = -1 };

typedef struct np_head {
  const char *method; /* of the parser's list of names */
  np_span path, query;
  np_span authority; /* of a target in absolute form, else empty */
  int64_t length;    /* of the body, or NP_BODY_CHUNKED */
  int fields;        /* how many */
  bool http10;       /* HTTP/1.0, else 1.1 */
  bool keep;         /* the connection may be used again */
  bool expects;      /* 100-continue */
  bool upgrades;     /* Upgrade and Connection: upgrade */
  bool conditional;  /* asks for a part, or under conditions */
  bool encoded;      /* the path has a '%' */
  bool absolute;     /* the target is in absolute form */
  int status;        /* 0, or what to answer */
  const char *problem;
} np_head;

/* Parses n bytes that are a head with its empty line. 0, or the status to
 * answer, with the reason in `problem`. Plain. */
int np_head_parse(np_head *head, const char *data, size_t n, int max_fields);

/* One line "name: value" without its end; false if it is none. */
bool np_field_parse(np_span line, np_span *name, np_span *value);

/* The next line, without its CRLF, taken off `rest`; false if there is none
 * with that end. */
bool np_line_next(np_span *rest, np_span *line);

/* ---- connections: http1.c ----------------------------------------------- */

/* The connections of a server and what holds for all of them. */
typedef struct np_http_group {
  np_host *host;
  np_link conns; /* np_http_conn */
  bool draining; /* no further request is taken */
  size_t max_header_size;
  int max_headers;
  lua_Number header_timeout, body_timeout, idle_timeout, write_timeout;
  time_t second;           /* of `date` */
  char date[NP_DATE_SIZE]; /* for the field Date */
  np_buf scratch;          /* a head while it is built */
} np_http_group;

typedef enum np_body_state {
  NP_BODY_NONE,
  NP_BODY_COUNTED, /* `left` bytes are to come */
  NP_BODY_SIZE,    /* chunked: a line with a size */
  NP_BODY_DATA,    /* `left` bytes of a chunk */
  NP_BODY_END,     /* the line end behind a chunk */
  NP_BODY_TRAILER,
  NP_BODY_FAILED,
} np_body_state;

typedef enum np_out_mode {
  NP_OUT_IDLE,    /* nothing of an answer has been sent */
  NP_OUT_COUNTED, /* `out_left` bytes of the body are to come */
  NP_OUT_CHUNKED,
  NP_OUT_CLOSE, /* the body ends with the connection */
  NP_OUT_NONE,  /* the answer has no body, whatever is written */
  NP_OUT_DONE,
} np_out_mode;

typedef struct np_http_conn {
  const np_class *tag;   /* tells self from other userdata without a look-up */
  np_http_group *group;  /* NULL once closed */
  np_stream_box *stream; /* held by user value 1 */
  np_link link;          /* in the group */
  np_buf corked;         /* answers that wait for the next one */
  np_timer cork_timer;   /* sends them if that takes its time */
  size_t lead, line;     /* of the head in s->in: empty lines, current line */
  uint64_t left;
  uint64_t out_left;
  int64_t budget;   /* ns that reading the body may still take */
  uint64_t started; /* ns, when the current read began */
  uint32_t extra;   /* bytes of chunk extensions */
  uint8_t body;     /* np_body_state */
  uint8_t out;      /* np_out_mode */
  bool idle : 1;    /* waits for the first byte of a request */
  bool used : 1;    /* a request has come */
  bool last : 1;    /* no request is taken after this one */
  bool http10 : 1;
  bool is_head : 1;   /* the request's method is HEAD */
  bool expects : 1;   /* 100 Continue has not been sent */
  bool announced : 1; /* it was told that the connection closes */
  bool rests : 1;     /* it may give its stack back while it is idle */
  bool naps : 1;      /* it will, if no request comes soon */
  bool resting : 1;   /* read_head has ended for that */
} np_http_conn;

/* Self of a method. **raises** once it is closed */
np_http_conn *np_conn_self(lua_State *L);
np_stream *np_conn_stream(lua_State *L, np_http_conn *c);

/* The body of the request that was just read. */
void np_body_begin(np_http_conn *c, const np_head *head);

/* Whether an unread rest of the body is worth reading; otherwise the
 * connection must end. */
bool np_body_is_small(const np_http_conn *c);

/* Sends what is corked. Plain. */
int np_out_flush(np_http_conn *c);
void np_out_release(np_http_conn *c);

/* Sends a piece of the body; 0 or an error. **raises** */
int np_out_write(lua_State *L, np_http_conn *c, np_stream *s, np_span data);

/* Bytes of the file at `arg`: from the offset at `first` on, as many as the
 * next argument says; false if they are not in memory. **raises** */
bool np_out_piece(lua_State *L, int arg, int first, np_span *piece);

int np_conn_m_read_body(lua_State *L);
int np_conn_m_body_left(lua_State *L);
int np_conn_m_respond(lua_State *L);
int np_conn_m_begin(lua_State *L);
int np_conn_m_write(lua_State *L);
int np_conn_m_write_file(lua_State *L);
int np_conn_m_send_file(lua_State *L);
int np_conn_m_finish(lua_State *L);
int np_conn_m_interim(lua_State *L);

#endif

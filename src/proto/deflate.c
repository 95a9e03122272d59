/*
 * deflate.c: compression with zlib: neap.proto.deflate.
 *
 *   compressor(kind [, level [, bits [, memory]]])   level -1 to 9
 *   decompressor(kind [, max [, bits]])              max bytes in all
 *   z:push(bytes [, flush [, most]]) -> bytes | nil, err
 *   z:reset()  z:close()
 *
 * kind is "gzip", "deflate" (the zlib format; when decompressing raw data is
 * taken as well, as senders have always mixed them up) or "raw". Behind the end
 * of gzip data another member may follow, behind that of raw data another
 * stream, which may refer to the one before. flush is
 * "sync" (all that was pushed can be decompressed by what has come out) or
 * "finish" (the end; a decompressor then says if its input ends too early).
 * `most` bounds what one push of a decompressor gives.
 *
 * The z_stream lies in the userdata and its memory comes from the host. A push
 * that raises for want of memory has lost what came out: `busy` stays set, and
 * the stream is unusable until it is reset.
 */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <zlib.h>

#include "base/class.h"
#include "base/err.h"
#include "core/host.h"

enum { SELF = 1, BYTES, FLUSH, MOST };
enum { KIND = 1, LEVEL, LEVEL_BITS, LEVEL_MEMORY, MAX = 2, MAX_BITS };

enum {
  CHUNK = 16384,      /* how much is compressed or decompressed at a time */
  HEADER_GZIP = 16,   /* zlib: added to the window bits */
  SIZE_OF_BLOCK = 16, /* in front of each block: keeps it aligned */
  MAX_STREAMS = 100,  /* raw ones in a push: each copies the window twice */
};

typedef enum format { GZIP, ZLIB, RAW } format;
static const char *const kinds[] = {"gzip", "deflate", "raw", NULL};

typedef enum state {
  CLOSED,    /* owns nothing */
  OPEN,      /* takes input */
  ENDED,     /* its end has come out */
  CORRUPT,   /* what was pushed is no compressed data */
  TOO_LONG,  /* more would come out than may */
  TRUNCATED, /* what was pushed ends too early */
} state;

typedef struct zip {
  z_stream z;
  np_host *host;
  bool inflates;
  format kind;
  int bits;
  state state;
  bool begun; /* some input was taken */
  bool busy;  /* a push runs, or was ended by an error */
  /* of a decompressor */
  bool undecided;  /* "deflate": zlib or raw? The first two bytes say it */
  Bytef head[2];   /* these */
  unsigned nhead;  /* how many of them have come */
  unsigned nended; /* raw streams that ended in this push */
  uint64_t left;   /* how many bytes may still come out in all */
  uint64_t max;    /* how many might at the start */
  uint64_t passed; /* TOO_LONG: the bound that was passed */
  const char *why; /* CORRUPT: what zlib says */
} zip;

static const np_class compressor_class, decompressor_class;

/* ---- memory ------------------------------------------------------------ */

/* zlib does not tell the size of what it frees: it stands before the block. */
static voidpf allocate(voidpf opaque, uInt items, uInt size) {
  size_t n = (size_t)items * size + SIZE_OF_BLOCK;
  size_t *block = np_alloc(opaque, n);
  if (!block) return Z_NULL;
  *block = n;
  return (char *)block + SIZE_OF_BLOCK;
}

static void deallocate(voidpf opaque, voidpf p) {
  size_t *block = (void *)((char *)p - SIZE_OF_BLOCK);
  np_free(opaque, block, *block);
}

static void release(zip *z) {
  if (z->state == CLOSED) return;
  z->state = CLOSED;
  if (z->inflates) {
    inflateEnd(&z->z);
  } else {
    deflateEnd(&z->z);
  }
}

/* ---- decompressing ----------------------------------------------------- */

static int window_bits(const zip *z) {
  if (z->kind == RAW) return -z->bits;
  return z->kind == GZIP ? z->bits + HEADER_GZIP : z->bits;
}

/* Begins another stream that may refer to what came out of this one. */
static bool continue_raw(zip *z) {
  Bytef window[1 << MAX_WBITS];
  uInt n = 0;
  return inflateGetDictionary(&z->z, window, &n) == Z_OK &&
         inflateReset(&z->z) == Z_OK &&
         inflateSetDictionary(&z->z, window, n) == Z_OK;
}

/* What comes behind the end: another member, another stream, or rubbish. */
static void reopen(zip *z) {
  bool ok = (z->kind == GZIP && inflateReset(&z->z) == Z_OK) ||
            (z->kind == RAW && z->nended++ < MAX_STREAMS && continue_raw(z));
  z->state = ok ? OPEN : CORRUPT;
  if (!ok) z->why = "bytes after its end";
}

/* One call of inflate; false when it asks for more input or is at an end. */
static bool inflate_step(zip *z, char *out, size_t room, size_t *n) {
  z->z.next_out = (Bytef *)out;
  z->z.avail_out = (uInt)room;
  int status = inflate(&z->z, Z_NO_FLUSH);
  *n = room - z->z.avail_out;
  if (status == Z_OK) return z->z.avail_out == 0 || z->z.avail_in > 0;
  if (status == Z_BUF_ERROR) return false;
  if (status != Z_STREAM_END) {
    z->state = CORRUPT;
    z->why = status == Z_NEED_DICT ? "it needs a dictionary" : z->z.msg;
    return false;
  }
  if (z->z.avail_in == 0) {
    z->state = ENDED;
    return false;
  }
  reopen(z);
  return z->state != CORRUPT;
}

/* Decompresses n bytes into the buffer, at most `most` bytes of it. */
static void inflate_into(luaL_Buffer *b, zip *z, const char *in, size_t n,
                         uint64_t *most) {
  z->z.next_in = (z_const Bytef *)in;
  z->z.avail_in = (uInt)n;
  for (bool more = n > 0; more;) {
    // one byte over what may come out, to see that there is more
    size_t room = CHUNK, got;
    if (*most < room) room = (size_t)*most + 1;
    more = inflate_step(z, luaL_prepbuffsize(b, room), room, &got);
    if (got > *most) {
      z->state = TOO_LONG;
      return;
    }
    luaL_addsize(b, got);
    *most -= got;
  }
}

static bool is_zlib_header(const Bytef *head) {
  return (head[0] & 0x0f) == Z_DEFLATED && (head[0] * 256 + head[1]) % 31 == 0;
}

/* Keeps the first two bytes until it is known which format they begin; how
 * many of the n bytes were taken. */
static size_t decide(luaL_Buffer *b, zip *z, const char *in, size_t n, bool end,
                     uint64_t *most) {
  size_t taken = 0;
  while (z->nhead < 2 && taken < n) z->head[z->nhead++] = (Bytef)in[taken++];
  if (z->nhead < 2 && !end) return taken;
  z->undecided = false;
  bool zlib = z->nhead == 2 && is_zlib_header(z->head);
  inflateReset2(&z->z, zlib ? z->bits : -z->bits);
  inflate_into(b, z, (char *)z->head, z->nhead, most);
  return taken;
}

static void inflate_all(luaL_Buffer *b, zip *z, const char *in, size_t n,
                        bool end, uint64_t *most) {
  if (z->undecided && (n > 0 || z->nhead > 0)) {
    size_t taken = decide(b, z, in, n, end, most);
    in += taken;
    n -= taken;
  }
  while (n > 0 && (z->state == OPEN || z->state == ENDED)) {
    if (z->state == ENDED) reopen(z);
    if (z->state != OPEN) return;
    size_t part = n < UINT32_MAX ? n : UINT32_MAX;
    inflate_into(b, z, in, part, most);
    in += part;
    n -= part;
  }
  if (end && z->state == OPEN && z->begun) z->state = TRUNCATED;
}

/* nil, err for a stream that cannot go on. */
static int refuse(lua_State *L, const zip *z) {
  const char *name = kinds[z->kind];
  if (z->state == TOO_LONG)
    return np_fail(L, "LIMIT", "more than %I bytes of %s data",
                   (LUAI_UACINT)z->passed, name);
  if (z->state == TRUNCATED)
    return np_fail(L, "HTTP", "the %s data ends in the middle", name);
  return np_fail(L, "HTTP", "the %s data is corrupt: %s", name,
                 z->why ? z->why : "bad data");
}

static int decompressor_push(lua_State *L, zip *z, const char *in, size_t n,
                             int flush) {
  uint64_t most = UINT64_MAX;
  if (!lua_isnoneornil(L, MOST))
    most = (uint64_t)np_checkinteger(L, MOST, 0, LUA_MAXINTEGER);
  uint64_t bound = most < z->left ? most : z->left, left = bound;
  if (z->state > ENDED) return refuse(L, z);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  z->busy = true;
  z->begun |= n > 0;
  z->nended = 0;
  z->passed = bound == most ? most : z->max;
  inflate_all(&b, z, in, n, flush == Z_FINISH, &left);
  if (z->max != UINT64_MAX) z->left -= bound - left;
  if (z->state <= ENDED) luaL_pushresult(&b);
  z->busy = false;
  return z->state <= ENDED ? 1 : refuse(L, z);
}

/* ---- compressing ------------------------------------------------------- */

static void deflate_part(luaL_Buffer *b, zip *z, int flush) {
  do {
    z->z.next_out = (Bytef *)luaL_prepbuffsize(b, CHUNK);
    z->z.avail_out = CHUNK;
    deflate(&z->z, flush);
    luaL_addsize(b, CHUNK - z->z.avail_out);
  } while (z->z.avail_out == 0);
}

static int compressor_push(lua_State *L, zip *z, const char *in, size_t n,
                           int flush) {
  if (z->state == ENDED)
    return np_raise(L, "INVALID_STATE", "the compressed data has ended");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  z->busy = true;
  do {
    size_t part = n < UINT32_MAX ? n : UINT32_MAX;
    z->z.next_in = (z_const Bytef *)in;
    z->z.avail_in = (uInt)part;
    in += part;
    n -= part;
    deflate_part(&b, z, n > 0 ? Z_NO_FLUSH : flush);
  } while (n > 0);
  luaL_pushresult(&b);
  z->busy = false;
  if (flush == Z_FINISH) z->state = ENDED;
  return 1;
}

/* ---- the classes ------------------------------------------------------- */

static int check_flush(lua_State *L) {
  if (lua_isnoneornil(L, FLUSH)) return Z_NO_FLUSH;
  const char *flush = np_checkstring(L, FLUSH, NULL);
  if (strcmp(flush, "sync") == 0) return Z_SYNC_FLUSH;
  if (strcmp(flush, "finish") == 0) return Z_FINISH;
  return np_argerror(L, FLUSH, "'sync' or 'finish' expected, got '%s'", flush);
}

static const char *noun(const zip *z) {
  return z->inflates ? "decompressor" : "compressor";
}

static int zip_push(lua_State *L) {
  zip *z = np_checkself(L);
  size_t n;
  const char *in = np_checkstring(L, BYTES, &n);
  int flush = check_flush(L);
  if (z->state == CLOSED)
    return np_raise(L, "CLOSED", "the %s is closed", noun(z));
  if (z->busy)
    return np_raise(L, "INVALID_STATE", "memory ran out in an earlier push");
  return z->inflates ? decompressor_push(L, z, in, n, flush)
                     : compressor_push(L, z, in, n, flush);
}

/* What a stream is at its start. */
static void rewind_to_start(zip *z) {
  z->state = OPEN;
  z->begun = z->busy = false;
  z->undecided = z->inflates && z->kind == ZLIB;
  z->nhead = 0;
  z->left = z->max;
}

static int zip_reset(lua_State *L) {
  zip *z = np_checkself(L);
  if (z->state == CLOSED)
    return np_raise(L, "CLOSED", "the %s is closed", noun(z));
  if (z->inflates) {
    inflateReset2(&z->z, window_bits(z));
  } else {
    deflateReset(&z->z);
  }
  rewind_to_start(z);
  return 0;
}

static int zip_close(lua_State *L) {
  release(np_checkself(L));
  return 0;
}

static int zip__tostring(lua_State *L) {
  zip *z = np_checkself(L);
  lua_pushfstring(L, "%s (%s%s)", z->inflates ? "Decompressor" : "Compressor",
                  kinds[z->kind], z->state == CLOSED ? ", closed" : "");
  return 1;
}

static const luaL_Reg methods[] = {{"push", zip_push},
                                   {"reset", zip_reset},
                                   {"close", zip_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", zip_close}, {"__tostring", zip__tostring}, {NULL, NULL}};
static const np_class compressor_class = {"Compressor", methods, metamethods};
static const np_class decompressor_class = {"Decompressor", methods,
                                            metamethods};

static format check_kind(lua_State *L) {
  const char *name = np_checkstring(L, KIND, NULL);
  for (int i = 0; kinds[i]; i++)
    if (strcmp(name, kinds[i]) == 0) return (format)i;
  return (format)np_argerror(
      L, KIND, "'gzip', 'deflate' or 'raw' expected, got '%s'", name);
}

static int optional(lua_State *L, int arg, int min, int max, int otherwise) {
  if (lua_isnoneornil(L, arg)) return otherwise;
  return (int)np_checkinteger(L, arg, min, max);
}

/* [..] -> [.. userdata]  closed, with no memory yet */
static zip *create(lua_State *L, format kind, int bits, const np_class *cls) {
  zip *z = lua_newuserdatauv(L, sizeof(*z), 0);
  memset(z, 0, sizeof(*z));
  z->host = np_gethost(L);
  z->kind = kind;
  z->bits = bits;
  z->max = UINT64_MAX;
  z->z.zalloc = allocate;
  z->z.zfree = deallocate;
  z->z.opaque = z->host;
  np_class_set(L, cls);
  return z;
}

static int opened(lua_State *L, zip *z, int status) {
  if (status != Z_OK) return luaL_error(L, "not enough memory");
  rewind_to_start(z);
  return 1;
}

/* compressor(kind [, level [, bits [, memory]]]) */
static int compressor(lua_State *L) {
  format kind = check_kind(L);
  int level = optional(L, LEVEL, -1, 9, Z_DEFAULT_COMPRESSION);
  int bits = optional(L, LEVEL_BITS, 9, MAX_WBITS, MAX_WBITS);
  int memory = optional(L, LEVEL_MEMORY, 1, 9, 8);
  zip *z = create(L, kind, bits, &compressor_class);
  return opened(L, z,
                deflateInit2(&z->z, level, Z_DEFLATED, window_bits(z), memory,
                             Z_DEFAULT_STRATEGY));
}

/* decompressor(kind [, max [, bits]]) */
static int decompressor(lua_State *L) {
  format kind = check_kind(L);
  uint64_t max = UINT64_MAX;
  if (!lua_isnoneornil(L, MAX))
    max = (uint64_t)np_checkinteger(L, MAX, 0, LUA_MAXINTEGER);
  int bits = optional(L, MAX_BITS, 8, MAX_WBITS, MAX_WBITS);
  zip *z = create(L, kind, bits, &decompressor_class);
  z->inflates = true;
  z->max = max;
  return opened(L, z, inflateInit2(&z->z, window_bits(z)));
}

int luaopen_neap_proto_deflate(lua_State *L);
int luaopen_neap_proto_deflate(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"compressor", compressor}, {"decompressor", decompressor}, {NULL, NULL}};
  np_host *h = lua_touserdata(L, NP_UPHOST);
  np_class_register(L, h, &compressor_class);
  np_class_register(L, h, &decompressor_class);
  lua_newtable(L);
  np_setfuncs(L, h, functions);
  return 1;
}

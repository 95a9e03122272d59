rockspec_format = "3.0"
package = "neap"
version = "dev-1"
source = {
  url = ".",
}
description = {
  summary = "An async scripting host: Lua coroutines as tasks on libuv",
  detailed = [[
The module `neap` for a stock Lua 5.4: tasks, futures, cancellation that lasts,
streams, servers, processes, files, TLS and HTTP, in straight lines of code.
Waits at any depth park the task and let the others run.]],
  license = "MIT",
}
dependencies = { "lua >= 5.4, < 5.5" }
external_dependencies = {
  LIBUV = { header = "uv.h", library = "uv" },
}
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    LUA = "$(LUA)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    ROCK_CFLAGS = "$(CFLAGS)",
    CC = "$(CC)",
  },
  install_target = "rock-install",
  install_variables = {
    ROCK_LIBDIR = "$(LIBDIR)",
  },
}

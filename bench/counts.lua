-- Instructions per operation, as bench/count.lua counted them with this
-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.
return {
  environment = "12.2.0 5.4.4 1.44.2 x86_64",

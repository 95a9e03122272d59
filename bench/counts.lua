-- Instructions per operation, as bench/count.lua counted them with this
-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.
return {
  environment = "12.2.0 5.4.4 1.44.2 x86_64",
  switch = 731,
  switch_many = 734,
  spawn = 3048,
  gather = 4963,
  await_done = 353,
  lock = 631,
  lock_contended = 1910,
  queue = 2378,
  queue_bounded = 3121,
  queue_waiting = 6294,
  event = 4134,
  timeout = 3131,
  generator = 1019,
  sleepers = 9235,
  echo = 2216,
  udp_echo = 1878,
  websocket_echo = 13338,
  http = 13666,
}

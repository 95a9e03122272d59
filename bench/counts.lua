-- Instructions per operation, as bench/count.lua counted them with this
-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.
return {
  environment = "12.2.0 5.4.4 1.44.2 x86_64",
  switch = 709,
  switch_many = 711,
  spawn = 2993,
  gather = 4888,
  await_done = 353,
  lock = 631,
  lock_contended = 1883,
  queue = 2376,
  queue_bounded = 3143,
  queue_waiting = 6325,
  event = 4108,
  timeout = 3141,
  generator = 1028,
  sleepers = 9179,
  echo = 2180,
  udp_echo = 1900,
  websocket_echo = 13654,
  http = 13574,
}

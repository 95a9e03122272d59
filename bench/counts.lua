-- Instructions per operation, as bench/count.lua counted them with this
-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.
return {
  environment = "12.2.0 5.4.4 1.44.2 x86_64",
  switch = 744,
  switch_many = 745,
  spawn = 3004,
  gather = 4863,
  await_done = 393,
  lock = 1046,
  lock_contended = 3323,
  queue = 3180,
  queue_waiting = 6379,
  event = 4159,
  timeout = 3147,
  generator = 1028,
  sleepers = 9457,
  echo = 2168,
}

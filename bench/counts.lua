-- Instructions per operation, as bench/count.lua counted them with this
-- compiler, Lua, libuv and machine. Written by `make bench-count BENCH=record`.
return {
  environment = "12.2.0 5.4.4 1.44.2 x86_64",
  switch = 746,
  switch_many = 741,
  spawn = 3007,
  gather = 4883,
  await_done = 393,
  lock = 1046,
  lock_contended = 3324,
  queue = 2432,
  queue_bounded = 3167,
  queue_waiting = 6377,
  event = 4162,
  timeout = 3149,
  generator = 1028,
  sleepers = 9454,
  echo = 2171,
}

-- A bounded queue: a producer that waits while the queue is full, two consumers
-- that wait while it is empty, a stop signal for each of them, and `join`, which
-- waits until all items are done. A put that finds a consumer waiting hands its
-- item over, so those do not count against the two places.
--
-- Run: neap examples/asyncio/queue.lua
-- Prints
--   consumer 0: starting
--   consumer 0: waiting for item
--   consumer 1: starting
--   consumer 1: waiting for item
--   producer: starting
--   producer: added task 0 to the queue
--   producer: added task 1 to the queue
--   producer: added task 2 to the queue
--   producer: added task 3 to the queue
--   consumer 0: has item 0
--   consumer 1: has item 1
--   consumer 0: waiting for item
--   consumer 0: has item 2
--   producer: added task 4 to the queue
--   consumer 1: waiting for item
--   consumer 1: has item 3
--   producer: added task 5 to the queue
--   producer: adding stop signals to the queue
--   consumer 0: waiting for item
--   consumer 0: has item 4
--   consumer 1: waiting for item
--   consumer 1: has item 5
--   producer: waiting for queue to empty
--   consumer 0: waiting for item
--   consumer 0: has item false
--   consumer 0: ending
--   consumer 1: waiting for item
--   consumer 1: has item false
--   consumer 1: ending
--   producer: ending
local neap = require "neap"

local STOP = false -- nil cannot be put into a queue

local function consumer(n, queue)
  local function say(...)
    print(("consumer %d: "):format(n) .. string.format(...))
  end
  say("starting")
  while true do
    say("waiting for item")
    local item = queue:get()
    say("has item %s", item)
    if item == STOP then
      queue:task_done()
      break
    end
    neap.sleep(0.01 * item)
    queue:task_done()
  end
  say("ending")
end

local function producer(queue, workers)
  print("producer: starting")
  for i = 0, workers * 3 - 1 do
    queue:put(i)
    print(("producer: added task %d to the queue"):format(i))
  end
  print("producer: adding stop signals to the queue")
  for _ = 1, workers do
    queue:put(STOP)
  end
  print("producer: waiting for queue to empty")
  queue:join()
  print("producer: ending")
end

local queue = neap.sync.queue(2)
neap.gather {
  neap.spawn(consumer, 0, queue),
  neap.spawn(consumer, 1, queue),
  neap.spawn(producer, queue, 2),
}

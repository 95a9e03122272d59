-- A bounded queue between one producer and two consumers. `put` waits while the
-- queue is full, `get` while it is empty. A stop signal per consumer ends them;
-- `join` returns when each item has been worked on.
--
-- Run: neap examples/producer_consumer.lua
-- Prints who works on what, then
--   all 6 items are done
--   a stops
--   b stops
local neap = require "neap"

local STOP = {}
local queue = neap.sync.queue(2)

local function produce(count)
  for i = 1, count do
    queue:put("item " .. i)
  end
  queue:join()
  print(("all %d items are done"):format(count))
  queue:put(STOP)
  queue:put(STOP)
end

local function consume(name, seconds)
  while true do
    local item = queue:get()
    if item == STOP then
      break
    end
    print(name .. " works on " .. item)
    neap.sleep(seconds)
    queue:task_done()
  end
  print(name .. " stops")
end

neap.gather {
  neap.spawn(produce, 6),
  neap.spawn(consume, "a", 0.02),
  neap.spawn(consume, "b", 0.05),
}

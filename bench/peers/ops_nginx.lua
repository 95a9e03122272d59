-- The operations of bench/ops.lua in nginx with Lua, as a handler of /ops?NAME&N;
-- answers the CPU seconds.
-- luacheck: read_globals ngx
local semaphore = require("ngx.semaphore")

local spawn, wait, sleep = ngx.thread.spawn, ngx.thread.wait, ngx.sleep

local function nothing() end

local function turns(n)
  for _ = 1, n do
    sleep(0)
  end
end

local function all(count, fn)
  local threads = {}
  for i = 1, count do
    threads[i] = spawn(fn)
  end
  for i = 1, count do
    wait(threads[i])
  end
end

local ops = {}

function ops.switch(n)
  all(2, function()
    turns(n / 2)
  end)
end

function ops.spawn(n)
  for _ = 1, n do
    wait(spawn(nothing))
  end
end

function ops.lock_contended(n)
  local lock = semaphore.new(1)
  all(100, function()
    for _ = 1, n / 100 do
      lock:wait(60)
      sleep(0)
      lock:post(1)
    end
  end)
end

function ops.queue_bounded(n)
  local items, first, last = {}, 1, 0
  local places, filled = semaphore.new(10), semaphore.new(0)
  local producer = spawn(function()
    for i = 1, n do
      places:wait(60)
      last = last + 1
      items[last] = i
      filled:post(1)
    end
  end)
  for i = 1, n do
    filled:wait(60)
    assert(items[first] == i)
    items[first] = nil
    first = first + 1
    places:post(1)
  end
  wait(producer)
end

function ops.event(n)
  local set = semaphore.new(0)
  local waiter = spawn(function()
    for _ = 1, n do
      set:wait(60)
    end
  end)
  for _ = 1, n do
    sleep(0)
    set:post(1)
  end
  wait(waiter)
end

local name, n = ngx.var.args:match("^([%w_]+)&(%d+)$")
local start = os.clock()
ops[name](tonumber(n))
ngx.say(("%.6f"):format(os.clock() - start))

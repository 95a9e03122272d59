-- The operations of bench/ops.lua in cqueues; prints the CPU seconds.
--
--   lua5.4 ops_cqueues.lua NAME N
local cqueues = require("cqueues")
local condition = require("cqueues.condition")
local promise = require("cqueues.promise")

local loop = cqueues.new()

local function nothing() end

local function turns(n)
  for _ = 1, n do
    cqueues.sleep(0)
  end
end

-- Runs fn in so many coroutines, and waits for them.
local function all(count, fn)
  local left, done = count, condition.new()
  for i = 1, count do
    loop:wrap(function()
      fn(i)
      left = left - 1
      if left == 0 then
        done:signal()
      end
    end)
  end
  while left > 0 do
    done:wait()
  end
end

local ops = {}

function ops.switch(n)
  all(2, function()
    turns(n // 2)
  end)
end

function ops.switch_many(n)
  all(10000, function()
    turns(n // 10000)
  end)
end

function ops.spawn(n)
  for _ = 1, n do
    promise.new(nothing):get()
  end
end

function ops.gather(n)
  for _ = 1, n // 10000 do
    all(10000, nothing)
  end
end

function ops.await_done(n)
  local done = promise.new(nothing)
  done:get()
  for _ = 1, n do
    done:get()
  end
end

function ops.lock_contended(n)
  local held, free = false, condition.new()
  all(100, function()
    for _ = 1, n // 100 do
      while held do
        free:wait()
      end
      held = true
      cqueues.sleep(0)
      held = false
      free:signal(1)
    end
  end)
end

function ops.queue_bounded(n)
  local items, first, last, changed = {}, 1, 0, condition.new()
  loop:wrap(function()
    for i = 1, n do
      while last - first + 1 >= 10 do
        changed:wait()
      end
      last = last + 1
      items[last] = i
      changed:signal()
    end
  end)
  local function get()
    while first > last do
      changed:wait()
    end
    local item = items[first]
    items[first] = nil
    first = first + 1
    changed:signal()
    return item
  end
  for i = 1, n do
    assert(get() == i)
  end
end

function ops.event(n)
  local set, woken = false, condition.new()
  loop:wrap(function()
    for _ = 1, n do
      while not set do
        woken:wait()
      end
      set = false
    end
  end)
  for _ = 1, n do
    set = true
    woken:signal()
    while set do
      cqueues.sleep(0)
    end
  end
end

function ops.sleeps(n)
  all(n, function(i)
    cqueues.sleep((i * 7919 % 1000 + 1) / 1000)
  end)
end

local function resident()
  local file <close> = assert(io.open("/proc/self/statm"))
  return tonumber(file:read("a"):match("%d+ (%d+)")) * 4096
end

-- The bytes of a coroutine that sleeps.
function ops.sleeping(n)
  local before = resident()
  for _ = 1, n do
    loop:wrap(cqueues.sleep, 1e6)
  end
  cqueues.sleep(0)
  print((resident() - before) // n)
  os.exit(0)
end

local name, n = arg[1], math.tointeger(tonumber(arg[2]))
local start = os.clock()
loop:wrap(function()
  ops[name](n)
end)
assert(loop:loop())
print(("%.6f"):format(os.clock() - start))

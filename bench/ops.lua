-- The operations that are counted and timed, each as a user would write it.
--
--   build/neap bench/ops.lua NAME N     does N of them; prints the CPU seconds
local neap = require("neap")

local sleep, spawn, await = neap.sleep, neap.spawn, neap.await

local function nothing() end

local ops = {}

-- A turn given to the other of two tasks.
function ops.switch(n)
  local function turns()
    for _ = 1, n // 2 do
      sleep(0)
    end
  end
  local other = spawn(turns)
  turns()
  await(other)
end

-- The same among 10 000 tasks.
function ops.switch_many(n)
  local tasks = {}
  for i = 1, 10000 do
    tasks[i] = spawn(function()
      for _ = 1, n // 10000 do
        sleep(0)
      end
    end)
  end
  neap.gather(tasks)
end

-- A task spawned, finished and awaited, one after another.
function ops.spawn(n)
  for _ = 1, n do
    await(spawn(nothing))
  end
end

-- 10 000 tasks spawned, then gathered; N in all.
function ops.gather(n)
  for _ = 1, n // 10000 do
    local tasks = {}
    for i = 1, 10000 do
      tasks[i] = spawn(nothing)
    end
    neap.gather(tasks)
  end
end

-- An await of a task that has ended.
function ops.await_done(n)
  local task = spawn(nothing)
  await(task)
  for _ = 1, n do
    await(task)
  end
end

-- An uncontended lock taken and given back.
function ops.lock(n)
  local lock = neap.sync.lock()
  for _ = 1, n do
    lock:acquire()
    lock:release()
  end
end

-- A lock that 100 tasks contend for.
function ops.lock_contended(n)
  local lock, tasks = neap.sync.lock(), {}
  for i = 1, 100 do
    tasks[i] = spawn(function()
      for _ = 1, n // 100 do
        lock:acquire()
        sleep(0)
        lock:release()
      end
    end)
  end
  neap.gather(tasks)
end

local function through(queue, n)
  spawn(function()
    for i = 1, n do
      queue:put(i)
    end
  end)
  for _ = 1, n do
    queue:get()
  end
end

-- An item put by one task and got by another.
function ops.queue(n)
  through(neap.sync.queue(), n)
end

-- The same through a queue of ten places.
function ops.queue_bounded(n)
  through(neap.sync.queue(10), n)
end

-- An item handed to a task that waits for it already.
function ops.queue_waiting(n)
  local queue = neap.sync.queue()
  local consumer = spawn(function()
    for _ = 1, n do
      queue:get()
    end
  end)
  for i = 1, n do
    sleep(0)
    queue:put(i)
  end
  await(consumer)
end

-- An event set, waking one task.
function ops.event(n)
  local event = neap.sync.event()
  local waiter = spawn(function()
    for _ = 1, n do
      event:wait()
      event:clear()
    end
  end)
  for _ = 1, n do
    sleep(0)
    event:set()
  end
  sleep(0)
  await(waiter)
end

-- A deadline entered and left in time.
function ops.timeout(n)
  for _ = 1, n do
    neap.timeout(1, nothing)
  end
end

-- A plain generator's step.
function ops.generator(n)
  for _ in coroutine.wrap(function()
    for i = 1, n do
      coroutine.yield(i)
    end
  end) do
  end
end

-- A sleep of up to a second that ends; all N at once.
function ops.sleepers(n)
  neap.testing.virtual_clock(function()
    local tasks = {}
    for i = 1, n do
      tasks[i] = spawn(sleep, (i * 7919 % 1000 + 1) / 1000)
    end
    neap.gather(tasks)
  end)
end

local name, n = arg[1], math.tointeger(tonumber(arg[2]))
if not ops[name] or not n then
  local names = {}
  for known in pairs(ops) do
    names[#names + 1] = known
  end
  table.sort(names)
  io.stderr:write("usage: neap bench/ops.lua NAME N; names: ", table.concat(names, " "), "\n")
  os.exit(1)
end

local start = os.clock()
ops[name](n)
print(("%.6f"):format(os.clock() - start))

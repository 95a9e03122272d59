--- Tasks that do what a seed chooses, to each other too: they await and combine
--- shared tasks and futures, nest groups, deadlines, shields and coroutines, take
--- locks and items, and cancel one another at any moment. Whatever happens, each
--- ends once it has been cancelled, and nothing stays taken.
local assert = require("luassert")
local case = require("spec.support.case")
local neap = require("neap")
local new_random = require("spec.support.random")

local sync, testing = neap.sync, neap.testing

-- What may be raised: by a step on purpose, or by what the others do.
local expected = {
  BROKEN_BARRIER = true, BUSY = true, CANCELLED = true, CLOSED = true, INVALID_STATE = true,
  QUEUE_EMPTY = true, QUEUE_FULL = true, TIMEOUT = true,
}

local function is_expected(err)
  local code = neap.error_code(err)
  if code then
    return expected[code]
  end
  return type(err) == "string" and (err:find("on purpose$") or err:find("cannot wait here", 1, true))
end

local function check(err)
  if not is_expected(err) then
    io.stderr:write("an error that no step may raise: ", tostring(err), "\n")
  end
  assert(is_expected(err), err)
end

-- ---- the world -----------------------------------------------------------------

---@class spec.Storm  what the tasks of one storm share
---@field random fun(n: integer): integer  1 to n
local Storm = {}
Storm.__index = Storm

local function new_storm(seed)
  return setmetatable({
    random = new_random(seed),
    all = {}, known = {}, futures = {}, groups = {}, generators = {}, calls = {}, called = 0,
    lock = sync.lock(), semaphore = sync.semaphore(2), event = sync.event(),
    condition = sync.condition(), barrier = sync.barrier(2),
    queues = { sync.queue(2), sync.priority_queue(), sync.lifo_queue(1) },
    streams = { testing.stream_pair() },
  }, Storm)
end

function Storm:add(task)
  table.insert(self.all, task)
  self.known[self.random(20)] = task
  return task
end

function Storm:actor(depth, steps)
  return function()
    for _ = 1, steps do
      self:step(depth)
    end
    return steps
  end
end

function Storm:awaitable(depth)
  local kind = self.random(5)
  if kind == 1 then
    local i = self.random(5)
    self.futures[i] = self.futures[i] or neap.future()
    return self.futures[i]
  elseif kind == 2 then
    return setmetatable({}, { __await = function() self:step(depth - 1) end })
  end
  return kind > 3 and self.known[self.random(20)]
    or self:add(neap.spawn(self:actor(depth - 1, self.random(3))))
end

function Storm:awaitables(depth)
  local list = {}
  for i = 1, self.random(4) do
    list[i] = self:awaitable(depth)
  end
  return list
end

function Storm:seconds()
  return self.random(20) / 10
end

--- A function of a few steps.
function Storm:body(depth)
  return function()
    self:actor(depth - 1, self.random(3))()
  end
end

-- ---- the steps -----------------------------------------------------------------

local steps = {
  function(self) neap.sleep(self:seconds()) end,
  function() neap.sleep(0) end,
  function() error("on purpose", 0) end,
  function() collectgarbage("step") end,
  -- tasks
  function(self, depth) self:add(neap.spawn(self:actor(depth - 1, self.random(4)))) end,
  function(self, depth) neap.await(self:awaitable(depth)) end,
  function(self, depth) neap.gather(self:awaitables(depth)) end,
  function(self, depth) neap.gather(self:awaitables(depth), { return_errors = true }) end,
  function(self, depth)
    local whens = { "all", "first", "first_error" }
    neap.wait(self:awaitables(depth), { when = whens[self.random(3)], timeout = self:seconds() })
  end,
  function(self, depth) neap.race(self:awaitables(depth)) end,
  function(self, depth) neap.wait_for(self:awaitable(depth), self:seconds()) end,
  function(self, depth) neap.map({ 1, 2, 3 }, self:body(depth), { limit = self.random(3) }) end,
  function(self, depth)
    for _ in neap.as_completed(self:awaitables(depth), { timeout = self:seconds() }) do
      self:step(depth - 1)
    end
  end,
  function(self)
    local task = self.known[self.random(20)]
    return task and task:cancel()
  end,
  function(self)
    local task = self.known[self.random(20)]
    return task and neap.shield(task)
  end,
  -- scopes
  function(self, depth) neap.timeout(self:seconds(), self:body(depth)) end,
  function(self, depth) neap.shield(neap.timeout, self:seconds(), self:body(depth)) end,
  function(self, depth)
    neap.task_group(function(group)
      self.groups[self.random(3)] = group
      self:add(group:spawn(self:actor(depth - 1, self.random(3))))
      self:add(group:spawn(self:actor(depth - 1, self.random(3))))
      self:step(depth - 1)
    end)
  end,
  function(self, depth)
    local group <close> = neap.task_group()
    self:add(group:spawn(self:actor(depth - 1, self.random(3))))
    self:step(depth - 1)
  end,
  function(self, depth)
    local group = self.groups[self.random(3)]
    if group and self.random(2) == 1 then
      group:cancel()
    elseif group then
      self:add(group:spawn(self:actor(depth - 1, 2)))
    end
  end,
  function(self, depth)
    local _ <close> = setmetatable({}, { __close = function() self:step(depth - 1) end })
    self:step(depth - 1)
  end,
  -- coroutines
  function(self, depth)
    local co = coroutine.create(function()
      neap.timeout(self:seconds(), function()
        local _ <close> = setmetatable({}, { __close = function() neap.timeout(1, type, 1) end })
        for _ = 1, 3 do
          self:step(depth - 1)
          coroutine.yield()
        end
      end)
    end)
    for _ = 1, self.random(3) do
      local ok, err = coroutine.resume(co)
      if not ok then
        error(err, 0)
      end
    end
    coroutine.close(co)
  end,
  function(self, depth)
    local generator <close> = neap.generator(function(yield)
      neap.timeout(self:seconds(), function()
        for i = 1, 3 do
          self:step(depth - 1)
          yield(i)
        end
      end)
    end)
    self.generators[self.random(3)] = generator
    for _ in generator do
      self:step(depth - 1)
    end
  end,
  function(self)
    local generator = self.generators[self.random(3)]
    return generator and generator()
  end,
  -- futures and callbacks
  function(self)
    local i = self.random(5)
    local future = self.futures[i] or neap.future()
    local ways = { future.cancel, future.set_result, future.set_error }
    self.futures[i] = nil
    ways[self.random(3)](future, "on purpose")
  end,
  function(self)
    local future = self.futures[self.random(5)] or self.known[self.random(20)]
    if future then
      future:add_done_callback(function() self.called = self.called + 1 end)
    end
  end,
  function(self)
    local i = self.random(3)
    if self.calls[i] then
      self.calls[i]:cancel()
    end
    self.calls[i] = neap.loop.call_later(self:seconds(), function() self.called = self.called + 1 end)
  end,
  -- primitives
  function(self, depth) self.lock:with(self:body(depth)) end,
  function(self, depth)
    local _ <close> = self.semaphore:guard()
    self:step(depth - 1)
  end,
  function(self) self.event:wait() end,
  function(self)
    self.event:set()
    self.event:clear()
  end,
  function(self) self.condition:with(self.condition.wait, self.condition) end,
  function(self) self.condition:with(self.condition.notify, self.condition, self.random(2)) end,
  function(self) self.barrier:wait() end,
  function(self) self.barrier:reset() end,
  function(self) self.queues[self.random(3)]:put(self.random(9)) end,
  function(self) self.queues[self.random(3)]:get() end,
  function(self) self.queues[self.random(3)]:get_nowait() end,
  -- streams
  function(self) self.streams[self.random(2)]:readline() end,
  function(self) self.streams[self.random(2)]:write(("x"):rep(self.random(40000)), "\n") end,
}

--- One step, at the bottom a nap; two of three in a pcall.
function Storm:step(depth)
  local step = steps[self.over and 2 or depth <= 0 and 1 or self.random(#steps)]
  if self.random(3) == 1 then
    step(self, depth)
    return
  end
  local ok, err = pcall(step, self, depth)
  if not ok then
    check(err)
  end
end

-- ---- the end -------------------------------------------------------------------

local function all_done(tasks)
  for _, task in ipairs(tasks) do
    if not task:done() then
      return false
    end
  end
  return true
end

--- Cancels all that is left, again and again; fails if that takes long.
function Storm:calm()
  local me, before = neap.current_task(), self.before
  self.over = true
  self.streams[1]:abort()
  self.streams[2]:abort()
  for _, call in pairs(self.calls) do
    call:cancel()
  end
  for _ = 1, 20 do
    local left = {}
    for _, task in ipairs(neap.tasks()) do
      if task ~= me and not before[task] then
        task:cancel()
        table.insert(left, task)
      end
    end
    if #left == 0 then
      return
    end
    neap.sleep(1)
  end
  for _, task in ipairs(neap.tasks()) do
    assert(before[task] or task == me, ("%s was cancelled\n%s"):format(task, task:traceback()))
  end
end

function Storm:run()
  self.before = {}
  for _, task in ipairs(neap.tasks()) do
    self.before[task] = true
  end
  for _ = 1, 15 do
    self:add(neap.spawn(self:actor(4, 20)))
  end
  neap.sleep(10)
  self:calm()
end

function Storm:check()
  assert.is_true(all_done(self.all))
  assert.is_false(self.lock:locked())
  assert.is_false(self.condition:locked())
  assert.equal(2, self.semaphore:value())
  assert.equal(0, self.barrier:n_waiting())
  for _, queue in ipairs(self.queues) do
    for _ = 1, queue:qsize() do
      queue:get_nowait()
    end
    assert.is_true(queue:empty())
    queue:put_nowait(1)
    assert.equal(1, queue:get_nowait())
  end
end

local Restore = {
  __close = function()
    neap.loop.set_exception_handler(nil)
    testing.shuffle(false)
  end,
}

describe("tasks that do anything to each other", function()
  for seed = 1, 60 do
    case.timed(("end and leave nothing taken, for the seed %d"):format(seed), function()
      local reports = {}
      local _ <close> = setmetatable({}, Restore)
      neap.loop.set_exception_handler(function(context) table.insert(reports, context.error) end)
      testing.shuffle(seed % 2 == 0 and seed)
      do
        local storm = new_storm(seed)

        storm:run()

        storm:check()
      end
      -- failures that nobody took are reported, also those of an iterator that is
      -- collected before its end
      for _ = 1, 2 do
        collectgarbage()
        neap.sleep(6)
      end
      for _, err in ipairs(reports) do
        check(err)
      end
    end)
  end
end)

--- What specs of programs need: a clock that jumps, a look at what is left over,
--- an order of tasks that is random but repeatable.
local args = require("neap.args")
local core = require("neap.core")

local testing = {}

-- ---- time and turns --------------------------------------------------------

local RestoreClock = {
  __close = function(self)
    core.virtual_clock(self.was)
  end,
}

--- Runs `fn(...)` with a clock that stands still while anything is ready and
--- then jumps to the next timer.
---@async
---@overload async fun(fn: function, ...: any): ...
function testing.virtual_clock(...)
  local fn = ...
  args.callable("virtual_clock", 1, fn, select("#", ...))
  local _ <close> = setmetatable({ was = core.virtual_clock(true) }, RestoreClock)
  return fn(select(2, ...))
end

--- Runs other tasks until a turn of the loop has ended; true if some were ready.
local function finish_turn()
  local turns, busy = core.stats().turns, false
  repeat
    core.sleep(0)
    local stats = core.stats()
    busy = busy or stats.ready > 0
  until stats.turns ~= turns
  return busy
end

-- There is a turn before the system is asked for events, and one after.
local QUIET_TURNS = 3

--- Turns the loop until nothing is ready.
---@async
function testing.settle()
  local quiet = 0
  while quiet < QUIET_TURNS do
    quiet = finish_turn() and 0 or quiet + 1
  end
end

--- Takes ready tasks in a random order, which is the same for the same seed;
--- `false` goes back to first come, first served.
---@param seed? integer|false
---@return integer? seed
function testing.shuffle(seed)
  if seed == false then
    core.shuffle(nil)
    return nil
  end
  if seed == nil then
    seed = string.unpack("<I4", core.random_bytes(4))
  end
  seed = args.integer("shuffle", 1, seed, 1, math.mininteger)
  core.shuffle(seed)
  return seed
end

--- Two connected Streams in memory.
---@return neap.Stream
---@return neap.Stream
function testing.stream_pair()
  return core.memory_pair()
end

-- ---- leaks -----------------------------------------------------------------

-- The first stream opens a descriptor that libuv keeps: no leak.
for _, stream in ipairs({ core.pair() }) do
  stream:close()
end

local function take_stock()
  local stock = { tasks = {}, descriptors = core.descriptors() or {}, stats = core.stats() }
  for _, task in ipairs(core.tasks()) do
    stock.tasks[task] = true
  end
  return stock
end

-- What else core.stats counts, in the words of a failure.
local counted = { handles = "open handles", keepers = "timers, servers or readers" }

--- What there is now and was not before, as a list of texts.
local function new_since(before)
  local found, now = {}, core.stats()
  for _, task in ipairs(core.tasks()) do
    if not before.tasks[task] then
      table.insert(found, tostring(task))
    end
  end
  for name, what in pairs(counted) do
    local more = now[name] - before.stats[name]
    if more > 0 then
      table.insert(found, ("%s: %d"):format(what, more))
    end
  end
  for fd in pairs(core.descriptors() or {}) do
    if not before.descriptors[fd] then
      table.insert(found, "descriptor " .. fd)
    end
  end
  return found
end

--- Runs `fn(...)` and fails if tasks, handles or descriptors are left that were
--- not there before.
---@async
---@overload async fun(fn: function, ...: any): ...
function testing.no_leaks(...)
  local fn = ...
  args.callable("no_leaks", 1, fn, select("#", ...))
  local before = take_stock()
  local results = table.pack(fn(select(2, ...)))
  if #new_since(before) > 0 then
    testing.settle()
  end
  local left = new_since(before)
  if #left > 0 then
    table.sort(left)
    error("left behind: " .. table.concat(left, ", "), 2)
  end
  return table.unpack(results, 1, results.n)
end

return testing

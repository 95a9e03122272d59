--- What specs of programs need: a clock that jumps, a look at what is left over,
--- an order of tasks that is random but repeatable.
local args = require("neap.args")
local core = require("neap.core")
local deadline = require("neap.testing.deadline")
local leaks = require("neap.testing.leaks")
local runner = require("neap.testing.busted")

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

-- ---- order -----------------------------------------------------------------

local seed_in_use -- of the shuffled ready queue, or nil
local repeated = false -- each spec begins with it anew

--- The seed that the environment asks for: a number, or "random" for a new one.
local function seed_of_environment()
  local text = os.getenv("NEAP_SHUFFLE")
  if not text or text == "random" then
    return string.unpack("<I4", core.random_bytes(4))
  end
  return math.tointeger(tonumber(text))
    or error(("NEAP_SHUFFLE is neither a number nor \"random\": %s"):format(text), 0)
end

--- Takes ready tasks in a random order, which is the same for the same seed;
--- `false` goes back to first come, first served. Without a seed it takes that
--- of the environment variable NEAP_SHUFFLE, or a new one. When a spec fails
--- meanwhile, the seed is written to stderr.
---@param seed? integer|false
---@return integer? seed
function testing.shuffle(seed)
  runner.attach()
  if seed == false then
    core.shuffle(nil)
    seed_in_use = nil
    return nil
  end
  if seed == nil then
    seed = seed_of_environment()
  end
  seed = args.integer("shuffle", 1, seed, 1, math.mininteger)
  core.shuffle(seed)
  seed_in_use = seed
  return seed
end

-- ---- streams ---------------------------------------------------------------

--- Two connected Streams in memory.
---@return neap.Stream
---@return neap.Stream
function testing.stream_pair()
  return core.memory_pair()
end

-- ---- leaks -----------------------------------------------------------------

local Untrace = { __close = function() core.trace_origins(false) end }

-- Seconds in which what was closed is gone: a stream without progress takes five.
local CLOSING = 6

--- Waits until what was closed is gone: bytes may still be under way.
local function finish_closing()
  testing.settle()
  local ends = core.now() + CLOSING
  while core.closing() > 0 and core.now() < ends do
    core.sleep(0.001)
  end
end

--- Runs `fn(...)` and fails if tasks, timers, handles or descriptors are left
--- that were not there before. What was closed has the time that closing takes.
--- The error names each, and where it was made.
---@async
---@overload async fun(fn: function, ...: any): ...
function testing.no_leaks(...)
  local fn = ...
  args.callable("no_leaks", 1, fn, select("#", ...))
  local before = leaks.take_stock()
  core.trace_origins(true)
  local _ <close> = setmetatable({}, Untrace)
  local results = table.pack(fn(select(2, ...)))
  if #leaks.new_since(before) > 0 then
    finish_closing()
    core.thread.rest()
  end
  local left = leaks.new_since(before)
  if #left > 0 then
    error("left behind:\n\t" .. table.concat(left, "\n\t"), 2)
  end
  return table.unpack(results, 1, results.n)
end

-- ---- deadlines -------------------------------------------------------------

testing.deadline = deadline.set

-- ---- as a helper of busted -------------------------------------------------

local specs = {}

function specs.test_start()
  if repeated then
    core.shuffle(seed_in_use)
  end
end

function specs.failed()
  if seed_in_use then
    io.stderr:write(("neap: ready tasks were taken in the random order of seed %d; "
      .. "NEAP_SHUFFLE=%d repeats it\n"):format(seed_in_use, seed_in_use))
  end
end

runner.listen(specs)

local function read_environment()
  local seconds = os.getenv("NEAP_DEADLINE")
  if seconds then
    deadline.default(tonumber(seconds) or error("NEAP_DEADLINE is not a number: " .. seconds, 0))
  end
  if os.getenv("NEAP_SHUFFLE") then
    testing.shuffle()
    repeated = true
  end
end

if runner.attach() then
  read_environment()
end

return testing

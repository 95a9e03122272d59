--- Waiting for several things: gather, wait, as_completed, race, wait_for, map,
--- and shield. All stand on `core.multi`, which watches futures and notes the
--- order in which they end.
local args = require("neap.args")
local core = require("neap.core")
local errors = require("neap.errors")

local await, checkwait, is_future, multi = core.await, core.checkwait, core.is_future, core.multi
local result, spawn = core.future().result, core.spawn

---@alias neap.Awaitable neap.Future|neap.Task|function|table  table: one with `__await`

local combine = {}

--- The future of something that is to be awaited: a function and an object with
--- __await get a task.
---@return neap.Future
local function start(awaitable)
  if type(awaitable) == "function" then
    return spawn(awaitable)
  elseif is_future(awaitable) then
    return awaitable
  end
  return spawn(await, awaitable)
end

combine.start = start

local function start_each(list, futures)
  for i = 1, #list do
    futures[i] = start(list[i])
  end
end

--- The futures of a list; of one that `args.awaitables` found to be nothing else,
--- its copy. If a task is refused, those made for others do not begin.
local function start_all(list, copy)
  if copy then
    return copy
  end
  local futures = {}
  local ok, err = pcall(start_each, list, futures)
  if not ok then
    for i, future in ipairs(futures) do
      if future ~= list[i] then
        future:cancel()
      end
    end
    error(err, 0)
  end
  return futures
end

--- Seconds from now as a deadline of the core; nil for none.
local function deadline_in(seconds)
  return seconds and core.deadline(seconds)
end

local function raise_timeout(seconds)
  error(errors.new("TIMEOUT", ("not done within %g s"):format(seconds)), 0)
end

-- ---- gather and map --------------------------------------------------------

--- Cancels the members that only we wait for, and waits for them; what they
--- raise is of no interest any more. Then raises the error that came first.
local function fail(members, futures)
  local first = futures[members:first_error()]
  members:join()
  for _, future in ipairs(futures) do
    if future:done() and not future:cancelled() then
      future:error()
    end
  end
  first:result()
end

--- Waits for all and gives the first result of each.
local function gather(list, copy, return_errors)
  checkwait()
  local futures = start_all(list, copy)
  local members <close> = multi(futures)
  members:wait(return_errors and "all" or "first_error", true)
  if not members:first_error() then
    return members:results()
  elseif not return_errors then
    fail(members, futures)
  end
  local results = { n = #futures }
  for i = 1, #futures do
    local _, value = pcall(result, futures[i])
    results[i] = value
  end
  return results
end

local gather_options = { return_errors = args.option.boolean }

--- Waits for all of a list at the same time and returns the first result of
--- each, in order, with their number as `n`. If one fails, the others are
--- cancelled and waited for, and its error is raised; with `return_errors`
--- errors stand in the places of results instead. Cancelling the task that
--- gathers cancels the members.
---@async
---@overload async fun(list: neap.Awaitable[], options?: { return_errors?: boolean }): table
function combine.gather(...)
  local list, options = ...
  local copy = args.awaitables("gather", 1, list, select("#", ...))
  options = args.options("gather", 2, options, gather_options)
  return gather(list, copy, options.return_errors)
end

--- A task that calls `fn` for one item after the other, in tasks of their own,
--- until none is left.
local function map_lane(state)
  while state.next <= state.n do
    checkwait()
    local i = state.next
    state.next = i + 1
    state.results[i] = await(spawn(state.fn, state.list[i], i))
  end
end

local function map_limited(list, fn, limit)
  local n = #list
  local state = { list = table.move(list, 1, n, 1, {}), fn = fn, n = n, next = 1, results = { n = n } }
  local lanes = {}
  for i = 1, limit do
    lanes[i] = function()
      map_lane(state)
    end
  end
  gather(lanes)
  return state.results
end

local map_options = { limit = args.option.count }

--- `gather` of `fn(item, i)` over a list, at most `limit` at a time.
---@async
---@overload async fun(list: any[], fn: fun(item: any, i: integer): any, options?: { limit?: integer }): table
function combine.map(...)
  local list, fn, options = ...
  args.table("map", 1, list, select("#", ...))
  args.callable("map", 2, fn, select("#", ...))
  options = args.options("map", 3, options, map_options)
  if options.limit and options.limit < #list then
    return map_limited(list, fn, options.limit)
  end
  local calls = {}
  for i = 1, #list do
    local item = list[i]
    calls[i] = function()
      return fn(item, i)
    end
  end
  return gather(calls)
end

-- ---- wait and as_completed -------------------------------------------------

---@class neap.WaitOptions
---@field when? "all"|"first"|"first_error"  default "all"
---@field timeout? number  seconds

-- What the core calls them: to us, a cancelled member is no error.
local wait_modes = { all = "all", first = "first", first_error = "first_failure" }

local wait_options = {
  when = args.option.one_of(wait_modes),
  timeout = args.option.seconds,
}

--- Waits for all of a list, or until the first has ended, or failed, or until
--- the timeout. Cancels nothing, also when it is cancelled itself, and raises
--- nothing of theirs.
---@async
---@overload async fun(list: neap.Awaitable[], options?: neap.WaitOptions): neap.Future[], neap.Future[]
---@return neap.Future[] done  in the order of the list
---@return neap.Future[] pending
function combine.wait(...)
  local list, options = ...
  local copy = args.awaitables("wait", 1, list, select("#", ...))
  options = args.options("wait", 2, options, wait_options)
  checkwait()
  local futures, deadline = start_all(list, copy), deadline_in(options.timeout)
  local members <close> = multi(futures)
  members:wait(wait_modes[options.when or "all"], false, deadline)
  local done, pending = {}, {}
  for _, future in ipairs(futures) do
    table.insert(future:done() and done or pending, future)
  end
  return done, pending
end

local as_completed_options = { timeout = args.option.seconds }

--- An iterator over the awaitables of a list, as futures, in the order in which
--- they end. Past the timeout, counted from this call, and when it has given
--- all that have ended, it raises `TIMEOUT`. Cancels nothing.
---@overload fun(list: neap.Awaitable[], options?: { timeout?: number }): async fun(): neap.Future?
function combine.as_completed(...)
  local list, options = ...
  local copy = args.awaitables("as_completed", 1, list, select("#", ...))
  options = args.options("as_completed", 2, options, as_completed_options)
  checkwait()
  local futures, deadline = start_all(list, copy), deadline_in(options.timeout)
  local members = multi(futures)
  return function()
    checkwait()
    local ended = members:next()
    if not ended and members:pending() > 0 then
      if not members:wait("first", false, deadline) then
        raise_timeout(options.timeout)
      end
      ended = members:next()
    end
    return futures[ended]
  end
end

-- ---- the others ------------------------------------------------------------

--- Returns the results of the first of a list to end, or raises its error; the
--- others are cancelled and waited for.
---@async
---@overload async fun(list: neap.Awaitable[]): ...
function combine.race(...)
  local list = ...
  local copy = args.awaitables("race", 1, list, select("#", ...))
  if #list == 0 then
    args.fail("race", 1, "the list is empty")
  end
  checkwait()
  local futures = start_all(list, copy)
  local members <close> = multi(futures)
  members:wait("first", true)
  local first = futures[members:next()]
  members:join()
  return first:result()
end

--- Waits for a member until a deadline: whether it has ended. Where the wait is
--- refused, as it is at the limit of timers, nobody else may look after the
--- member: it is cancelled and waited for.
local function wait_until(member, deadline)
  local ok, ended = pcall(member.wait, member, "all", true, deadline)
  if not ok then
    member:join()
    error(ended, 0)
  end
  return ended
end

--- Returns the results of an awaitable. Past the deadline it is cancelled and
--- waited for, and `TIMEOUT` is raised; if it returns results all the same they
--- stand, and if it raises another error, that is raised.
---@async
---@overload async fun(awaitable: neap.Awaitable, seconds: number): ...
function combine.wait_for(...)
  local awaitable, seconds = ...
  local count = select("#", ...)
  args.awaitable("wait_for", 1, awaitable, count)
  seconds = args.number("wait_for", 2, seconds, count)
  checkwait()
  local future = start(awaitable)
  local member <close> = multi({ future })
  local late = seconds <= 0 and not future:done()
  if late or not wait_until(member, deadline_in(seconds)) then
    member:join()
    if not future:done() or future:cancelled() then
      raise_timeout(seconds)
    end
  end
  return future:result()
end

--- Runs `fn(...)` with cancellation and deadlines held back until it returns;
--- or awaits something that goes on when the one who waits for it is cancelled.
---@async
---@overload async fun(fn: function, ...): ...
---@overload async fun(awaitable: neap.Awaitable): ...
function combine.shield(...)
  local what = ...
  if is_future(what) then
    return core.await_shielded(what)
  elseif type(what) ~= "function" and core.is_awaitable(what) then
    checkwait()
    return core.await_shielded(start(what))
  end
  args.callable("shield", 1, what, select("#", ...))
  return core.shield(...)
end

return combine

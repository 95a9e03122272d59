--- The methods of one protocol, called one at a time.
---
--- A transport (of either kind) has `_protocol`, and for this file
---   _caller   the task whose call of a method is under way; `true` while it is
---             handed from one task to the next; nil if none is
---   _method   the name of the method that the transport's own task calls
---   _turns    the tasks that wait for their turn; made when first needed
local args = require("neap.args")
local core = require("neap.core")

local traceback = debug and debug.traceback

local calls = {}

--- The protocol that `factory` makes.
function calls.make(factory)
  local protocol = factory()
  local kind = type(protocol)
  if kind ~= "table" and kind ~= "userdata" then
    error(("the factory of a protocol must return a table, got %s"):format(kind), 0)
  end
  return protocol
end

--- The most that may be unsent before a protocol is told to pause writing.
calls.HIGH = 64 * 1024

--- The arguments of set_write_buffer_limits, checked.
---@param high integer?
---@param low integer?
---@return integer high
---@return integer low
function calls.limits(high, low)
  low = args.optional_integer("set_write_buffer_limits", 2, low, 0, nil)
  high = args.optional_integer("set_write_buffer_limits", 1, high, 0, low and 4 * low or calls.HIGH)
  low = low or high // 4
  if low > high then
    args.fail("set_write_buffer_limits", 2, ("more than the high limit, %d"):format(high))
  end
  return high, low
end

--- Waits until no other task is in a method; then it is this task's turn.
function calls.enter(transport)
  if transport._caller then
    transport._turns = transport._turns or core.waitq()
    transport._turns:park("protocol method") -- whoever leaves hands it over
  end
  transport._caller = core.current_task()
end

function calls.leave(transport)
  local turns = transport._turns
  transport._caller = turns and turns:wake() or nil
end

--- Calls a method in the transport's own task, which gets what it raises.
function calls.call(transport, name, ...)
  local method = transport._protocol[name]
  if not method then
    return nil
  end
  calls.enter(transport)
  transport._method = name
  local result = method(transport._protocol, ...)
  transport._method = nil
  calls.leave(transport)
  return result
end

--- True if the method can be called by this task without waiting for a turn.
function calls.is_free(transport)
  return transport._caller == nil or transport._caller == core.current_task()
end

--- Tells the exception handler that a method raised.
function calls.report(transport, name, err, trace)
  core.report({
    message = ("%s of a protocol failed"):format(name),
    error = err,
    traceback = trace,
    transport = transport,
    protocol = transport._protocol,
    handler = transport._handler,
  })
end

--- A message handler that keeps the traceback in `into.traceback`.
function calls.tracer(into)
  return function(err)
    into.traceback = traceback and traceback(type(err) == "string" and err or nil, 2)
    return err
  end
end

--- Calls a method whose turn it is; what it raises ends the transport.
local function attempt(transport, name, ...)
  local method, failure = transport._protocol[name], {}
  if not method then
    return
  end
  local ok, err = xpcall(method, calls.tracer(failure), transport._protocol, ...)
  if not ok then
    if core.error_code(err) ~= "CANCELLED" then
      calls.report(transport, name, err, failure.traceback)
    end
    transport:_fail(err)
  end
end

--- Calls a method in the turn of this task: inside another method of the same
--- task, or beside none.
function calls.call_now(transport, name, ...)
  if transport._caller then
    core.shield(attempt, transport, name, ...)
    return
  end
  calls.enter(transport)
  core.shield(attempt, transport, name, ...)
  calls.leave(transport)
end

local function wait_and_attempt(transport, condition, name, ...)
  calls.enter(transport)
  if condition(transport) then
    attempt(transport, name, ...)
  end
  calls.leave(transport)
end

--- Calls a method when no other one is under way, if `condition(transport)`
--- holds then. A cancellation waits until it has returned.
function calls.call_in_turn(transport, condition, name, ...)
  core.shield(wait_and_attempt, transport, condition, name, ...)
end

return calls

---@meta neap.loop

--- The loop of this host: its clock, callbacks and timers, running it, descriptors
--- of other libraries, and the handler of errors that nobody takes. There is
--- nothing to close: the host does that.
---@class neap.loop
local loop = {}

--- Seconds on a clock that never goes back.
---
--- ```lua
--- local start = loop.time()
--- neap.sleep(5)
--- print(("%.0f s"):format(loop.time() - start)) --> 5 s
--- ```
---@return number seconds
function loop.time() end

--- Calls `fn(...)` in a task of its own, behind what is ready.
---
--- ```lua
--- loop.call_soon(print, "second") --> first
--- print("first") --> second
--- neap.sleep(0)
--- ```
---@param fn function
---@param ... any  its arguments
---@return neap.Handle handle
function loop.call_soon(fn, ...) end

--- Calls `fn(...)` after some seconds, never earlier.
---
--- ```lua
--- loop.call_later(2, print, "two seconds later")
--- neap.sleep(3) --> two seconds later
--- ```
---@param seconds number
---@param fn function
---@param ... any  its arguments
---@return neap.Handle handle
function loop.call_later(seconds, fn, ...) end

--- Calls `fn(...)` at a time of `loop.time`.
---
--- ```lua
--- local handle = loop.call_at(loop.time() + 1, print, "now")
--- assert(handle:when() > loop.time())
--- neap.sleep(2) --> now
--- ```
---@param time number
---@param fn function
---@param ... any  its arguments
---@return neap.Handle handle
function loop.call_at(time, fn, ...) end

-- ---- running ---------------------------------------------------------------

--- Ends every `run_forever` that waits; if none does, the next one returns after
--- one turn.
---
--- ```lua
--- loop.call_later(60, loop.stop)
--- loop.run_forever()
--- print("stopped") --> stopped
--- ```
function loop.stop() end

--- Waits until `loop.stop`. Outside of any task it runs the loop meanwhile.
---
--- ```lua
--- neap.spawn(function()
---   neap.sleep(3)
---   loop.stop()
--- end)
--- loop.run_forever()
--- print("after three seconds") --> after three seconds
--- ```
---@async
function loop.run_forever() end

--- Waits for an awaitable or a function; returns its results or raises its error.
--- Outside of any task it runs the loop meanwhile.
---
--- ```lua
--- print(loop.run_until_complete(function() return neap.sleep(1, "done") end)) --> done
--- ```
---@async
---@param awaitable neap.Awaitable
---@return any ...
function loop.run_until_complete(awaitable) end

--- True inside tasks and callbacks.
---
--- ```lua
--- print(loop.is_running()) --> true
--- ```
---@return boolean
function loop.is_running() end

-- ---- descriptors -----------------------------------------------------------

--- Calls `fn(...)` each time that a descriptor of another library can be read, but
--- not again before it has returned; replaces what was added for it before. Keeps
--- the program alive until it is removed.
---
--- ```lua
--- local a, b = neap.net.pair()
--- local fd, seen = a:fileno(), neap.future()
--- loop.add_reader(fd, function(text)
---   loop.remove_reader(fd)
---   seen:set_result(text)
--- end, "readable")
--- b:write("x")
--- print(seen:await()) --> readable
--- a:close()
--- b:close()
--- ```
---@param fd integer
---@param fn function  may wait
---@param ... any  its arguments
---@return true? ok
---@return neap.Error? err  it is no descriptor that can be waited for
function loop.add_reader(fd, fn, ...) end

--- Ends what `add_reader` began.
---
--- ```lua
--- print(loop.remove_reader(0)) --> false
--- ```
---@param fd integer
---@return boolean was  whether there was a reader
function loop.remove_reader(fd) end

--- Calls `fn(...)` each time that a descriptor can be written, as `add_reader`.
---
--- ```lua
--- local a, b = neap.net.pair()
--- local fd, seen = a:fileno(), neap.future()
--- loop.add_writer(fd, function()
---   loop.remove_writer(fd)
---   seen:set_result("writable")
--- end)
--- print(seen:await()) --> writable
--- a:close()
--- b:close()
--- ```
---@param fd integer
---@param fn function  may wait
---@param ... any  its arguments
---@return true? ok
---@return neap.Error? err  it is no descriptor that can be waited for
function loop.add_writer(fd, fn, ...) end

--- Ends what `add_writer` began.
---
--- ```lua
--- print(loop.remove_writer(1)) --> false
--- ```
---@param fd integer
---@return boolean was  whether there was a writer
function loop.remove_writer(fd) end

-- ---- errors that nobody takes ----------------------------------------------

--- What an exception handler is given.
---@class neap.Context
---@field message string  what happened
---@field error? any  the error value
---@field task? neap.Task  whose error it is
---@field future? neap.Future  likewise
---@field traceback? string

--- Sets what is called with errors that nobody takes. The default, which nil
--- restores, writes them to stderr and makes the program's exit status 1.
---
--- ```lua
--- loop.set_exception_handler(function(context)
---   print(context.error) --> no luck
--- end)
--- loop.call_soon(error, "no luck", 0)
--- neap.sleep(0)
--- neap.sleep(0)
--- loop.set_exception_handler(nil)
--- ```
---@param handler? fun(context: neap.Context)  may wait
function loop.set_exception_handler(handler) end

--- Gives a context to the exception handler, in a task of its own.
---
--- ```lua
--- loop.set_exception_handler(function(context) print(context.message) end)
--- loop.call_exception_handler({ message = "out of tea" })
--- neap.sleep(0) --> out of tea
--- loop.set_exception_handler(nil)
--- ```
---@param context neap.Context
function loop.call_exception_handler(context) end

-- ---- Handle ----------------------------------------------------------------

--- A call that was asked for: what `call_soon`, `call_later` and `call_at` give.
---@class neap.Handle
local Handle = {}

--- Takes the call back; does nothing once it has begun.
---
--- ```lua
--- local handle = loop.call_later(1, print, "never")
--- handle:cancel()
--- neap.sleep(2)
--- print(handle:cancelled()) --> true
--- ```
function Handle:cancel() end

--- The same as `cancel`, so that a handle may be a `<close>` variable.
---
--- ```lua
--- local handle = loop.call_later(1, print, "never")
--- handle:close()
--- print(handle:cancelled()) --> true
--- ```
function Handle:close() end

--- Whether it was taken back.
---
--- ```lua
--- local handle = loop.call_soon(print, "called")
--- print(handle:cancelled()) --> false
--- neap.sleep(0) --> called
--- ```
---@return boolean
function Handle:cancelled() end

--- When it is due, in seconds of `loop.time`; nil for `call_soon`.
---
--- ```lua
--- local start = loop.time()
--- local handle = loop.call_at(start + 5, print, "never")
--- print(("in %.0f s"):format(handle:when() - start)) --> in 5 s
--- handle:cancel()
--- ```
---@return number? time
function Handle:when() end

return loop

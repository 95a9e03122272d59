---@meta _

-- neap: errors, descriptors of other libraries, and the program.

---@class neap
local neap = {}

-- ---- errors ----------------------------------------------------------------

--- Makes an error value, as neap's own functions raise and return them.
---
--- ```lua
--- local err = neap.error("LIMIT", "too many words", { op = "count" })
--- print(err, err.op) --> LIMIT: too many words count
--- ```
---@param code string
---@param message string
---@param fields? table  more fields
---@return neap.Error err
function neap.error(code, message, fields) end

--- The code of an error that neap made; nil for any other value.
---
--- ```lua
--- local _, err = neap.fs.read_file("/no/such/file")
--- print(neap.error_code(err), neap.error_code("a string")) --> ENOENT nil
--- ```
---@param err any
---@return string? code
function neap.error_code(err) end

-- ---- descriptors of other libraries ----------------------------------------

--- Waits until a descriptor of another library can be read, or has ended. It
--- stays as it is, blocking or not. Raises `BUSY` if another task waits for that.
---
--- ```lua
--- local a, b = neap.net.pair()
--- b:write("x")
--- print(neap.wait_readable(a:fileno())) --> true
--- a:close()
--- b:close()
--- ```
---@async
---@param fd integer
---@return true? ok
---@return neap.Error? err
function neap.wait_readable(fd) end

--- Waits until a descriptor of another library can be written. Raises `BUSY` if
--- another task waits for that.
---
--- ```lua
--- local a, b = neap.net.pair()
--- print(neap.wait_writable(a:fileno())) --> true
--- a:close()
--- b:close()
--- ```
---@async
---@param fd integer
---@return true? ok
---@return neap.Error? err
function neap.wait_writable(fd) end

-- ---- the program -----------------------------------------------------------

--- As a module of a stock `lua5.4`: runs `fn(...)` as the main task of a loop,
--- returns its results or raises its error, and cancels and unwinds the tasks
--- that are left. In a running host it raises `INVALID_STATE`.
---
--- ```lua
--- -- with lua5.4 rather than neap
--- print(neap.run(function(name)
---   neap.sleep(0.01)
---   return "hello " .. name
--- end, "Lua")) --> hello Lua
--- ```
---@param fn function
---@param ... any  its arguments
---@return any ...
function neap.run(fn, ...) end

--- Cancels and unwinds everything, the caller too, then ends the program with
--- that status, the first one given. It does not return.
---
--- ```lua
--- neap.spawn(function()
---   local _ <close> = setmetatable({}, { __close = function() print("unwound") end })
---   neap.sleep(60)
--- end)
--- neap.sleep(0.01)
--- neap.exit(0) --> unwound
--- ```
---@param code? integer|boolean  0 by default
function neap.exit(code) end

--- What is going on: counts of `tasks`, of the `ready` ones, of `handles`, `timers`
--- and of the loop's `turns`; `memory` in bytes, `longest_turn` in seconds;
--- `keepers` is what keeps the program alive.
---
--- ```lua
--- local stats = neap.stats()
--- assert(stats.tasks >= 1 and stats.memory > 0)
--- ```
---@return table<string, number> stats
function neap.stats() end

--- A text of all live tasks: name, state, what each waits for, and its traceback.
---
--- ```lua
--- local task = neap.spawn(neap.sleep, 60)
--- task:set_name("sleeper")
--- neap.sleep(0)
--- print(neap.dump():match("sleeper: [^\n]*")) --> sleeper: waiting on sleep
--- task:cancel()
--- ```
---@return string text
function neap.dump() end

--- Switches debug mode on or off, and tells whether it was on: warnings of tasks
--- that hold the loop for more than 0.1 s, of what is collected unclosed, and of
--- tasks that still wait when the host closes. `neap --debug` and `NEAP_DEBUG=1`
--- switch it on from the start.
---
--- ```lua
--- local was = neap.debug(true)
--- neap.debug(was)
--- print(was) --> false
--- ```
---@param on? boolean  nil leaves it as it is
---@return boolean was
function neap.debug(on) end

--- Random bytes of the system, fit for secrets.
---
--- ```lua
--- print(#neap.random_bytes(16)) --> 16
--- ```
---@param n integer
---@return string bytes
function neap.random_bytes(n) end

--- How many processors there are.
---
--- ```lua
--- assert(neap.cpu_count() >= 1)
--- ```
---@return integer count
function neap.cpu_count() end

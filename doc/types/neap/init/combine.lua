---@meta _

-- neap: several things at a time.

---@class neap
local neap = {}

--- The options of `neap.wait`.
---@class neap.WaitOptions
---@field when? "all"|"first"|"first_error"  what to wait for, "all" by default
---@field timeout? number  seconds

--- The options of `neap.gather`.
---@class neap.GatherOptions
---@field return_errors? boolean  errors stand in the places of results

--- The options of `neap.map`.
---@class neap.MapOptions
---@field limit? integer  how many at a time

--- The options of `neap.as_completed`.
---@class neap.AsCompletedOptions
---@field timeout? number  seconds, from the call

--- Waits for all of a list at the same time, and returns a table of the first
--- result of each, in order, with their number as `n`. If one fails, those that
--- are pending are cancelled and waited for, and its error is raised. Cancelling
--- the task that gathers cancels the members.
---
--- ```lua
--- local pages = neap.gather {
---   neap.spawn(neap.sleep, 2, "first"),
---   function() return "second" end,
--- }
--- print(pages.n, pages[1], pages[2]) --> 2 first second
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.GatherOptions
---@return table results
function neap.gather(list, options) end

--- `gather` of `fn(item, i)` over a list, at most `limit` at a time.
---
--- ```lua
--- local lengths = neap.map({ "a", "bcd", "ef" }, function(word)
---   neap.sleep(1)
---   return #word
--- end, { limit = 2 })
--- print(table.concat(lengths, " ")) --> 1 3 2
--- ```
---@async
---@param list any[]
---@param fn fun(item: any, i: integer): any
---@param options? neap.MapOptions
---@return table results
function neap.map(list, fn, options) end

--- Waits for all of a list, or until the first has ended or failed, or until the
--- timeout. Cancels nothing, also when it is cancelled itself, and raises nothing
--- of theirs.
---
--- ```lua
--- local slow, fast = neap.spawn(neap.sleep, 5), neap.spawn(neap.sleep, 1)
--- local done, pending = neap.wait({ slow, fast }, { when = "first" })
--- print(#done, done[1] == fast, #pending) --> 1 true 1
--- slow:cancel()
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.WaitOptions
---@return neap.Future[] done  in the order of the list
---@return neap.Future[] pending
function neap.wait(list, options) end

--- An iterator over the members of a list, as futures, in the order in which they
--- end. Past the timeout, once it has given all that have ended, it raises
--- `TIMEOUT`. It cancels nothing.
---
--- ```lua
--- local tasks = { neap.spawn(neap.sleep, 2, "slow"), neap.spawn(neap.sleep, 1, "fast") }
--- for future in neap.as_completed(tasks) do
---   print(future:result()) --> fast
--- end --> slow
--- ```
---@async
---@param list neap.Awaitable[]
---@param options? neap.AsCompletedOptions
---@return async fun(): neap.Future? iterator
function neap.as_completed(list, options) end

--- The results of the first of a list to end, or its error; the others are
--- cancelled and waited for. An empty list is an argument error.
---
--- ```lua
--- print(neap.race { neap.spawn(neap.sleep, 9, "hare"), neap.spawn(neap.sleep, 3, "tortoise") }) --> tortoise
--- ```
---@async
---@param list neap.Awaitable[]
---@return any ...
function neap.race(list) end

--- The results of an awaitable. Past the deadline it is cancelled and waited for,
--- and `TIMEOUT` is raised; if it returns results all the same, they stand, and if
--- it raises another error, that is raised.
---
--- ```lua
--- print(pcall(neap.wait_for, neap.spawn(neap.sleep, 9), 1)) --> false TIMEOUT: not done within 1 s
--- ```
---@async
---@param awaitable neap.Awaitable
---@param seconds number
---@return any ...
function neap.wait_for(awaitable, seconds) end

--- What specs expect of errors: codes, argument errors, reports.
local assert = require("luassert")
local neap = require("neap")

local expect = {}

--- The error that `fn(...)` raises; fails if it raises none.
---@param fn function  may wait
---@return any err
function expect.error(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, "an error was expected, but nothing was raised")
  return err
end

--- The error with this code that `fn(...)` raises.
---@param code string
---@param fn function  may wait
---@return neap.Error err
function expect.code(code, fn, ...)
  local err = expect.error(fn, ...)
  assert.equal(code, neap.error_code(err), tostring(err))
  return err
end

--- `fn()` raises an argument error in Lua's own form that begins with `start`
--- and ends with `ending`, as in "#1 to 'sleep'", "got nil". Call the function
--- under test by its name and not in a tail call: its name is in the text.
---@param start string
---@param ending string|nil  nil where a value of the right type is wrong
---@param fn function  may wait
function expect.bad_argument(start, ending, fn)
  local err = expect.error(fn)
  assert.equal("string", type(err), tostring(err))
  local from = err:find("bad argument " .. start .. " (", 1, true)
  assert.is_truthy(from, err)
  assert.equal(")", err:sub(-1), err)
  if ending then
    assert.equal(ending .. ")", err:sub(-#ending - 1), err)
  end
end

local Restore = { __close = function() neap.loop.set_exception_handler(nil) end }

--- The contexts that reach the exception handler while `fn` runs, and then
--- until nothing is ready.
---@param fn function  may wait
---@return table[] contexts  the errors among them also under `.errors`
function expect.reports(fn)
  local contexts = { errors = {} }
  local _ <close> = setmetatable({}, Restore)
  neap.loop.set_exception_handler(function(context)
    table.insert(contexts, context)
    table.insert(contexts.errors, context.error)
  end)
  fn()
  neap.testing.settle()
  return contexts
end

--- Like `expect.reports`, and then nobody refers to what `fn` made any more.
---@param fn function  may wait
---@return table[] contexts
function expect.reports_when_collected(fn)
  return expect.reports(function()
    fn()
    neap.testing.settle()
    collectgarbage()
    collectgarbage()
  end)
end

return expect

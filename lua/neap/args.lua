--- Argument checks that raise what Lua's own functions raise, in the name of
--- the caller of the public function that checks.
---
--- Each check takes the name of that function, the position of the argument (a
--- method's self does not count), the value, and how many arguments were given:
--- it tells `got nil` from `got no value`. Call checks from the public function
--- itself, not in a tail call: the position in the text depends on it.
local core = require("neap.core")

local args = {}

-- Like C, it sees through __metatable.
local metatable_of = debug and debug.getmetatable or getmetatable

local function field_of(value, name)
  local metatable = metatable_of(value)
  return type(metatable) == "table" and rawget(metatable, name) or nil
end

--- What Lua calls the type of a value in argument errors.
local function type_name(value)
  local name = field_of(value, "__name")
  return type(name) == "string" and name or type(value)
end

-- What calls the public function that called the check that called us.
local CALLER = 4

local function fail(name, position, text)
  error(("bad argument #%d to '%s' (%s)"):format(position, name, text), CALLER)
end

local function mismatch(expected, value, position, count)
  local absent = value == nil and count and position > count
  return expected .. " expected, got " .. (absent and "no value" or type_name(value))
end

--- Raises that the argument is not what was expected.
function args.refuse(name, position, value, count, expected)
  fail(name, position, mismatch(expected, value, position, count))
end

--- Raises an argument error with a text of its own.
function args.fail(name, position, text)
  fail(name, position, text)
end

--- A number, or a string that reads as one; NaN is refused.
---@return number
function args.number(name, position, value, count)
  local number = type(value) == "string" and tonumber(value) or value
  if type(number) ~= "number" then
    fail(name, position, mismatch("number", value, position, count))
  elseif number ~= number then
    fail(name, position, "number expected, got NaN")
  end
  return number
end

--- The integer, or nil and what is wrong.
local function to_integer(value, position, count, min)
  local number = type(value) == "string" and tonumber(value) or value
  if type(number) ~= "number" then
    return nil, mismatch("number", value, position, count)
  end
  local integer = math.tointeger(number)
  if not integer then
    return nil, "number has no integer representation"
  elseif integer < min then
    return nil, ("out of range (at least %d)"):format(min)
  end
  return integer
end

--- A number with an integer value of at least `min`.
---@return integer
function args.integer(name, position, value, count, min)
  local integer, problem = to_integer(value, position, count, min)
  if not integer then
    fail(name, position, problem)
  end
  return integer
end

--- The same, or `default` for nil.
---@return integer
function args.optional_integer(name, position, value, min, default)
  if value == nil then
    return default
  end
  local integer, problem = to_integer(value, position, position, min)
  if not integer then
    fail(name, position, problem)
  end
  return integer
end

--- A port number.
---@return integer
function args.port(name, position, value, count)
  local integer, problem = to_integer(value, position, count, 0)
  if problem == nil and integer <= 65535 then
    return integer
  end
  local outside = integer or math.tointeger(tonumber(value))
  fail(name, position, outside and "out of range (0 to 65535)" or problem)
end

--- A string, or a number, which Lua takes for one.
---@return string
function args.string(name, position, value, count)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind ~= "number" then
    fail(name, position, mismatch("string", value, position, count))
  end
  return tostring(value)
end

--- A function, or anything that can be called like one.
function args.callable(name, position, value, count)
  if type(value) ~= "function" and not field_of(value, "__call") then
    fail(name, position, mismatch("function", value, position, count))
  end
end

function args.table(name, position, value, count)
  if type(value) ~= "table" then
    fail(name, position, mismatch("table", value, position, count))
  end
end

--- What is waited for where awaitables are taken: a Future or Task, an object
--- with __await, or a function.
function args.awaitable(name, position, value, count)
  if type(value) ~= "function" and not core.is_awaitable(value) then
    fail(name, position, mismatch("awaitable", value, position, count))
  end
end

--- A list of such; returns a copy of it if all are futures.
---@return neap.Future[]?
function args.awaitables(name, position, list, count)
  if type(list) ~= "table" then
    fail(name, position, mismatch("table", list, position, count))
  end
  local futures = core.futures(list)
  if futures then
    return futures
  end
  for i = 1, #list do
    local value = list[i]
    if type(value) ~= "function" and not core.is_awaitable(value) then
      fail(name, position, ("awaitable expected at index %d, got %s"):format(i, type_name(value)))
    end
  end
end

-- ---- options ---------------------------------------------------------------

--- Kinds of options: functions that say what is wrong with a value.
args.option = {}

local function option_mismatch(expected, value)
  return ("(%s expected, got %s)"):format(expected, type_name(value))
end

function args.option.boolean(value)
  return type(value) ~= "boolean" and option_mismatch("boolean", value)
end

function args.option.seconds(value)
  if type(value) ~= "number" then
    return option_mismatch("number", value)
  end
  return value ~= value and "(number expected, got NaN)"
end

--- A number of things, at least one.
function args.option.count(value)
  if type(value) ~= "number" then
    return option_mismatch("number", value)
  end
  return (not math.tointeger(value) or value < 1) and "must be an integer of at least 1"
end

--- An integer from `min` to `max`.
function args.option.integer(min, max)
  return function(value)
    if type(value) ~= "number" then
      return option_mismatch("integer", value)
    end
    local integer = math.tointeger(value)
    local inside = integer and integer >= min and integer <= max
    return not inside and ("out of range (%d to %d)"):format(min, max)
  end
end

--- One of the given strings.
---@param choices table<string, true>
function args.option.one_of(choices)
  return function(value)
    return not choices[value] and ("has the invalid value '%s'"):format(tostring(value))
  end
end

local none = setmetatable({}, { __newindex = error })

--- An optional table of options; unknown names are refused.
---@param kinds table<string, function>  name to one of `args.option`
---@return table options  empty if there are none
function args.options(name, position, options, kinds)
  if options == nil then
    return none
  elseif type(options) ~= "table" then
    fail(name, position, mismatch("table", options))
  end
  for key, value in next, options do
    if not kinds[key] then
      fail(name, position, ("unknown option '%s'"):format(tostring(key)))
    end
    local problem = kinds[key](value)
    if problem then
      fail(name, position, ("option '%s' %s"):format(key, problem))
    end
  end
  return options
end

return args

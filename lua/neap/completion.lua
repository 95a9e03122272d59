--- What the Tab key offers at the prompt: keywords, globals, and the fields and
--- methods of what stands before the last "." or ":".
local inspect = require("neap.inspect")

local completion = {}

local LEVELS = 8 -- of __index that are looked through

local function metafield(value, name)
  local metatable = debug and debug.getmetatable(value) or getmetatable(value)
  return type(metatable) == "table" and rawget(metatable, name) or nil
end

--- The value of a path such as `a.b`, or nil. May run `__index` functions.
local function value_of(path)
  local value = _G
  for name in path:gmatch("[%a_][%w_]*") do
    local ok, inner = pcall(function() return value[name] end)
    if not ok or inner == nil then
      return nil
    end
    value = inner
  end
  return value
end

--- Calls `add(name, value)` for the names that a value answers to.
local function each_name(value, add)
  for _ = 1, LEVELS do
    if type(value) == "table" then
      for key, inner in next, value do
        if type(key) == "string" then
          add(key, inner)
        end
      end
    end
    local names = metafield(value, "__names")
    for _, name in ipairs(names and names() or {}) do
      add(name, print)
    end
    value = metafield(value, "__index")
    if type(value) ~= "table" then
      return
    end
  end
end

--- The names that go on with what was typed.
---@param text string  what stands before the cursor
---@return string word  the part that they replace
---@return string[] names  sorted
function completion.find(text)
  local path, separator, word = text:match("([%a_][%w_.]*)([.:])([%a_]?[%w_]*)$")
  if not path then
    path, separator, word = "", "", text:match("[%a_][%w_]*$") or ""
  end
  local seen, names = {}, {}
  if word == "" and separator == "" then
    return word, names
  end
  local value = value_of(path)
  local function add(name, inner)
    local fits = name:sub(1, #word) == word and name:find("^[%a_][%w_]*$")
    local hidden = word == "" and separator ~= "" and name:sub(1, 1) == "_"
    if fits and not hidden and not seen[name] and (separator ~= ":" or type(inner) == "function") then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  if value ~= nil then
    each_name(value, add)
  end
  if path == "" then
    for keyword in pairs(inspect.keywords) do
      add(keyword)
    end
  end
  table.sort(names)
  return word, names
end

--- The longest text with which all names begin.
---@param names string[]
---@return string
function completion.common(names)
  local first, last = names[1] or "", names[#names] or "" -- sorted
  local n = 0
  while n < #first and first:byte(n + 1) == last:byte(n + 1) do
    n = n + 1
  end
  return first:sub(1, n)
end

return completion

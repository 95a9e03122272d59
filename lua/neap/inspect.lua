--- How the prompt shows values: as `print` does, tables with what is in them.
local inspect = {}

local DEPTH, ENTRIES, WIDTH = 3, 64, 72 -- levels, entries of a table, columns

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not
  or repeat return then true until while]]):gmatch("%a+") do
  keywords[word] = true
end

--- Lua's reserved words, as a set.
inspect.keywords = keywords

local function is_name(key)
  return type(key) == "string" and key:find("^[%a_][%w_]*$") ~= nil and not keywords[key]
end

--- tostring, also where a `__tostring` fails.
local function text_of(value)
  local ok, text = pcall(tostring, value)
  return ok and text or ("(%s whose tostring fails)"):format(type(value))
end

local function quote(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("[\1-\8\11-\31\127]",
    function(c) return ("\\%03d"):format(c:byte()) end))
end

local order = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local kind_a, kind_b = type(a), type(b)
  if kind_a ~= kind_b then
    return (order[kind_a] or 9) < (order[kind_b] or 9)
  elseif kind_a == "number" or kind_a == "string" then
    return a < b
  end
  return text_of(a) < text_of(b)
end

local show

--- The entries of a table as texts, each list item or `key = value`.
local function entries_of(value, depth, above)
  local entries, keys = {}, {}
  local length = 0
  while length < ENTRIES and rawget(value, length + 1) ~= nil do
    length = length + 1
    entries[length] = show(rawget(value, length), depth + 1, above)
  end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, before)
  for _, key in ipairs(keys) do
    if #entries >= ENTRIES then
      entries[#entries + 1] = "…"
      break
    end
    local name = is_name(key) and key or ("[%s]"):format(show(key, DEPTH, above))
    entries[#entries + 1] = ("%s = %s"):format(name, show(rawget(value, key), depth + 1, above))
  end
  return entries
end

--- Entries in braces: on one line if they fit, else one on each.
local function layout(entries, depth)
  if #entries == 0 then
    return "{}"
  end
  local line = "{ " .. table.concat(entries, ", ") .. " }"
  if #line + 2 * depth <= WIDTH and not line:find("\n", 1, true) then
    return line
  end
  local indent = ("  "):rep(depth + 1)
  return ("{\n%s%s\n%s}"):format(indent, table.concat(entries, ",\n" .. indent), ("  "):rep(depth))
end

--- Whether there is nothing to see inside, or the value says itself what it is.
local function speaks(value)
  local metatable = debug and debug.getmetatable(value) or getmetatable(value)
  return type(metatable) == "table" and rawget(metatable, "__tostring") ~= nil
end

function show(value, depth, above)
  if type(value) == "string" then
    return quote(value)
  elseif type(value) ~= "table" or speaks(value) then
    return text_of(value)
  elseif above[value] then
    return "{ (itself) }"
  elseif depth >= DEPTH then
    return next(value) == nil and "{}" or "{ … }"
  end
  above[value] = true
  local text = layout(entries_of(value, depth, above), depth)
  above[value] = nil
  return text
end

--- A text for a value: a string as it is, a table with its entries, three
--- levels deep, anything else as `tostring` shows it. Raises nothing.
---@param value any
---@return string
function inspect.show(value)
  if type(value) == "string" then
    return value
  end
  return show(value, 0, {})
end

return inspect

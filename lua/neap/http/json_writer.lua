--- Writes JSON whose numbers keep all their digits. Otherwise it does as cjson
--- does: a table whose keys are integers from 1 on is an array, with null where
--- one is missing, and any other an object.
local writer = {}

local MAX_DEPTH = 1000
-- Up to here an array may have any holes; beyond, as many as values.
local SPARSE = 10

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\127"] = "\\u007f" }
for byte = 0, 31 do
  escapes[string.char(byte)] = ("\\u%04x"):format(byte)
end
escapes["\b"], escapes["\f"], escapes["\n"] = "\\b", "\\f", "\\n"
escapes["\r"], escapes["\t"] = "\\r", "\\t"

local function string_text(value)
  return '"' .. value:gsub('[%c"\\]', escapes) .. '"'
end

local function number_text(value)
  if math.type(value) == "integer" then
    return ("%d"):format(value)
  elseif value ~= value or value == math.huge or value == -math.huge then
    error("there is no JSON for the number " .. tostring(value), 0)
  end
  for digits = 14, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if digits == 17 or tonumber(text) == value then
      return (text:gsub(",", ".")) -- of some locales
    end
  end
end

--- Whether an empty table says that it is an array.
function writer.is_empty_array(value)
  local metatable = getmetatable(value)
  return type(metatable) == "table" and metatable.__jsontype == "array"
end

--- The length of what is an array, or nil.
local function array_length(value)
  local count, length = 0, 0
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 then
      return nil
    end
    count = count + 1
    length = math.max(length, key)
  end
  if length > SPARSE and length > 2 * count then
    error(("there is no JSON for an array of %d values whose last index is %d"):format(count, length), 0)
  end
  return (count > 0 or writer.is_empty_array(value)) and length or nil
end

local append

local function append_array(out, value, length, null, depth)
  local separator = "["
  for i = 1, length do
    out[#out + 1] = separator
    separator = ","
    append(out, rawget(value, i), null, depth)
  end
  out[#out + 1] = length == 0 and "[]" or "]"
end

local function append_object(out, value, null, depth)
  local separator = "{"
  for key, item in next, value do
    local kind = type(key)
    if kind ~= "string" and kind ~= "number" then
      error(("there is no JSON for a key that is a %s"):format(kind), 0)
    end
    out[#out + 1] = separator
    separator = ","
    out[#out + 1] = string_text(kind == "string" and key or number_text(key))
    out[#out + 1] = ":"
    append(out, item, null, depth)
  end
  out[#out + 1] = separator == "{" and "{}" or "}"
end

function append(out, value, null, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = string_text(value)
  elseif kind == "number" then
    out[#out + 1] = number_text(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == nil or rawequal(value, null) then
    out[#out + 1] = "null"
  elseif kind ~= "table" then
    error(("there is no JSON for a %s"):format(kind), 0)
  elseif depth == MAX_DEPTH then
    error(("there is no JSON for tables nested deeper than %d"):format(MAX_DEPTH), 0)
  else
    local length = array_length(value)
    if length then
      append_array(out, value, length, null, depth + 1)
    else
      append_object(out, value, null, depth + 1)
    end
  end
end

--- The text of a value. Raises what has none.
---@param value any
---@param null any  what else than nil is written as null
---@return string
function writer.write(value, null)
  local out = {}
  append(out, value, null, 0)
  return table.concat(out)
end

return writer

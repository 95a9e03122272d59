--- JSON, with lua-cjson, which is loaded when it is first needed. It writes 14
--- digits of a number at most: of an identifier with more of them it would make
--- another one in silence. So values with such numbers are written here.
local errors = require("neap.errors")
local writer = require("neap.http.json_writer")

local json = {}

local codec

-- Of tables in tables, as in cjson.
local MAX_DEPTH = 1000

local function load_codec()
  local ok, cjson = pcall(require, "cjson")
  if not ok then
    error("JSON needs the module 'cjson' (the package lua-cjson): " .. tostring(cjson), 0)
  end
  codec = cjson.new()
  codec.decode_invalid_numbers(false)
  codec.encode_number_precision(14) -- the most that it takes
  return codec
end

-- The largest float below which every integer has a float of its own.
local EXACT = 2.0 ^ 53

--- cjson makes floats of all numbers: those that stand for integers become
--- integers again.
local function restore_integers(value)
  if type(value) == "number" then
    local integral = value % 1 == 0 and value < EXACT and value > -EXACT
    return integral and math.tointeger(value) or value
  elseif type(value) == "table" then
    for key, item in next, value do
      if type(item) == "table" or type(item) == "number" then
        value[key] = restore_integers(item)
      end
    end
  end
  return value
end

--- The value of a text; what stands for null is `json.null()`.
---@param text string
---@return any value
---@return neap.Error? err
function json.decode(text)
  local ok, value = pcall((codec or load_codec()).decode, text)
  if not ok then
    return nil, errors.new("HTTP", "invalid JSON: " .. tostring(value), { status = 400 })
  end
  return restore_integers(value)
end

--- Whether cjson writes a value as it is. What it refuses, it refuses itself.
local function suits_cjson(value, depth)
  if type(value) == "number" then
    if math.type(value) == "integer" then
      return value > -10 ^ 14 and value < 10 ^ 14
    end
    return tonumber(("%.14g"):format(value)) == value or value ~= value or value - value ~= 0
  elseif type(value) ~= "table" or depth == MAX_DEPTH then
    return true
  elseif next(value) == nil then
    return not writer.is_empty_array(value)
  end
  for key, item in next, value do
    local kind = type(item)
    if (kind == "number" or kind == "table") and not suits_cjson(item, depth + 1)
      or type(key) == "number" and not suits_cjson(key, depth) then
      return false
    end
  end
  return true
end

--- The text of a value. Raises what has none. An empty table is an object,
--- unless its metatable has `__jsontype = "array"`.
---@param value any
---@return string
function json.encode(value)
  codec = codec or load_codec()
  if suits_cjson(value, 0) then
    return codec.encode(value)
  end
  return writer.write(value, codec.null)
end

--- What stands for null in decoded values.
function json.null()
  return (codec or load_codec()).null
end

return json

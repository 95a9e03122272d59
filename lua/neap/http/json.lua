--- JSON, with lua-cjson, which is loaded when it is first needed.
local errors = require("neap.errors")

local json = {}

local codec

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

--- The text of a value. Raises what has none.
---@param value any
---@return string
function json.encode(value)
  return (codec or load_codec()).encode(value)
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

--- What stands for null in decoded values.
function json.null()
  return (codec or load_codec()).null
end

return json

--- JSON, with lua-cjson, which is loaded when it is first needed. It writes 14
--- digits of a number at most, and reads 16: of an identifier with more of them
--- it would make another one in silence. So values with such numbers are written
--- here. In a text that has such integers, or empty arrays, which cjson does not
--- tell from empty objects, both are marked before it reads them: they become
--- strings that begin with some random bytes, which nobody outside knows.
local core = require("neap.core")
local errors = require("neap.errors")
local http1 = require("neap.proto.http1")
local writer = require("neap.http.json_writer")

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

-- ---- marks ---------------------------------------------------------------------

local mark, empty_array

local array = { __jsontype = "array" }

local function make_mark()
  mark = "neap" .. core.random_bytes(12):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  empty_array = '["' .. mark .. '"]'
end

-- So many digits may be more than a float has.
local MANY_DIGITS = ("%d"):rep(16)

local function needs_marks(text)
  return text:find("%[%s*%]") or text:find(MANY_DIGITS)
end

--- Where a string that begins at a quote ends; nil if it does not.
local function string_end(text, at)
  repeat
    at = text:find('["\\]', at + 1)
    local escaped = at and text:byte(at) == 92
    at = escaped and at + 1 or at
  until not escaped
  return at
end

--- The marked text of the integer that begins at a digit, nil if it is none with
--- many digits; where the number begins and ends.
local function long_integer(text, at)
  local number, behind = text:match("^(%d+%.?%d*[eE]?[+-]?%d*)()", at)
  local from = text:byte(at - 1) == 45 and at - 1 or at
  local long = #number >= 16 and number:find("^[1-9]%d+$") ~= nil
  local value = long and tonumber(text:sub(from, behind - 1))
  local fits = math.type(value) == "integer"
  return fits and ('"%s%d"'):format(mark, value) or nil, from, behind - 1
end

--- The text with marks.
local function add_marks(text)
  local out, done, at = {}, 1, 1
  while true do
    local from = text:find('["%[%d]', at)
    if not from then
      return table.concat(out) .. text:sub(done)
    end
    local byte = text:byte(from)
    local last, new
    if byte == 34 then
      last = string_end(text, from)
    elseif byte == 91 then
      local _, close = text:find("^%[%s*%]", from)
      last, new = close or from, close and empty_array
    else
      new, from, last = long_integer(text, from)
    end
    if not last then
      return text -- cjson says what is wrong
    elseif new then
      out[#out + 1] = text:sub(done, from - 1)
      out[#out + 1] = new
      done = last + 1
    end
    at = last + 1
  end
end

--- What a marked value stands for.
local function unmark(value)
  if type(value) == "string" and value:sub(1, #mark) == mark then
    return math.tointeger(tonumber(value:sub(#mark + 1)))
  elseif type(value) ~= "table" then
    return value
  elseif value[1] == mark then
    return setmetatable({}, array)
  end
  for key, item in next, value do
    if type(item) == "table" or type(item) == "string" then
      value[key] = unmark(item)
    end
  end
  return value
end

-- ---- texts and values ------------------------------------------------------------

--- cjson's value of a text.
local function read(text)
  local decode = (codec or load_codec()).decode
  if not needs_marks(text) then
    return http1.json_restore(decode(text))
  elseif not mark then
    make_mark()
  end
  local ok, value = pcall(decode, add_marks(text))
  return unmark(http1.json_restore(ok and value or decode(text)))
end

--- The value of a text; what stands for null is `json.null()`. Integers of 64
--- bits keep all their digits; an empty array has the metatable by which
--- `encode` knows one.
---@param text string
---@return any value
---@return neap.Error? err
function json.decode(text)
  local ok, value = pcall(read, text)
  if not ok then
    return nil, errors.new("HTTP", "invalid JSON: " .. tostring(value), { status = 400 })
  end
  return value
end

--- The text of a value. Raises what has none. An empty table is an object,
--- unless its metatable has `__jsontype = "array"`.
---@param value any
---@return string
function json.encode(value)
  codec = codec or load_codec()
  if http1.json_suits(value) then
    return codec.encode(value)
  end
  return writer.write(value, codec.null)
end

--- What stands for null in decoded values.
function json.null()
  return (codec or load_codec()).null
end

return json

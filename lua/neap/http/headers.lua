--- Header fields: names in any case, values in the order in which they came.
---
--- Besides the methods, `headers["Content-Type"]` is a field's first value, and
--- assigning to it sets the field; a field that has the name of a method (none
--- that is in use has) is reached by the methods alone.
local args = require("neap.args")
local http1 = require("neap.proto.http1")

local headers = {}

---@class neap.http.Headers
---@field package _text string|false  the head, while it is not taken apart
---@field package _names string[]  as written
---@field package _keys string[]  in lower case
---@field package _values string[]
---@operator len: integer  how many fields
local Headers = { __name = "Headers" }
local methods = {}

-- Three lists of one length: the i-th field is _names[i] with _values[i]. Those
-- of Headers that have none yet are all this one. Those of a head that came are
-- made when they are first asked for.
local none = {}
local lists = { _names = true, _keys = true, _values = true }

--- The first value of a field, or nil.
---@overload fun(self: neap.http.Headers, name: string): string?
function methods.get(self, name)
  if type(name) ~= "string" then
    args.refuse("get", 1, name, 1, "string")
  end
  local text = self._text
  if text then
    return http1.field(text, name)
  end
  name = name:lower()
  local keys = self._keys
  for i = 1, #keys do
    if keys[i] == name then
      return self._values[i]
    end
  end
  return nil
end

--- All values of a field, in order; empty if there is none.
---@overload fun(self: neap.http.Headers, name: string): string[]
function methods.get_all(self, ...)
  local name = args.string("get_all", 1, (...), select("#", ...))
  if self._text then
    return http1.field(self._text, name, true)
  end
  name = name:lower()
  local found = {}
  for i, key in ipairs(self._keys) do
    if key == name then
      found[#found + 1] = self._values[i]
    end
  end
  return found
end

local function append(self, name, key, value)
  local n = #self._names + 1
  if n == 1 then
    self._names, self._keys, self._values = { name }, { key }, { tostring(value) }
    return
  end
  self._names[n], self._keys[n], self._values[n] = name, key, tostring(value)
end

--- Adds the value, or each value of a list.
local function append_all(self, name, key, value)
  if type(value) ~= "table" then
    return append(self, name, key, value)
  end
  for _, one in ipairs(value) do
    append(self, name, key, one)
  end
end

local function remove(self, key)
  local names, keys, values = self._names, self._keys, self._values
  local kept = 0
  for i = 1, #keys do
    if keys[i] ~= key then
      kept = kept + 1
      names[kept], keys[kept], values[kept] = names[i], keys[i], values[i]
    end
  end
  for i = kept + 1, #keys do
    names[i], keys[i], values[i] = nil, nil, nil
  end
end

--- Adds a value, or those of a list, to those that a field has.
---@overload fun(self: neap.http.Headers, name: string, value: string|number|list)
function methods.add(self, ...)
  local name, value = ...
  name = args.string("add", 1, name, select("#", ...))
  if value == nil then
    args.refuse("add", 2, value, select("#", ...), "value")
  end
  append_all(self, name, name:lower(), value)
end

--- Makes this value, or these of a list, the only ones of a field; nil removes
--- it.
---@overload fun(self: neap.http.Headers, name: string, value: string|number|list|nil)
function methods.set(self, ...)
  local name, value = ...
  if type(name) ~= "string" then
    name = args.string("set", 1, name, select("#", ...))
  end
  local key = name:lower()
  if #self._keys > 0 then
    remove(self, key)
  end
  if value ~= nil then
    append_all(self, name, key, value)
  end
end

--- Removes a field with all its values.
---@overload fun(self: neap.http.Headers, name: string)
function methods.remove(self, ...)
  local name = args.string("remove", 1, (...), select("#", ...))
  remove(self, name:lower())
end

--- Takes the head apart.
local function split(self)
  local names, keys, values = http1.fields(self._text)
  rawset(self, "_names", names)
  rawset(self, "_keys", keys)
  rawset(self, "_values", values)
  self._text = false
end

function Headers:__index(name)
  local method = methods[name]
  if method or type(name) ~= "string" then
    return method
  elseif lists[name] then
    split(self)
    return rawget(self, name)
  end
  return methods.get(self, name)
end

function Headers:__newindex(name, value)
  methods.set(self, name, value)
end

function Headers:__len()
  return #self._names
end

--- Gives each field's name, as it is written, and value.
function Headers:__pairs()
  local i = 0
  return function()
    i = i + 1
    return self._names[i], self._values[i]
  end
end

function Headers:__tostring()
  return ("Headers (%d)"):format(#self)
end

-- ---- making ------------------------------------------------------------------

local function adopt(names, keys, values)
  return setmetatable({ _names = names, _keys = keys, _values = values, _text = false }, Headers)
end

--- Those of a head that came; a request line is none.
---@param text string
---@return neap.http.Headers
function headers.of_head(text)
  return setmetatable({ _text = text, _names = nil, _keys = nil, _values = nil }, Headers) -- room for them
end

---@param value any
---@return boolean
function headers.is(value)
  return getmetatable(value) == Headers
end

local function by_name(a, b)
  return tostring(a) < tostring(b)
end

local function add_table(self, fields)
  local names = {}
  for name in pairs(fields) do
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  if #names > 1 then
    table.sort(names, by_name)
  end
  for _, name in ipairs(names) do
    append_all(self, name, name:lower(), fields[name])
  end
end

--- The three lists of a table of nothing but names and strings; nil for others.
local function lists_of(fields)
  local names, keys, values, n = {}, {}, {}, 0
  for name, value in next, fields do
    if type(name) ~= "string" or type(value) ~= "string" then
      return nil
    end
    n = n + 1
    names[n] = name
  end
  if n > 1 then
    table.sort(names)
  end
  for i = 1, n do
    local name = names[i]
    keys[i], values[i] = name:lower(), fields[name]
  end
  return names, keys, values
end

local function copy(list)
  return table.move(list, 1, #list, 1, {})
end

--- Fields of a table of names and values (a list of values repeats the name),
--- or of a list of `{ name, value }`, or a copy of other Headers.
---@overload fun(fields?: table): neap.http.Headers
function headers.new(...)
  local fields = ...
  if fields == nil then
    return adopt(none, none, none)
  elseif type(fields) ~= "table" then
    args.refuse("new", 1, fields, 1, "table")
  elseif headers.is(fields) then
    return adopt(copy(fields._names), copy(fields._keys), copy(fields._values))
  end
  local names, keys, values = lists_of(fields)
  if names then
    return adopt(names, keys, values)
  end
  local self = adopt(none, none, none)
  for i = 1, #fields do
    local field = fields[i]
    if type(field) ~= "table" or type(field[1]) ~= "string" or field[2] == nil then
      args.fail("new", 1, ("{ name, value } expected at index %d"):format(i))
    end
    append_all(self, field[1], field[1]:lower(), field[2])
  end
  add_table(self, fields)
  return self
end

--- Names, keys and values, for who only looks at them.
---@param fields neap.http.Headers|table|nil
function headers.lists(fields)
  if getmetatable(fields) ~= Headers then
    local names, keys, values
    if type(fields) == "table" then
      names, keys, values = lists_of(fields)
    end
    if names then
      return names, keys, values
    end
    fields = headers.new(fields)
  end
  return fields._names, fields._keys, fields._values
end

return headers

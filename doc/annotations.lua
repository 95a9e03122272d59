--- Reads the definitions in doc/types: what the reference is made of, and what
--- the specs compare with the modules themselves. A comment belongs to the line
--- of code below it; a text, then its example in a fence, then the annotations.
--- Two spaces stand between a type (or a name) and what is said about it. A large
--- module goes on in the files of its folder, which is read as if it were one file.
local annotations = {}

--- Those of LuaLS that the definitions use; another one is an error.
annotations.tags = {
  alias = true, async = true, class = true, field = true, meta = true, operator = true,
  overload = true, param = true, ["return"] = true,
}

---@class annotations.Field
---@field name string
---@field optional boolean
---@field type string
---@field text string

---@class annotations.Item
---@field kind "class"|"alias"|"function"
---@field name string  "neap.net.connect", "neap.Stream:read", "neap.Stream"
---@field owner string?  of a function: the class
---@field short string?  of a function: its last name
---@field method boolean?
---@field text string[]  lines
---@field example string?
---@field line integer
---@field async boolean?
---@field parent string?  of a class
---@field type string?  of an alias
---@field overloads string[]
---@field fields annotations.Field[]
---@field params annotations.Field[]
---@field returns annotations.Field[]

local CLOSERS = { ["("] = ")", ["<"] = ">", ["{"] = "}", ["["] = "]" }

--- The end of what one type takes of a text, from `at`: up to a space that is in
--- no bracket, and behind no "fun(...):", comma or "async".
local function type_end(text, at)
  local depth, i = 0, at
  while i <= #text do
    local char = text:sub(i, i)
    if CLOSERS[char] then
      depth = depth + 1
    elseif char == ")" or char == ">" or char == "}" or char == "]" then
      depth = depth - 1
    elseif char == " " and depth == 0 then
      local before = text:sub(at, i - 1)
      if not before:find("[:,]$") and not before:find("async$") then
        return i - 1
      end
    end
    i = i + 1
  end
  return #text
end

--- "type name  text" of a field, a parameter or a result; what is in front of the
--- two spaces, and what is behind.
local function split(rest)
  local front, text = rest:match("^(.-)  +(.*)$")
  return front or rest, text or ""
end

local function named(rest)
  local front, text = split(rest)
  local name, optional, kind = front:match("^(%[?[%w_.]+%]?)(%??) +(.+)$")
  assert(name, "no name and type: " .. rest)
  return { name = name, optional = optional == "?", type = kind, text = text }
end

local function result(rest)
  local front, text = split(rest)
  local stop = type_end(front, 1)
  return { type = front:sub(1, stop), name = front:sub(stop + 2), text = text, optional = false }
end

local function new_item()
  return { text = {}, overloads = {}, fields = {}, params = {}, returns = {} }
end

local take = {}

-- "_" is what a file says that goes on with a module.
function take.meta(file, _, rest)
  file.module = rest ~= "_" and rest or file.module
end

function take.class(_, item, rest)
  local front = split(rest)
  item.kind = "class"
  item.name, item.parent = front:match("^([%w_.]+): ([%w_.]+)$")
  item.name = item.name or front
end

function take.alias(_, item, rest)
  local name, kind = rest:match("^([%w_.]+) (.+)$")
  item.kind, item.name, item.type = "alias", name, kind
end

function take.async(_, item)
  item.async = true
end

function take.field(_, item, rest)
  table.insert(item.fields, named(rest))
end

function take.overload(_, item, rest)
  table.insert(item.overloads, rest)
end

-- What an operator gives is said in the text.
function take.operator()
end

function take.param(_, item, rest)
  table.insert(item.params, named(rest))
end

take["return"] = function(_, item, rest)
  table.insert(item.returns, result(rest))
end

--- Takes a fenced example out of the text of an item.
local function take_example(item)
  local text, example = {}, nil
  for _, line in ipairs(item.text) do
    if line == "```lua" then
      assert(not item.example, "two examples")
      example = {}
    elseif example and line == "```" then
      item.example = table.concat(example, "\n")
      example = nil
    else
      table.insert(example or text, line)
    end
  end
  assert(not example, "an example without its end")
  while text[#text] == "" do
    table.remove(text)
  end
  item.text = text
end

--- Reads one line of a comment into an item.
local function take_comment(file, item, line)
  local tag, rest = line:match("^%-%-%-@(%a+) ?(.*)$")
  if not tag then
    table.insert(item.text, (line:gsub("^%-%-%- ?", "")))
    return
  end
  assert(annotations.tags[tag], "unknown tag @" .. tag)
  take[tag](file, item, rest)
end

--- What the line of code below a comment makes of it. `classes` is the class of
--- each local name.
local function finish(item, code, classes)
  local owner, mark, name = code:match("^function ([%w_]+)([.:])([%w_]+)%(")
  if owner then
    local class = assert(classes[owner], "no class for " .. code)
    item.kind, item.owner, item.short = "function", class, name
    item.method = mark == ":"
    item.name = class .. mark .. name
  else
    local variable = code:match("^local ([%w_]+) = {}$")
    if variable and item.kind == "class" then
      classes[variable] = item.name
    end
  end
end

--- Whether an item names a class again to add functions to it.
local function goes_on(file, item)
  for _, other in ipairs(file.items) do
    if item.kind == "class" and other.name == item.name then
      assert(#item.text + #item.fields == 0, item.name .. " is there already")
      return true
    end
  end
  return false
end

--- Adds the definitions in a file to those of a module.
local function read_into(file, path)
  local item, classes, number = nil, {}, 0
  local function close(code)
    if not item then
      return
    end
    finish(item, code, classes)
    take_example(item)
    if item.kind and not goes_on(file, item) then
      table.insert(file.items, item)
    end
    item = nil
  end
  for line in io.lines(path) do
    number = number + 1
    local ok, err = pcall(function()
      if line:find("^%-%-%-") then
        item = item or new_item()
        item.line = item.line or number
        take_comment(file, item, line)
      else
        close(line)
      end
    end)
    if not ok then
      error(("%s:%d: %s"):format(path, number, tostring(err):gsub("^[^ ]+: ", "")), 0)
    end
  end
  close("")
end

---@class annotations.Module
---@field module string  "neap.net"
---@field path string  of its first file
---@field paths string[]  of all
---@field items annotations.Item[]

--- Reads the definitions of a module.
---@param ... string  the paths of its files
---@return annotations.Module
function annotations.read(...)
  local file = { path = (...), paths = { ... }, items = {} }
  for _, path in ipairs(file.paths) do
    read_into(file, path)
  end
  return file
end

--- The modules in the order of the reference; behind the name of each, the files of
--- its folder in the order of its page.
annotations.modules = {
  { "init", "combine", "cancel", "program", "future", "task" },
  { "loop" },
  { "sync", "lock", "semaphore", "event", "condition", "barrier", "queue" },
  { "net", "stream", "server", "udp" },
  { "protocol" },
  { "tls" },
  { "http", "client", "app", "server", "headers", "session", "websocket", "url" },
  { "fs", "file", "walk", "watch" },
  { "process" },
  { "signal" },
  { "thread" },
  { "testing" },
}

--- All definitions.
---@param dir? string  doc/types/neap by default
---@return annotations.Module[]
function annotations.read_all(dir)
  local files = {}
  for i, names in ipairs(annotations.modules) do
    local module = (dir or "doc/types/neap") .. "/" .. names[1]
    local paths = { module .. ".lua" }
    for j = 2, #names do
      paths[j] = ("%s/%s.lua"):format(module, names[j])
    end
    files[i] = annotations.read(table.unpack(paths))
  end
  return files
end

return annotations

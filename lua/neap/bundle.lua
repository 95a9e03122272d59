--- Programs of one file: the command itself, and behind it a script with the Lua
--- modules that it requires.
---
--- What lies behind is a row of strings in the format of string.pack: for each
--- module its name, its chunk name and its code; the script last, with the name
--- "". The command finds it by its end (src/cmd/payload.h).
local fs = require("neap.fs")
local scan = require("neap.scan")

local bundle = {}

local ENTRY = "<s4s4s4"
local TAIL = "<I8c8"
local MARK = "NEAPPROG"
local EXECUTABLE = 493 -- 0755

-- ---- making one ------------------------------------------------------------

--- The code of a file, checked; nil and why not.
local function compile(path, chunk_name, strip)
  local text, err = fs.read_file(path)
  if not text then
    return nil, tostring(err)
  end
  text = text:gsub("^\xEF\xBB\xBF", ""):gsub("^#[^\n]*", "--", 1)
  local fn, problem = load(text, chunk_name)
  if not fn then
    return nil, problem
  end
  return strip and string.dump(fn, true) or text, text
end

--- Whether the command has the module, or every Lua does.
local function is_built_in(name)
  return package.loaded[name] ~= nil or package.preload[name] ~= nil
end

---@class neap.Bundling
---@field entries string[]
---@field found table<string, true>  modules that were looked at
---@field notes string[]  what is left out
---@field strip boolean

local add_required

--- Adds a module; false if there is no such Lua file.
local function add_module(self, name)
  local path = package.searchpath(name, package.path)
  if not path then
    return false
  end
  local code, text = compile(path, "@" .. path, self.strip)
  if not code then
    return nil, text
  end
  table.insert(self.entries, ENTRY:pack(name, "@" .. path, code))
  return add_required(self, text, path)
end

--- Adds what a text requires. A module that is not found may be one that is
--- required in a `pcall`, so it is only noted.
function add_required(self, text, path)
  for _, name in ipairs(scan.requires(text)) do
    if not self.found[name] and not is_built_in(name) then
      self.found[name] = true
      local added, err = add_module(self, name)
      if added == nil then
        return nil, err
      elseif not added then
        local where = package.searchpath(name, package.cpath)
        local why = where and "is no Lua file but " .. where or "is not found"
        table.insert(self.notes, ("%s requires '%s', which %s: left out"):format(path, name, why))
      end
    end
  end
  return true
end

--- The own file, without a program behind it.
local function own_file()
  return fs.read_file("/proc/self/exe")
end

--- Whether both paths lead to one file.
local function is_same_file(a, b)
  local x, y = fs.stat(a), fs.stat(b)
  return x and y and x.dev == y.dev and x.ino == y.ino
end

--- Writes a program whose name is `output`.
---@async
---@param script string  a path
---@param output string  a path; a file there is replaced
---@param options { include: string[]?, strip: boolean? }
---@return string[]? notes  what is left out
---@return string|neap.Error|nil err
function bundle.make(script, output, options)
  local self = { entries = {}, found = {}, notes = {}, strip = options.strip }
  local code, text = compile(script, "@" .. script, options.strip)
  if not code then
    return nil, text
  end
  for _, name in ipairs(options.include or {}) do
    if not self.found[name] then
      self.found[name] = true
      local added, err = add_module(self, name)
      if not added then
        return nil, err or ("the module '%s' is not found in package.path"):format(name)
      end
    end
  end
  local ok, err = add_required(self, text, script)
  if not ok then
    return nil, err
  end
  local host, no_host = own_file()
  if not host then
    return nil, no_host
  end
  if is_same_file(script, output) then
    return nil, ("'%s' is the script itself"):format(output)
  end
  table.insert(self.entries, ENTRY:pack("", "@" .. script, code))
  local payload = table.concat(self.entries)
  local written, problem = fs.write_file(output, host .. payload .. TAIL:pack(#payload, MARK),
    { atomic = true, mode = EXECUTABLE })
  if not written then
    return nil, problem
  end
  return self.notes
end

-- ---- running one -----------------------------------------------------------

local function load_entry(code, chunk_name)
  return assert(load(code, chunk_name))
end

--- The script of a program, as a function; its modules are where `require`
--- looks first.
---@param payload string
---@return function script
function bundle.open(payload)
  local at = 1
  while at <= #payload do
    local name, chunk_name, code
    name, chunk_name, code, at = ENTRY:unpack(payload, at)
    if name == "" then
      return load_entry(code, chunk_name)
    end
    package.preload[name] = function(...)
      return load_entry(code, chunk_name)(...)
    end
  end
  error("the program in this file is damaged", 0)
end

return bundle

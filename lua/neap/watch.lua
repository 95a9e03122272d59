--- Changes of files and directories, as an iterator of events.
---
--- A directory is watched itself, a file through its directory: so an editor
--- that puts a new file in the place of the old one is followed. With
--- `recursive`, each directory below has a watch of its own; what appeared in a
--- new one before it had one is reported too. Events of one batch that say the
--- same are one event.
local core = require("neap.core")
local errors = require("neap.errors")

local watch = {}

-- Of inotify.
local MODIFY, ATTRIB, MOVED_FROM, MOVED_TO = 0x2, 0x4, 0x40, 0x80
local CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x100, 0x200, 0x400, 0x800
local OVERFLOW, IGNORED, IS_DIRECTORY = 0x4000, 0x8000, 0x40000000
local CHANGES = MODIFY | ATTRIB
local EVERYTHING = CHANGES | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF

---@class neap.WatchEvent
---@field path string
---@field kind "change"|"rename"|"overflow"  a rename: it came, went or was replaced

---@class neap.Watch
---@field package _notifier table
---@field package _paths table<integer, string>  watch -> directory
---@field package _root string  as it was given
---@field package _only string?  the name of the file that is watched
---@field package _recursive boolean
---@field package _events neap.WatchEvent[]  not given yet, the next one last
---@overload async fun(self: neap.Watch): neap.WatchEvent?
local Watch = { __name = "Watch" }
Watch.__index = Watch

local function join(dir, name)
  return dir:sub(-1) == "/" and dir .. name or dir .. "/" .. name
end

local function add_directory(self, path)
  local id, err = self._notifier:add(path, EVERYTHING)
  if id then
    self._paths[id] = path
  end
  return id, err
end

--- Watches what is below a directory; `found` is called for each path.
local function add_below(self, path, found)
  local entries = require("neap.fs").walk(path)
  if not entries then
    return -- it is gone again
  end
  local open <close> = entries
  for entry, kind in open do
    if kind == "directory" then
      add_directory(self, entry)
    end
    if found then
      found(entry)
    end
  end
end

--- Adds an event to the batch, once.
local function note(batch, path, kind)
  local key = kind .. path
  if not batch[key] then
    batch[key] = true
    table.insert(batch, { path = path, kind = kind })
  end
end

local function note_new_directory(self, batch, path)
  if add_directory(self, path) then
    add_below(self, path, function(entry)
      note(batch, entry, "rename")
    end)
  end
end

local function read_event(self, batch, id, mask, name)
  local dir = self._paths[id]
  if mask & OVERFLOW ~= 0 then
    note(batch, self._root, "overflow")
    if self._recursive then
      add_below(self, self._root)
    end
  elseif not dir then
    return
  elseif mask & IGNORED ~= 0 then
    self._paths[id] = nil
  elseif self._only then
    if name == self._only then
      note(batch, self._root, mask & CHANGES ~= 0 and "change" or "rename")
    end
  elseif name == "" then
    -- a subdirectory tells its parent as well
    if dir == self._root then
      note(batch, dir, mask & CHANGES ~= 0 and "change" or "rename")
    end
  else
    local path = join(dir, name)
    note(batch, path, mask & CHANGES ~= 0 and "change" or "rename")
    if self._recursive and mask & IS_DIRECTORY ~= 0 and mask & (CREATE | MOVED_TO) ~= 0 then
      note_new_directory(self, batch, path)
    end
  end
end

--- Waits for the next batch; false once it is closed.
local function read_batch(self)
  local raw = self._notifier:read()
  if not raw then
    return false
  end
  local batch = {}
  for _, event in ipairs(raw) do
    read_event(self, batch, event[1], event[2], event[3])
  end
  for i = #batch, 1, -1 do
    table.insert(self._events, batch[i])
  end
  return true
end

---@async
---@return neap.WatchEvent?
function Watch:__call()
  core.checkwait()
  while #self._events == 0 do
    if not read_batch(self) then
      return nil
    end
  end
  return core.settle(table.remove(self._events))
end

function Watch:close()
  self._notifier:close()
  self._events = {}
end

Watch.__close = Watch.close

local function split(path)
  local dir, name = path:match("^(.*/)([^/]+)/*$")
  if not dir then
    return ".", path
  end
  return dir, name
end

local function start(self, path, kind)
  if kind ~= "directory" then
    local dir
    dir, self._only = split(path)
    return add_directory(self, dir)
  end
  local id, err = add_directory(self, path)
  if id and self._recursive then
    add_below(self, path)
  end
  return id, err
end

--- Watches a path; checked arguments.
---@async
---@return neap.Watch? events
---@return neap.Error? err
function watch.new(path, recursive)
  local stat, err = core.fs.stat(path)
  if not stat then
    local text = err.message:gsub("^stat ", "watch ")
    return nil, errors.new(err.code, text, { op = "watch", path = path })
  end
  local notifier
  notifier, err = core.notifier()
  if not notifier then
    return nil, err
  end
  local self = setmetatable({
    _notifier = notifier,
    _paths = {},
    _root = path,
    _recursive = recursive or false,
    _events = {},
  }, Watch)
  local ok
  ok, err = start(self, path, stat.type)
  if not ok then
    notifier:close()
    return nil, err
  end
  return self
end

return watch

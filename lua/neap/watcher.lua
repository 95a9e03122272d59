--- `neap --watch`: runs a program again whenever a file that it loaded changes.
---
--- The program is a process of its own, so that nothing it does, ending or
--- crashing included, ends the watching. What it loads it writes down in a file
--- (see loads.lua). The directories of those files are watched; after an event,
--- and a moment without another one, the files are compared with what they
--- were. A file that is gone is waited for: editors do that while they save.
local fs = require("neap.fs")
local neap = require("neap")
local process = require("neap.process")
local signal = require("neap.signal")

local watcher = {}

local QUIET = 0.05 -- seconds without an event before the files are looked at
local BUSY = 1 -- the longest that is waited for such a moment
local RETRY = 0.5 -- seconds until a directory that was gone is looked for
local GRACE = 6 -- seconds that a program has to unwind; the host takes 5

---@class neap.Watcher
---@field package _words string[]  the command to run, from the program's name on
---@field package _log string  the file that the program writes
---@field package _script string?
---@field package _files table<string, string>  path -> what it was like
---@field package _names table<string, table<string, true>>  directory -> names in it that matter
---@field package _events neap.Event  something has happened in one of them
---@field package _child neap.Process
---@field package _ended neap.Task  waits for it
---@field package _stopping boolean  its end is our wish
---@field package _group neap.TaskGroup
local Watcher = {}
Watcher.__index = Watcher

local function say(text, ...)
  io.stderr:write("neap: watch: ", text:format(...), "\n")
end

--- What tells one state of a file from another, as in loads.lua; nil if the file
--- is not there.
local function state_of(path)
  local stat = fs.stat(path)
  return stat and ("%d %d %.9f"):format(stat.ino, stat.size, stat.mtime)
end

-- ---- what is watched -------------------------------------------------------

local function watch_directory(self, path)
  local names = self._names[path]
  while true do
    local events = fs.watch(path)
    if events then
      local open <close> = events
      self._events:set() -- what came before is not missed
      for event in open do
        if names[event.path:match("[^/]*$")] or event.kind == "overflow" then
          self._events:set()
        end
      end
    end
    neap.sleep(RETRY)
  end
end

local function add_name(self, path)
  local directory, name = path:match("^(.*)/([^/]*)$")
  directory, name = directory or ".", name or path
  directory = directory == "" and "/" or directory
  if not self._names[directory] then
    self._names[directory] = {}
    self._group:spawn(watch_directory, self, directory)
  end
  self._names[directory][name] = true
end

--- Adds a file that was in this state when it was loaded.
local function add_file(self, path, state)
  if not self._files[path] then
    self._files[path] = state or "gone"
    add_name(self, path)
  end
end

--- The lines of the log: files to add; returns those of the ports.
local function read_log(self)
  local ports = {}
  for line in (fs.read_file(self._log) or ""):gmatch("([^\n]*)\n") do
    local state, path = line:match("^load (%d+ %d+ [%d.]+) (.+)$")
    if state then
      add_file(self, path, state)
    elseif line:find("^port ") then
      table.insert(ports, line .. "\n")
    end
  end
  return table.concat(ports)
end

--- The first file that is not what it was, or nil.
local function changed(self)
  for path, before in pairs(self._files) do
    local now = state_of(path)
    if now and now ~= before then
      return path
    end
  end
  return nil
end

--- Waits for an event, and then for a moment without one.
local function wait_for_events(self)
  self._events:wait()
  local latest = neap.loop.time() + BUSY
  repeat
    self._events:clear()
    local more = pcall(neap.timeout, QUIET, self._events.wait, self._events)
  until not more or neap.loop.time() > latest
end

--- Waits until one of the files has changed.
local function wait_for_change(self)
  local path
  repeat
    wait_for_events(self)
    read_log(self)
    path = changed(self)
  until path
  return path
end

-- ---- the program -----------------------------------------------------------

--- Starts the program, with the ports that it had.
local function start(self)
  assert(fs.write_file(self._log, read_log(self)))
  self._files = {}
  if self._script then
    add_file(self, self._script, state_of(self._script))
  end
  local child = assert(process.spawn(self._words, {}))
  local ended = neap.spawn(child.wait, child)
  self._child, self._ended, self._stopping = child, ended, false
  self._group:spawn(function()
    neap.wait({ ended })
    local code, killer = ended:result()
    if self._ended == ended and not self._stopping then
      say(killer and "ended by SIG%s; waiting for a change" or "ended with status %d; waiting for a change",
        killer or code)
    end
  end)
end

--- Asks the program to end, and waits until it has.
local function stop(self, name)
  self._stopping = true
  if not self._ended:done() then
    self._child:kill(name)
    if #neap.wait({ self._ended }, { timeout = GRACE }) == 0 then
      self._child:kill("KILL")
      neap.wait({ self._ended })
    end
  end
end

--- Ends the program, and then us, when a signal says so.
local function end_on_signal(self)
  local status = { INT = 130, TERM = 143 }
  local name = signal.wait("INT", "TERM")
  -- A terminal has sent it to the program as well, which would take a second
  -- one for an order to end at once. This one does not count as such.
  neap.shield(stop, self, "USR2")
  neap.exit(status[name])
end

local Closing = {
  __close = function(self)
    neap.shield(fs.remove, self.log)
  end,
}

--- Runs a program again whenever a file that it loaded changes. Ends with the
--- program on a signal.
---@async
---@param script string?  what it runs, as far as that is a file
---@param program string  how this program was called
---@param words string[]  its arguments
function watcher.run(script, program, words)
  local file, log = assert(fs.mkstemp("neap-watch-"))
  file:close()
  local _ <close> = setmetatable({ log = log }, Closing)
  local group <close> = neap.task_group()
  local self = setmetatable({
    _script = script,
    _words = { program, "--watched", log, table.unpack(words) },
    _log = log,
    _files = {},
    _names = {},
    _events = neap.sync.event(),
    _group = group,
  }, Watcher)
  group:spawn(end_on_signal, self)
  add_name(self, log)
  while true do
    start(self)
    local path = wait_for_change(self)
    say("%s has changed, starting again", path)
    stop(self, "TERM")
  end
end

return watcher

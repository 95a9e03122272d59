--- Where the prompt reads its lines: a terminal with the line editor, or any
--- input otherwise. Both have `readline(prompt)`, `interrupt()`, `resume()`,
--- `remember(line)` and `close()`.
---
--- While somebody types, tasks go on. What they write through print, io or the
--- standard streams goes above the line: the functions they write with are
--- replaced by ones that take the line off the screen first; it comes back at
--- the next turn. What children and C libraries write is not seen here.
local completion = require("neap.completion")
local core = require("neap.core")
local neap = require("neap")

local console = {}

local NAMES_SHOWN = 200 -- of a completion

-- ---- any input -------------------------------------------------------------

---@class neap.PlainConsole
---@field package _echo boolean  the input is not seen otherwise
local Plain = {}
Plain.__index = Plain

---@async
---@param prompt string
---@return string? line  nil at the end
function Plain:readline(prompt)
  io.stdout:write(prompt)
  io.stdout:flush()
  local line = neap.stdin:readline()
  if line and self._echo then
    io.stdout:write(line, "\n")
  elseif not line then
    io.stdout:write("\n")
  end
  return line
end

function Plain:interrupt()
  io.stdout:write("\n")
  io.stdout:flush()
end

function Plain:resume() end
function Plain:remember() end
function Plain:close() end

Plain.__close = Plain.close

-- ---- a terminal ------------------------------------------------------------

---@class neap.Terminal
---@field package _editor table
---@field package _events neap.Queue  what was typed, and "interrupt"
---@field package _typing boolean  a line is being edited
---@field package _hidden boolean  it is off the screen, for what is written
---@field package _fresh boolean  what was written ended with a newline
---@field package _restore fun()
local Terminal = {}
Terminal.__index = Terminal

--- Puts the line back below what was written.
local function reveal(self)
  if self._typing and self._hidden then
    self._hidden = false
    if not self._fresh then
      self._write("\n")
    end
    self._editor:show()
  end
end

--- Something is about to be written that ends with `last`.
local function make_room(self, last)
  if not self._typing then
    return
  end
  if not self._hidden then
    self._hidden = true
    self._editor:hide()
    core.spawn_callback(reveal, self)
  end
  last = tostring(last or "")
  self._fresh = last == "" and self._fresh or last:sub(-1) == "\n"
end

--- Replaces `holder[name]`; returns what puts the old one back.
local function replace(holder, name, make)
  local old = rawget(holder, name)
  local new = make(old)
  rawset(holder, name, new)
  return function()
    if rawget(holder, name) == new then
      rawset(holder, name, old)
    end
  end
end

local function is_output(file)
  return file == io.stdout or file == io.stderr or file == rawget(neap, "stdout")
    or file == rawget(neap, "stderr")
end

--- Replaces what scripts write with; returns a function that undoes it.
local function watch_output(self)
  local undo = {}
  local function method(old)
    return function(file, ...)
      if is_output(file) then
        make_room(self, (select(-1, "", ...)))
      end
      return old(file, ...)
    end
  end
  undo[1] = replace(_G, "print", function(old)
    return function(...)
      make_room(self, "\n")
      return old(...)
    end
  end)
  undo[2] = replace(io, "write", function(old)
    return function(...)
      if is_output(io.output()) then
        make_room(self, (select(-1, "", ...)))
      end
      return old(...)
    end
  end)
  undo[3] = replace(debug.getmetatable(io.stdout).__index, "write", method)
  undo[4] = replace(debug.getmetatable(neap.stdin).__index, "write", method)
  return function()
    for _, put_back in ipairs(undo) do
      put_back()
    end
  end
end

local function complete(self, text)
  if not text:find("%S") then
    self._editor:insert("  ")
    return
  end
  local word, names = completion.find(text)
  local common = completion.common(names)
  if #common > #word then
    self._editor:insert(common:sub(#word + 1))
  elseif #names > 1 then
    local shown = table.concat(names, "  ", 1, math.min(#names, NAMES_SHOWN))
    make_room(self, "\n")
    self._write(shown, #names > NAMES_SHOWN and "  …\n" or "\n")
    reveal(self)
  end
end

--- A task that takes what is typed, for as long as a line is being edited.
local function take_keys(self)
  repeat
    local ready, err = neap.wait_readable(0)
    local keys = ready and self._editor:read()
    self._events:put_nowait({ keys = keys, err = err })
  until not keys
end

--- Edits one line; "line" and its text, "end" or "interrupt".
local function edit(self)
  local pending = ""
  while true do
    reveal(self)
    local event, text = self._editor:feed(pending)
    pending = ""
    if event == "complete" then
      complete(self, text)
    elseif event then
      return event, text
    else
      local next_event = self._events:get()
      if next_event.interrupt then
        return "interrupt"
      elseif not next_event.keys then
        return "end"
      end
      pending = next_event.keys
    end
  end
end

local function stop_typing(self, reader)
  if reader then
    reader:cancel()
  end
  if self._typing then
    reveal(self)
    self._typing = false
    self._editor:stop()
  end
  neap.stdin:raw(false)
end

---@async
---@param prompt string
---@return string? line  nil at the end, and where Ctrl-C gives up the line
---@return boolean? given_up
function Terminal:readline(prompt)
  neap.stdin:raw(true)
  self._editor:start(prompt)
  self._typing, self._hidden, self._fresh = true, false, true
  local reader = neap.spawn(take_keys, self)
  reader:set_daemon(true)
  local _ <close> = setmetatable({}, { __close = function()
    stop_typing(self, reader)
  end })
  local event, text = edit(self)
  if event == "line" then
    self._typing = false -- the editor has left the line
    return text
  elseif event == "interrupt" then
    self._editor:clear()
    stop_typing(self)
    self._write(prompt, "^C\n")
    return nil, true
  end
  stop_typing(self)
  self._write(prompt, "\n")
  return nil
end

function Terminal:interrupt()
  self._events:put_nowait({ interrupt = true })
end

--- After SIGCONT and SIGWINCH.
function Terminal:resume()
  if self._typing then
    reveal(self)
    self._editor:resume()
  end
end

--- Adds a line to the history.
function Terminal:remember(line)
  self._editor:add(line)
end

function Terminal:close()
  self._restore()
  stop_typing(self)
  self._editor:close()
end

Terminal.__close = Terminal.close

-- ---- which of them ---------------------------------------------------------

local function open_editor()
  local term = os.getenv("TERM")
  if not term or term == "" or term == "dumb" then
    return nil
  end
  local ok, edit_module = pcall(require, "neap.proto.edit")
  return ok and edit_module.open() or nil
end

--- The terminal that the command runs on, or what there is instead of one.
---@return neap.Terminal|neap.PlainConsole
function console.open()
  local is_terminal = neap.stdin:isatty()
  local editor = is_terminal and neap.stdout:isatty() and open_editor()
  if not editor then
    return setmetatable({ _echo = not is_terminal }, Plain)
  end
  local self = setmetatable({ _editor = editor, _typing = false, _hidden = false, _fresh = true }, Terminal)
  local write = debug.getmetatable(io.stdout).__index.write
  self._events = neap.sync.queue()
  self._write = function(...)
    write(io.stdout, ...)
    io.stdout:flush()
  end
  self._restore = watch_output(self)
  return self
end

return console

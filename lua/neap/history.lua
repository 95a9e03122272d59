--- What was typed at earlier prompts: a file of lines, the oldest first. A file
--- that cannot be read or written is no reason to complain.
local neap = require("neap")

local history = {}

local LINES, LENGTH, SIZE = 1000, 4096, 1 << 20 -- the most that is kept, read

---@class neap.History
---@field package _path string?  nil: nothing is kept
---@field package _console table
---@field package _last string?
local History = {}
History.__index = History

--- Whether a line can be shown, so that a damaged file does no harm.
local function is_sound(line)
  return #line > 0 and #line <= LENGTH and utf8.len(line) ~= nil and not line:find("[\0-\8\10-\31\127]")
end

local function state_path()
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if not state or state:sub(1, 1) ~= "/" then
    state = home and home:sub(1, 1) == "/" and home .. "/.local/state"
  end
  return state and state .. "/neap/history" or nil
end

--- The text of the file, as far as it is one.
local function read(path)
  local stat = neap.fs.stat(path)
  if not stat or stat.type ~= "file" or stat.size > SIZE then
    return nil
  end
  return neap.fs.read_file(path)
end

--- Its sound lines; true as the second value if there was something else.
local function lines_of(text)
  local lines, dropped = {}, false
  for line in text:gmatch("[^\n]+") do
    if is_sound(line) then
      lines[#lines + 1] = line
    else
      dropped = true
    end
  end
  if #lines > LINES then
    lines = table.move(lines, #lines - LINES + 1, #lines, 1, {})
    dropped = true
  end
  return lines, dropped
end

--- Opens the history of the user and gives it to a console, which has
--- `remember(line)`.
---@async
---@return neap.History
function history.open(terminal)
  local self = setmetatable({ _console = terminal, _path = terminal._editor and state_path() }, History)
  local text = self._path and read(self._path)
  local lines, dropped = lines_of(text or "")
  self._last = lines[#lines]
  for _, line in ipairs(lines) do
    terminal:remember(line)
  end
  if dropped then
    neap.fs.write_file(self._path, table.concat(lines, "\n") .. "\n", { atomic = true, mode = 384 })
  end
  return self
end

--- Adds a line that was typed.
---@async
---@return string line
function History:add(line)
  if line == self._last or not is_sound(line) then
    return line
  end
  self._last = line
  self._console:remember(line)
  if self._path then
    local options = { append = true, mode = 384 } -- 0600
    local ok, err = neap.fs.write_file(self._path, line .. "\n", options)
    if not ok and err.code == "ENOENT" then
      local made = neap.fs.mkdir(self._path:match("^(.*)/"), { parents = true, mode = 448 })
      ok = made and neap.fs.write_file(self._path, line .. "\n", options)
    end
    if not ok then
      self._path = nil -- not here
    end
  end
  return line
end

return history

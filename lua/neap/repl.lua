--- The prompt. Each input is a task of its own, so it may wait; the others go
--- on meanwhile, and while somebody types. Ctrl-C cancels what runs, the end of
--- the input (Ctrl-D) ends the program.
local console = require("neap.console")
local core = require("neap.core")
local history = require("neap.history")
local inspect = require("neap.inspect")
local neap = require("neap")

local repl = {}

-- So many interrupts leave a task alone that does not end.
local PATIENCE = 3

local function prompt(first)
  local text = rawget(_G, first and "_PROMPT" or "_PROMPT2")
  if text == nil then
    return first and "> " or ">> "
  end
  return tostring(text)
end

--- The function that an input is, or nil and an error; nil alone if the user
--- gave it up. An expression returns its values; further lines are read while
--- one is not complete.
local function compile(input, more)
  local expression = input:gsub("^=", "")
  local fn, err = load("return " .. expression, "=stdin", "t")
  while not fn do
    fn, err = load(input, "=stdin", "t")
    if fn or err:sub(-5) ~= "<eof>" then
      break
    end
    local line, given_up = more()
    if given_up then
      return nil
    elseif not line then
      break
    end
    input = input .. "\n" .. line
  end
  return fn, err
end

--- What `lua` shows of an error, with neap's own errors traced as well.
local function message_of(err, traceback)
  local text = err
  local metatable = debug.getmetatable(err)
  local speaks = type(metatable) == "table" and rawget(metatable, "__tostring")
  if type(err) == "number" then
    text = tostring(err)
  elseif type(err) ~= "string" then
    local ok, said = pcall(tostring, err)
    if speaks and ok and not neap.error_code(err) then
      return said
    end
    text = speaks and ok and said or ("(error object is a %s value)"):format(type(err))
  end
  return traceback and ("%s\n%s\n\t[C]: in ?"):format(text, traceback) or text
end

local function complain(text)
  io.stdout:flush()
  io.stderr:write(text, "\n")
end

local function show(...)
  local values = table.pack(...)
  if values.n == 0 then
    return
  end
  for i = 1, values.n do
    values[i] = inspect.show(values[i])
  end
  local ok, err = pcall(print, table.unpack(values, 1, values.n))
  if not ok then
    complain(("error calling 'print' (%s)"):format(tostring(err)))
  end
end

--- Runs an input to its end, or until Ctrl-C has been pressed in vain.
local function evaluate(self, fn)
  local task = neap.spawn(fn)
  task:set_name("input")
  self.task, self.interrupts = task, 0
  local given_up = neap.future()
  self.given_up = given_up
  neap.wait({ task, given_up }, { when = "first" })
  self.task = nil
  if not task:done() then
    complain("it does not end; it goes on behind the prompt")
    return
  end
  core.interrupt(false)
  local results = table.pack(pcall(task.result, task))
  if results[1] then
    show(table.unpack(results, 2, results.n))
  else
    complain(message_of(results[2], task:traceback()))
  end
end

local function on_interrupt(self)
  if not self.task then
    self.console:interrupt()
    return
  end
  io.stdout:write("\n")
  io.stdout:flush()
  self.interrupts = self.interrupts + 1
  self.task:cancel("interrupted")
  core.interrupt(true) -- it may compute
  if self.interrupts == PATIENCE then
    self.given_up:set_result()
  end
end

--- Takes the signals of a terminal until its handle is closed.
local function take_signals(self)
  local signals = assert(neap.signal.stream("INT", "WINCH", "CONT"))
  local task = neap.spawn(function()
    for name in signals do
      if name == "INT" then
        on_interrupt(self)
      else
        self.console:resume()
      end
    end
  end)
  task:set_daemon(true)
  return signals
end

local function read_and_run(self)
  local function read(first)
    local line, given_up = self.console:readline(prompt(first))
    return line and self.history:add(line), given_up
  end
  while true do
    local line, given_up = read(true)
    if line then
      local fn, err = compile(line, read)
      if fn then
        evaluate(self, fn)
      elseif err then
        complain(err)
      end
    elseif not given_up then
      return
    end
  end
end

--- Reads and runs what is typed until its end, then ends the program.
---@async
function repl.run()
  do
    local terminal <close> = console.open()
    local self = { console = terminal }
    self.history = history.open(terminal)
    local _ <close> = neap.stdin:isatty() and take_signals(self) or nil
    core.forever() -- a prompt is never a deadlock
    read_and_run(self)
  end
  neap.exit(0)
end

return repl

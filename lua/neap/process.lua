--- Other programs: running one for its output, and starting one to talk to.
local args = require("neap.args")
local combine = require("neap.combine")
local core = require("neap.core")
local errors = require("neap.errors")

local process = {}

local DEFAULT_PATH = "/usr/local/bin:/bin:/usr/bin"
--- Seconds from TERM to KILL, and for outputs to end after their process.
local GRACE = 1
--- The most that `run` takes of each output unless told otherwise.
local MAX_OUTPUT = 256 << 20

-- ---- options ---------------------------------------------------------------

local option = args.option
local id_option = option.integer(0, 0xfffffffe)
---@alias neap.Stdio "pipe"|"inherit"|"null"|neap.Stream|integer

---@class neap.SpawnOptions
---@field stdin neap.Stdio?  default "inherit"; in `run` "null", or a pipe for `input`
---@field stdout neap.Stdio?  default "inherit"; in `run` "pipe"
---@field stderr neap.Stdio?  likewise
---@field cwd string?
---@field env table<string, string|number>?  replaces the environment
---@field uid integer?
---@field gid integer?
---@field detached boolean?  a session of its own, and the program does not wait for it
---@field argv0 string?  what it sees as its own name
---@field shell boolean?  take a command line for /bin/sh

---@class neap.RunOptions: neap.SpawnOptions
---@field input string?
---@field timeout number?  seconds
---@field max_output integer?  bytes of each output; more is `LIMIT`. Default 256 MiB

local words = { pipe = true, inherit = true, null = true }

local function text_option(value)
  if type(value) ~= "string" then
    return ("(string expected, got %s)"):format(type(value))
  end
  return value:find("\0", 1, true) and "contains a zero byte"
end

local function input_option(value)
  return type(value) ~= "string" and ("(string expected, got %s)"):format(type(value))
end

local function stdio_option(value)
  local fd = math.type(value) == "integer" and value >= 0 and value <= 0x7fffffff
  local ok = words[value] or fd or core.is_stream(value)
  return not ok and 'is none of "pipe", "inherit", "null", a Stream and a descriptor'
end

local function env_option(value)
  if type(value) ~= "table" then
    return ("(table expected, got %s)"):format(type(value))
  end
  for name, text in next, value do
    if type(name) ~= "string" or name == "" or name:find("[=\0]") then
      return ("has the invalid name '%s'"):format(tostring(name))
    elseif type(text) ~= "number" and text_option(text) then
      return ("has an invalid value for '%s'"):format(name)
    end
  end
end

local spawn_options = {
  stdin = stdio_option,
  stdout = stdio_option,
  stderr = stdio_option,
  cwd = text_option,
  env = env_option,
  uid = id_option,
  gid = id_option,
  detached = option.boolean,
  argv0 = text_option,
  shell = option.boolean,
}

local run_options = {
  input = input_option,
  timeout = option.seconds,
  max_output = option.count,
}
for name, kind in pairs(spawn_options) do
  run_options[name] = run_options[name] or kind
end
run_options.detached = nil

--- The program and its arguments as strings, or nil, what is wrong, and what
--- was expected instead of it.
local function command_of(argv, shell)
  if shell then
    if type(argv) ~= "string" then
      return nil, nil, "string"
    elseif argv:find("\0", 1, true) then
      return nil, "command contains a zero byte"
    end
    return { "/bin/sh", "-c", argv }
  elseif type(argv) ~= "table" then
    return nil, nil, "table"
  elseif argv[1] == nil then
    return nil, "names no program"
  end
  local command = {}
  for i = 1, #argv do
    local word = argv[i]
    if type(word) == "number" then
      word = tostring(word)
    end
    local problem = text_option(word)
    if problem then
      return nil, ("argument %d %s"):format(i, problem)
    end
    command[i] = word
  end
  return command
end

-- ---- processes -------------------------------------------------------------

---@class neap.Process
---@field pid integer
---@field stdin neap.Stream?  of what was asked to be a pipe
---@field stdout neap.Stream?
---@field stderr neap.Stream?
---@field package _child userdata
---@field package _name string
---@field package _closing boolean
local Process = { __name = "Process" }
Process.__index = Process

--- Waits until it has ended. Any number of tasks may wait.
---@async
---@return integer? code  nil if it was killed
---@return string? signal  the name of what killed it
function Process:wait()
  return self._child:wait()
end

--- Sends it a signal.
---@param signal? string|integer  a name or a number, default "TERM"
---@return true? ok
---@return neap.Error? err  `ESRCH` if it has ended
function Process:kill(signal)
  local number = math.tointeger(signal)
  if signal == nil then
    number = core.signal_number("TERM")
  elseif type(signal) == "string" then
    number = core.signal_number(signal)
    if not number then
      args.fail("kill", 1, ("unknown signal '%s'"):format(signal))
    end
  elseif not number then
    args.refuse("kill", 1, signal, 1, "string")
  end
  return self._child:kill(number)
end

local NUMBERS = { TERM = core.signal_number("TERM"), KILL = core.signal_number("KILL") }

--- To it and its group; takes no memory.
local function send(self, signal)
  self._child:kill(NUMBERS[signal], true)
end

local function close_pipes(self)
  for _, name in ipairs({ "stdin", "stdout", "stderr" }) do
    if self[name] then
      self[name]:close()
    end
  end
end

--- After TERM: KILL if it has not ended within a second; waits for the end.
local function await_end(self)
  if not pcall(core.timeout, GRACE, self._child.wait, self._child) then
    send(self, "KILL")
    self._child:wait()
  end
end

--- Ends it: TERM, and after a second KILL. Closes its pipes. Does not wait.
function Process:close()
  close_pipes(self)
  if not self._closing and not self._child:ended() then
    self._closing = true
    send(self, "TERM")
    core.spawn(core.shield, await_end, self):set_name("process close")
  end
end

--- Waits for the end of one that got TERM.
local function finish(self)
  await_end(self)
  close_pipes(self)
end

--- Ends it as close does, and waits until it has. Where there is no memory to
--- wait, it has got TERM.
function Process:__close()
  if self._child:ended() then
    close_pipes(self)
  elseif core.canyield() then
    if self.stdin then
      self.stdin:abort()
    end
    send(self, "TERM")
    core.shield(finish, self)
  else
    self:close()
  end
end

function Process:__tostring()
  local state = self._child:ended() and "ended" or "running"
  return ("Process %d: %s, %s"):format(self.pid, self._name, state)
end

local function environment(env)
  if not env then
    return nil
  end
  local list = {}
  for name, value in next, env do
    table.insert(list, name .. "=" .. value)
  end
  table.sort(list)
  return list
end

--- Starts a command whose options are checked. `mode` is "group" for a process
--- group of its own.
local function start(command, opts, stdio, mode)
  local program = command[1]
  if opts.argv0 then
    command = table.move(command, 1, #command, 1, {})
    command[1] = opts.argv0
  end
  local fds = {}
  for i, name in ipairs({ "stdin", "stdout", "stderr" }) do
    local value = opts[name] or stdio[i]
    fds[i] = value == "inherit" and i - 1 or value
  end
  -- made before: no want of memory comes between a child and what ends it
  local self = setmetatable({
    pid = false,
    stdin = false,
    stdout = false,
    stderr = false,
    _child = false,
    _name = program,
    _closing = false,
  }, Process)
  local path = (opts.env or { PATH = os.getenv("PATH") }).PATH
  local child, stdin, stdout, stderr = core.launch(program, command, environment(opts.env),
    path or DEFAULT_PATH, opts.cwd, fds[1], fds[2], fds[3], opts.uid, opts.gid,
    opts.detached and "session" or mode, opts.detached or false)
  if not child then
    return nil, stdin
  end
  self._child, self.pid = child, child:pid()
  self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
  return self
end

local INHERIT = { "inherit", "inherit", "inherit" }

--- Starts a program. Keeps our own alive until it has ended, unless it is
--- `detached`; collected, it goes on. Where our own ends before (by an error or
--- `neap.exit`), it is ended as `close` does it, unless it is `detached`.
---@param argv string[]|string  program and arguments; with `shell`, a command line
---@param opts neap.SpawnOptions?
---@return neap.Process? process
---@return neap.Error? err
function process.spawn(...)
  local argv, opts = ...
  opts = args.options("spawn", 2, opts, spawn_options)
  local command, problem, expected = command_of(argv, opts.shell)
  if problem then
    args.fail("spawn", 1, problem)
  elseif not command then
    args.refuse("spawn", 1, argv, select("#", ...), expected)
  end
  return start(command, opts, INHERIT)
end

-- ---- run -------------------------------------------------------------------

--- What one call of `run` does: ended by __close, whatever happens.
---@class neap.Run
---@field child neap.Process
---@field tasks neap.Task[]  that feed it and collect its outputs
---@field failure any  what is to be told; false: nothing yet
local Run = {}

function Run:__close()
  for _, task in ipairs(self.tasks) do
    task:cancel()
  end
  local _ <close> = self.child
end

--- Takes no memory, as `failure` has a place from the start.
local function fail(run, err)
  run.failure = run.failure or err
  send(run.child, "KILL")
end

--- Collects an output in `chunks`.
local function collect_in(run, stream, chunks, max)
  local size = 0
  local data, err = stream:read()
  while data do
    size = size + #data
    if size > max then
      local text = ("run %s: more than %d bytes of output"):format(run.child._name, max)
      return fail(run, errors.new("LIMIT", text, { op = "run", path = run.child._name }))
    end
    table.insert(chunks, data)
    data, err = stream:read()
  end
  if err then
    fail(run, err)
  end
end

--- A child whose output nobody reads any more would never end: whatever ends
--- the task that collects it (no memory) ends the run.
local Collecting = {}

function Collecting:__close(err)
  if err ~= nil and not errors.is_cancelled(err) then
    fail(self.run, err)
  end
end

--- Collects an output. Where there is no memory to call `__close`, there is
--- for what follows a pcall.
local function collect(run, ...)
  local _ <close> = setmetatable({ run = run }, Collecting)
  local ok, err = pcall(collect_in, run, ...)
  if not ok then
    if not errors.is_cancelled(err) then
      fail(run, err)
    end
    error(err, 0)
  end
end

--- A child that does not read all of its input is no failure.
local function feed(stream, input)
  if stream:write(input) then
    stream:flush()
  end
  stream:abort()
end

local function add_task(run, fn, ...)
  local task = core.spawn(fn, ...)
  table.insert(run.tasks, task)
  return task
end

--- Waits for the child and its outputs; its code and signal.
local function wait_all(run, outputs)
  local code, signal = run.child:wait()
  combine.wait(outputs, { timeout = GRACE })
  return code, signal
end

local function wait_in_time(run, outputs, seconds)
  local result = table.pack(pcall(core.timeout, seconds, wait_all, run, outputs))
  if result[1] then
    return result[2], result[3]
  elseif errors.code(result[2]) ~= "TIMEOUT" then
    error(result[2], 0)
  end
  send(run.child, "KILL")
  local text = ("run %s: timed out"):format(run.child._name)
  run.failure = run.failure
    or errors.new("TIMEOUT", text, { op = "run", path = run.child._name })
end

--- What the world did is returned; another error of one who collects is raised.
local function failed(run, outputs)
  for _, task in ipairs(outputs) do
    if task:done() and not task:cancelled() then
      task:error() -- it is ours to tell
    end
  end
  if errors.code(run.failure) then
    return nil, run.failure
  end
  error(run.failure, 0)
end

--- Runs a program to its end and gives its outputs. It returns when the child
--- and its outputs have ended, or a second after the child. Cancelled, it ends
--- the child and what belongs to its process group; `timeout` kills them.
---@async
---@param argv string[]|string  program and arguments; with `shell`, a command line
---@param opts neap.RunOptions?
---@return { code: integer?, signal: string?, stdout: string?, stderr: string? }? result
---@return neap.Error? err  also `TIMEOUT` and `LIMIT`
function process.run(...)
  local argv, opts = ...
  opts = args.options("run", 2, opts, run_options)
  local command, problem, expected = command_of(argv, opts.shell)
  if problem then
    args.fail("run", 1, problem)
  elseif not command then
    args.refuse("run", 1, argv, select("#", ...), expected)
  end
  core.checkwait()
  local stdio = { opts.input and "pipe" or "null", "pipe", "pipe" }
  local run <close> = setmetatable({ child = false, tasks = {}, failure = false }, Run)
  local child, err = start(command, opts, stdio, "group")
  if not child then
    return nil, err
  end
  run.child = child
  local max, chunks, outputs = opts.max_output or MAX_OUTPUT, {}, {}
  for _, name in ipairs({ "stdout", "stderr" }) do
    if child[name] then
      chunks[name] = {}
      table.insert(outputs, add_task(run, collect, run, child[name], chunks[name], max))
    end
  end
  if child.stdin then
    add_task(run, feed, child.stdin, opts.input or "")
  end
  local code, signal
  if opts.timeout then
    code, signal = wait_in_time(run, outputs, opts.timeout)
  else
    code, signal = wait_all(run, outputs)
  end
  if run.failure then
    return failed(run, outputs)
  end
  return {
    code = code,
    signal = signal,
    stdout = chunks.stdout and table.concat(chunks.stdout),
    stderr = chunks.stderr and table.concat(chunks.stderr),
  }
end

--- The number of this process.
---@type fun(): integer
process.id = core.process_id

return process

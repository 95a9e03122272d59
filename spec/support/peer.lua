--- Programs beside a spec: servers of ours and of others, and their clients.
local neap = require("neap")

local peer = {}

local process = neap.process

local function interpreter()
  local lowest = 0
  while arg[lowest - 1] do
    lowest = lowest - 1
  end
  return arg[lowest]
end

--- Whether there is a command.
function peer.has(name)
  local result = process.run("command -v " .. name, { shell = true })
  return result ~= nil and result.code == 0
end

--- Runs a command to its end; its output, which fails the spec unless it ends
--- with 0.
---@param ... string
---@return string stdout
---@return string stderr
function peer.run(...)
  local result = assert(process.run({ ... }, { timeout = 60, max_output = 64 * 1024 * 1024 }))
  if result.code ~= 0 then
    local how = result.code or result.signal
    error(("%s ended with %s: %s%s"):format((...), how, result.stdout, result.stderr), 2)
  end
  return result.stdout, result.stderr
end

--- curl with these arguments; what it prints, whatever its status.
---@return string stdout
---@return integer code
---@return string stderr
function peer.curl(...)
  local result = assert(process.run({ "curl", "-sS", "--max-time", "20", ... }, { timeout = 30 }))
  return result.stdout, result.code, result.stderr
end

local Example = {
  __close = function(self)
    self.process:kill("TERM")
    self.code, self.signal = neap.shield(self.process.wait, self.process)
    self.process.stdout:close()
  end,
}
Example.__index = Example

--- Ends it with SIGTERM; its status, and what it still printed.
function Example:stop()
  self.process:kill("TERM")
  local rest = self.process.stdout:readall()
  local code = self.process:wait()
  return code, rest
end

--- Starts a program that prints where it listens; `.port` and `.url`.
local function start(program)
  local child = assert(process.spawn(program, { stdout = "pipe", stderr = "inherit", stdin = "null" }))
  local line = assert(child.stdout:readline(), "it printed nothing")
  local port = line:match(":(%d+)$")
  assert(port, line)
  return setmetatable({
    process = child,
    port = tonumber(port),
    url = "http://127.0.0.1:" .. port,
  }, Example)
end

--- Runs an example.
---@param name string
---@param ... string  arguments
function peer.example(name, ...)
  return start({ interpreter(), "examples/" .. name .. ".lua", ... })
end

--- Runs a script that has `app`, and after it `app:run`.
---@param script string
---@param opts string?  of `run`, as Lua text
function peer.app(script, opts)
  local text = ([[
    local neap = require("neap")
    local app = neap.http.app()
    %s
    assert(app:run({ host = "127.0.0.1", port = 0, ready = function(server)
      print("listening on :" .. server:address().port)
      io.stdout:flush()
    end, %s }))
  ]]):format(script, opts or "")
  return start({ interpreter(), "-e", text })
end

return peer

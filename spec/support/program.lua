--- A program in a process of its own that a spec talks to while it runs.
local assert = require("luassert")
local child = require("spec.support.child")
local neap = require("neap")

---@class spec.Program
---@field process neap.Process
---@field stdin neap.Stream
---@field stdout neap.Stream
---@field stderr neap.Stream
local Program = {}
Program.__index = Program
Program.__close = function(self)
  self.process:close()
  neap.timeout(20, self.process.wait, self.process)
  for _, stream in ipairs({ self.stdin, self.stdout, self.stderr }) do
    stream:close()
  end
end

local program = {}

--- Starts a script of the repository in the interpreter that runs the specs.
---@param path string  such as "examples/hello.lua"
---@param ... string|integer  its arguments
---@return spec.Program
function program.start(path, ...)
  local argv = { child.interpreter(), path, ... }
  for i, word in ipairs(argv) do
    argv[i] = tostring(word)
  end
  local process = assert(neap.process.spawn(argv, {
    stdin = "pipe", stdout = "pipe", stderr = "pipe",
  }))
  return setmetatable({
    process = process, stdin = process.stdin, stdout = process.stdout, stderr = process.stderr,
  }, Program)
end

--- The next line of its output, or of `stream`; "" for the end.
---@async
function Program:line(stream)
  return assert(neap.timeout(20, function()
    local line, err = (stream or self.stdout):readline()
    return line or err and tostring(err) or ""
  end))
end

--- The next line matches; returns what the pattern captures.
---@async
function Program:expect(pattern, stream)
  local line = self:line(stream)
  assert.matches(pattern, line)
  return line:match(pattern)
end

--- Sends a signal.
function Program:kill(name)
  assert(self.process:kill(name))
end

--- Waits for its end; what it still printed, and its exit status.
---@async
---@return string stdout
---@return string stderr
---@return integer? code
---@return string? signal
function Program:finish()
  return neap.timeout(20, function()
    self.stdin:close()
    local texts = neap.gather({
      function() return assert(self.stdout:readall()) end,
      function() return assert(self.stderr:readall()) end,
    })
    local code, signal = self.process:wait()
    return texts[1], texts[2], code, signal
  end)
end

return program

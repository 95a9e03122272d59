--- The standard streams. The descriptors stay as they are, blocking, for print
--- and for child processes; closing a Stream does not close its descriptor.
local core = require("neap.core")

---@class neap.Stream
---@field isatty fun(self: neap.Stream): boolean
---@field winsize fun(self: neap.Stream): integer?, integer|neap.Error  columns, rows
---@field raw fun(self: neap.Stream, on?: boolean): true?, neap.Error?  keys one by one, without echo

local streams = { stdin = 0, stdout = 1, stderr = 2 }

-- Each is opened when it is first used: nobody is disturbed by one that is not.
return setmetatable({}, {
  __index = function(self, name)
    local fd = streams[name]
    local stream = fd and core.stdio(fd)
    self[name] = stream
    return stream
  end,
})

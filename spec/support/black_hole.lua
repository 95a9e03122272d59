--- A port of this host that takes no connection and refuses none: a listener whose
--- backlog is full. Gone when the block ends.
local neap = require("neap")

local black_hole = {}

local Hole = {
  __close = function(self)
    for _, task in ipairs(self.fillers) do
      task:cancel()
      local ok, stream = pcall(task.await, task)
      if ok and stream then
        stream:abort()
      end
    end
    self.listener:close()
  end,
}

--- `local hole <close> = black_hole.open()`; connect to `hole.port`.
function black_hole.open()
  local listener = assert(neap.net.listen("127.0.0.1", 0, { backlog = 1 }))
  local self = setmetatable({ listener = listener, port = listener:address().port, fillers = {} }, Hole)
  for i = 1, 4 do
    self.fillers[i] = neap.spawn(neap.net.connect, "127.0.0.1", self.port, { timeout = 10 })
  end
  neap.sleep(0.02)
  return self
end

return black_hole

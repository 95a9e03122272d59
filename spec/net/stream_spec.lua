local conformance = require("spec.support.stream_conformance")
local neap = require("neap")

local function tcp_pair()
  local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
  local task = neap.spawn(neap.net.connect, "127.0.0.1", listener:address().port)
  local a = assert(listener:accept())
  return a, assert(task:await())
end

conformance.run({ name = "a Stream over TCP", make = tcp_pair, reset = true })
conformance.run({ name = "a Stream of net.pair", make = neap.net.pair })
conformance.run({ name = "a Stream in memory", make = neap.testing.stream_pair, reset = true })

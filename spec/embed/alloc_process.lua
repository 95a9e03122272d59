-- What alloc_fail.c runs for processes: a child that would stay for ever.
local neap = require("neap")

pcall(neap.process.run, { "true" }) -- what is loaded once
_G.failing(true) -- of alloc_fail.c
pcall(neap.process.run, { "sleep", "1000" }, { timeout = 0.01 })
_G.failing(false)

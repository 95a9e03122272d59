-- Prints what happens in a directory and below it, until Ctrl-C.
--
--   neap examples/watch_dir.lua [directory]
--
-- Prints a line for each event: change (of content or attributes), rename (it
-- came, went or was replaced), or overflow (more happened than could be told).
local neap = require("neap")

local path = arg[1] or "."
local events <close> = assert(neap.fs.watch(path, { recursive = true }))
neap.stdout:write("watching ", path, "\n")

pcall(function() -- Ctrl-C cancels it
  for event in events do
    neap.stdout:write(event.kind, " ", event.path, "\n")
  end
end)

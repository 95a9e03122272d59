---@meta _

-- Changes in a directory.

--- The options of `fs.watch`.
---@class neap.WatchOptions
---@field recursive? boolean  what is further below, too

--- Something that happened to a file.
---@class neap.WatchEvent
---@field path string
---@field kind "change"|"rename"|"overflow"  a rename: it came, went or was replaced; after an overflow anything may have happened

--- What `fs.watch` gives: call it for the next event.
---@class neap.Watch
---@overload async fun(): neap.WatchEvent?
local Watch = {}

--- Ends it. Never waits.
---
--- ```lua
--- local events = assert(fs.watch(dir))
--- events:close()
--- print(events()) --> nil
--- ```
function Watch:close() end

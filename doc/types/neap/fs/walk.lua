---@meta _

-- What is in a directory, and in those below it.

--- What `fs.scandir` gives: call it for the next name and type.
---@class neap.Directory
---@overload async fun(): string?, neap.FileType?
local Directory = {}

--- Ends it. Never waits.
---
--- ```lua
--- local entries = assert(fs.scandir(dir))
--- entries:close()
--- print(entries()) --> nil
--- ```
function Directory:close() end

--- What `fs.walk` gives: call it for the next path and type.
---@class neap.Walk
---@overload async fun(): string?, neap.FileType?
local Walk = {}

--- Ends it. Never waits.
---
--- ```lua
--- local entries = assert(fs.walk(dir))
--- entries:close()
--- print(entries()) --> nil
--- ```
function Walk:close() end

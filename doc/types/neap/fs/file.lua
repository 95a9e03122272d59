---@meta _

-- Open files.

--- An open file. Closed when it is collected.
---@class neap.File
local File = {}

--- `n` bytes, or some of them where `n` is not given; fewer than `n` only at the
--- end, and nil there.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- print(file:read(4), file:read(4), file:read(4)) --> hell o nil
--- ```
---@async
---@param n? integer  at least 1
---@return string? data
---@return neap.Error? err
function File:read(n) end

--- A line without its `\n` or `\r\n`; nil at the end.
---
--- ```lua
--- fs.write_file(dir .. "/a", "one\ntwo")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- print(file:readline(), file:readline(), file:readline()) --> one two nil
--- ```
---@async
---@param keep? boolean  with its end
---@return string? line
---@return neap.Error? err
function File:readline(keep) end

--- All up to the end, "" there. More than `max` bytes are the error `LIMIT`.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- print(file:readall()) --> hello
--- ```
---@async
---@param max? integer  bytes
---@return string? data
---@return neap.Error? err
function File:readall(max) end

--- An iterator over lines, which raises errors.
---
--- ```lua
--- fs.write_file(dir .. "/a", "one\ntwo\n")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- for line in file:lines() do
---   print(line) --> one
--- end --> two
--- ```
---@param keep? boolean  with their ends
---@return async fun(): string? iterator
function File:lines(keep) end

--- Writes strings, numbers or lists of strings, in one piece.
---
--- ```lua
--- local file <close> = assert(fs.open(dir .. "/a", "w+"))
--- file:write("n = ", 1, { "\n", "end" })
--- file:seek("set")
--- print(file:readline(), file:readline()) --> n = 1 end
--- ```
---@async
---@param ... string|number|string[]
---@return true? ok
---@return neap.Error? err
function File:write(...) end

--- Goes to another place, and tells where that is; as `file:seek` of Lua does.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- print(file:seek("end", -2), file:read(2)) --> 3 lo
--- ```
---@async
---@param whence? "set"|"cur"|"end"  "cur" by default
---@param offset? integer  bytes, 0 by default
---@return integer? position  bytes from the beginning
---@return neap.Error? err
function File:seek(whence, offset) end

--- What the system says of it.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local file <close> = assert(fs.open(dir .. "/a"))
--- print(file:stat().size) --> 5
--- ```
---@async
---@return neap.Stat? stat
---@return neap.Error? err
function File:stat() end

--- Makes it so long: shorter, or longer by zero bytes.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local file <close> = assert(fs.open(dir .. "/a", "r+"))
--- file:truncate(2)
--- print(file:readall()) --> he
--- ```
---@async
---@param size? integer  bytes; where it is by default
---@return true? ok
---@return neap.Error? err
function File:truncate(size) end

--- Waits until what was written is on the disk.
---
--- ```lua
--- local file <close> = assert(fs.open(dir .. "/a", "w"))
--- file:write("important")
--- print(file:sync()) --> true
--- ```
---@async
---@return true? ok
---@return neap.Error? err
function File:sync() end

--- Closes it. Never waits.
---
--- ```lua
--- local file = assert(fs.open(dir .. "/a", "w"))
--- print(file:close()) --> true
--- ```
---@return true? ok
---@return neap.Error? err
function File:close() end

---@meta neap.fs

--- Files and directories, without blocking the loop. Paths are bytes, as the system
--- has them. What fails is returned as `nil, err`, which says what was attempted:
--- `ENOENT: open "x/y": no such file or directory`.
---
--- In the examples `dir` is an empty directory.
---@class neap.fs
local fs = {}

---@alias neap.FileType "file"|"directory"|"link"|"fifo"|"socket"|"char"|"block"

--- What `fs.stat` says of a file.
---@class neap.Stat
---@field type neap.FileType
---@field size integer  bytes
---@field mode integer  permissions, such as 0x1a4 for rw-r--r--
---@field mtime number  seconds since 1970: the last change of its content
---@field atime number  the last access
---@field ctime number  the last change of its data or of what the system says of it
---@field uid integer
---@field gid integer
---@field ino integer
---@field nlink integer
---@field dev integer

--- The options of `fs.write_file`.
---@class neap.WriteFileOptions
---@field atomic? boolean  the file has the old content or the new one, whatever happens
---@field append? boolean  the data is added
---@field mode? integer  permissions of a new file

--- The options of `fs.copy`.
---@class neap.CopyOptions
---@field exclusive? boolean  there must be no file of that name

--- The options of `fs.mkdir`.
---@class neap.MkdirOptions
---@field parents? boolean  those above it too, and it may exist
---@field mode? integer  permissions

--- The options of `fs.rmdir`.
---@class neap.RmdirOptions
---@field recursive? boolean  all that is in it, too

-- ---- files -----------------------------------------------------------------

--- Opens a file. The mode is one of `io.open`, with an `x` behind it if the file
--- must not exist yet.
---
--- ```lua
--- local file <close> = assert(fs.open(dir .. "/a", "w"))
--- print(file:write("hello")) --> true
--- ```
---@async
---@param path string
---@param mode? string  "r" by default
---@return neap.File? file
---@return neap.Error? err
function fs.open(path, mode) end

--- All of a file.
---
--- ```lua
--- local text, err = fs.read_file(dir .. "/none")
--- print(text, err.code, err.op) --> nil ENOENT read_file
--- ```
---@async
---@param path string
---@return string? data
---@return neap.Error? err
function fs.read_file(path) end

--- Makes `data` the content of a file.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello", { atomic = true })
--- fs.write_file(dir .. "/a", " there", { append = true })
--- print(fs.read_file(dir .. "/a")) --> hello there
--- ```
---@async
---@param path string
---@param data string
---@param options? neap.WriteFileOptions
---@return true? ok
---@return neap.Error? err
function fs.write_file(path, data, options) end

--- Copies a file with its permissions. One that exists is replaced as a whole;
--- where the copy fails, it is as it was.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- fs.copy(dir .. "/a", dir .. "/b")
--- print(fs.read_file(dir .. "/b")) --> hello
--- print(select(2, fs.copy(dir .. "/a", dir .. "/b", { exclusive = true })).code) --> EEXIST
--- ```
---@async
---@param from string
---@param to string
---@param options? neap.CopyOptions
---@return true? ok
---@return neap.Error? err
function fs.copy(from, to, options) end

--- A new file that only this user can read, and its path. A prefix without a slash
--- is a name in the directory for temporary files.
---
--- ```lua
--- local file, path = assert(fs.mkstemp(dir .. "/draft-"))
--- file:write("unfinished")
--- file:close()
--- print(fs.read_file(path)) --> unfinished
--- ```
---@async
---@param prefix? string
---@return neap.File? file
---@return string|neap.Error path
function fs.mkstemp(prefix) end

-- ---- what there is ---------------------------------------------------------

--- What the system says of a file, or of what a link leads to.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- local stat = assert(fs.stat(dir .. "/a"))
--- print(stat.type, stat.size) --> file 5
--- ```
---@async
---@param path string
---@return neap.Stat? stat
---@return neap.Error? err
function fs.stat(path) end

--- What the system says of a file, or of a link itself.
---
--- ```lua
--- fs.symlink("nowhere", dir .. "/link")
--- print(fs.lstat(dir .. "/link").type) --> link
--- ```
---@async
---@param path string
---@return neap.Stat? stat
---@return neap.Error? err
function fs.lstat(path) end

--- Whether there is something. A link to nothing is nothing.
---
--- ```lua
--- print(fs.exists(dir), fs.exists(dir .. "/none")) --> true false
--- ```
---@async
---@param path string
---@return boolean? exists
---@return neap.Error? err
function fs.exists(path) end

--- Where a link leads.
---
--- ```lua
--- fs.symlink("target", dir .. "/link")
--- print(fs.readlink(dir .. "/link")) --> target
--- ```
---@async
---@param path string
---@return string? target
---@return neap.Error? err
function fs.readlink(path) end

--- The absolute path of something, without links.
---
--- ```lua
--- print(fs.realpath("/usr/./bin/..")) --> /usr
--- ```
---@async
---@param path string
---@return string? path
---@return neap.Error? err
function fs.realpath(path) end

--- An iterator of the names in a directory and their types, in no order.
---
--- ```lua
--- fs.write_file(dir .. "/a", "")
--- local entries <close> = assert(fs.scandir(dir))
--- for name, kind in entries do
---   print(name, kind) --> a file
--- end
--- ```
---@async
---@param path string
---@return neap.Directory? entries
---@return neap.Error? err
function fs.scandir(path) end

--- An iterator of the path and type of everything below a directory; what is in a
--- directory comes after the directory. Links are not followed. It raises what goes
--- wrong on the way.
---
--- ```lua
--- fs.mkdir(dir .. "/a/b", { parents = true })
--- local entries <close> = assert(fs.walk(dir))
--- for path, kind in entries do
---   print(path:sub(#dir + 2), kind) --> a directory
--- end --> a/b directory
--- ```
---@async
---@param path string
---@return neap.Walk? entries
---@return neap.Error? err
function fs.walk(path) end

--- An iterator of what happens to a file, or to a directory and what is in it.
---
--- ```lua
--- local events <close> = assert(fs.watch(dir))
--- fs.write_file(dir .. "/new", "")
--- local event = events()
--- print(event.path == dir .. "/new", event.kind) --> true rename
--- ```
---@async
---@param path string
---@param opts? neap.WatchOptions
---@return neap.Watch? events
---@return neap.Error? err
function fs.watch(path, opts) end

-- ---- changing it -----------------------------------------------------------

--- Makes a directory.
---
--- ```lua
--- print(fs.mkdir(dir .. "/a/b/c", { parents = true })) --> true
--- ```
---@async
---@param path string
---@param options? neap.MkdirOptions
---@return true? ok
---@return neap.Error? err
function fs.mkdir(path, options) end

--- A new directory that only this user can enter. A prefix without a slash is a
--- name in the directory for temporary files.
---
--- ```lua
--- local path = assert(fs.mkdtemp(dir .. "/work-"))
--- print(fs.stat(path).type) --> directory
--- ```
---@async
---@param prefix? string
---@return string? path
---@return neap.Error? err
function fs.mkdtemp(prefix) end

--- Removes a file or a link.
---
--- ```lua
--- fs.write_file(dir .. "/a", "")
--- print(fs.remove(dir .. "/a"), fs.exists(dir .. "/a")) --> true false
--- ```
---@async
---@param path string
---@return true? ok
---@return neap.Error? err
function fs.remove(path) end

--- Removes a directory; with `recursive`, all that is in it. Links are removed, not
--- followed.
---
--- ```lua
--- fs.mkdir(dir .. "/a/b", { parents = true })
--- print(select(2, fs.rmdir(dir .. "/a")).code) --> ENOTEMPTY
--- print(fs.rmdir(dir .. "/a", { recursive = true })) --> true
--- ```
---@async
---@param path string
---@param options? neap.RmdirOptions
---@return true? ok
---@return neap.Error? err
function fs.rmdir(path, options) end

--- Gives a file or a directory another path, replacing what is there.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- fs.rename(dir .. "/a", dir .. "/b")
--- print(fs.read_file(dir .. "/b")) --> hello
--- ```
---@async
---@param from string
---@param to string
---@return true? ok
---@return neap.Error? err
function fs.rename(from, to) end

--- Gives a file a second name.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- fs.link(dir .. "/a", dir .. "/b")
--- print(fs.stat(dir .. "/a").nlink) --> 2
--- ```
---@async
---@param path string
---@param new string
---@return true? ok
---@return neap.Error? err
function fs.link(path, new) end

--- Makes a link that leads to a target, which need not exist.
---
--- ```lua
--- fs.write_file(dir .. "/a", "hello")
--- fs.symlink("a", dir .. "/link")
--- print(fs.read_file(dir .. "/link")) --> hello
--- ```
---@async
---@param target string
---@param path string  of the link
---@return true? ok
---@return neap.Error? err
function fs.symlink(target, path) end

--- Sets the permissions of a file.
---
--- ```lua
--- fs.write_file(dir .. "/a", "")
--- fs.chmod(dir .. "/a", tonumber("600", 8))
--- print(("%o"):format(fs.stat(dir .. "/a").mode)) --> 600
--- ```
---@async
---@param path string
---@param mode integer
---@return true? ok
---@return neap.Error? err
function fs.chmod(path, mode) end

--- Sets the owner and the group of a file; nil leaves one as it is.
---
--- ```lua
--- fs.write_file(dir .. "/a", "")
--- print(fs.chown(dir .. "/a", nil, fs.stat(dir .. "/a").gid)) --> true
--- ```
---@async
---@param path string
---@param uid? integer
---@param gid? integer
---@return true? ok
---@return neap.Error? err
function fs.chown(path, uid, gid) end

--- Sets the times of last access and last change; nil is now.
---
--- ```lua
--- fs.write_file(dir .. "/a", "")
--- fs.utime(dir .. "/a", 1000, 2000.5)
--- print(fs.stat(dir .. "/a").mtime) --> 2000.5
--- ```
---@async
---@param path string
---@param atime? number  seconds since 1970
---@param mtime? number
---@return true? ok
---@return neap.Error? err
function fs.utime(path, atime, mtime) end

return fs

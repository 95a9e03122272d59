--- Files and directories, without blocking the loop. Paths are bytes, as the
--- system has them. What fails returns `nil, err`, which says what was
--- attempted: `ENOENT: open "x/y": no such file or directory`, with the fields
--- `op` and `path`.
local args = require("neap.args")
local core = require("neap.core")
local watch = require("neap.watch")

local fs = {}

---@alias neap.FileType "file"|"directory"|"link"|"fifo"|"socket"|"char"|"block"

---@class neap.Stat
---@field type neap.FileType
---@field size integer
---@field mode integer  permissions, such as 0x1a4 for rw-r--r--
---@field mtime number  seconds since 1970, as are the next two
---@field atime number
---@field ctime number
---@field uid integer
---@field gid integer
---@field ino integer
---@field nlink integer
---@field dev integer

---@class neap.File
---@field read async fun(self: neap.File, n?: integer): string?, neap.Error?  fewer than `n` only at the end; nil there
---@field readline async fun(self: neap.File, keep?: boolean): string?, neap.Error?
---@field readall async fun(self: neap.File, max?: integer): string?, neap.Error?
---@field lines fun(self: neap.File, keep?: boolean): async fun(): string?
---@field write async fun(self: neap.File, ...: string|number|string[]): true?, neap.Error?
---@field seek async fun(self: neap.File, whence?: "set"|"cur"|"end", offset?: integer): integer?, neap.Error?
---@field stat async fun(self: neap.File): neap.Stat?, neap.Error?
---@field truncate async fun(self: neap.File, size?: integer): true?, neap.Error?  default: where it is
---@field sync async fun(self: neap.File): true?, neap.Error?
---@field close fun(self: neap.File): true?, neap.Error?

---@class neap.Directory  call it for the next name and type
---@field close fun(self: neap.Directory)
---@overload async fun(self: neap.Directory): string?, neap.FileType?

-- ---- files -----------------------------------------------------------------

--- Opens a file. The mode is one of `io.open`, with an `x` behind it if the
--- file must not exist yet.
---@type async fun(path: string, mode?: string): neap.File?, neap.Error?
fs.open = core.fs.open

--- All of a file.
---@type async fun(path: string): string?, neap.Error?
fs.read_file = core.fs.read_file

---@class neap.WriteFileOptions
---@field atomic? boolean
---@field append? boolean
---@field mode? integer

--- Makes `data` the content of a file. With `atomic`, whatever happens it has
--- either the old content or the new one; with `append`, the data is added;
--- `mode` is its permissions.
---@type async fun(path: string, data: string, options?: neap.WriteFileOptions): true?, neap.Error?
fs.write_file = core.fs.write_file

--- Copies a file with its permissions, sharing blocks where the system can.
--- It replaces one that exists unless `exclusive`; where it fails, that is as it
--- was.
---@type async fun(from: string, to: string, options?: { exclusive?: boolean }): true?, neap.Error?
fs.copy = core.fs.copy

--- A new file that only this user can read, and its path. A prefix without a
--- slash is a name in the directory for temporary files.
---@type async fun(prefix?: string): neap.File?, string|neap.Error
fs.mkstemp = core.fs.mkstemp

-- ---- what there is ---------------------------------------------------------

---@type async fun(path: string): neap.Stat?, neap.Error?
fs.stat = core.fs.stat

--- The same of a link itself.
---@type async fun(path: string): neap.Stat?, neap.Error?
fs.lstat = core.fs.lstat

--- Whether there is something; a link to nothing is nothing.
---@type async fun(path: string): boolean?, neap.Error?
fs.exists = core.fs.exists

---@type async fun(path: string): string?, neap.Error?
fs.readlink = core.fs.readlink

--- The absolute path without links.
---@type async fun(path: string): string?, neap.Error?
fs.realpath = core.fs.realpath

--- An iterator of name and type, in no order, without `.` and `..`.
---@async
---@overload async fun(path: string): neap.Directory?, neap.Error?
function fs.scandir(...)
  local path = args.string("scandir", 1, (...), select("#", ...))
  return core.fs.scandir(path)
end

-- ---- changing it -----------------------------------------------------------

--- Makes a directory; with `parents`, those above it too, and it may exist.
---@type async fun(path: string, options?: { parents?: boolean, mode?: integer }): true?, neap.Error?
fs.mkdir = core.fs.mkdir

--- A new directory that only this user can enter.
---@type async fun(prefix?: string): string?, neap.Error?
fs.mkdtemp = core.fs.mkdtemp

--- Removes a file or a link.
---@type async fun(path: string): true?, neap.Error?
fs.remove = core.fs.remove

--- Removes a directory; with `recursive`, all that is in it. Links are removed,
--- not followed.
---@type async fun(path: string, options?: { recursive?: boolean }): true?, neap.Error?
fs.rmdir = core.fs.rmdir

---@type async fun(from: string, to: string): true?, neap.Error?
fs.rename = core.fs.rename

--- A second name for a file.
---@type async fun(path: string, new: string): true?, neap.Error?
fs.link = core.fs.link

---@type async fun(target: string, path: string): true?, neap.Error?
fs.symlink = core.fs.symlink

---@type async fun(path: string, mode: integer): true?, neap.Error?
fs.chmod = core.fs.chmod

--- A nil id stays as it is.
---@type async fun(path: string, uid?: integer, gid?: integer): true?, neap.Error?
fs.chown = core.fs.chown

--- Sets the times of last access and change, in seconds; nil is now.
---@type async fun(path: string, atime?: number, mtime?: number): true?, neap.Error?
fs.utime = core.fs.utime

-- ---- walk ------------------------------------------------------------------

--- The directories that are not visited yet are a list, so the depth of the
--- tree does not matter; one of them is open at a time.
---@class neap.Walk
---@field package _pending string[]
---@field package _dir neap.Directory?
---@field package _path string  of _dir
local Walk = { __name = "Walk" }
Walk.__index = Walk

local function join(dir, name)
  return dir:sub(-1) == "/" and dir .. name or dir .. "/" .. name
end

--- Opens the next directory; false if there is none. One that is gone, or is a
--- link by now, is skipped.
local function open_next(self)
  while #self._pending > 0 do
    local path = table.remove(self._pending)
    local dir, err = core.fs.scandir(path, true)
    if dir then
      self._dir, self._path = dir, path
      return true
    elseif err.code ~= "ENOENT" and err.code ~= "ELOOP" and err.code ~= "ENOTDIR" then
      error(err, 0)
    end
  end
  return false
end

---@async
---@return string? path
---@return neap.FileType? type
function Walk:__call()
  core.checkwait()
  while self._dir or open_next(self) do
    local name, kind = self._dir()
    if name then
      local path = join(self._path, name)
      if kind == "directory" then
        table.insert(self._pending, path)
      end
      return path, kind
    end
    self._dir = nil
  end
  return nil
end

function Walk:close()
  if self._dir then
    self._dir:close()
  end
  self._dir, self._pending = nil, {}
end

Walk.__close = Walk.close

--- An iterator of path and type of everything below a directory; what is in a
--- directory comes after the directory. Links are not followed. It raises what
--- goes wrong on the way.
---@async
---@param path string
---@return neap.Walk? entries
---@return neap.Error? err
function fs.walk(...)
  local path = args.string("walk", 1, (...), select("#", ...))
  local dir, err = core.fs.scandir(path)
  if not dir then
    return nil, err
  end
  return setmetatable({ _pending = {}, _dir = dir, _path = path }, Walk)
end

local watch_options = { recursive = args.option.boolean }

--- An iterator of events `{ path =, kind = }` about a file, or a directory and
--- what is in it; with `recursive`, also what is further below. After the kind
--- `overflow` anything may have happened.
---@async
---@param path string
---@param opts { recursive: boolean? }?
---@return neap.Watch? events
---@return neap.Error? err
function fs.watch(...)
  local path, opts = ...
  path = args.string("watch", 1, path, select("#", ...))
  opts = args.options("watch", 2, opts, watch_options)
  return watch.new(path, opts.recursive)
end

return fs

--- In a program that `neap --watch` runs: notes the files that it loads, for
--- the watcher to see, and gives it the ports that it had before.
---
--- The two share a file of lines, `load INODE SIZE TIME PATH` and `port N`. It
--- begins with the ports of the run before; what is behind them is ours. What a
--- file was like is noted before it is read, so that a change is seen however
--- late the line is.
local core = require("neap.core")
local signal = require("neap.signal")

local loads = {}

--- Writes down each file that `fn(path, ...)` is called for.
local function noted(note, fn)
  return function(path, ...)
    if type(path) == "string" then
      note("load", path)
    end
    return fn(path, ...)
  end
end

--- A searcher of `require` that finds nothing, but notes the file that one
--- behind it is going to find. (One in the place of that one would be named in
--- the messages of its errors.)
local function noting_searcher(note)
  return function(name)
    local path = package.searchpath(name, package.path) or package.searchpath(name, package.cpath)
    if path then
      note("load", path)
    end
  end
end

local function take_ports(file)
  local ports = {}
  for line in file:lines() do
    table.insert(ports, tonumber(line:match("^port (%d+)$")))
  end
  return ports
end

--- Listening on port 0 takes the port that it took in the run before, if it is
--- free: so a server keeps its port.
local function keep_ports(note, ports)
  local listen = core.listener_tcp
  core.listener_tcp = function(listener, host, port, ...)
    local kept = port == 0 and table.remove(ports, 1)
    local got, err
    if kept then
      got, err = listen(listener, host, kept, ...)
    end
    if not got then
      got, err = listen(listener, host, port, ...)
    end
    if got and port == 0 then
      note("port", got)
    end
    return got, err
  end
end

--- Begins to note what is loaded, in the file at `path`; `script` is noted at
--- once. SIGUSR2 ends the program from then on as `neap.exit` does.
---@param path string
---@param stat fun(path: string): integer, integer, number  inode, size, time
---@param script string?
function loads.note(path, stat, script)
  local file = assert(io.open(path, "r+"))
  local ports = take_ports(file)
  file:seek("end")
  file:setvbuf("line")
  local function note(kind, what)
    local state = kind == "load" and ("%d %d %.9f "):format(stat(what)) or ""
    file:write(kind, " ", state, what, "\n")
  end
  if script then
    note("load", script)
  end
  rawset(_G, "dofile", noted(note, dofile))
  rawset(_G, "loadfile", noted(note, loadfile))
  table.insert(package.searchers, 2, noting_searcher(note))
  keep_ports(note, ports)
  signal.handle("USR2", function()
    require("neap").exit(0)
  end)
end

return loads

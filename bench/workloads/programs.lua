-- Seconds for work with files and processes, and milliseconds to start.
local measure = require("bench.measure")

local MIB <const> = 128

local function seconds(command)
  return function()
    return measure.figure(command)
  end
end

-- A file of lines of 10 to 110 bytes.
local function write_lines(path)
  local file, size = assert(io.open(path, "w")), 0
  local text = ("x"):rep(110)
  math.randomseed(1)
  while size < MIB << 20 do
    local n = math.random(10, 110)
    file:write(text:sub(1, n), "\n")
    size = size + n + 1
  end
  file:close()
end

-- Prepared when a side first runs, and removed by the run's end.
local function copies(list)
  local function copy(name)
    return function()
      return measure.in_directory(function(dir)
        write_lines(dir .. "/lines")
        return measure.figure(("%s bench/io.lua %s %s/lines"):format(measure.neap, name, dir))
      end)
    end
  end
  list[#list + 1] = {
    name = ("copy %d MiB by lines"):format(MIB), group = "files", unit = "s",
    sides = { neap = copy("copy"), limit = copy("plain_copy") },
  }
end

local function small_files(list)
  for name, at_once in pairs({ read = 1, read_many = 16 }) do
    local function read(command)
      return function()
        return measure.in_directory(function(dir)
          for i = 1, 10000 do
            local file <close> = assert(io.open(dir .. "/" .. i, "w"))
            file:write(("y"):rep(1000))
          end
          return measure.figure((command:gsub("DIR", dir)))
        end)
      end
    end
    list[#list + 1] = {
      name = ("10000 files, %d at once"):format(at_once), group = "files", unit = "s",
      sides = {
        neap = read(("%s bench/io.lua %s DIR 10000"):format(measure.neap, name)),
        limit = read(("build/bench/limits/uv_files DIR 10000 %d"):format(at_once)),
      },
    }
  end
end

-- Seconds of N starts, in milliseconds each.
local function start(command)
  return function()
    local n <const> = 50
    local text = assert(measure.capture(
      ("bash -c 'time for i in $(seq %d); do taskset -c 0 %s </dev/null; done'"):format(n, command)))
    local minutes, rest = text:match("real%s+(%d+)m([%d.]+)s")
    return (tonumber(minutes) * 60 + tonumber(rest)) / n * 1000
  end
end

return function(peers)
  local list = {}
  copies(list)
  small_files(list)
  list[#list + 1] = {
    name = "1000 processes", group = "files", unit = "s",
    sides = {
      neap = seconds(measure.neap .. " bench/io.lua spawn 1000"),
      limit = seconds("build/bench/limits/uv_spawn 1000"),
    },
  }
  list[#list + 1] = {
    name = "start", group = "footprint", unit = "ms",
    sides = {
      neap = start(measure.neap .. " -e \"\""),
      limit = start("lua5.4 -e \"\""),
      asyncio = peers.asyncio and start(peers.asyncio .. " -c \"import asyncio\""),
      node = peers.node and start(peers.node .. " -e 0"),
    },
  }
  return list
end

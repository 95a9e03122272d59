-- Seconds for work with files and processes, and milliseconds to start.
local measure = require("bench.measure")

local MIB <const> = 128

-- A file of lines of 10 to 110 bytes.
local function write_lines(path)
  local file <close>, size = assert(io.open(path, "w")), 0
  local text = ("x"):rep(110)
  math.randomseed(1)
  while size < MIB << 20 do
    local n = math.random(10, 110)
    file:write(text:sub(1, n), "\n")
    size = size + n + 1
  end
end

-- The programs of bench/io.lua and the like, for one of their operations.
local function programs(found, name)
  local commands = found:commands({
    neap = "io.lua", go = "io", asyncio = "io.py asyncio", uvloop = "io.py uvloop", node = "io.mjs",
  })
  for side, command in pairs(commands) do
    commands[side] = command .. " " .. name
  end
  return commands
end

local function copies(list, found)
  local commands = programs(found, "copy")
  commands.limit = measure.neap .. " bench/io.lua plain_copy"
  list[#list + 1] = {
    name = ("copy %d MiB by lines"):format(MIB), group = "files", unit = "s", limit = "io.lines", seconds = 2.5,
    sides = measure.sides(commands, function(command)
      return measure.in_directory(function(dir)
        write_lines(dir .. "/lines")
        return measure.figure(("%s %s/lines"):format(command, dir))
      end)
    end),
  }
end

local function small_files(list, found)
  for _, case in ipairs({ { "read", 1 }, { "read_many", 16 } }) do
    local name, at_once = table.unpack(case)
    local commands = programs(found, name)
    for side, command in pairs(commands) do
      commands[side] = command .. " DIR 10000"
    end
    commands.limit = ("build/bench/limits/uv_files DIR 10000 %d"):format(at_once)
    list[#list + 1] = {
      name = ("10000 files, %d at once"):format(at_once), group = "files", unit = "s", seconds = 2,
      sides = measure.sides(commands, function(command)
        return measure.in_directory(function(dir)
          for i = 1, 10000 do
            local file <close> = assert(io.open(dir .. "/" .. i, "w"))
            file:write(("y"):rep(1000))
          end
          return measure.figure((command:gsub("DIR", dir)))
        end)
      end),
    }
  end
end

local function processes(list, found)
  local commands = programs(found, "spawn 500")
  commands.limit = "build/bench/limits/uv_spawn 500"
  list[#list + 1] = {
    name = "500 processes", group = "files", unit = "s", seconds = 1,
    sides = measure.sides(commands, measure.figure),
  }
end

-- Milliseconds of each of so many starts.
local function start(command)
  local n <const> = 20
  local text = assert(measure.capture(
    ("LC_ALL=C bash -c 'time for i in $(seq %d); do taskset -c 0 %s </dev/null; done'"):format(n, command)))
  local minutes, rest = text:match("real%s+(%d+)m([%d.]+)s")
  return (tonumber(minutes) * 60 + tonumber(rest)) / n * 1000
end

local function starts(list, found)
  local commands = found:commands({ go = "nothing" })
  local python = found.interpreters.asyncio
  commands.neap = measure.neap .. ' -e ""'
  commands.limit = 'lua5.4 -e ""'
  commands.asyncio = python and python .. ' -c "import asyncio; asyncio.run(asyncio.sleep(0))"'
  commands.uvloop = found.interpreters.uvloop and
    python .. ' -c "import asyncio, uvloop; uvloop.install(); asyncio.run(asyncio.sleep(0))"'
  commands.trio = found.interpreters.trio and python .. ' -c "import trio; trio.run(trio.sleep, 0)"'
  commands.node = found.interpreters.node and "node -e 0"
  commands.luv = found.interpreters.luv and "lua5.4 -lluv -e \"\""
  commands.cqueues = found.interpreters.cqueues and "lua5.4 -lcqueues -e \"\""
  list[#list + 1] = {
    name = "start", title = "an empty script", group = "footprint", unit = "ms", limit = "lua5.4", seconds = 1,
    sides = measure.sides(commands, start),
  }
end

return function(found)
  local list = {}
  copies(list, found)
  small_files(list, found)
  processes(list, found)
  starts(list, found)
  return list
end

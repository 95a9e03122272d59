-- Taking figures: commands that print one, servers under load, medians. Each
-- command is the leader of a group of processes, which is ended as a whole when
-- it has taken too long, or when the run is interrupted. What they leave behind
-- is in one directory, which goes with the run.
local neap = require("neap")
local scratch = require("bench.scratch")

local measure = {}

measure.neap = arg[-1]

--- Seconds after which a command has failed.
local PATIENCE <const> = 120

---@param list number[]
function measure.median(list)
  list = table.move(list, 1, #list, 1, {})
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- A group of processes: closing it ends whatever is still there of it.
local Group <const> = {}
Group.__index = Group

function Group.kill(group)
  os.execute("kill -KILL -- -" .. group.pid .. " 2>/dev/null")
end

function Group.__close(group)
  group.watch:cancel()
  group:kill()
end

local function group_of(child)
  local group = setmetatable({ pid = child.pid }, Group)
  group.watch = neap.loop.call_later(PATIENCE, function()
    group.late = true
    group:kill()
  end)
  return group
end

--- What a shell command prints; nil and what it printed if it fails.
---@async
function measure.capture(command)
  local child <close> = assert(neap.process.spawn({
    "sh", "-c", ("exec 2>&1; export TMPDIR=%s\n%s"):format(scratch.path(), command),
  }, { stdin = "null", stdout = "pipe", detached = true }))
  local group <close> = group_of(child)
  local text = child.stdout:readall()
  if child:wait() == 0 then
    return text
  end
  return nil, group.late and ("it took more than %d s"):format(PATIENCE) or text
end

--- Whether a shell command succeeds.
---@async
function measure.works(command)
  return measure.capture(command) ~= nil
end

-- The line of an output that says best what went wrong.
local function problem_of(text)
  local last
  for line in text:gmatch("[^\n]*%S[^\n]*") do
    if line:find("panic:") or line:find("^%w*Error") then
      return line
    end
    last = line
  end
  return last or "it failed and said nothing"
end

--- The last number that a shell command prints. Raises a string if it fails.
---@async
function measure.figure(command)
  local text, problem = measure.capture(command)
  if not text then
    error(problem_of(problem), 0)
  end
  local last
  for figure in text:gmatch("%-?%d[%d.]*") do
    last = tonumber(figure) or last
  end
  return last or error("no figure from " .. command, 0)
end

-- The server prints its port; the load gets it as $port and the pid as $pid.
-- A server that ends without one closes the pipe that is read.
local SERVER <const> = [[
  ulimit -n $(ulimit -Hn)
  dir=$(mktemp -d); mkfifo "$dir/in" "$dir/out"
  taskset -c 0 %s <"$dir/in" >"$dir/out" 2>"$dir/errors" &
  pid=$!
  exec 3>"$dir/in" 4<"$dir/out"
  if read -r port <&4; then
    timeout -k 1 100 taskset -c 1 %s
  else
    echo "the server did not start"; false
  fi
  status=$?
  exec 3>&-
  kill -TERM $pid 2>/dev/null
  (sleep 2; kill -KILL $pid) >/dev/null 2>&1 &
  wait $pid 2>/dev/null
  [ $status = 0 ] || cat "$dir/errors"
  exit $status
]]

--- The figure of a load, on core 1, with a server of its own, on core 0.
---@async
---@param server string  a command that prints a port
---@param load string  a command; $port and $pid are the server's
function measure.server(server, load)
  return measure.figure(SERVER:format(server, load))
end

--- The sides of a workload: each takes the figure of its command.
---@param commands table<string, string>
---@param figure fun(command: string): number
function measure.sides(commands, figure)
  local sides = {}
  for side, command in pairs(commands) do
    sides[side] = function()
      return figure(command)
    end
  end
  return sides
end

--- What is measured on.
---@async
function measure.machine()
  local text = measure.capture([[uname -srm; grep -m1 "model name" /proc/cpuinfo]]) or "?"
  return (text:gsub("model name%s*:%s*", ""):gsub("\n(.)", ", %1"):gsub("%s+$", ""))
end

--- Runs fn with a directory of its own; returns what it returns.
---@async
function measure.in_directory(fn)
  local dir <close> = scratch.directory()
  return fn(dir.path)
end

return measure

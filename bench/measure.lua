-- Taking figures: commands that print one, servers under load, medians.
local measure = {}

measure.neap = arg[-1]

---@param list number[]
function measure.median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

--- What a shell command prints; nil and what it printed if it fails.
function measure.capture(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local text = pipe:read("a")
  if pipe:close() then
    return text
  end
  return nil, text
end

--- Whether a shell command succeeds.
function measure.works(command)
  return os.execute(command .. " >/dev/null 2>&1") == true
end

--- The last number that a command prints.
function measure.figure(command)
  local text, problem = measure.capture(command)
  if not text then
    error(("%s\n%s"):format(command, problem), 0)
  end
  local last
  for figure in text:gmatch("%-?%d[%d.]*") do
    last = tonumber(figure) or last
  end
  return last or error("no figure from " .. command, 0)
end

local function run_script(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local ok, figure = pcall(measure.figure, "sh " .. path)
  os.remove(path)
  if not ok then
    error(figure, 0)
  end
  return figure
end

-- The server prints its port; the load gets it as $port and the pid as $pid.
local SERVER <const> = [[
  ulimit -n $(ulimit -Hn)
  dir=$(mktemp -d); mkfifo "$dir/input"
  taskset -c 0 %s <"$dir/input" >"$dir/port" 2>"$dir/errors" &
  pid=$!
  exec 3>"$dir/input"
  tries=0
  while [ ! -s "$dir/port" ] && [ $tries -lt 500 ]; do
    sleep 0.02; tries=$((tries + 1))
  done
  port=$(cat "$dir/port")
  timeout -k 1 100 taskset -c 1 %s
  status=$?
  exec 3>&-
  kill -TERM $pid; wait $pid 2>/dev/null
  cat "$dir/errors"
  rm -r "$dir"
  exit $status
]]

--- The figure of a load, on core 1, with a server of its own, on core 0.
---@param server string  a command that prints a port
---@param load string  a command; $port and $pid are the server's
function measure.server(server, load)
  return run_script(SERVER:format(server, load))
end

--- Runs fn with a directory of its own; returns what it returns.
function measure.in_directory(fn)
  local dir = measure.capture("mktemp -d"):gsub("%s+$", "")
  local results = table.pack(pcall(fn, dir))
  os.execute("rm -r " .. dir)
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

--- The interpreters that other systems need, those that are installed.
---@return table<string, string>  name to command
function measure.peers()
  local python <const> = "/usr/bin/python3"
  local tries <const> = {
    asyncio = { python, python .. " -c 'import asyncio'" },
    uvloop = { python, python .. " -c 'import uvloop'" },
    node = { "node", "node --version" },
    luv = { "lua5.4", "lua5.4 -e 'require(\"luv\")'" },
    nginx = { "/usr/sbin/nginx", "/usr/sbin/nginx -v" },
  }
  local found = {}
  for name, try in pairs(tries) do
    found[name] = measure.works(try[2]) and try[1] or nil
  end
  return found
end

return measure

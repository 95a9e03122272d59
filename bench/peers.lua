-- Other systems: which are installed, and how their programs are started.
local measure = require("bench.measure")

local peers = {}

--- All sides, in the order in which a round runs them. `limit` is bare C; the
--- Python web frameworks run on uvloop.
peers.SIDES = {
  "neap", "limit", "go", "nginx", "nginx-lua", "uvloop-protocol", "uvloop", "asyncio-protocol", "asyncio",
  "aiohttp", "websockets", "trio", "node", "luv", "cqueues",
}

local PYTHON <const> = "/usr/bin/python3"

-- The interpreter of a side's programs, and a command that prints its version
-- or fails.
local INTERPRETERS <const> = {
  nginx = { "sh", "/usr/sbin/nginx -v" },
  ["nginx-lua"] = { "sh", "/usr/sbin/nginx -v && ls /usr/lib/nginx/modules/ngx_http_lua_module.so" },
  asyncio = { PYTHON, PYTHON .. " --version" },
  uvloop = { PYTHON, PYTHON .. " -c 'import uvloop; print(uvloop.__version__)'" },
  aiohttp = { PYTHON, PYTHON .. " -c 'import aiohttp, uvloop; print(aiohttp.__version__)'" },
  websockets = { PYTHON, PYTHON .. " -c 'import uvloop; from websockets.version import version; print(version)'" },
  trio = { PYTHON, PYTHON .. " -c 'import trio; print(trio.__version__)'" },
  node = { "node", "node --version" },
  luv = { "lua5.4", "lua5.4 -e 'print(require(\"luv\").version_string())'" },
  cqueues = { "lua5.4", "lua5.4 -e 'print(require(\"cqueues\").VERSION)'" },
}

local Found <const> = {}
Found.__index = Found

-- Builds the programs in Go; nil, and why not, if there is no Go or one of them
-- is not built.
local function build_go()
  local version = measure.capture("go version")
  if not version then
    return nil, "not installed"
  end
  local text, problem = measure.capture([[
    mkdir -p build/bench/go
    for program in bench/peers/*.go; do
      name=$(basename "$program" .go)
      [ "build/bench/go/$name" -nt "$program" ] ||
        go build -o "build/bench/go/$name" "$program" || exit 1
    done]])
  return text and version, problem
end

--- Those that are there; of the others it says so.
---@async
function peers.find()
  local found, missing = setmetatable({ interpreters = {}, versions = {} }, Found), {}
  local function note(side, interpreter, version)
    if interpreter and version then
      found.interpreters[side] = interpreter
      found.versions[side] = version:match("%d+%.?%d*%.?%d*") or version
    else
      missing[#missing + 1] = side
    end
  end
  for _, side in ipairs(peers.SIDES) do
    local known = INTERPRETERS[side]
    if known then
      note(side, known[1], (measure.capture(known[2])))
    end
  end
  local go, problem = build_go()
  note("go", "env GOMAXPROCS=1", go)
  found.interpreters["uvloop-protocol"] = found.interpreters.uvloop
  found.interpreters["asyncio-protocol"] = found.interpreters.asyncio
  if #missing > 0 then
    print(('without %s, which "make bench-peers" installs'):format(table.concat(missing, ", ")))
  end
  if not go and problem ~= "not installed" then
    print(("go does not build its programs: %s"):format(problem))
  end
  return found
end

--- The command of a program of a side, or nil where the system is not there.
---@param words string  a file of bench/peers and its arguments; in Go, without its end; of
--- neap, a file of bench; of the limit, a program of build/bench/limits
function Found:command(side, words)
  local interpreter = self.interpreters[side]
  if side == "neap" then
    return measure.neap .. " bench/" .. words
  elseif side == "limit" then
    return "build/bench/limits/" .. words
  elseif side == "go" then
    return interpreter and ("%s build/bench/go/%s"):format(interpreter, words)
  end
  return interpreter and ("%s bench/peers/%s"):format(interpreter, words)
end

--- The commands of several programs, by side.
---@param programs table<string, string>
function Found:commands(programs)
  local commands = {}
  for side, words in pairs(programs) do
    commands[side] = self:command(side, words)
  end
  return commands
end

return peers

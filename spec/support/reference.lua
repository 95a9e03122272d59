--- What the examples of the reference stand on: the names that a page says are
--- there, a server that echoes, an empty directory. Runs an example and checks
--- that it prints what its comments say.
local child = require("spec.support.child")
local neap = require("neap")
local temp = require("spec.support.temp")
local web = require("spec.support.web")

local reference = {}

--- What an example says that it prints: the text behind each `-->`.
local function promised(example)
  local lines = {}
  for line in example:gmatch("[^\n]+") do
    table.insert(lines, line:match("%-%->%s*(.*)$"))
  end
  return lines
end

--- A `print` that keeps its lines.
local function recorder(lines)
  return function(...)
    local words = {}
    for i = 1, select("#", ...) do
      words[i] = tostring((select(i, ...)))
    end
    for line in (table.concat(words, " ") .. "\n"):gmatch("([^\n]*)\n") do
      table.insert(lines, line)
    end
  end
end

local function echo(stream)
  local data = stream:read()
  while data and stream:write(data) do
    data = stream:read()
  end
end

--- What a page says is there besides the modules: a function that gives it, and
--- a function that takes it away.
local given = {}

given["neap.net"] = function(names)
  local server = assert(neap.net.serve("127.0.0.1", 0, echo))
  names.echo = server:address().port
  local dir = temp.dir()
  names.dir = dir.path
  names.a, names.b = neap.testing.stream_pair()
  return function()
    names.a:close()
    names.b:close()
    server:close(0)
    server:wait_closed()
    getmetatable(dir).__close(dir)
  end
end

given["neap.protocol"] = given["neap.net"]

given["neap.fs"] = function(names)
  local dir = temp.dir()
  names.dir = dir.path
  return function()
    getmetatable(dir).__close(dir)
  end
end

--- The status of an app's answer, and its text.
local function ask(app, line, fields, body)
  local answer = web.answer(app, web.request(line, fields, body))
  return answer.status .. (answer.body ~= "" and " " .. answer.body:gsub("\n$", "") or "")
end

local function echo_socket(socket)
  for message, kind in socket:messages() do
    socket:send(message, kind)
  end
end

local function echo_body(req)
  return { body = req:text(), type = req.headers["content-type"] }
end

--- A site that examples ask.
local function serve_site()
  local app = neap.http.app()
  app:get("/", function() return "hello" end)
  app:get("/json", function() return { json = { sum = 42 } } end)
  app:get("/cookie", function() return { text = "", cookies = { visitor = "7" } } end)
  app:route("*", "/echo", echo_body)
  app:websocket("/socket", echo_socket)
  return assert(app:serve({ host = "127.0.0.1", port = 0 }))
end

given["neap.http"] = function(names, example)
  local server = serve_site()
  names.ask = ask
  names.site = "http://127.0.0.1:" .. server:address().port
  if example:find("%f[%w]ws[:.]") then
    names.ws = assert(neap.http.websocket(names.site:gsub("^http", "ws") .. "/socket"))
  end
  local release = given["neap.fs"](names) -- last: it stays where another raises
  return function()
    if names.ws then
      names.ws:close()
      names.ws:wait_closed()
    end
    server:close()
    server:wait_closed()
    release()
  end
end

given["neap.tls"] = function(names)
  local made = require("spec.support.certs")
  names.ca, names.cert, names.key = made.ca.cert, made.server.cert, made.server.key
end

-- Pages whose examples have a clock that jumps, but where one needs the real one.
local virtual = { neap = true, ["neap.loop"] = true, ["neap.sync"] = true }
local NEEDS_TIME = "net%.pair"

--- Whether the clock of an example is one that jumps.
---@param module string  "neap.net"
---@param item annotations.Item
---@return boolean
function reference.is_virtual(module, item)
  return virtual[module] == true and not item.example:find(NEEDS_TIME)
end

--- Runs an example of a module's page. Raises what it raises; or says what it
--- printed where that is not what its comments say.
---@param module string  "neap.net"
---@param example string
---@param name string
function reference.run(module, example, name)
  local printed = {}
  local names = { neap = neap, print = recorder(printed) }
  local short = module:match("^neap%.(.+)$")
  if short then
    names[short] = neap[short]
  end
  local release = given[module] and given[module](names, example)
  local _ <close> = setmetatable({}, { __close = release or function() end })
  local env = setmetatable(names, { __index = _G })
  assert(load(example, "=" .. name, "t", env))()
  neap.testing.settle()
  require("luassert").same(promised(example), printed)
end

local RUNNERS = { neap = child.run, lua = child.run_stock }

--- Runs an example in a process of its own.
---@param interpreter "neap"|"lua"
---@param example string
function reference.run_in_child(interpreter, example)
  local out, err, code = RUNNERS[interpreter]("local neap = require('neap')\n" .. example)
  local luassert = require("luassert")
  luassert.equal("", err)
  luassert.equal(0, code)
  local expected = table.concat(promised(example), "\n") .. "\n"
  luassert.equal(expected, (out:gsub("\t", " ")))
end

return reference

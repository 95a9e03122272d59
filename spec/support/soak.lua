--- A soak: servers and clients of all kinds in one host, a network with faults
--- between them, and clients that lose patience. It goes round after round; what
--- is open and held after a round must be what was there after the first ones.
local certs = require("spec.support.certs")
local faulty = require("spec.support.faulty")
local neap = require("neap")
local new_random = require("spec.support.random")

local fs, http, net, process, sync, thread = neap.fs, neap.http, neap.net, neap.process, neap.sync, neap.thread

local soak = {}

-- What the world may do to a client, or a client to itself.
local expected = {}
for code in ([[CANCELLED CLOSED ECONNABORTED ECONNREFUSED ECONNRESET ENOTCONN EOF EPIPE HTTP PROTOCOL TIMEOUT
  TLS WEBSOCKET]]):gmatch("%S+") do
  expected[code] = true
end

--- Raises what no fault explains.
local function check(err)
  local code = neap.error_code(err)
  if not expected[code] then
    error(code and ("%s: %s"):format(code, err) or err, 0)
  end
end

-- ---- servers -------------------------------------------------------------------

local function echo(stream)
  local chunk = stream:read()
  while chunk and stream:write(chunk) do
    chunk = stream:read()
  end
end

local LARGE <const> = ("a line of a large body\n"):rep(20000)

local function new_app(folder)
  local app = http.app()
  app:get("/large", function() return LARGE end)
  app:get("/slow", function()
    neap.sleep(0.03)
    return "late"
  end)
  app:get("/stream", function()
    return { stream = function(write)
      for i = 1, 50 do
        write(("line %d\n"):format(i):rep(20))
      end
    end }
  end)
  app:post("/echo", function(req) return { text = req:text() } end)
  app:static("/files", folder)
  app:websocket("/ws", function(ws)
    for message, kind in ws:messages() do
      ws:send(message, kind)
    end
  end)
  return app
end

---@class spec.Soak
local Soak = {}
Soak.__index = Soak

--- Closing it, or failing to begin it, ends all its servers.
function Soak:__close()
  for _, server in ipairs(self.servers) do
    server:close(0)
    server:wait_closed()
  end
  neap.shield(fs.rmdir, self.folder, { recursive = true })
end

--- A port at which connections to the server meet faults.
function Soak:offer(server, never)
  table.insert(self.servers, server)
  local proxy = faulty.serve(server:address().port, self.random, never)
  table.insert(self.servers, proxy)
  return proxy:address().port
end

local function new(seed)
  local self = setmetatable({
    random = new_random(seed), servers = {}, folder = assert(fs.mkdtemp("neap-soak-")),
    lock = sync.lock(), queue = sync.queue(3), operations = 0, failed = {},
  }, Soak)
  assert(fs.write_file(self.folder .. "/file", LARGE))
  local tls = { cert = certs.server.cert, key = certs.server.key }
  local near = { host = "127.0.0.1", port = 0 }
  local near_tls = { host = "127.0.0.1", port = 0, tls = tls }
  local app = new_app(self.folder)
  -- bytes may be changed on their way where somebody looks at them
  local plain = { corrupt = true }
  self.tcp = self:offer(assert(net.serve("127.0.0.1", 0, echo)), plain)
  self.tls = self:offer(assert(net.serve("127.0.0.1", 0, echo, { tls = tls })))
  self.http = "http://127.0.0.1:" .. self:offer(assert(app:serve(near)), plain)
  self.https = "https://localhost:" .. self:offer(assert(app:serve(near_tls)))
  self.path = self.folder .. "/socket"
  table.insert(self.servers, (assert(net.serve_unix(self.path, echo))))
  return self
end

-- ---- clients -------------------------------------------------------------------

-- Each does something once: true, or nil and an error. What they raise is an
-- error as well; what was answered must be right.
local clients = {}

local function talk(stream, random)
  for _ = 1, 3 do
    local text = ("x"):rep(random(4000))
    local ok, err = stream:write(text)
    local answer
    if ok then
      answer, err = stream:readexactly(#text)
    end
    if not answer then
      return nil, err
    end
    assert(answer == text, "another answer than what was sent")
  end
  return true
end

function clients.tcp(self, random)
  local stream <close>, err = net.connect("127.0.0.1", self.tcp)
  if not stream then
    return nil, err
  end
  return talk(stream, random)
end

function clients.tls(self, random)
  local stream <close>, err = net.connect("localhost", self.tls, { tls = { ca = certs.ca.cert }, family = "ipv4" })
  if not stream then
    return nil, err
  end
  return talk(stream, random)
end

function clients.unix(self, random)
  local stream <close> = assert(net.connect_unix(self.path))
  return talk(stream, random)
end

local function get_all(session, site, random)
  local paths = { "/large", "/slow", "/stream", "/files/file" }
  local path = paths[random(#paths)]
  local response, err = session:get(site .. path, { timeout = 5 })
  if not response or random(5) == 1 then
    return response, err -- dropped unread
  end
  local text
  text, err = response:text()
  if not text then
    return nil, err
  end
  assert(response.status == 200 and (path ~= "/large" or text == LARGE), "another answer than was asked for")
  return true
end

local function post(session, site, random)
  local body = ("y"):rep(random(20000))
  local response, err = session:post(site .. "/echo", { body = body, timeout = 5 })
  local text
  if response then
    text, err = response:text()
  end
  if not text then
    return nil, err
  end
  assert(text == body, "another answer than what was sent")
  return true
end

local function chat(session, site, random)
  local ws <close>, err = session:websocket(site:gsub("^http", "ws") .. "/ws", { timeout = 5 })
  for i = 1, ws and 3 or 0 do
    local message = ("z"):rep(i * random(1000))
    local sent, failure = ws:send(message)
    if not sent then
      return nil, failure
    end
    local answer
    answer, err = ws:receive()
    if not answer then
      return nil, err
    end
    assert(answer == message, "another message than what was sent")
  end
  return ws and true, err
end

for name, act in pairs({ get = get_all, post = post, chat = chat }) do
  clients["http_" .. name] = function(self, random) return act(self.session, self.http, random) end
  clients["https_" .. name] = function(self, random) return act(self.session, self.https, random) end
end

function clients.process(_, random)
  local text = ("w"):rep(random(100000))
  local result, err = process.run({ "cat" }, { input = text })
  if result then
    assert(result.stdout == text, "cat changed what it was given")
  end
  return result, err
end

function clients.thread(_, random)
  local n = random(1000)
  local sum = thread.run(function(most)
    local found = 0
    for i = 1, most do
      found = found + i
    end
    return found
  end, n)
  assert(sum == n * (n + 1) // 2, "a thread cannot add")
  return true
end

function clients.file(self, random)
  local path = ("%s/%d"):format(self.folder, random(10))
  assert(fs.write_file(path, LARGE:sub(1, random(#LARGE))))
  local text = fs.read_file(path) -- another one may have removed it
  assert(not text or LARGE:find(text, 1, true) == 1, "a file that nobody wrote")
  fs.remove(path)
  return true
end

function clients.shared(self, random)
  local group <close> = neap.task_group()
  group:spawn(function()
    for i = 1, 5 do
      self.queue:put(i)
    end
  end)
  for _ = 1, 5 do
    local _ <close> = self.lock:guard()
    neap.sleep(random(10) / 10000)
    self.queue:get()
  end
  return true
end

local names = {}
for name in pairs(clients) do
  names[#names + 1] = name
end
table.sort(names)

-- ---- rounds --------------------------------------------------------------------

--- A client with or without patience. Whatever came of it, it has ended then.
function Soak:once()
  local random = self.random
  local name = names[random(#names)]
  local mood, time = random(6), random(40) / 1000
  local task = neap.spawn(function()
    if mood == 1 then
      return neap.timeout(time, clients[name], self, random)
    end
    return clients[name](self, random)
  end)
  if mood == 2 then
    neap.sleep(time)
    task:cancel()
  end
  local done, ok, err = pcall(task.await, task)
  err = not done and ok or not ok and err or nil
  self.operations = self.operations + 1
  if err then
    check(err)
    local code = neap.error_code(err)
    self.failed[code] = (self.failed[code] or 0) + 1
  end
end

function Soak:round(width, length)
  local session <close> = http.session({ tls = { ca = certs.ca.cert }, max_connections = width })
  self.session = session
  local group <close> = neap.task_group()
  for _ = 1, width do
    group:spawn(function()
      for _ = 1, length do
        self:once()
      end
    end)
  end
end

local function connections_of(servers)
  local count = 0
  for _, server in ipairs(servers) do
    count = count + server:connections()
  end
  return count
end

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("n", "n")
  file:close()
  return pages * 4096
end

--- A round that leaves nothing open. Returns what it leaves in memory: bytes of
--- Lua's, and of the process.
function Soak:check(width, length)
  neap.testing.no_leaks(function()
    self:round(width, length)
    neap.timeout(20, function()
      while connections_of(self.servers) > 0 do
        neap.sleep(0.01)
      end
    end)
  end)
  collectgarbage()
  collectgarbage()
  return { lua = neap.stats().memory, resident = resident() }
end

---@class spec.Soak.Options
---@field seed integer
---@field width integer  clients at once
---@field length integer  what each does in a round
---@field goes_on fun(held: table[], operations: integer): boolean  asked after each round

--- Goes from round to round. Raises what no fault explains, and what a round
--- leaves open. Returns what was in memory after each; how much was done, and how
--- often it failed, by code.
---@param options spec.Soak.Options
---@return { lua: integer, resident: integer }[] held
---@return integer operations
---@return table<string, integer> failed
function soak.run(options)
  local self <close> = new(options.seed)
  local held = {}
  repeat
    held[#held + 1] = self:check(options.width, options.length)
  until not options.goes_on(held, self.operations)
  return held, self.operations, self.failed
end

return soak

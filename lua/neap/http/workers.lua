--- A server of HTTP whose app is served by several threads, each with a loop
--- and a listener of its own on the same port; the kernel deals connections out
--- among them. The app is copied to each, as `neap.thread` does: no state is
--- shared, and the thread that called `serve` answers nothing itself.
---
--- For each worker a task here awaits its thread, and starts another one when
--- that dies. Workers hear by a channel each what they are to do, and answer by
--- one that they share.
local args = require("neap.args")
local core = require("neap.core")
local net = require("neap.net")
local server = require("neap.http.server")
local serving = require("neap.server")
local thread = require("neap.thread")

local workers = {}

-- A worker that is replaced begins no sooner, in seconds.
local PAUSE = 0.5

---@class neap.http.Worker
---@field package number integer
---@field package control neap.Channel?  "close" or "connections"
---@field package thread neap.Thread?
---@field package ready neap.Future?  how its first start went: { address =, err =, raised = }
---@field package asked neap.Future[]  how many connections it has

---@class neap.http.WorkerServer: neap.http.Server
---@field package _app neap.http.App
---@field package _opts neap.http.ServeOptions
---@field package _workers neap.http.Worker[]
---@field package _alive integer  workers whose task has not ended
---@field package _closed boolean
---@field package _changed table  who waits until it is closed, or all workers have ended
---@field package _events neap.Channel
---@field package _address neap.Address
local Server = { __name = "HttpServer" }
Server.__index = Server

-- ---- what cannot be copied ------------------------------------------------------

local function app_problem(app, prefix, seen)
  if seen[app] then
    return nil
  end
  seen[app] = true
  for i, middleware in ipairs(app._middleware) do
    local problem = core.thread.problem(middleware)
    if problem then
      return ("middleware %d%s: %s"):format(i, prefix ~= "" and " of " .. prefix or "", problem)
    end
  end
  for _, entry in ipairs(app._router:entries()) do
    local problem
    if entry.app then
      problem = app_problem(entry.app, prefix .. entry.path, seen)
    else
      problem = core.thread.problem(entry.handler)
      problem = problem and ("route %s %s%s: %s"):format(entry.method, prefix, entry.path, problem)
    end
    if problem then
      return problem
    end
  end
  return nil
end

--- Why an app cannot be served with these options by more than one thread, or
--- nil.
---@param app neap.http.App
---@param opts neap.http.ServeOptions
---@return string?
function workers.problem(app, opts)
  if opts.fd then
    return "option 'fd' is for one worker: each listens itself"
  elseif type(opts.tls) == "userdata" then
    return "option 'tls' must be a table for several workers: a context cannot be copied"
  end
  for _, name in ipairs({ "tls", "access_log" }) do
    local problem = core.thread.problem(opts[name])
    if problem then
      return ("option '%s': %s"):format(name, problem)
    end
  end
  if core.thread.problem(app) then
    return app_problem(app, "", {}) or core.thread.problem(app)
  end
  return nil
end

-- ---- in the thread of a worker ---------------------------------------------------

--- What a worker does: the main task of its thread.
---@async
function workers.work(app, opts, control, events, number)
  local running <close>, err = server.new(app, opts)
  if not running then
    return nil, err
  end
  events:send({ number = number, address = running:address() })
  for message in control:items() do
    if message == "connections" then
      events:send({ number = number, connections = running:connections() })
    else
      running:close()
      core.spawn(function()
        running:wait_closed()
        control:close()
      end)
    end
  end
  return true
end

-- ---- its task here ---------------------------------------------------------------

local function wake_all(waitq)
  for _ = 1, waitq:count() do
    waitq:wake()
  end
end

local function settle(future, ...)
  if future and not future:done() then
    future:set_result(...)
  end
end

--- One thread of a worker, until that ends.
local function live(self, worker)
  worker.control = thread.channel()
  local running <close> =
    thread.spawn(workers.work, self._app, self._opts, worker.control, self._events, worker.number)
  worker.thread = running
  return running:await()
end

--- Takes down that a thread has ended.
local function bury(worker, result)
  local asked = worker.asked
  worker.thread, worker.asked = nil, {}
  for _, future in ipairs(asked) do
    settle(future, 0)
  end
  settle(worker.ready, result)
end

local function wait_closing(self)
  while not self._closed do
    self._changed:park("worker restart")
  end
end

local function run(self, worker)
  local ok, value, err = pcall(live, self, worker)
  local started = worker.ready:done()
  bury(worker, ok and { err = err } or { raised = value })
  core.checkwait() -- it may be this task that was cancelled
  return started, not ok and value or err
end

--- The task of a worker.
local function supervise(self, worker)
  local _ <close> = setmetatable({}, {
    __close = function()
      bury(worker, { err = core.error("CANCELLED", "the server was ended") })
      self._alive = self._alive - 1
      if self._alive == 0 then
        self._events:close()
        wake_all(self._changed)
      end
    end,
  })
  while not self._closed do
    local started, err = run(self, worker)
    if self._closed or not started then
      return
    end
    core.report({
      message = ("worker %d of %s ended, and is replaced"):format(worker.number, tostring(self)),
      error = err,
    })
    pcall(core.timeout, PAUSE, wait_closing, self)
    core.checkwait()
  end
end

--- The task that hears what workers say.
local function listen(self)
  for event in self._events:items() do
    local worker = self._workers[event.number]
    if event.address then
      settle(worker.ready, event)
    else
      settle(table.remove(worker.asked, 1), event.connections)
    end
  end
end

-- ---- starting --------------------------------------------------------------------

local function add_worker(self)
  local number = #self._workers + 1
  local worker = { number = number, ready = core.future(), asked = {} }
  self._workers[number] = worker
  self._alive = self._alive + 1
  core.spawn(supervise, self, worker):set_name(("worker %d"):format(number))
  return worker
end

--- Where a worker listens.
local function await_ready(worker)
  local result = core.await(worker.ready)
  if result.raised ~= nil then
    error(result.raised, 0)
  end
  return result.address, result.err
end

--- Sees to it that nobody else listens there: with SO_REUSEPORT both would.
local function check_free(opts)
  if opts.reuse_port or opts.port == 0 then
    return true
  end
  local listener, err = net.listen(opts.host, opts.port)
  if not listener then
    return nil, err
  end
  listener:close()
  return true
end

local function start_all(self, count)
  local ok, err = check_free(self._opts)
  if not ok then
    return nil, err
  end
  self._opts.reuse_port = true
  self._address, err = await_ready(add_worker(self))
  if not self._address then
    return nil, err
  end
  self._opts.port = self._address.port
  for _ = 2, count do
    add_worker(self)
  end
  for _, worker in ipairs(self._workers) do
    ok, err = await_ready(worker)
    if not ok then
      return nil, err
    end
  end
  return true
end

local function wait_ended(self)
  while not self._closed or self._alive > 0 do
    self._changed:park("server close")
  end
end

--- What was started ends where starting fails.
local Guard = {
  __close = function(guard)
    if guard.server then
      guard.server:close(0)
      core.shield(wait_ended, guard.server)
    end
  end,
}

--- Options for each worker.
local function share(opts)
  local each = {}
  for name in pairs(server.options) do
    each[name] = opts[name]
  end
  each.workers = nil
  each.port = opts.port or server.DEFAULT_PORT
  each.max_connections = -(-(opts.max_connections or server.MAX_CONNECTIONS) // opts.workers)
  return each
end

--- Serves an app with `opts.workers` threads.
---@async
---@param app neap.http.App
---@param opts neap.http.ServeOptions  checked
---@return neap.http.Server? server
---@return neap.Error? err
function workers.serve(app, opts)
  core.checkwait()
  local self = setmetatable({
    _app = app,
    _opts = share(opts),
    _workers = {},
    _alive = 0,
    _closed = false,
    _changed = core.waitq(),
    _events = thread.channel(),
  }, Server)
  local guard <close> = setmetatable({ server = self }, Guard)
  core.spawn(listen, self):set_daemon(true)
  local ok, err = start_all(self, opts.workers)
  if not ok then
    return nil, err
  end
  guard.server = nil
  return self
end

-- ---- the server ------------------------------------------------------------------

function Server:address()
  local copy = {}
  for name, value in pairs(self._address) do
    copy[name] = value
  end
  return copy
end

--- The sum of what the workers say; it waits for them.
---@async
---@return integer
function Server:connections()
  core.checkwait()
  local asked, sum = {}, 0
  for _, worker in ipairs(self._workers) do
    if worker.thread and pcall(worker.control.send, worker.control, "connections") then
      local future = core.future()
      table.insert(worker.asked, future)
      table.insert(asked, future)
    end
  end
  for _, future in ipairs(asked) do
    sum = sum + core.await(future)
  end
  return sum
end

---@async
function Server:serve_forever()
  core.checkwait()
  while not self._closed do
    self._changed:park("server " .. tostring(self))
  end
end

---@async
function Server:wait_closed()
  core.checkwait()
  wait_ended(self)
end

local function stop_all(self)
  for _, worker in ipairs(self._workers) do
    if worker.thread then
      worker.thread:stop()
    end
  end
end

local function stop_later(self, grace)
  pcall(core.timeout, grace, wait_ended, self)
  stop_all(self)
end

--- Has each worker do what `close` of a server does. What is left in a worker
--- after `grace` seconds, also what handlers have spawned, is cancelled.
---@param grace number?
function Server:close(grace)
  if grace ~= nil then
    grace = math.max(0, args.number("close", 1, grace, 1))
  end
  if not self._closed then
    self._closed = true
    for _, worker in ipairs(self._workers) do
      if worker.control then -- as a task: it may be a cancelled one that closes
        core.spawn(pcall, worker.control.send, worker.control, "close")
      end
    end
    if self._alive == 0 then
      self._events:close()
    end
    wake_all(self._changed)
  end
  if grace == 0 then
    stop_all(self)
  elseif grace and self._alive > 0 then
    core.spawn(stop_later, self, grace)
  end
end

function Server:__close()
  self:close()
end

function Server:__tostring()
  local state = self._closed and "closed, " or ""
  local address = self._address
  local name = address and serving.address_name(address) or "starting"
  return ("HttpServer (%s, %s%d workers)"):format(name, state, self._alive)
end

return workers

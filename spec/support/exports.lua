--- What neap exports, looked up in the modules and in the classes of real objects:
--- to be compared with the definitions in doc/types.
local neap = require("neap")
local web = require("spec.support.web")

local exports = {}

-- ---- modules -------------------------------------------------------------------

exports.modules = {
  "fs", "http", "loop", "net", "process", "protocol", "signal", "sync", "testing", "thread", "tls",
}

-- What a module has for other modules of neap, and no user calls.
local internal = {
  ["neap.tls"] = {
    "accept", "after_handshake", "client_fields", "connect", "for_client", "for_server", "handshake",
    "secure", "start",
  },
  ["neap.http.headers"] = { "is", "lists", "of_head" },
  ["neap.http.url"] = { "add_field", "default_ports" },
}

local function upvalue(fn, wanted)
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name or name == wanted then
      return value
    end
  end
end

exports.upvalue = upvalue

--- The names that a table has, and those that it makes when asked.
local function add_names(names, module)
  for name in pairs(module) do
    names[name] = true
  end
  local meta = getmetatable(module)
  for _, name in ipairs(meta and meta.__names and meta.__names(module) or {}) do
    names[name] = true
  end
end

--- The names in a module: set.
---@param path string  "neap.net"
---@param module table
---@return table<string, true>
function exports.names(path, module)
  local names = {}
  add_names(names, module)
  for _, name in ipairs(internal[path] or {}) do
    names[name] = nil
  end
  return names
end

-- ---- classes -------------------------------------------------------------------

local function accepted()
  local request
  local app = neap.http.app()
  app:get("/", function(req)
    request = req
  end)
  web.answer(app, web.request("/"))
  return request
end

local function with_server(fn)
  local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream) stream:readall() end))
  return fn("127.0.0.1", server:address().port)
end

local function endpoint()
  return (assert(neap.protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1")))
end

local function socket()
  local app = neap.http.app()
  app:websocket("/", function(ws) ws:receive() end)
  local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  return assert(neap.http.websocket(("ws://127.0.0.1:%d"):format(server:address().port)))
end

--- Class -> a function that makes an object of it.
exports.classes = {
  ["neap.Barrier"] = function() return neap.sync.barrier(1) end,
  ["neap.Channel"] = function() return neap.thread.channel() end,
  ["neap.Condition"] = function() return neap.sync.condition() end,
  ["neap.DatagramTransport"] = endpoint,
  ["neap.Directory"] = function() return neap.fs.scandir(".") end,
  ["neap.Event"] = function() return neap.sync.event() end,
  ["neap.File"] = function() return neap.fs.open("Makefile") end,
  ["neap.Future"] = function() return neap.future() end,
  ["neap.Generator"] = function() return neap.generator(print) end,
  ["neap.Guard"] = function() return neap.sync.lock():guard() end,
  ["neap.Handle"] = function() return neap.loop.call_soon(function() end) end,
  ["neap.Incoming"] = function() return neap.net.listen("127.0.0.1", 0):incoming() end,
  ["neap.Listener"] = function() return neap.net.listen("127.0.0.1", 0) end,
  ["neap.Lock"] = function() return neap.sync.lock() end,
  ["neap.Process"] = function() return neap.process.spawn({ "true" }, { stdin = "pipe" }) end,
  ["neap.Queue"] = function() return neap.sync.queue() end,
  ["neap.Semaphore"] = function() return neap.sync.semaphore(1) end,
  ["neap.Server"] = function() return neap.net.serve("127.0.0.1", 0, function() end) end,
  ["neap.SignalHandler"] = function() return neap.signal.handle("USR1", function() end) end,
  ["neap.Signals"] = function() return neap.signal.stream("USR1") end,
  ["neap.Stream"] = function()
    assert(neap.tls) -- which gives streams methods
    return with_server(neap.net.connect)
  end,
  ["neap.Task"] = function() return neap.current_task() end,
  ["neap.TaskGroup"] = function()
    local group <close> = neap.task_group()
    return group
  end,
  ["neap.TaskLocal"] = function() return neap.task_local() end,
  ["neap.Thread"] = function() return neap.thread.spawn(function() end) end,
  ["neap.TlsContext"] = function() return neap.tls.context() end,
  ["neap.Transport"] = function()
    return with_server(function(host, port)
      return (neap.protocol.create_connection(function() return {} end, host, port))
    end)
  end,
  ["neap.UdpSocket"] = function() return neap.net.udp({ host = "127.0.0.1" }) end,
  ["neap.Walk"] = function() return neap.fs.walk(".") end,
  ["neap.Watch"] = function() return neap.fs.watch(".") end,
  ["neap.WebSocket"] = socket,
  ["neap.http.App"] = function() return neap.http.app() end,
  ["neap.http.Headers"] = function() return neap.http.headers.new() end,
  ["neap.http.Request"] = accepted,
  ["neap.http.Response"] = function() return neap.http.response("") end,
  ["neap.http.ClientResponse"] = function()
    local app = neap.http.app()
    app:get("/", function() return "hello" end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    return assert(neap.http.get("http://127.0.0.1:" .. server:address().port))
  end,
  ["neap.http.Server"] = function() return neap.http.app():serve({ host = "127.0.0.1", port = 0 }) end,
  ["neap.http.Session"] = function() return neap.http.session() end,
}

-- Classes whose objects no user has.
exports.internal_classes = {
  "ChannelWait", "Child", "Codec", "Compressor", "Decompressor", "Editor", "EventFlag", "FetchedFile", "Gate",
  "Guests", "HttpConnection", "HttpGroup", "Load", "Multi", "Notifier", "Pool", "QueueItems", "Request", "Resolve",
  "Reverse", "Router",
  "Scope", "ThreadJob", "Transfer", "UdpSend", "WaitQueue", "Watchman", "WebSockets",
  "Workers",
}

--- Puts the methods in a table of them into a set.
local function add_methods(names, methods)
  for name, value in pairs(methods) do
    if type(name) == "string" and not name:find("^_") and type(value) == "function" then
      names[name] = true
    end
  end
end

--- The methods of an object, and the name of its class.
---@return table<string, true> methods
---@return string name
function exports.methods(object)
  local meta, names = debug.getmetatable(object), {}
  local index = meta.__index
  if type(index) == "table" then
    add_methods(names, index)
  elseif index then -- a function, with the methods beside it or in the class itself
    add_methods(names, upvalue(index, "methods") or meta)
  end
  if type(object) == "table" then
    for name, value in next, object do
      if type(name) == "string" and not name:find("^_") and type(value) == "function" then
        names[name] = true
      end
    end
  end
  return names, meta.__name
end

--- The values that an object holds and shows.
---@return table<string, true>
function exports.fields(object)
  local names = {}
  for name, value in next, type(object) == "table" and object or {} do
    if type(name) == "string" and not name:find("^_") and type(value) ~= "function" then
      names[name] = true
    end
  end
  return names
end

--- Ends what an object holds.
function exports.close(object)
  if neap.is_future(object) then
    return
  end
  if debug.getmetatable(object).__close then
    local _ <close> = object
  end
end

-- ---- options -------------------------------------------------------------------

local client_options = require("neap.http.client_options")
local net = require("neap.net_options")
local reply = require("neap.http.reply")
local socket_options = require("neap.websocket.options")
local tls = require("neap.tls_options")

--- A table of options that a function keeps to itself.
local function kept(fn, name)
  return assert(upvalue(fn, name), name)
end

local client_methods = kept(kept(reply.new, "Reply").__index, "methods")

--- Class -> its options: name to what checks it.
exports.options = {
  ["neap.AsCompletedOptions"] = kept(neap.as_completed, "as_completed_options"),
  ["neap.ConnectOptions"] = net.connect,
  ["neap.EndpointOptions"] = net.datagram_endpoint,
  ["neap.GatherOptions"] = kept(neap.gather, "gather_options"),
  ["neap.ListenOptions"] = net.listen,
  ["neap.MapOptions"] = kept(neap.map, "map_options"),
  ["neap.ResolveOptions"] = net.resolve,
  ["neap.RunOptions"] = kept(neap.process.run, "run_options"),
  ["neap.ServeOptions"] = net.serve,
  ["neap.SpawnOptions"] = kept(neap.process.spawn, "spawn_options"),
  ["neap.StartTlsOptions"] = tls.start,
  ["neap.TlsOptions"] = tls.context,
  ["neap.UdpOptions"] = net.udp,
  ["neap.UnixConnectOptions"] = net.connect_unix,
  ["neap.UnixListenOptions"] = net.listen_unix,
  ["neap.UnixServeOptions"] = net.serve_unix,
  ["neap.WaitOptions"] = kept(neap.wait, "wait_options"),
  ["neap.WatchOptions"] = kept(neap.fs.watch, "watch_options"),
  ["neap.WebSocketAcceptOptions"] = socket_options.accept,
  ["neap.WebSocketConnectOptions"] = socket_options.connect,
  ["neap.http.RequestOptions"] = client_options.request,
  ["neap.http.RetryOptions"] = kept(client_options.request.retry, "retry_kinds"),
  ["neap.http.RunOptions"] = require("neap.http.server").run_options,
  ["neap.http.SaveOptions"] = kept(client_methods.save, "save_kinds"),
  ["neap.http.ServeOptions"] = require("neap.http.server").options,
  ["neap.http.SessionOptions"] = client_options.session,
  ["neap.http.StaticOptions"] = require("neap.http.static").options,
  ["neap.http.WholeRequest"] = client_options.whole,
}

--- Class -> a call with options that C checks.
exports.native_options = {
  ["neap.CopyOptions"] = function(opts) return neap.fs.copy("/none", "/none", opts) end,
  ["neap.MkdirOptions"] = function(opts) return neap.fs.mkdir("/", opts) end,
  ["neap.RmdirOptions"] = function(opts) return neap.fs.rmdir("/none", opts) end,
  ["neap.WriteFileOptions"] = function(opts) return neap.fs.write_file("/none/none", "", opts) end,
}

return exports

--- Connections that are idle give the Lua stack of their task back, and begin
--- anew for the next request.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local http1 = require("neap.proto.http1")
local neap = require("neap")
local web = require("spec.support.web")

local it, timed, http = case.it, case.timed, neap.http
local request = web.request

local function hello()
  return http.app():get("/", function(req) return "hello " .. req.query_string end)
end

--- A server of an app, a function that connects to it, and the first task that
--- the server spawned for a connection.
local function serve(app, opts)
  opts = opts or {}
  opts.host, opts.port = "127.0.0.1", 0
  local before = {}
  for _, task in ipairs(neap.tasks()) do
    before[task] = true
  end
  local server = assert(app:serve(opts))
  local function connect()
    return assert(neap.net.connect("127.0.0.1", server:address().port, opts.client))
  end
  local function guest()
    for _, task in ipairs(neap.tasks()) do
      if not before[task] and tostring(task:waiting_on()):find("next request", 1, true) then
        return task
      end
    end
  end
  return server, connect, guest
end

local function stop(server)
  server:close(0)
  server:wait_closed()
end

--- Sends a request and reads its answer's body.
local function ask(stream, ...)
  assert(stream:write(request(...)))
  local head = assert(stream:readuntil("\r\n\r\n"))
  return stream:readexactly(tonumber(head:match("Content%-Length: (%d+)")))
end

local function has_stack(task)
  return task:traceback():find("http/server", 1, true) ~= nil
end

--- Waits until the only idle connection rests.
local function rest(guest)
  while not guest() or has_stack(guest()) do
    neap.sleep(0.01)
  end
end

describe("http.server's idle connection", function()
  it("gives its stack back and answers the next request", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    assert.equal("hello 1", ask(stream, "/?1"))
    rest(guest)
    local task = guest()
    for i = 2, 3 do
      assert.equal("waiting", task:status())
      assert.equal("hello " .. i, ask(stream, "/?" .. i))
      rest(guest)
      assert.equal(task, guest())
    end
    assert.equal(1, server:connections())
    stop(server)
  end)

  it("waits for the next request, in a dump too", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    ask(stream, "/")
    for _ = 1, 2 do
      local what = "tcp next request 127.0.0.1:" .. stream:sockname().port
      assert.equal(what, guest():waiting_on())
      assert.is_truthy(neap.dump():find(": waiting on " .. what, 1, true))
      rest(guest)
    end
    stop(server)
  end)

  it("gives it back before its first request", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    rest(guest)
    assert.equal("hello 1", ask(stream, "/?1"))
    stop(server)
  end)

  it("answers what comes at once, in order", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    ask(stream, "/")
    rest(guest)
    stream:write(request("/?1") .. request("/?2"))
    stream:write(request("/?3", { "Connection: close" }))
    local list = web.answers(stream:readall())
    assert.equal(3, #list)
    for i = 1, 3 do
      assert.equal("hello " .. i, list[i].body)
    end
    stop(server)
  end)

  it("does not rest where the handler knows its coroutine", function()
    local app = http.app():get("/", function()
      return (tostring(coroutine.running()))
    end)
    local server, connect, guest = serve(app)
    local stream <close> = connect()
    local first = ask(stream, "/")
    neap.sleep(0.2) -- a rest begins after half of that
    assert.is_true(has_stack(guest()))
    assert.equal(first, ask(stream, "/"))
    stop(server)
  end)

  it("keeps its task's values", function()
    local value = neap.task_local("value")
    local app = http.app():get("/", function(req)
      local was = value:get()
      value:set(req.query_string)
      return tostring(was)
    end)
    local server, connect, guest = serve(app)
    local stream <close> = connect()
    ask(stream, "/?1")
    rest(guest)
    assert.equal("1", ask(stream, "/?2"))
    rest(guest)
    assert.equal("2", ask(stream, "/?3"))
    stop(server)
  end)

  it("reads a body, and what a handler leaves of one", function()
    local app = hello():post("/", function(req) return req:text() end)
    app:post("/left", function() return "left" end)
    local server, connect, guest = serve(app)
    local stream <close> = connect()
    for _ = 1, 2 do
      rest(guest)
      local function post(path)
        stream:write("POST " .. path .. " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        local head = stream:readuntil("\r\n\r\n")
        return stream:readexactly(tonumber(head:match("Content%-Length: (%d+)")))
      end
      assert.equal("abc", post("/"))
      rest(guest)
      assert.equal("left", post("/left"))
    end
    stop(server)
  end)

  it("answers a failing handler and goes on", function()
    local app = hello():get("/fail", function() error("broken") end)
    local reports = {}
    neap.loop.set_exception_handler(function(context) reports[#reports + 1] = context end)
    local server, connect, guest = serve(app)
    local stream <close> = connect()
    for i = 1, 2 do
      ask(stream, "/fail")
      assert.equal(i, #reports)
      rest(guest)
      assert.equal("hello 1", ask(stream, "/?1"))
      rest(guest)
    end
    neap.loop.set_exception_handler(nil)
    stop(server)
  end)

  it("becomes a WebSocket", function()
    local app = hello()
    app:websocket("/ws", function(ws)
      for message in ws:messages() do
        ws:send(message)
      end
    end)
    local server, connect, guest = serve(app)
    local stream <close> = connect()
    ask(stream, "/")
    rest(guest)
    stream:write(request("/ws", {
      "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    }))
    assert.matches("^HTTP/1.1 101 ", stream:readuntil("\r\n\r\n"))
    stream:write("\x81\x82\0\0\0\0hi")
    assert.equal("\x81\x02hi", stream:readexactly(4))
    stop(server)
  end)

  it("ends with its client", function()
    local server, connect, guest = serve(hello())
    local one = connect()
    ask(one, "/")
    rest(guest)
    one:close()
    local two = connect()
    ask(two, "/")
    rest(guest)
    two:abort()
    while server:connections() > 0 do
      neap.sleep(0)
    end
    stop(server)
  end)

  it("is closed at once when the server closes", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    ask(stream, "/")
    rest(guest)
    server:close()
    server:wait_closed()
    assert.is_nil((stream:read()))
  end)

  it("is ended by a cancellation of its task", function()
    local server, connect, guest = serve(hello())
    local stream <close> = connect()
    ask(stream, "/")
    rest(guest)
    local task = guest()
    task:cancel()
    assert.is_nil((stream:read()))
    assert.is_true(task:cancelled())
    stop(server)
  end)

  if neap.features.tls then
    it("rests over TLS, too", function()
      local server, connect, guest = serve(hello(), {
        tls = { cert = certs.server.cert, key = certs.server.key },
      })
      local stream <close> = connect()
      assert(stream:start_tls({ ca = certs.ca.cert, server_name = "localhost" }))
      assert.equal("hello 1", ask(stream, "/?1"))
      rest(guest)
      assert.equal("hello 2", ask(stream, "/?2"))
      stop(server)
    end)
  end
end)

--- A connection in memory, by the clock of the spec: what its task reads, and
--- how often that began.
local function open(limits)
  local client, theirs = neap.testing.stream_pair()
  local seen = { begun = 0 }
  local function answer_all(conn)
    local reading <close> = conn
    local method, path, problem = reading:read_head()
    while method do
      seen[#seen + 1] = path
      reading:respond(200, "text/plain", "ok")
      method, path, problem = reading:read_head()
    end
    seen.status, seen.problem = path, problem
  end
  local function serve_all(conn)
    seen.begun = seen.begun + 1
    repeat
      answer_all(conn)
    until not conn:rest(serve_all)
    theirs:close()
  end
  local group = http1.group(limits)
  return client, seen, neap.spawn(serve_all, group:accept(theirs, true)), group
end

local time = neap.loop.time

describe("http1's connection at rest", function()
  timed("begins anew for each request that comes late", function()
    local client <close>, seen, task = open({})
    for i = 1, 3 do
      client:write(request("/" .. i))
      neap.sleep(0.05)
      assert.equal(i, seen.begun)
      client:write(request("/again"))
      neap.sleep(0.2)
      assert.equal(i, seen.begun)
    end
    assert.same({ "/1", "/again", "/2", "/again", "/3", "/again" }, { table.unpack(seen) })
    client:close()
    task:await()
    assert.equal(4, seen.begun)
  end)

  timed("is over after the time between requests, not later", function()
    local client <close>, seen, task = open({ idle_timeout = 7 })
    client:write(request("/"))
    neap.testing.settle()
    local begun = time()
    task:await()
    assert.near(7, time() - begun, 1e-6)
    assert.is_nil(seen.status)
  end)

  timed("is over after the time for its first request", function()
    local client <close>, seen, task = open({ header_timeout = 3 })
    local begun = time()
    task:await()
    assert.near(3, time() - begun, 1e-6)
    assert.is_nil(seen.status)
    assert.is_nil((client:read()))
  end)

  timed("has the whole time for a head once that has begun", function()
    local client <close>, seen, task = open({ header_timeout = 3 })
    client:write(request("/"))
    neap.sleep(40)
    client:write("GET / HT")
    local begun = time()
    task:await()
    assert.near(3, time() - begun, 1e-6)
    assert.equal(408, seen.status)
  end)

  timed("does not rest where it may be idle for a moment only", function()
    local client <close>, seen, task = open({ idle_timeout = 0.1 })
    client:write(request("/"))
    neap.testing.settle()
    local begun = time()
    task:await()
    assert.near(0.1, time() - begun, 1e-6)
    assert.equal(1, seen.begun)
  end)

  timed("ends when it is drained", function()
    local client <close>, seen, task, group = open({})
    client:write(request("/"))
    neap.sleep(1)
    local begun = time()
    group:drain()
    task:await()
    assert.equal(begun, time())
    assert.equal(2, seen.begun)
  end)

  timed("does not begin where it is drained just before", function()
    local _ <close>, theirs = neap.testing.stream_pair()
    local group = http1.group({})
    local conn = group:accept(theirs, true)
    neap.spawn(function(c)
      assert.is_nil((c:read_head()))
      group:drain()
      assert.is_false(c:rest(error))
    end, conn):await()
    theirs:close()
  end)

  timed("ends when its task is cancelled, before it begins anew", function()
    local client <close>, seen, task, group = open({})
    client:write(request("/"))
    neap.sleep(1)
    client:write(request("/late"))
    task:cancel()
    assert.equal("CANCELLED", select(2, pcall(task.await, task)).code)
    assert.same({ "/" }, { table.unpack(seen) })
    assert.equal(1, seen.begun)
    group:drain()
  end)

  timed("is not begun anew where another task reads its stream", function()
    local _ <close>, theirs = neap.testing.stream_pair()
    local conn = http1.group({}):accept(theirs, true)
    local begun = 0
    local function serve_once(c)
      begun = begun + 1
      assert.is_nil((c:read_head()))
      local reader = neap.spawn(theirs.read, theirs)
      neap.sleep(0)
      expect.code("BUSY", c.rest, c, serve_once)
      neap.sleep(0.01)
      reader:cancel()
      return "to its end"
    end
    assert.equal("to its end", neap.spawn(serve_once, conn):await())
    assert.equal(1, begun)
    theirs:close()
  end)

  it("is not begun anew where it gets no timer", function()
    local out, err = child.run([[
      local neap, core = require "neap", require "neap.core"
      local client, theirs = neap.testing.stream_pair()
      local conn = require("neap.proto.http1").group({}):accept(theirs, true)
      local function serve_once(c)
        print("begun", c:read_head())
        local other = neap.spawn(neap.sleep, 1000)
        neap.sleep(0)
        core.set_limits { timers = 1 }
        local rested, failure = c:rest(serve_once)
        print(rested, failure.code)
        neap.sleep(0)
        other:cancel()
        theirs:close()
        return "to its end"
      end
      print(neap.testing.virtual_clock(function()
        return neap.spawn(serve_once, conn):await()
      end))]])
    assert.equal("", err)
    assert.equal("begun\tnil\nnil\tLIMIT\nto its end\n", out)
  end)

  timed("rests in no coroutine within its task, and in no scope", function()
    local client <close>, theirs = neap.testing.stream_pair()
    local conn = http1.group({ idle_timeout = 5, header_timeout = 5 }):accept(theirs, true)
    local function idle_time()
      local begun = time()
      client:write(request("/"))
      conn:read_head()
      conn:respond(200, "text/plain", "ok")
      conn:read_head()
      return time() - begun
    end
    neap.spawn(function(c)
      assert.equal(5, neap.timeout(100, idle_time))
      return c
    end, conn):await()
    theirs:close()
  end)
end)

--- Apps that are served by several threads.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")
local peer = require("spec.support.peer")
local temp = require("spec.support.temp")

local it, http, curl = case.it, neap.http, peer.curl

--- Serves an app with workers; the server, which ends with its block, and its URL.
local function serve(app, opts)
  opts = opts or {}
  opts.host, opts.port, opts.workers = "127.0.0.1", opts.port or 0, opts.workers or 2
  local server = assert(app:serve(opts))
  local scheme = opts.tls and "https" or "http"
  return server, ("%s://127.0.0.1:%d"):format(scheme, server:address().port)
end

local function stop(server)
  server:close(0)
  server:wait_closed()
end

--- What a new connection is answered.
local function get(url)
  return (curl(url))
end

describe("app:serve with workers", function()
  it("answers with the routes, middleware and mounted apps of the app", function()
    local dir <close> = temp.dir()
    neap.fs.write_file(dir / "file.txt", "contents")
    local greeting = "hello"
    local app = http.app()
    app:use(function(req, next)
      local answer = next(req)
      return type(answer) == "string" and answer .. "!" or answer
    end)
    app:get("/", function() return greeting end)
    app:get("/{n:%d+}", function(req) return req.params.n end)
    app:mount("/sub", http.app():get("/x", function() return "mounted" end))
    app:static("/static", dir.path)
    app:websocket("/echo", function(ws)
      ws:send(ws:receive())
    end)
    local server, url = serve(app)

    assert.equal("hello!", get(url .. "/"))
    assert.equal("42!", get(url .. "/42"))
    assert.equal("mounted!", get(url .. "/sub/x"))
    assert.equal("contents", get(url .. "/static/file.txt"))
    assert.equal("404 Not Found\n", get(url .. "/none"))
    do
      local ws <close> = assert(http.websocket(url:gsub("^http", "ws") .. "/echo"))
      ws:send("over")
      assert.equal("over", ws:receive())
    end
    stop(server)
  end)

  it("has as many threads as it was told, each with a copy of its own", function()
    local seen, gate = neap.thread.channel(), neap.thread.channel()
    local hits = 0
    local app = http.app():get("/", function()
      hits = hits + 1
      seen:send(hits)
      return gate:receive()
    end)
    local server, url = serve(app, { workers = 3 })

    -- the kernel deals by hash: of enough connections each worker gets some
    local asking = {}
    for i = 1, 60 do
      asking[i] = neap.spawn(http.get, url .. "/", { headers = { Connection = "close" } })
    end
    local firsts = 0
    for _ = 1, 60 do
      firsts = firsts + (seen:receive() == 1 and 1 or 0)
    end
    for i = 1, 60 do
      gate:send("ok " .. i)
    end
    for _, task in ipairs(asking) do
      local response <close> = assert(task:await())
      assert.equal(200, response.status)
    end

    assert.equal(3, firsts)
    assert.equal(0, hits)
    stop(server)
  end)

  it("tells its address and how many connections it has", function()
    local server = serve(http.app(), { workers = 2 })
    assert.equal("127.0.0.1", server:address().host)
    assert.equal(0, server:connections())

    local streams = {}
    for i = 1, 7 do
      streams[i] = assert(neap.net.connect("127.0.0.1", server:address().port))
      streams[i]:write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.matches("404", streams[i]:readuntil("\r\n\r\n"))
    end

    assert.equal(7, server:connections())
    assert.equal(("HttpServer (127.0.0.1:%d, 2 workers)"):format(server:address().port), tostring(server))
    for _, stream in ipairs(streams) do
      stream:close()
    end
    stop(server)
    assert.equal(0, server:connections())
    assert.matches("closed, 0 workers", tostring(server))
  end)

  it("finishes after close what is under way, and takes nothing more", function()
    local begun, go = neap.thread.channel(), neap.thread.channel()
    local server, url = serve(http.app():get("/", function()
      begun:send(true)
      return go:receive()
    end))
    local asking = neap.spawn(http.get, url .. "/")
    begun:receive()

    server:close()
    server:close()
    server:serve_forever()
    local closed = neap.spawn(server.wait_closed, server)
    go:send("finished")

    assert.equal("finished", asking:await():text())
    closed:await()
    local _, err = neap.net.connect("127.0.0.1", server:address().port)
    assert.equal("ECONNREFUSED", err.code)
  end)

  it("cancels what is left after a grace", function()
    local said = neap.thread.channel()
    local server, url = serve(http.app():get("/", function()
      local _ <close> = setmetatable({}, { __close = function() said:send("unwound") end })
      said:send("begun")
      neap.sleep(math.huge)
    end))
    local asking = neap.spawn(http.get, url .. "/")
    assert.equal("begun", said:receive())

    server:close(0.05)
    server:wait_closed()

    asking:await()
    assert.equal(0, server:connections())
  end)

  it("interrupts by close(0) a handler that computes", function()
    local begun = neap.thread.channel()
    local server, url = serve(http.app():get("/", function()
      begun:send(true)
      while true do end
    end))
    local asking = neap.spawn(http.get, url .. "/")
    begun:receive()

    stop(server)

    asking:await()
  end)

  it("closes with its block", function()
    local kept, url
    do
      local server <close>, where = serve(http.app():get("/", function() return "open" end))
      kept, url = server, where
      assert.equal("open", get(url .. "/"))
    end

    kept:wait_closed()

    assert.equal("", get(url .. "/"))
  end)

  it("speaks TLS with the options it is given", function()
    local app = http.app():get("/", function(req) return "secure " .. req.version end)
    local server, url = serve(app, { tls = { cert = certs.server.cert, key = certs.server.key } })

    for _ = 1, 4 do
      assert.equal("secure 1.1", (curl("--http1.1", "--cacert", certs.ca.cert, url .. "/")))
    end
    stop(server)
  end)

  it("gives each worker its part of max_connections", function()
    local server = serve(http.app(), { workers = 2, max_connections = 2 })
    local refused, streams = 0, {}
    for i = 1, 12 do
      streams[i] = assert(neap.net.connect("127.0.0.1", server:address().port))
      streams[i]:write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      local head = streams[i]:readuntil("\r\n\r\n")
      refused = refused + (head:find(" 503 ") and 1 or 0)
    end

    assert.is_true(refused >= 10)
    for _, stream in ipairs(streams) do
      stream:close()
    end
    stop(server)
  end)

  it("sends what workers log to the function's copy", function()
    local lines = neap.thread.channel()
    local server, url = serve(http.app(), {
      access_log = function(line) lines:send(line) end,
    })

    get(url .. "/logged")

    assert.matches('"GET /logged HTTP/1.1" 404', lines:receive())
    stop(server)
  end)

  it("reports a worker that dies, and replaces it", function()
    local reports = neap.sync.queue()
    neap.loop.set_exception_handler(function(context)
      reports:put_nowait(context)
    end)
    local app = http.app():get("/", function() return "alive" end)
    app:get("/die", function() neap.exit(1) end)
    local server, url = serve(app, { workers = 2 })
    local port = server:address().port

    get(url .. "/die")
    local report = reports:get()
    neap.loop.set_exception_handler(nil)

    assert.matches("^worker %d of HttpServer %(127.0.0.1:" .. port .. ", 2 workers%) ended, and is replaced$",
      report.message)
    assert.equal("CANCELLED", neap.error_code(report.error))
    for _ = 1, 8 do
      assert.equal("alive", get(url .. "/"))
    end
    stop(server)
  end)

  it("ends while a worker is to be replaced", function()
    local reported = neap.sync.event()
    neap.loop.set_exception_handler(function() reported:set() end)
    local app = http.app():get("/die", function() neap.exit(1) end)
    local server, url = serve(app, { workers = 2 })
    get(url .. "/die")
    reported:wait()
    neap.loop.set_exception_handler(nil)

    server:close()
    server:wait_closed()
  end)
end)

describe("app:serve with workers returns the error", function()
  it("of a port that is taken", function()
    for _, opts in ipairs({ {}, { reuse_port = true } }) do
      local listener <close> = assert(neap.net.listen("127.0.0.1", 0, opts))

      local server, err = http.app():serve({ host = "127.0.0.1", port = listener:address().port, workers = 2 })

      assert.is_nil(server)
      assert.equal("EADDRINUSE", err.code)
    end
  end)

  it("of a certificate that is missing", function()
    local server, err = http.app():serve({ host = "127.0.0.1", port = 0, workers = 2, tls = { cert = "/none.pem" } })

    assert.is_nil(server)
    assert.equal("ENOENT", err.code)
  end)

  it("and leaves no thread when it is cancelled", function()
    local app = http.app()
    for turns = 0, 4 do
      local task = neap.spawn(app.serve, app, { host = "127.0.0.1", port = 0, workers = 2 })
      for _ = 1, turns do
        neap.sleep(0)
      end
      task:cancel()
      neap.wait({ task })
      assert.is_true(task:cancelled())
    end
  end)
end)

describe("app:serve with workers refuses", function()
  local future = neap.future()
  local function uses_future()
    return future
  end

  local function refused(text, app, opts)
    opts = opts or {}
    opts.workers = 2
    expect.bad_argument("#1 to 'serve'", text, function()
      app:serve(opts)
    end)
    expect.bad_argument("#1 to 'run'", text, function()
      app:run(opts)
    end)
  end

  it("a number of workers that is none", function()
    local app = http.app()
    for _, n in ipairs({ 0, -1, 257 }) do
      expect.bad_argument("#1 to 'serve'", "option 'workers' out of range (1 to 256)", function()
        app:serve({ workers = n })
      end)
    end
  end)

  it("a route whose handler cannot be copied, by its name and upvalue", function()
    refused("route GET /a/{x}: cannot copy a Future in upvalue 'future'", http.app():get("/a/{x}", uses_future))
    refused("route POST /: cannot copy a Future in upvalue 'future'",
      http.app():get("/", function() end):post("/", uses_future))
    refused("route * /f/{p*}: cannot copy a Future in upvalue 'future'", http.app():route("*", "/f/{p*}", uses_future))
  end)

  it("the same in a mounted app", function()
    refused("route GET /m/x: cannot copy a Future in upvalue 'future'",
      http.app():mount("/m", http.app():get("/x", uses_future)))
    refused("middleware 1 of /m: cannot copy a Future in upvalue 'future'",
      http.app():mount("/m", http.app():use(uses_future)))
  end)

  it("middleware that cannot be copied", function()
    refused("middleware 2: cannot copy a Future in upvalue 'future'",
      http.app():use(function(req, next) return next(req) end):use(uses_future))
  end)

  it("options that cannot be copied", function()
    refused("option 'access_log': cannot copy a Future in upvalue 'future'", http.app(), { access_log = uses_future })
    refused("option 'fd' is for one worker: each listens itself", http.app(), { fd = 3 })
    refused("option 'tls' must be a table for several workers: a context cannot be copied", http.app(),
      { tls = assert(neap.tls.context({})) })
  end)
end)

describe("app:run with workers", function()
  local PROGRAM = [[
    app:get("/slow", function()
      io.stdout:write("begun\n")
      io.stdout:flush()
      neap.sleep(0.2)
      return "slow"
    end)
    app:get("/", function() return "hello" end)
  ]]

  it("drains at SIGTERM and ends with 0", function()
    local program <close> = peer.app(PROGRAM, "workers = 2")
    local slow = neap.spawn(curl, ("http://127.0.0.1:%d/slow"):format(program.port))
    assert.equal("begun", program.process.stdout:readline())

    local code = program:stop()

    assert.equal(0, code)
    assert.equal("slow", (slow:await()))
  end)

  it("answers many connections at once", function()
    if not peer.has("wrk") then
      return pending("wrk is not installed")
    end
    local program <close> = peer.app(PROGRAM, "workers = 2")
    local url = ("http://127.0.0.1:%d/"):format(program.port)

    local out = peer.run("wrk", "-t1", "-c32", "-d1", url)

    assert.is_nil(out:match("Non%-2xx"))
    assert.is_nil(out:match("Socket errors"))
    assert.is_true(tonumber(out:match("(%d+) requests in")) > 100)
    assert.equal(0, (program:stop()))
  end)
end)

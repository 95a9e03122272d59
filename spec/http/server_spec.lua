local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")
local web = require("spec.support.web")

local serve, stop, read_answer, hello = web.serve, web.stop, web.read_answer, web.hello
local it, http = case.it, neap.http
local request, answer, settle = web.request, web.answer, neap.testing.settle

describe("http.server requests", function()
  it("have what a handler asks for", function()
    local seen = {}
    local app = http.app():get("/a b", function(req)
      for _, name in ipairs({ "method", "path", "query_string", "version", "host", "raw_path" }) do
        seen[name] = req[name]
      end
      seen.query, seen.agent, seen.x = req.query, req.headers:get("USER-AGENT"), req.headers:get_all("x")
      seen.names = {}
      for name in pairs(req.headers) do
        table.insert(seen.names, name)
      end
    end)
    answer(app, request("/a%20b?x=1&x=2&y", { "User-Agent: me", "X: 1", "x: 2" }))

    assert.same({
      method = "GET",
      path = "/a b",
      raw_path = "/a%20b",
      query_string = "x=1&x=2&y",
      version = "1.1",
      host = "test",
      query = { x = { "1", "2" }, y = "" },
      agent = "me",
      x = { "1", "2" },
      names = { "Host", "User-Agent", "X", "x" },
    }, seen)
  end)

  it("know their peer and their version", function()
    local app = http.app():get("/", function(req) return req.peer.host .. " " .. req.version end)
    local server, connect = serve(app)
    local client <close> = connect()
    client:write("GET / HTTP/1.0\r\n\r\n")

    local _, body = read_answer(client)
    assert.equal("127.0.0.1 1.0", body)
    client:close()
    stop(server)
  end)

  it("have the host of an absolute target", function()
    local app = http.app():get("/", function(req) return req.host .. " " .. req.headers:get("host") end)
    assert.equal("b:81 b:81", answer(app, "GET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n").body)
  end)

  it("have an id, their own or one that came", function()
    local app = http.app():get("/", function(req) return req.id end)
    assert.equal("abc-1", answer(app, request("/", { "X-Request-Id: abc-1" })).body)
    assert.is_truthy(answer(app, request("/", { "X-Request-Id: a b" })).body:find("^%x+$"))
  end)
end)

describe("http.server", function()
  it("says where it listens and how many connections it has", function()
    local server, connect = serve(hello())
    local client <close> = connect()
    client:write(request("/"))
    read_answer(client)

    assert.equal("127.0.0.1", server:address().host)
    assert.equal(1, server:connections())
    assert.is_truthy(tostring(server):find("^HttpServer %(127%.0%.0%.1:%d+, 1 connections%)$"))
    client:close()
    stop(server)
  end)

  it("returns an error for a port that is taken", function()
    local server = serve(hello())
    local other, err = hello():serve({ host = "127.0.0.1", port = server:address().port })

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    stop(server)
  end)

  it("that closes ends idle connections at once, and the others after their answer", function()
    local go = neap.sync.event()
    local app = hello():get("/slow", function()
      go:wait()
      return "slow"
    end)
    local server, connect = serve(app)
    local idle <close> = connect()
    local busy <close> = connect()
    local fresh <close> = connect()
    idle:write(request("/"))
    read_answer(idle)
    busy:write(request("/slow"))
    neap.timeout(5, function()
      while server:connections() < 3 do
        neap.sleep(0.001)
      end
    end)
    settle()

    server:close(5)

    assert.is_nil((idle:read()))
    assert.is_nil((fresh:read()))
    go:set()
    local head, body = read_answer(busy)
    assert.equal("slow", body)
    assert.is_truthy(head:find("Connection: close", 1, true))
    server:wait_closed()
    assert.equal(0, server:connections())
    assert.equal("ECONNREFUSED", select(2, neap.net.connect("127.0.0.1", server:address().port)).code)
  end)

  it("that closes cancels what is left after the grace time", function()
    local cancelled
    local app = http.app():get("/", function()
      local _ <close> = setmetatable({}, { __close = function() cancelled = true end })
      neap.sleep(math.huge)
    end)
    local server, connect = serve(app)
    local client <close> = connect()
    client:write(request("/"))
    settle()
    neap.sleep(0.02)

    server:close(0.05)
    server:wait_closed()

    assert.is_true(cancelled)
    assert.is_nil((client:read()))
  end)

  it("that closes tells WebSockets 1001", function()
    local app = http.app():websocket("/ws", function(ws)
      for message in ws:messages() do
        ws:send(message)
      end
    end)
    local server = serve(app)
    local ws <close> = assert(http.websocket(("ws://127.0.0.1:%d/ws"):format(server:address().port)))
    ws:send("hello")
    assert.equal("hello", (ws:receive()))

    server:close(5)

    assert.is_nil((ws:receive()))
    assert.equal(1001, ws.close_code)
    server:wait_closed()
  end)

  it("logs in the combined format", function()
    local lines, records = {}, {}
    web.talk(
      hello(),
      request("/?a", { "Referer: http://r/", 'User-Agent: "x"\t' }) .. request("/none") .. "bad\r\n\r\n",
      { access_log = function(line, record)
        table.insert(lines, line)
        table.insert(records, record)
      end }
    )

    assert.equal(3, #lines)
    assert.is_truthy(
      lines[1]:find(
        '^%- %- %- %[%d%d/%a%a%a/%d%d%d%d:%d%d:%d%d:%d%d %+0000%] "GET /%?a HTTP/1%.1" 200 7 '
          .. '"http://r/" "\\x22x\\x22"$'
      ),
      lines[1]
    )
    assert.is_truthy(lines[2]:find('"GET /none HTTP/1.1" 404 14 "-" "-"', 1, true), lines[2])
    assert.is_truthy(lines[3]:find('"-" 400', 1, true), lines[3])
    assert.equal(7, records[1].bytes)
    assert.equal("GET", records[1].method)
  end)

  it("ends with the program, whatever its connections are at", function()
    local out, err, code = child.run([[
      local neap = require("neap")
      local app = neap.http.app()
      app:get("/", function() return "hello" end)
      app:get("/slow", function() neap.sleep(math.huge) end)
      app:get("/endless", function()
        return { stream = function(write) while write(("x"):rep(100000)) do end end }
      end)
      app:post("/", function(req) return req:text() end)
      local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
      local clients = {}
      for i, text in ipairs({
        "", "GET / HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n",
      }) do
        clients[i] = assert(neap.net.connect("127.0.0.1", server:address().port))
        clients[i]:write(text)
      end
      neap.sleep(0.1)
      print(server:connections())
      neap.exit(3)
    ]])

    assert.equal("8\n", out)
    assert.equal("", err)
    assert.equal(3, code)
  end)

  it("answers a WebSocket route that is not asked for one with 426", function()
    local app = http.app():websocket("/ws", function() end)
    local got = answer(app, request("/ws"))

    assert.equal(426, got.status)
    assert.equal("websocket", got.fields.upgrade)
    assert.equal(405, answer(app, request("POST /ws")).status)
  end)
end)

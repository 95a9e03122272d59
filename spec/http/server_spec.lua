local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local peer = require("spec.support.peer")
local serve_stream = require("neap.http.server").serve_stream
local web = require("spec.support.web")

local it, timed, http = case.it, case.timed, neap.http
local request, answer, settle = web.request, web.answer, neap.testing.settle

local function hello()
  return http.app():get("/", function(req) return "hello " .. req.query_string end)
end

--- A client of an app in memory: its stream, and the task that serves it.
local function open(app, opts)
  local client, theirs = neap.testing.stream_pair()
  return client, neap.spawn(serve_stream, app, theirs, opts)
end

local function serve(app, opts)
  opts = opts or {}
  opts.host, opts.port = "127.0.0.1", 0
  local server = assert(app:serve(opts))
  return server, function()
    return assert(neap.net.connect("127.0.0.1", server:address().port))
  end
end

local function stop(server)
  server:close(0)
  server:wait_closed()
end

--- One answer off a stream: its head, and its body by Content-Length.
local function read_answer(stream)
  local head, err = stream:readuntil("\r\n\r\n")
  if not head then
    return nil, err
  end
  return head, stream:readexactly(tonumber(head:match("Content%-Length: (%d+)")))
end

describe("http.server connections", function()
  it("answer pipelined requests in order", function()
    local app = http.app():get("/{n}", function(req)
      if tonumber(req.params.n) % 3 == 0 then
        neap.sleep(0)
      end
      return req.params.n
    end)
    local requests = {}
    for i = 1, 200 do
      requests[i] = request("/" .. i)
    end

    local list = web.answers(web.talk(app, table.concat(requests)))

    assert.equal(200, #list)
    for i, one in ipairs(list) do
      assert.equal(tostring(i), one.body)
    end
  end)

  it("send what is ready while a pipelined request takes its time", function()
    local go = neap.sync.event()
    local app = hello():get("/slow", function()
      go:wait()
      return "slow"
    end)
    local client <close> = open(app)
    client:write(request("/?1") .. request("/slow") .. request("/?2"))

    local _, first = read_answer(client)
    assert.equal("hello 1", first)
    go:set()
    local _, second = read_answer(client)
    assert.equal("slow", second)
    local _, third = read_answer(client)
    assert.equal("hello 2", third)
  end)

  it("write answers to pipelined requests together", function()
    local client <close> = open(hello())
    client:write(request("/"):rep(10))
    settle()

    assert.equal(10, #web.answers(assert(client:read())))
  end)

  it("stay open in HTTP/1.1 and end when told so", function()
    local last = request("/?2", { "Connection: close" })
    local list = web.answers(web.talk(hello(), request("/?1") .. last .. request("/?3")))

    assert.equal(2, #list)
    assert.is_nil(list[1].fields.connection)
    assert.equal("close", list[2].fields.connection)
  end)

  it("end after a request of HTTP/1.0 unless it asks", function()
    local old = "GET / HTTP/1.0\r\n%s\r\n"
    local first = old:format("Connection: keep-alive\r\n")
    local list = web.answers(web.talk(hello(), first .. old:format("") .. request("/")))

    assert.equal(2, #list)
    assert.equal("keep-alive", list[1].fields.connection)
    assert.equal("close", list[2].fields.connection)
  end)

  it("end where the handler says so", function()
    local app = http.app():get("/", function()
      return { text = "bye", headers = { Connection = "close" } }
    end)
    assert.equal(1, #web.answers(web.talk(app, request("/"):rep(2))))
  end)

  it("take requests in pieces", function()
    local text, pieces = request("/?x", { "A: b" }), {}
    for byte in text:gmatch(".") do
      pieces[#pieces + 1] = byte
    end
    assert.equal("hello x", answer(hello(), pieces).body)
  end)

  timed("are given a time for a head", function()
    local client <close> = open(hello(), { header_timeout = 5 })
    client:write("GET / HTTP/1.1\r\n")
    neap.sleep(4.5)
    client:write("Host: x\r\n")
    neap.sleep(0.4)
    client:write("A: b\r\n")
    local began = neap.loop.time()

    local head = read_answer(client)

    assert.is_truthy(head:find("^HTTP/1.1 408"))
    assert.is_truthy(head:find("Connection: close", 1, true))
    assert.is_true(neap.loop.time() - began < 0.2)
    assert.is_nil((client:read()))
  end)

  timed("are given a time for their first request", function()
    local client <close> = open(hello(), { header_timeout = 5 })
    local began = neap.loop.time()

    assert.equal("", client:readall())

    assert.is_true(math.abs(neap.loop.time() - began - 5) < 0.1)
  end)

  timed("are closed when idle for long", function()
    local client <close> = open(hello(), { idle_timeout = 7 })
    client:write(request("/"))
    read_answer(client)
    local began = neap.loop.time()

    assert.equal("", client:readall())

    assert.is_true(math.abs(neap.loop.time() - began - 7) < 0.1)
  end)

  timed("are given a time for a body, which is answered with 408", function()
    local app = http.app():post("/", function(req) return assert(req:text()) end)
    local client <close> = open(app, { body_timeout = 3 })
    client:write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    local began = neap.loop.time()

    local head = read_answer(client)

    assert.is_truthy(head:find("^HTTP/1.1 408"))
    assert.is_true(math.abs(neap.loop.time() - began - 3) < 0.1)
  end)

  timed("that drip a body are not given more", function()
    local app = http.app():post("/", function(req) return assert(req:text()) end)
    local client <close>, task = open(app, { body_timeout = 3 })
    client:write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    local began = neap.loop.time()
    local dripper = neap.spawn(function()
      while client:write("x") do
        neap.sleep(0.5)
      end
    end)

    local head = read_answer(client)

    dripper:cancel()
    assert.is_truthy(head:find("^HTTP/1.1 408"))
    assert.is_true(neap.loop.time() - began < 4)
    client:close()
    task:await()
  end)

  timed("that send a long body steadily are given the time for it", function()
    local app = http.app():post("/", function(req) return tostring(#assert(req:text())) end)
    local client <close> = open(app, { body_timeout = 3 })
    client:write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40960\r\n\r\n")
    for _ = 1, 10 do
      neap.sleep(2)
      client:write(("x"):rep(4096))
    end

    local _, body = read_answer(client)
    assert.equal("40960", body)
  end)

  it("that take nothing of an answer are given up", function()
    local gone
    local app = http.app():get("/", function()
      return {
        stream = function(write)
          repeat
            local ok, err = write(("x"):rep(100000))
            gone = err
          until not ok
        end,
      }
    end)
    local server, connect = serve(app, { write_timeout = 0.1 })
    local client <close> = connect()
    client:write(request("/"))

    neap.timeout(10, function()
      while not gone do
        neap.sleep(0.01)
      end
    end)

    assert.equal("TIMEOUT", gone.code)
    client:close()
    stop(server)
  end)

  case.timed_sockets("that take little of an answer at a time get all of it", function()
    local text = ("x"):rep(1024 * 1024)
    local client, theirs = neap.net.pair()
    local app = http.app():get("/", function() return text end)
    local task = neap.spawn(serve_stream, app, theirs, { write_timeout = 10 })
    client:write(request("/", { "Connection: close" }))

    local got, data = 0, client:readuntil("\r\n\r\n") and ""
    while data do
      got = got + #data
      neap.sleep(4)
      data = client:read(32 * 1024)
      settle()
    end

    assert.equal(#text, got)
    client:close()
    task:await()
  end)

  it("beyond the limit are answered with 503", function()
    local server, connect = serve(hello(), { max_connections = 2 })
    local a <close> = connect()
    local b <close> = connect()
    for _, client in ipairs({ a, b }) do
      client:write(request("/"))
      assert.is_truthy(read_answer(client):find("^HTTP/1.1 200"))
    end

    local c <close> = connect()
    local head = read_answer(c)

    assert.is_truthy(head:find("^HTTP/1.1 503"))
    assert.is_truthy(head:find("Connection: close", 1, true))
    for _, client in ipairs({ a, b, c }) do
      client:close()
    end
    stop(server)
  end)
end)

describe("http.server answers", function()
  local function streams(fn, fields)
    return http.app():get("/", function()
      return { stream = fn, headers = fields, trailers = { ["X-End"] = "1" } }
    end)
  end

  it("of a stream are chunked, with a trailer", function()
    local text = web.talk(streams(function(write)
      write("hello")
      write("")
      write(" world")
    end), request("/") .. request("/"))

    local list = web.answers(text)
    assert.equal("hello world", list[1].body)
    assert.equal("chunked", list[2].fields["transfer-encoding"])
    assert.is_truthy(text:find("\r\n0\r\nX-End: 1\r\n\r\n", 1, true))
  end)

  it("of a stream end with the connection for HTTP/1.0", function()
    local got = answer(streams(function(write) write("hi") end), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

    assert.is_nil(got.fields["transfer-encoding"])
    assert.equal("close", got.fields.connection)
    assert.equal("hi", got.body)
  end)

  it("of a stream of known length are counted", function()
    local list = web.answers(web.talk(streams(function(write)
      write("ab")
      write("cd")
    end, { ["Content-Length"] = 4 }), request("/"):rep(2)))

    assert.equal("4", list[1].fields["content-length"])
    assert.equal("abcd", list[2].body)
  end)

  for name, pieces in pairs({ ["more"] = { "ab", "cde" }, ["less"] = { "ab" } }) do
    it(("of a stream that has %s than it said end the connection"):format(name), function()
      local text, err
      local reports = expect.reports(function()
        text, err = web.talk(streams(function(write)
          for _, piece in ipairs(pieces) do
            write(piece)
          end
        end, { ["Content-Length"] = 4 }), request("/"):rep(2))
      end)

      assert.equal(1, #reports)
      assert.equal("INVALID_STATE", reports.errors[1].code)
      assert.is_nil(text:find("cde", 1, true))
      assert.equal("ECONNRESET", err.code)
    end)
  end

  it("of a stream that fails end the connection", function()
    local text, err
    local reports = expect.reports(function()
      text, err = web.talk(streams(function(write)
        write("begun")
        error("oh")
      end), request("/"):rep(2))
    end)

    assert.equal(1, #reports)
    assert.is_nil(text:find("\r\n0\r\n", 1, true))
    assert.equal("ECONNRESET", err.code)
  end)

  it("of a stream wait for the client", function()
    local written = 0
    local server, connect = serve(streams(function(write)
      for _ = 1, 300 do
        if not write(("x"):rep(65536)) then
          return
        end
        written = written + 1
      end
    end))
    local client <close> = connect()
    client:write(request("/"))
    client:readuntil("\r\n\r\n")
    neap.sleep(0.05)

    assert.is_true(written < 300)
    client:close()
    stop(server)
  end)

  it("of events are a stream of them", function()
    local app = http.app():get("/", function()
      return {
        events = function(send)
          send("one")
          send({ data = "a\nb\r\nc", event = "e", id = 7, retry = 100 })
        end,
      }
    end)

    local got = answer(app, request("/"))

    assert.equal("text/event-stream", got.fields["content-type"])
    assert.equal("no-cache", got.fields["cache-control"])
    assert.equal("data: one\n\nevent: e\nid: 7\nretry: 100\ndata: a\ndata: b\ndata: c\n\n", got.body)
  end)

  it("of events refuse a field with a line end", function()
    local app = http.app():get("/", function()
      return {
        events = function(send)
          expect.bad_argument("#1 to 'send'", "field 'event' has a line end", function()
            send({ event = "a\ndata: b" })
          end)
          send("fine")
        end,
      }
    end)
    assert.equal("data: fine\n\n", answer(app, request("/")).body)
  end)

  for name, fn in pairs({
    ["reading"] = function(req) return assert(req:text()) end,
    ["writing"] = function()
      return {
        stream = function(write)
          repeat
            assert(write(("x"):rep(10000)))
          until false
        end,
      }
    end,
  }) do
    it(("of a handler that gives up as the client is gone while %s are no failure"):format(name), function()
      local server, connect = serve(http.app():post("/", fn))
      local reports = expect.reports(function()
        local client = connect()
        client:write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc")
        settle()
        neap.sleep(0.02)
        client:abort()
        neap.timeout(5, function()
          while server:connections() > 0 do
            neap.sleep(0.001)
          end
        end)
      end)

      assert.equal(0, #reports)
      stop(server)
    end)
  end

  it("of a handler that waits while the client goes are for nobody", function()
    local go, ended = neap.future(), false
    local app = http.app():get("/", function()
      go:await()
      ended = true
      return ("x"):rep(2000)
    end)
    local server, connect = serve(app)
    local reports = expect.reports(function()
      local client = connect()
      client:write(request("/"))
      settle()
      neap.sleep(0.02)
      client:abort()
      neap.sleep(0.02)
      assert.equal(1, server:connections()) -- it runs on
      go:set_result()
      neap.timeout(5, function()
        while server:connections() > 0 do
          neap.sleep(0.001)
        end
      end)
    end)

    assert.same({ true, 0 }, { ended, #reports })
    stop(server)
  end)

  it("tell a handler that the client is gone", function()
    local err
    local app = http.app():get("/", function()
      return {
        events = function(send)
          repeat
            local ok
            ok, err = send(("x"):rep(10000))
          until not ok
        end,
      }
    end)
    local server, connect = serve(app)
    local client = connect()
    client:write(request("/"))
    client:readuntil("\r\n\r\n")
    client:abort()
    neap.timeout(5, function()
      while not err do
        neap.sleep(0.001)
      end
    end)

    assert.is_truthy(err.code == "EPIPE" or err.code == "ECONNRESET", err.code)
    stop(server)
  end)

  it("set cookies, which requests bring back", function()
    local app = http.app()
    app:get("/set", function()
      return { text = "x", cookies = { a = "1", b = { value = "2", max_age = 60, secure = true, http_only = false } } }
    end)
    app:get("/unset", function() return { text = "x", cookies = { a = false } } end)
    app:get("/get", function(req) return (req.cookies.a or "-") .. (req.cookies.b or "-") end)

    local text = web.talk(app, request("/set"))
    assert.is_truthy(text:find("\r\nSet-Cookie: a=1; Path=/; HttpOnly; SameSite=Lax\r\n", 1, true))
    assert.is_truthy(text:find("\r\nSet-Cookie: b=2; Path=/; Max-Age=60; Secure; SameSite=Lax\r\n", 1, true))
    assert.is_truthy(web.talk(app, request("/unset")):find("a=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970", 1, true))
    assert.equal('12', answer(app, request("/get", { 'Cookie: a=1; b="2"; a=3' })).body)
    assert.equal("--", answer(app, request("/get")).body)
  end)

  describe("are compressed", function()
    local text = ("hello "):rep(1000)
    local app = http.app()
    app:get("/", function() return text end)
    app:get("/short", function() return "hello" end)
    app:get("/png", function() return { body = text, type = "image/png" } end)
    app:get("/tagged", function() return { text = text, headers = { ETag = '"x"' } } end)

    local function inflate(kind, bytes)
      return assert(require("neap.proto.deflate").decompressor(kind):push(bytes, "finish"))
    end

    for _, coding in ipairs({ "gzip", "deflate" }) do
      it("with " .. coding .. " for those who take it", function()
        local got = answer(app, request("/", { "Accept-Encoding: br, " .. coding }))
        assert.equal(coding, got.fields["content-encoding"])
        assert.equal("Accept-Encoding", got.fields.vary)
        assert.equal(text, inflate(coding, got.body))
      end)
    end

    it("not for others, nor where it does not help", function()
      assert.equal(text, answer(app, request("/")).body)
      for _, accept in ipairs({ "br", "gzip;q=0", "identity" }) do
        assert.equal(text, answer(app, request("/", { "Accept-Encoding: " .. accept })).body)
      end
      assert.is_nil(answer(app, request("/short", { "Accept-Encoding: gzip" })).fields["content-encoding"])
      assert.is_nil(answer(app, request("/png", { "Accept-Encoding: gzip" })).fields["content-encoding"])
      local off = answer(app, request("/", { "Accept-Encoding: gzip" }), { compress = false })
      assert.is_nil(off.fields["content-encoding"])
    end)

    it("as they come, each piece at once", function()
      local more = neap.future()
      app:get("/slow", function()
        return { type = "text/plain", stream = function(write)
          write("one ")
          more:await()
          write("")
          write("two")
        end }
      end)
      local client <close>, theirs = neap.testing.stream_pair()
      local task = neap.spawn(serve_stream, app, theirs)
      client:write(request("/slow", { "Accept-Encoding: gzip" }))
      client:shutdown()
      settle()

      local head = client:readuntil("\r\n\r\n")
      assert.is_truthy(head:find("\r\nContent-Encoding: gzip\r\n", 1, true))
      local z = require("neap.proto.deflate").decompressor("gzip")
      local size = tonumber(client:readline(), 16)
      assert.equal("one ", z:push(client:readexactly(size)))
      more:set_result()
      task:await()
      local rest = web.dechunk("\r\n" == client:readexactly(2) and client:readall(), 1)
      assert.equal("two", z:push(rest, "finish"))
    end)

    it("event by event", function()
      app:get("/events", function()
        return { events = function(send)
          for i = 1, 3 do
            send("event " .. i)
          end
        end }
      end)
      local got = answer(app, request("/events", { "Accept-Encoding: gzip" }))
      assert.equal("gzip", got.fields["content-encoding"])
      assert.equal("data: event 1\n\ndata: event 2\n\ndata: event 3\n\n", inflate("gzip", got.body))
    end)

    it("not as they come where that is not to be", function()
      for name, fields in pairs({
        length = { ["Content-Length"] = #text, ["Content-Type"] = "text/plain" },
        encoded = { ["Content-Encoding"] = "br", ["Content-Type"] = "text/plain" },
        ["no-transform"] = { ["Cache-Control"] = "no-transform", ["Content-Type"] = "text/plain" },
        binary = {},
      }) do
        app:get("/" .. name, function()
          return { headers = fields, stream = function(write) write(text) end }
        end)
        assert.equal(text, answer(app, request("/" .. name, { "Accept-Encoding: gzip" })).body)
      end
      local plain = answer(app, request("HEAD /slow", { "Accept-Encoding: gzip" }))
      assert.is_nil(plain.fields["content-encoding"])
    end)

    it("for clients without chunks, too", function()
      local got = answer(app, "GET /events HTTP/1.0\r\nAccept-Encoding: deflate\r\n\r\n")
      assert.is_nil(got.fields["transfer-encoding"])
      assert.is_truthy(inflate("deflate", got.body):find("event 3", 1, true))
    end)

    it("under a weak tag", function()
      assert.equal('W/"x"', answer(app, request("/tagged", { "Accept-Encoding: gzip" })).fields.etag)
    end)
  end)
end)

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

describe("http.app:run", function()
  local SLOW = [[
    app:get("/", function() return "hello" end)
    app:get("/slow", function()
      print("begun")
      io.stdout:flush()
      neap.sleep(0.2)
      return "slow"
    end)
    app:get("/never", function()
      print("begun")
      io.stdout:flush()
      neap.sleep(math.huge)
    end)
  ]]

  local function connect(program)
    return assert(neap.net.connect("127.0.0.1", program.port))
  end

  for _, name in ipairs({ "TERM", "INT" }) do
    it(("finishes what is under way at SIG%s, closes the rest, and ends with 0"):format(name), function()
      local program <close> = peer.app(SLOW)
      local idle <close> = connect(program)
      idle:write(request("/"))
      read_answer(idle)
      local busy <close> = connect(program)
      busy:write(request("/slow"))
      assert.equal("begun", program.process.stdout:readline())

      program.process:kill(name)

      assert.is_nil((idle:read()))
      local head, body = read_answer(busy)
      assert.equal("slow", body)
      assert.is_truthy(head:find("Connection: close", 1, true))
      assert.equal(0, (program.process:wait()))
    end)
  end

  it("cancels what takes longer than the grace time", function()
    local program <close> = peer.app(SLOW, "grace = 0.1")
    local busy <close> = connect(program)
    busy:write(request("/never"))
    program.process.stdout:readline()

    program.process:kill("TERM")

    assert.equal(0, (program.process:wait()))
    assert.is_nil((busy:read()))
  end)

  it("cancels what is under way at a second signal", function()
    local program <close> = peer.app(SLOW, "grace = 60")
    local busy <close> = connect(program)
    busy:write(request("/never"))
    program.process.stdout:readline()

    program.process:kill("TERM")
    neap.sleep(0.1)
    program.process:kill("TERM")

    assert.equal(0, (program.process:wait()))
  end)

  it("returns an error for a port that is taken", function()
    local server = serve(hello())

    local ok, err = hello():run({ host = "127.0.0.1", port = server:address().port })

    assert.is_nil(ok)
    assert.equal("EADDRINUSE", err.code)
    stop(server)
  end)
end)

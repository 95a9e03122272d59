--- Connections of a server: pipelining, what keeps them open, the times they are given.
local case = require("spec.support.case")
local neap = require("neap")
local serve_stream = require("neap.http.server").serve_stream
local web = require("spec.support.web")

local open, serve, stop, read_answer, hello = web.open, web.serve, web.stop, web.read_answer, web.hello
local it, timed, http = case.it, case.timed, neap.http
local request, answer, settle = web.request, web.answer, neap.testing.settle

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

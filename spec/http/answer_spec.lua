--- What a server sends: streams, events, cookies, and what becomes of it when the client goes.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local wait_until = require("spec.support.wait_until")
local web = require("spec.support.web")

local serve, stop = web.serve, web.stop
local it, http = case.it, neap.http
local request, answer, settle = web.request, web.answer, neap.testing.settle

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
        wait_until(function() return server:connections() == 0 end)
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
      wait_until(function() return server:connections() == 0 end)
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
end)

--- Requests like earlier ones, which a session prepares once.
local case = require("spec.support.case")
local eyeballs = require("neap.eyeballs")
local names = require("neap.http.names")
local neap = require("neap")

local it, http = case.it, neap.http

local function closing(fn)
  return setmetatable({}, { __close = fn })
end

--- A server of an app, and its URL without a path.
local function serve(app, host, port)
  local server = assert(app:serve({ host = host or "127.0.0.1", port = port or 0 }))
  port = server:address().port
  return setmetatable({ url = "http://127.0.0.1:" .. port, port = port }, { __close = function()
    server:close(0)
    server:wait_closed()
  end })
end

local function echo()
  local app = http.app()
  app:route("*", "/{rest*}", function(req)
    return req.method .. " " .. req.path .. " " .. (req:text() or "")
  end)
  return app
end

describe("a request like an earlier one", function()
  it("is told from those with another method, URL or body", function()
    local peer <close> = serve(echo())
    local session <close> = http.session()
    for _ = 1, 3 do
      assert.equal("GET /a ", session:get(peer.url .. "/a"):text())
      assert.equal("DELETE /a ", session:delete(peer.url .. "/a"):text())
      assert.equal("POST /a x", session:post(peer.url .. "/a", { body = "x" }):text())
      assert.equal("POST /a ", session:post(peer.url .. "/a"):text())
      assert.equal("", session:head(peer.url .. "/a"):text())
      assert.equal("GET /b ", session:get(peer.url .. "/b"):text())
    end
  end)

  it("is told from hundreds of others", function()
    local peer <close> = serve(echo())
    local session <close> = http.session()
    for _ = 1, 2 do
      for i = 1, 300 do
        assert.equal(("GET /%d "):format(i), session:get(("%s/%d"):format(peer.url, i)):text())
      end
    end
  end)

  it("carries nothing of the options that another had", function()
    local app = http.app()
    app:get("/", function(req)
      return ("%s %s %s"):format(req.headers["x-one"], req.headers.authorization, req.headers.cookie)
    end)
    local peer <close> = serve(app)
    local session <close> = http.session({ headers = { ["X-One"] = "1" } })
    for _ = 1, 2 do
      assert.equal("1 nil nil", session:get(peer.url):text())
      local opts = { headers = { ["X-One"] = "2" }, auth = "a:b", cookies = { c = "d" } }
      assert.equal("2 Basic YTpi c=d", session:get(peer.url, opts):text())
    end
  end)

  it("keeps to the limits of its session", function()
    local app = http.app()
    local large = false
    app:get("/", function()
      return { headers = { ["X-Long"] = ("x"):rep(large and 2000 or 10) }, text = "" }
    end)
    local peer <close> = serve(app)
    local session <close> = http.session({ max_header_size = 1000 })
    assert.equal(200, session:get(peer.url).status)
    assert.equal(200, session:get(peer.url).status)
    large = true
    local res, err = session:get(peer.url)

    assert.is_nil(res)
    assert.equal("LIMIT", err.code)
  end)

  it("has times of its own", function()
    local app, wait = http.app(), false
    local go = neap.sync.event()
    app:get("/", function()
      if wait then
        go:wait()
      end
      return "fine"
    end)
    local peer <close> = serve(app)
    for name, opts in pairs({
      timeout = { timeout = 0.03 },
      first_byte_timeout = { first_byte_timeout = 0.03 },
      idle_timeout = { idle_timeout = 0.03 },
    }) do
      local session <close> = http.session(opts)
      wait = false
      assert.equal("fine", session:get(peer.url):text())
      neap.sleep(0.04)
      assert.equal("fine", session:get(peer.url):text(), name)
      wait = true
      local res, err = session:get(peer.url)
      assert.is_nil(res)
      assert.equal("TIMEOUT", err.code, name)
    end
    local session <close> = http.session()
    local _, err = session:get(peer.url, { timeout = 0.02 })
    assert.equal("TIMEOUT", err.code)
    wait = false
    assert.equal("fine", session:get(peer.url):text())
    wait = true
    _, err = session:get(peer.url, { timeout = 0.02 })
    assert.equal("TIMEOUT", err.code)
    go:set()
  end)

  it("is redirected each time", function()
    local app, n = http.app(), 0
    app:get("/from", function()
      n = n + 1
      return http.redirect("/to" .. n)
    end)
    app:get("/to{n}", function(req) return req.params.n end)
    local peer <close> = serve(app)
    local session <close> = http.session()
    for i = 1, 3 do
      local res = assert(session:get(peer.url .. "/from"))

      assert.equal(tostring(i), res:text())
      assert.equal(peer.url .. "/to" .. i, res.url)
      assert.same({ { status = 302, url = peer.url .. "/from" } }, res.history)
      assert.same({}, session:get(peer.url .. "/to9").history)
    end
  end)

  it("goes to new addresses once the old ones are out of date", function()
    local function app_of(text)
      local app = http.app()
      app:get("/", function() return { text = text, headers = { Connection = "close" } } end)
      return app
    end
    local first <close> = serve(app_of("first"))
    local second <close> = serve(app_of("second"), "127.0.0.2", first.port)
    assert.equal(first.port, second.port)
    local real, kept = eyeballs.resolve, names.KEPT
    local _ <close> = closing(function() eyeballs.resolve, names.KEPT = real, kept end)
    local address, asked = "127.0.0.1", 0
    eyeballs.resolve = function()
      asked = asked + 1
      return { { host = address, family = "ipv4" } }
    end
    local url = ("http://moving.test:%d/"):format(first.port)
    local session <close> = http.session()
    assert.equal("first", session:get(url):text())
    address = "127.0.0.2"
    assert.equal("first", session:get(url):text())
    assert.equal(1, asked)

    names.KEPT = 0
    local other <close> = http.session()
    address = "127.0.0.1"
    assert.equal("first", other:get(url):text())
    address = "127.0.0.2"
    assert.equal("second", other:get(url):text())
    address = "127.0.0.1"
    assert.equal("first", other:get(url):text())
    assert.equal(4, asked)
  end)
end)

describe("a response", function()
  it("has its head when it and its session are closed", function()
    local peer <close> = serve(echo())
    local session = http.session()
    local res = assert(session:get(peer.url .. "/a"))
    res:close()
    session:close()

    assert.equal("OK", res.reason)
    assert.equal("1.1", res.version)
    assert.is_true(res.ok)
    assert.equal("text/plain; charset=utf-8", res.headers["content-type"])
    assert.same({}, res.history)
    assert.equal(peer.url .. "/a", res.url)
  end)
end)

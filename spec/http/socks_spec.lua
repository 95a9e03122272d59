--- The client through SOCKS proxies.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")
local socks = require("spec.support.socks")

local it, http = case.it, neap.http

describe("http through", function()
  local peer = http_peer.beside()

  --- What the proxy was asked, and the answer.
  local function get(scheme, host, opts)
    local proxy <close> = socks.start()
    opts = opts or {}
    opts.proxy = ("%s://%s127.0.0.1:%d"):format(scheme, opts.login or "", proxy.port)
    opts.login = nil
    local port = opts.tls and peer.secure_port or peer.port
    local url = ("%s://%s:%d/echo"):format(opts.tls and "https" or "http", host, port)
    local res = assert(http.get(url, opts))
    assert.equal("GET", res:json().method)
    assert.equal(1, #proxy.seen)
    assert.equal(port, proxy.seen[1].port)
    return proxy.seen[1], res
  end

  for _, row in ipairs({
    { "socks4", 4, "address", "127.0.0.1" },
    { "socks4a", 4, "name", "localhost" },
    { "socks5", 5, "address", "127.0.0.1" },
    { "socks5h", 5, "name", "localhost" },
  }) do
    local scheme, version, kind, host = table.unpack(row)

    it(("%s: the %s goes to the proxy"):format(scheme, kind), function()
      local seen = get(scheme, "localhost", { family = "ipv4" })

      assert.equal(version, seen.version)
      assert.equal(kind, seen.kind)
      assert.equal(host, seen.host)
    end)

    it(scheme .. ": TLS", function()
      local seen = get(scheme, "localhost", { family = "ipv4", tls = { ca = certs.ca.cert } })

      assert.equal(kind, seen.kind)
    end)
  end

  for _, scheme in ipairs({ "socks4a", "socks5h" }) do
    it(scheme .. ": a name that nobody here knows", function()
      assert.equal("no.such.host", get(scheme, "no.such.host").host)
    end)
  end

  it("socks5: user and password", function()
    local seen = get("socks5", "127.0.0.1", { login = "me:se%3Acret@" })

    assert.equal("me", seen.user)
    assert.equal("se:cret", seen.password)
  end)

  it("socks4: a user", function()
    assert.equal("me", get("socks4", "127.0.0.1", { login = "me@" }).user)
  end)

  for _, scheme in ipairs({ "socks4", "socks5" }) do
    it(scheme .. " that refuses: an error", function()
      local proxy <close> = socks.start()
      proxy.refuses = true
      local res, err = http.get(peer.url, { proxy = scheme .. "://127.0.0.1:" .. proxy.port })

      assert.is_nil(res)
      assert.equal("connect", err.op)
      assert.matches("SOCKS", err.message)
      assert.equal(1, #proxy.seen)
    end)

    it(scheme .. " that is not there: an error", function()
      local proxy <const> = socks.start()
      local port = proxy.port
      do
        local _ <close> = proxy
      end
      local res, err = http.get(peer.url, { proxy = scheme .. "://127.0.0.1:" .. port })

      assert.is_nil(res)
      assert.equal("ECONNREFUSED", err.code)
    end)
  end

  it("socks5 in a session: connections are used again, also for requests like earlier ones", function()
    local proxy <close> = socks.start()
    local session <close> = http.session({ proxy = "socks5h://127.0.0.1:" .. proxy.port })
    for _ = 1, 3 do
      assert.equal("the end", session:get(peer.url .. "/chain/0"):text())
    end

    assert.equal(1, #proxy.seen)
  end)
end)

--- TLS that begins on a stream which talked plain before.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed, tls, net = case.it, case.timed, neap.tls, neap.net

local SERVER = { server = true, cert = certs.server.cert, key = certs.server.key }
local CLIENT = { ca = certs.ca.cert, server_name = "localhost" }

local Ends = {
  __close = function(ends)
    for _, stream in ipairs(ends) do
      stream:abort()
      stream:wait_closed()
    end
  end,
}

local function pair()
  local a, b = assert(net.pair())
  return a, b, setmetatable({ a, b }, Ends)
end

--- Both ends begin; the results of a's.
local function both(a, b, client, server)
  local other = neap.spawn(b.start_tls, b, server or SERVER)
  local ok, err = a:start_tls(client or CLIENT)
  other:await()
  return ok, err
end

describe("start_tls", function()
  it("gives true and goes on with the same Stream", function()
    local a, b, _ <close> = pair()
    a:write("plain\n")
    assert.equal("plain", b:readline())

    assert.is_true(both(a, b))

    a:write("secret")
    assert.equal("secret", b:read())
    b:write("answer")
    assert.equal("answer", a:read())
    assert.equal("1.3", a:tls_version())
    assert.equal("CN=localhost", a:peer_certificate().subject)
  end)

  it("sends what was written before as plain bytes", function()
    local a, b, _ <close> = pair()
    local text = ("0123456789"):rep(100000)
    neap.spawn(a.write, a, text)
    local beginning = neap.spawn(a.start_tls, a, CLIENT)

    assert.is_true(text == b:readexactly(#text))
    assert.is_true(b:start_tls(SERVER))
    assert.is_true(beginning:await())
  end)

  it("refuses plain bytes that are buffered already", function()
    local a, b, _ <close> = pair()
    b:write("220 go ahead\r\nDELETE everything\r\n")
    assert.equal("220 go ahead", a:readline())

    local ok, err = a:start_tls(CLIENT)

    assert.is_nil(ok)
    assert.equal("TLS", err.code)
    assert.matches("plain bytes", err.message)
    assert.is_nil(a:cipher())
    ok, err = a:start_tls(SERVER)
    assert.is_nil(ok)
    assert.equal("TLS", err.code)
  end)

  it("takes a hello that came before the server began", function()
    local a, b, _ <close> = pair()
    local beginning = neap.spawn(a.start_tls, a, CLIENT)
    b:peek(1)

    assert.is_true(b:start_tls(SERVER))
    assert.is_true(beginning:await())
    a:write("x")
    assert.equal("x", b:read())
  end)

  it("verifies the name that connect was given", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local serving = neap.spawn(function()
      local stream <close> = assert(listener:accept())
      return stream:start_tls({ server = true, cert = certs.other.cert, key = certs.other.key })
    end)
    local stream <close> = assert(net.connect("localhost", listener:address().port, { family = "ipv4" }))

    local ok, err = stream:start_tls({ ca = certs.ca.cert })

    assert.is_nil(ok)
    assert.matches("certificate is not for 'localhost' %(CN=other.test%)", err.message)
    assert.is_nil((serving:await()))
  end)

  it("verifies the address where connect was given one", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local serving = neap.spawn(function()
      local stream <close> = assert(listener:accept())
      return stream:start_tls(SERVER)
    end)
    local stream <close> = assert(net.connect("127.0.0.1", listener:address().port))

    assert.is_true(stream:start_tls({ ca = certs.ca.cert }))
    assert.is_true(serving:await())
  end)

  it("needs a name to verify", function()
    local a, _, _ <close> = pair()

    local ok, err = a:start_tls({ ca = certs.ca.cert })

    assert.is_nil(ok)
    assert.equal("TLS", err.code)
    assert.matches("server_name", err.message)
  end)

  it("takes a context, also for a server", function()
    local a, b, _ <close> = pair()
    local client = assert(tls.context(CLIENT))
    local server = assert(tls.context({ cert = certs.server.cert, key = certs.server.key }))

    assert.is_true(both(a, b, client, { server = true, context = server }))
  end)

  it("chooses contexts by name", function()
    local a, b, _ <close> = pair()
    local sni = { ["other.test"] = { cert = certs.other.cert, key = certs.other.key } }

    assert.is_true(both(a, b, { ca = certs.ca.cert, server_name = "other.test" }, { server = true, sni = sni }))

    assert.equal("CN=other.test", a:peer_certificate().subject)
  end)

  it("works over a stream in memory", function()
    local a, b = neap.testing.stream_pair()
    local _ <close> = setmetatable({ a, b }, Ends)

    assert.is_true(both(a, b))
    local text = ("x"):rep(300000)
    local writing = neap.spawn(a.write, a, text)
    assert.equal(text, b:readexactly(#text))
    assert.is_true(writing:await())
    a:shutdown()
    assert.is_nil(b:read())
  end)

  timed("gives up after handshake_timeout", function()
    local a, b = neap.testing.stream_pair()
    local _ <close> = setmetatable({ a, b }, Ends)
    local began = neap.loop.time()

    local ok, err = a:start_tls({ ca = certs.ca.cert, server_name = "localhost" })

    assert.is_nil(ok)
    assert.equal("TIMEOUT", err.code)
    assert.equal(10, neap.loop.time() - began)
  end)

  it("is INVALID_STATE a second time", function()
    local a, b, _ <close> = pair()
    both(a, b)

    expect.code("INVALID_STATE", a.start_tls, a, CLIENT)
  end)

  it("is BUSY while a task reads", function()
    local a, _, _ <close> = pair()
    local reading = neap.spawn(a.read, a)
    neap.testing.settle()

    expect.code("BUSY", a.start_tls, a, CLIENT)
    reading:cancel()
  end)

  it("raises CLOSED after close, and while it waits", function()
    local a, b, _ <close> = pair()
    local task = neap.spawn(a.start_tls, a, CLIENT)
    neap.testing.settle()
    assert.matches("handshake", task:waiting_on())
    a:close()
    expect.code("CLOSED", neap.await, task)

    b:close()
    expect.code("CLOSED", b.start_tls, b, CLIENT)
  end)

  it("may be cancelled: the handshake goes on by itself", function()
    local a, b, _ <close> = pair()
    local task = neap.spawn(a.start_tls, a, CLIENT)
    neap.testing.settle()

    task:cancel()
    expect.code("CANCELLED", neap.await, task)

    assert.is_true(b:start_tls(SERVER))
    a:write("after all")
    assert.equal("after all", b:read())
  end)

  it("refuses what is no option", function()
    local a, _, _ <close> = pair()

    expect.bad_argument("#1 to 'start_tls'", "got number", function() a:start_tls(1) end)
    local err = expect.error(a.start_tls, a, { nonsense = 1 })
    assert.is_truthy(err:find("unknown option 'nonsense'", 1, true), err)
    local ok
    ok, err = a:start_tls({ server = true })
    assert.is_nil(ok)
    assert.matches("'cert'", err.message)
  end)

  it("is EPIPE after shutdown", function()
    local a, _, _ <close> = pair()
    a:shutdown()

    local ok, err = a:start_tls(CLIENT)

    assert.is_nil(ok)
    assert.equal("EPIPE", err.code)
  end)
end)

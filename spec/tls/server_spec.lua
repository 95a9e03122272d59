--- Servers with TLS: who may come, and which certificate they are shown.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")
local secure = require("spec.support.secure")
local temp = require("spec.support.temp")

local serve, client, refused, talk, echo = secure.serve, secure.client, secure.refused, secure.talk, secure.echo
local it, tls, net = case.it, neap.tls, neap.net

describe("a client's certificate", function()
  local function whoami(stream)
    local certificate = stream:peer_certificate()
    stream:write(certificate and certificate.subject or "nobody")
  end

  it("is not asked for by default", function()
    local _ <close>, port = serve(nil, whoami)
    local stream <close> = assert(client(port, { cert = certs.client.cert, key = certs.client.key }))

    assert.equal("nobody", stream:readall())
  end)

  it("is asked for with verify = 'request'", function()
    local _ <close>, port = serve({ verify = "request", ca = certs.ca.cert }, whoami)
    local with <close> = assert(client(port, { cert = certs.client.cert, key = certs.client.key }))
    local without <close> = assert(client(port))

    assert.equal("CN=client", with:readall())
    assert.equal("nobody", without:readall())
  end)

  for _, version in ipairs({ "1.2", "1.3" }) do
    it("is needed with verify = 'require', in TLS " .. version, function()
      local _ <close>, port = serve({ verify = "require", ca = certs.ca.cert }, whoami)
      local with <close> = assert(client(port, {
        cert = certs.client.cert, key = certs.client.key, max_version = version,
      }))

      assert.equal("CN=client", with:readall())

      -- in TLS 1.3 a client learns of it when it reads
      local without, err = client(port, { max_version = version })
      if without then
        local _
        _, err = without:read()
        without:close()
      end
      assert.equal("TLS", err.code)
      assert.matches("the peer refused", err.message)
      if version == "1.3" then -- an older server does not say what it misses
        assert.matches("requires a certificate of ours (option `cert`)", err.message, 1, true)
      end
    end)

    it("is refused when it is not trusted, in TLS " .. version, function()
      local _ <close>, port = serve({ verify = "request", ca = certs.ca.cert }, whoami)
      local stream, err = client(port, { cert = certs.self.cert, key = certs.self.key, max_version = version })
      if stream then
        local _
        _, err = stream:read()
        stream:close()
      end

      assert.equal("TLS", err.code)
      assert.matches("unknown CA", err.message)
    end)
  end

  it("is not got round by a session of a context that does not ask", function()
    local ask = assert(tls.context({
      cert = certs.other.cert, key = certs.other.key, verify = "require", ca = certs.ca.cert,
    }))
    local _ <close>, port = serve({ sni = { ["other.test"] = ask } }, whoami)
    local context = assert(tls.context({ ca = certs.ca.cert, verify = false, max_version = "1.2" }))
    local first <close> = assert(net.connect("127.0.0.1", port, { tls = context }))
    assert.equal("nobody", first:readall())
    assert(context:replace({ ca = certs.ca.cert, server_name = "other.test", max_version = "1.2" }))

    local stream, err = net.connect("127.0.0.1", port, { tls = context })

    assert.is_nil(stream)
    assert.matches("refused", err.message)
  end)
end)

describe("sni", function()
  local function name_of(port, name)
    local stream <close> = assert(client(port, { server_name = name, verify = false }))
    return stream:peer_certificate().subject
  end

  it("chooses contexts from a table", function()
    local _ <close>, port = serve({
      sni = {
        ["other.test"] = { cert = certs.other.cert, key = certs.other.key },
        ["*.wild.test"] = assert(tls.context({ cert = certs.wild.cert, key = certs.wild.key })),
      },
    })

    assert.equal("CN=other.test", name_of(port, "other.test"))
    assert.equal("CN=other.test", name_of(port, "OTHER.test"))
    assert.equal("CN=*.wild.test", name_of(port, "a.wild.test"))
    assert.equal("CN=localhost", name_of(port, "a.b.wild.test"))
    assert.equal("CN=localhost", name_of(port, "wild.test"))
    assert.equal("CN=localhost", name_of(port, nil))
  end)

  it("chooses by a function, which may wait", function()
    local names = {}
    local _ <close>, port = serve({
      sni = function(name)
        table.insert(names, name)
        neap.sleep(0.001)
        return name == "other.test" and { cert = certs.other.cert, key = certs.other.key } or nil
      end,
    })

    assert.equal("CN=other.test", name_of(port, "other.test"))
    assert.equal("CN=localhost", name_of(port, "localhost"))
    assert.equal("CN=localhost", name_of(port, nil))
    assert.same({ "other.test", "localhost", "" }, names)
  end)

  it("ends the connection when the function fails, which is reported", function()
    local contexts = expect.reports(function()
      local _ <close>, port = serve({ sni = function() error("no such name") end })
      assert.is_nil((client(port)))
    end)

    assert.equal(1, #contexts)
    assert.matches("no such name", contexts[1].error)
  end)

  it("is enough for a server without a certificate of its own", function()
    local context = assert(tls.context({
      sni = { ["other.test"] = { cert = certs.other.cert, key = certs.other.key } },
    }))
    local server = assert(net.serve("127.0.0.1", 0, echo, { tls = context }))
    local port = server:address().port

    assert.equal("CN=other.test", name_of(port, "other.test"))
    refused(port, { server_name = "localhost" }, "the peer refused")
    server:close(0)
    server:wait_closed()
  end)
end)

describe("a context", function()
  it("can be replaced while it serves, and drops no connection", function()
    local context = assert(tls.context({ cert = certs.server.cert, key = certs.server.key }))
    local server = assert(net.serve("127.0.0.1", 0, echo, { tls = context }))
    local port = server:address().port
    local before <close> = talk(port)

    assert.is_true(context:replace({ cert = certs.self.cert, key = certs.self.key }))

    local after <close> = talk(port, { ca = certs.self.cert })
    assert.equal("CN=self", after:peer_certificate().subject)
    before:write("still here")
    assert.equal("still here", before:readexactly(10))
    before:close()
    after:close()
    server:close(0)
    server:wait_closed()
  end)

  it("stays what it was when what replaces it is bad", function()
    local context = assert(tls.context({ cert = certs.server.cert, key = certs.server.key }))
    local server = assert(net.serve("127.0.0.1", 0, echo, { tls = context }))

    local ok, err = context:replace({ cert = certs.server.cert, key = certs.other.key })

    assert.is_nil(ok)
    assert.equal("TLS", err.code)
    talk(server:address().port):close()
    server:close(0)
    server:wait_closed()
  end)

  it("may be collected while its connections go on", function()
    local _ <close>, port = serve()
    local stream <close> = assert(net.connect("127.0.0.1", port, {
      tls = assert(tls.context({ ca = certs.ca.cert })),
    }))
    collectgarbage()
    collectgarbage()

    stream:write("x")

    assert.equal("x", stream:read())
  end)

  it("writes the keys of each connection to its keylog", function()
    local dir <close> = temp.dir()
    local _ <close>, port = serve()

    talk(port, { keylog = dir / "keys" }):close()
    talk(port, { keylog = dir / "keys", max_version = "1.2" }):close()

    local text = assert(neap.fs.read_file(dir / "keys"))
    assert.matches("CLIENT_TRAFFIC_SECRET_0 %x+ %x+\n", text)
    assert.matches("CLIENT_RANDOM %x+ %x+\n", text)
    assert.equal(tonumber("600", 8), assert(neap.fs.stat(dir / "keys")).mode & 511)
    collectgarbage() -- the contexts hold the file
    collectgarbage()
  end)
end)

describe("a server", function()
  it("goes on accepting while a client is silent", function()
    local _ <close>, port = serve({ handshake_timeout = 60 })
    local silent <close> = assert(net.connect("127.0.0.1", port))

    talk(port):close()
    silent:close()
  end)

  it("gives a silent client up after handshake_timeout, and reports nothing", function()
    local contexts = expect.reports(function()
      local called = false
      local _ <close>, port = serve({ handshake_timeout = 0.02 }, function() called = true end)
      local silent <close> = assert(net.connect("127.0.0.1", port))

      assert.equal("", silent:readall())
      assert.is_false(called)
    end)

    assert.same({ errors = {} }, contexts)
  end)

  it("accepts at once: reads and writes wait for the handshake", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0, {
      tls = { cert = certs.server.cert, key = certs.server.key },
    }))
    local plain = assert(net.connect("127.0.0.1", listener:address().port))
    local stream <close> = assert(listener:accept())
    assert.is_nil(stream:cipher())
    stream:write("first")
    local reading = neap.spawn(stream.read, stream)

    assert(plain:start_tls({ ca = certs.ca.cert }))
    plain:write("second")

    assert.equal("first", plain:read())
    assert.equal("second", reading:await())
    assert.is_string(stream:cipher())
    plain:close()
  end)

  it("gives the error of the handshake to who reads or writes", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0, {
      tls = { cert = certs.server.cert, key = certs.server.key },
    }))
    local plain <close> = assert(net.connect("127.0.0.1", listener:address().port))
    local stream <close> = assert(listener:accept())
    plain:write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    local data, err = stream:read()

    assert.is_nil(data)
    assert.equal("TLS", err.code)
    assert.matches("plain HTTP", err.message)
    assert.equal(err.message, select(2, stream:write("x")).message)
    plain:close()
  end)

  it("is not disturbed by what is no TLS", function()
    local contexts = expect.reports(function()
      local _ <close>, port = serve()
      for _, text in ipairs({
        "GET / HTTP/1.1\r\n\r\n", "\0", ("\255"):rep(70000), "\22\3\1\255\255" .. ("\1"):rep(65535),
        "\22\3\1\0\5\1\0\0\1\0", "SSH-2.0-OpenSSH_9\r\n",
      }) do
        local stream <close> = assert(net.connect("127.0.0.1", port))
        stream:write(text)
        stream:shutdown()
        stream:readall()
        talk(port):close()
      end
    end)

    assert.same({ errors = {} }, contexts)
  end)
end)

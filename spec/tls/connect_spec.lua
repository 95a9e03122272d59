--- Clients and servers of neap with TLS: what is verified and agreed on.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, tls, net = case.it, neap.tls, neap.net

local function echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

local function stream_readall(stream)
  stream:readall()
end

local Closing = {
  __close = function(server)
    server[1]:close(0)
    server[1]:wait_closed()
  end,
}

--- A server until the end of the block; its port.
local function serve(opts, handler)
  opts = opts or {}
  opts.cert = opts.cert or certs.server.cert
  opts.key = opts.key or certs.server.key
  local server = assert(net.serve("127.0.0.1", 0, handler or echo, { tls = opts }))
  return setmetatable({ server }, Closing), server:address().port
end

local function client(port, opts, host)
  opts = opts or {}
  opts.ca = opts.ca or certs.ca.cert
  return net.connect(host or "127.0.0.1", port, { tls = opts })
end

local function refused(port, opts, ...)
  local stream, err = client(port, opts)
  assert.is_nil(stream)
  assert.equal("TLS", err.code)
  assert.equal(port, err.port)
  for _, part in ipairs({ ... }) do
    assert.is_truthy(err.message:find(part, 1, true), err.message)
  end
end

--- Connects, says something and gives the stream.
local function talk(port, opts)
  local stream = assert(client(port, opts))
  stream:write("hello")
  assert.equal("hello", stream:readexactly(5))
  return stream
end

describe("a client", function()
  it("talks to a server whose certificate it trusts", function()
    local _ <close>, port = serve()
    local stream <close> = talk(port)

    assert.equal("1.3", stream:tls_version())
    assert.matches("^TLS_", stream:cipher())
    assert.matches("^Stream %(tls ", tostring(stream))
  end)

  it("takes a name, too", function()
    local _ <close>, port = serve()
    local stream <close> = assert(client(port, nil, "localhost"))

    assert.equal("CN=localhost", stream:peer_certificate().subject)
  end)

  it("refuses what the system does not trust", function()
    local _ <close>, port = serve()
    local stream, err = net.connect("127.0.0.1", port, { tls = true })

    assert.is_nil(stream)
    assert.equal("TLS", err.code)
    assert.matches("CN=localhost", err.message)
    assert.matches("unable to get local issuer certificate", err.message)
  end)

  it("refuses an expired certificate, with its name and date", function()
    local _ <close>, port = serve({ cert = certs.expired.cert, key = certs.expired.key })

    refused(port, nil, "certificate has expired (CN=localhost, 2021-01-01)")
    assert.equal("TLS: certificate has expired (CN=localhost, 2021-01-01)", tostring(select(2, client(port))))
  end)

  it("refuses a certificate for another name", function()
    local _ <close>, port = serve({ cert = certs.other.cert, key = certs.other.key })

    refused(port, nil, "certificate is not for '127.0.0.1' (CN=other.test)")
    refused(port, { server_name = "localhost" }, "'localhost'")
    client(port, { server_name = "other.test" }):close()
  end)

  it("refuses a certificate that signed itself, unless it is named", function()
    local _ <close>, port = serve({ cert = certs.self.cert, key = certs.self.key })

    refused(port, nil, "self-signed")
    client(port, { ca = certs.self.pem }):close()
  end)

  it("trusts a certificate that is named, without its authority", function()
    local _ <close>, port = serve()

    client(port, { ca = certs.server.pem }):close()
  end)

  it("does not look with verify = false", function()
    local _ <close>, port = serve({ cert = certs.expired.cert, key = certs.expired.key })
    local stream <close> = talk(port, { verify = false, server_name = "any.test" })

    assert.equal("CN=localhost", stream:peer_certificate().subject)
  end)

  it("tells what the peer's certificate says", function()
    local _ <close>, port = serve()
    local stream <close> = talk(port)

    local certificate = stream:peer_certificate()

    assert.equal("CN=localhost", certificate.subject)
    assert.equal("CN=neap spec CA", certificate.issuer)
    assert.equal(os.time({ year = 2020, month = 1, day = 1, hour = 0 }), certificate.not_before + os.time({
      year = 2020, month = 1, day = 1, hour = 0,
    }) - 1577836800)
    assert.equal(2461449600, certificate.not_after)
    assert.same({ "localhost", "127.0.0.1", "::1" }, certificate.san)
    assert.equal(certs.server.pem, certificate.pem)
  end)

  it("resumes sessions, of TLS 1.2 and 1.3", function()
    local _ <close>, port = serve()
    for _, version in ipairs({ "1.2", "1.3" }) do
      local opts = { max_version = version }
      local first <close> = talk(port, opts)
      assert.is_false(first:tls_resumed())
      first:close()

      local second <close> = talk(port, opts)
      assert.is_true(second:tls_resumed())
      assert.equal("CN=localhost", second:peer_certificate().subject)
      second:close()
    end
  end)

  it("resumes a session of a server that reads and does not answer", function()
    local _ <close>, port = serve(nil, stream_readall)
    local context = assert(tls.context({ ca = certs.ca.cert }))

    --- Connects by way of a relay, which sends on all that a settled client has
    --- written at once: the end of its handshake together with a question.
    local function ask()
      local a, b = net.pair()
      local plain <close> = assert(net.connect("127.0.0.1", port))
      local beginning = neap.spawn(a.start_tls, a, { context = context, server_name = "localhost" })
      plain:write(b:read())
      b:write(plain:read())
      assert.is_true(beginning:await())
      a:write("question")
      neap.testing.settle()
      plain:write(b:read())
      b:write(plain:read()) -- tickets, or else it waits
      neap.testing.settle()
      local resumed = a:tls_resumed()
      a:abort()
      b:abort()
      return resumed
    end

    assert.is_false(neap.timeout(20, ask))
    assert.is_true(neap.timeout(20, ask))
  end)

  it("resumes no session of a server of another name", function()
    local _ <close>, port = serve()
    local context = assert(tls.context({ ca = certs.ca.cert }))
    local first <close> = assert(net.connect("localhost", port, { tls = context }))
    first:write("x")
    first:read()

    local second <close> = assert(net.connect("127.0.0.1", port, { tls = context }))

    assert.is_false(second:tls_resumed())
  end)

  it("gives up after handshake_timeout", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local stream, err = client(listener:address().port, { handshake_timeout = 0.02 })

    assert.is_nil(stream)
    assert.equal("TIMEOUT", err.code)
    assert.equal("127.0.0.1", err.host)
    listener:accept():close()
  end)

  it("gives up after the timeout of connect", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local stream, err = net.connect("127.0.0.1", listener:address().port, { timeout = 0.02, tls = true })

    assert.is_nil(stream)
    assert.equal("TIMEOUT", err.code)
    listener:accept():close()
  end)

  it("leaves nothing behind when it is cancelled in the handshake", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local task = neap.spawn(client, listener:address().port)
    local silent <close> = assert(listener:accept())
    silent:peek(1)
    assert.matches("tls handshake", task:waiting_on())

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    silent:readall()
  end)

  it("says so when the peer ends in the handshake", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local closing = neap.spawn(function()
      local stream <close> = assert(listener:accept())
      stream:read()
    end)

    refused(listener:address().port, nil, "ended the connection during the handshake")
    closing:await()
  end)

  it("says so when the peer does not speak TLS", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))
    local answering = neap.spawn(function()
      local stream <close> = assert(listener:accept())
      stream:read()
      stream:write("220 mail.example.com ready\r\n")
      stream:shutdown()
      stream:readall()
    end)

    refused(listener:address().port, nil, "does not speak TLS", "wrong version number")
    answering:await()
  end)
end)

describe("versions and ciphers", function()
  it("are agreed on", function()
    local _ <close>, port = serve()
    local stream <close> = talk(port, { max_version = "1.2", ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" })

    assert.equal("1.2", stream:tls_version())
    assert.equal("ECDHE-ECDSA-AES128-GCM-SHA256", stream:cipher())
  end)

  it("may be named for TLS 1.3", function()
    local _ <close>, port = serve()
    local stream <close> = talk(port, { ciphers = "TLS_CHACHA20_POLY1305_SHA256" })

    assert.equal("TLS_CHACHA20_POLY1305_SHA256", stream:cipher())
  end)

  it("are refused where there is none in common", function()
    local _ <close>, port = serve({ min_version = "1.3" })

    refused(port, { max_version = "1.2" }, "the peer refused")
  end)
end)

describe("ALPN", function()
  it("takes the first of the server's list that the client has", function()
    local _ <close>, port = serve({ alpn = { "h2", "http/1.1" } })
    local stream <close> = talk(port, { alpn = { "http/1.1", "h2" } })

    assert.equal("h2", stream:alpn())
  end)

  it("is nil where one side has none", function()
    local _ <close>, port = serve({ alpn = { "h2" } })
    local stream <close> = talk(port)

    assert.is_nil(stream:alpn())
  end)

  it("fails where there is nothing in common", function()
    local _ <close>, port = serve({ alpn = { "h2" } })

    refused(port, { alpn = { "http/1.1" } }, "no application protocol")
  end)
end)

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

describe("a connection that is cut", function()
  --- A TLS stream and the plain stream that carries it to us.
  local function through(body)
    local listener <close> = assert(net.listen("127.0.0.1", 0, {
      tls = { cert = certs.server.cert, key = certs.server.key },
    }))
    local middle <close> = assert(net.listen("127.0.0.1", 0))
    local connecting = neap.spawn(client, middle:address().port)
    local near <close> = assert(middle:accept())
    local far <close> = assert(net.connect("127.0.0.1", listener:address().port))
    local server <close> = assert(listener:accept())
    local piping = neap.spawn(net.pipe, near, far)
    local stream <close> = assert(connecting:await())
    body(stream, server, near, far)
    piping:cancel()
    pcall(neap.await, piping)
    for _, each in ipairs({ stream, server, near, far }) do
      each:abort()
      each:wait_closed()
    end
  end

  it("gives what came whole, then the error TLS", function()
    through(function(stream, server, near)
      server:write("whole")
      assert.equal("w", stream:peek(1):sub(1, 1))
      near:shutdown()

      assert.equal("whole", stream:readexactly(5))
      local data, err = stream:read()
      assert.is_nil(data)
      assert.equal("TLS", err.code)
      assert.matches("close_notify", err.message)
      data, err = stream:readline()
      assert.is_nil(data)
      assert.equal("TLS", err.code)
    end)
  end)

  it("is the error of readall, too: nothing looks complete", function()
    through(function(stream, server, near)
      server:write("part")
      stream:peek(1)
      near:shutdown()

      local data, err = stream:readall()

      assert.is_nil(data)
      assert.equal("TLS", err.code)
    end)
  end)

  it("is an error where a byte on the way was changed", function()
    through(function(stream, _, near)
      near:write("\23\3\3\0\30" .. ("x"):rep(30))

      local data, err = stream:read()

      assert.is_nil(data)
      assert.equal("TLS", err.code)
      assert.matches("bad record mac", err.message)
    end)
  end)
end)

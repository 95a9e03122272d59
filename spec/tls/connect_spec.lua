--- Clients and servers of neap with TLS: what is verified and agreed on.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")
local secure = require("spec.support.secure")

local serve, client, refused, talk = secure.serve, secure.client, secure.refused, secure.talk
local it, tls, net = case.it, neap.tls, neap.net

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
    local _ <close>, port = serve(nil, function(stream) stream:readall() end)
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

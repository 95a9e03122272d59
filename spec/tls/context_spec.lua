--- What a context is made of, and what is refused.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, tls, net = case.it, neap.tls, neap.net

local function refused(opts, ...)
  local context, err = tls.context(opts)
  assert.is_nil(context)
  assert.equal("TLS", err.code)
  for _, part in ipairs({ ... }) do
    assert.is_truthy(err.message:find(part, 1, true), err.message)
  end
end

local function text_of(path)
  return assert(neap.fs.read_file(path))
end

describe("tls.context", function()
  it("takes files", function()
    local context = assert(tls.context({ ca = certs.ca.cert, cert = certs.server.cert, key = certs.server.key }))

    assert.matches("^TlsContext", tostring(context))
  end)

  it("takes PEM text", function()
    assert(tls.context({ ca = certs.ca.pem, cert = certs.server.pem, key = text_of(certs.server.key) }))
  end)

  it("takes the key out of the certificate's text", function()
    assert(tls.context({ cert = certs.server.pem .. text_of(certs.server.key) }))
  end)

  it("takes nothing at all", function()
    assert(tls.context())
    assert(tls.context({}))
  end)

  it("opens an encrypted key with its password", function()
    assert(tls.context({ cert = certs.server.cert, key = certs.encrypted_key, password = "secret" }))
  end)

  it("refuses an encrypted key without a password, or with another", function()
    refused({ cert = certs.server.cert, key = certs.encrypted_key }, "encrypted.key", "'password' is missing")
    refused({ cert = certs.server.cert, key = certs.encrypted_key, password = "wrong" }, "does not open it")
    refused({ cert = certs.server.cert, key = certs.encrypted_key, password = ("x"):rep(100000) })
  end)

  it("refuses the key of another certificate", function()
    refused({ cert = certs.server.cert, key = certs.other.key }, "other.key", "mismatch")
  end)

  it("refuses a key without a certificate, and the other way round", function()
    refused({ key = certs.server.key }, "'cert' is missing")
    refused({ cert = certs.server.cert }, "key (in certificate", "no private key in it")
  end)

  for name, text in pairs({
    ["without a certificate"] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ["that is no base64"] = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    ["that is cut off"] = certs.ca.pem:sub(1, 200),
    ["with garbage behind"] = certs.ca.pem .. certs.ca.pem:sub(1, 200),
    ["of another kind"] = "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n",
  }) do
    it("refuses PEM text " .. name, function()
      refused({ ca = text }, "ca: ")
      refused({ cert = text, key = certs.server.key }, "certificate: ")
      refused({ cert = certs.server.cert, key = text }, "key: ")
    end)
  end

  it("refuses a file that is no PEM text", function()
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "noise", neap.random_bytes(5000)))

    refused({ ca = dir / "noise" }, dir / "noise")
    refused({ cert = dir / "noise", key = certs.server.key }, dir / "noise")
  end)

  it("names the file that it cannot read", function()
    for _, name in ipairs({ "ca", "cert", "key" }) do
      local context, err = tls.context({ [name] = "/no/such/file.pem" })

      assert.is_nil(context)
      assert.equal("ENOENT", err.code)
      assert.equal("/no/such/file.pem", err.path)
    end
    local _, err = tls.context({ ca = "/" })
    assert.equal("EISDIR", err.code)
    _, err = tls.context({ keylog = "/no/such/keys" })
    assert.equal("ENOENT", err.code)
  end)

  it("refuses unknown versions and ciphers", function()
    refused({ min_version = "0.9" }, "min_version", "'0.9'")
    refused({ min_version = "1.1" }, "min_version")
    refused({ max_version = "2" }, "max_version")
    refused({ min_version = "1.3", max_version = "1.2" })
    refused({ ciphers = "NO-SUCH-CIPHER" }, "NO-SUCH-CIPHER")
    refused({ ciphers = "HIGH:NO-SUCH-CIPHER" }, "NO-SUCH-CIPHER")
    refused({ ciphers = "TLS_NO_SUCH" }, "TLS_NO_SUCH")
    refused({ ciphers = "" }, "ciphers")
  end)

  it("raises for options of the wrong type, and unknown ones", function()
    expect.bad_argument("#1 to 'context'", "got number", function() tls.context(1) end)
    for name, value in pairs({
      ca = 1, cert = {}, key = true, password = 1, verify = "yes", server_name = "", alpn = { "" },
      min_version = 1.2, ciphers = {}, sni = "x", keylog = 1, handshake_timeout = "1", nonsense = 1,
    }) do
      local err = expect.error(function() tls.context({ [name] = value }) end)
      assert.is_truthy(err:find("option '" .. name .. "'", 1, true), err)
    end
  end)

  it("refuses a bad context of a name", function()
    refused({ sni = { ["other.test"] = { cert = certs.other.cert, key = certs.server.key } } }, "mismatch")
  end)
end)

describe("what the system trusts", function()
  -- a program whose system has its certificates in `path`, where there is nothing yet
  local function run(path, script)
    local system = ("SSL_CERT_FILE='%s' SSL_CERT_DIR=/nowhere"):format(path)
    local out, err, code = child.run_as(system .. " timeout -k 1 20 %s", [[
      local path, cert, key, ca = ...
      local neap = require("neap")
      local function fill()
        neap.fs.write_file(path, neap.fs.read_file(ca))
      end
      local function ends(opts, server_opts)
        local a, b = neap.net.pair()
        server_opts.server, server_opts.cert, server_opts.key = true, cert, key
        local serving = neap.spawn(b.start_tls, b, server_opts)
        return a:start_tls(opts), serving:await()
      end
      ]] .. script, path, certs.server.cert, certs.server.key, certs.ca.cert)
    assert.equal("", err)
    assert.equal(0, code)
    return out
  end

  it("is read for the first peer that a context verifies, and then kept", function()
    local dir <close> = temp.dir()

    assert.equal("true\ttrue\ntrue\ttrue\n", run(dir / "ca", [[
      local client = neap.tls.context({ server_name = "localhost" })
      fill()
      print(ends({ context = client }, {}))
      neap.fs.remove(path)
      print(ends({ context = client }, {}))]]))
  end)

  it("is what clients are verified by where a server names nothing else", function()
    local dir <close> = temp.dir()

    assert.equal("true\ttrue\n", run(dir / "ca", [[
      fill()
      print(ends({ server_name = "localhost", cert = cert, key = key }, { verify = "require" }))]]))
  end)

  it("is not read where nobody is verified", function()
    local dir <close> = temp.dir()

    assert.equal("true\ttrue\n", run(dir / "ca", [[
      local client = neap.tls.context({ verify = false })
      assert(neap.process.run({ "mkfifo", path })) -- reading it would wait for ever
      print(ends({ context = client }, {}))]]))
  end)
end)

describe("the option tls", function()
  it("takes what a context takes, and refuses the rest by name", function()
    for _, try in ipairs({
      function(value) return net.connect("127.0.0.1", 1, { tls = value }) end,
      function(value) return net.listen("127.0.0.1", 0, { tls = value }) end,
      function(value) return net.serve("127.0.0.1", 0, print, { tls = value }) end,
      function(value) return net.connect_unix("/x", { tls = value }) end,
      function(value) return net.listen_unix("/x", { tls = value }) end,
    }) do
      local err = expect.error(try, { nonsense = 1 })
      assert.is_truthy(err:find("'nonsense'", 1, true), err)
      err = expect.error(try, 1)
      assert.is_truthy(err:find("option 'tls'", 1, true), err)
      err = expect.error(try, io.stdout)
      assert.is_truthy(err:find("option 'tls'", 1, true), err)
    end
  end)

  it("gives the error of its files before anything is opened", function()
    local _, err = net.connect("127.0.0.1", 1, { tls = { ca = "/no/such/file" } })
    assert.equal("ENOENT", err.code)
    _, err = net.listen("127.0.0.1", 0, { tls = { cert = "/no/such/file" } })
    assert.equal("ENOENT", err.code)
  end)

  it("needs a certificate in a server", function()
    for _, value in ipairs({ true, { ca = certs.ca.cert } }) do
      local listener, err = net.listen("127.0.0.1", 0, { tls = value })

      assert.is_nil(listener)
      assert.equal("TLS", err.code)
      assert.matches("'cert'", err.message)
    end
  end)

  it("is off when false", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0, { tls = false }))
    local client <close> = assert(net.connect("127.0.0.1", listener:address().port, { tls = false }))

    assert.is_nil(client:cipher())
    assert.is_nil(client:alpn())
    assert.is_nil(client:tls_version())
    assert.is_nil(client:peer_certificate())
  end)
end)

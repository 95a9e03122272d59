--- Real peers: the openssl command, curl, Python's ssl.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")

local it, net, process = case.it, neap.net, neap.process

local function echo(stream)
  local data = stream:read()
  while data do
    stream:write(data)
    data = stream:read()
  end
end

--- A server until the block ends; its port.
local function serve(opts, handler)
  opts = opts or {}
  opts.cert, opts.key = certs.server.cert, certs.server.key
  local server = assert(net.serve("127.0.0.1", 0, handler or echo, { tls = opts }))
  return setmetatable({}, {
    __close = function()
      server:close(0)
      server:wait_closed()
    end,
  }), server:address().port
end

local function run(argv, input)
  return assert(process.run(argv, { input = input, timeout = 20 }))
end

--- What s_client prints. It reads no command from its input.
local function s_client(port, input, ...)
  local argv = {
    "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile", certs.ca.cert, "-nocommands", ...,
  }
  return run(argv, input)
end

--- An `openssl s_server` until the block ends; its port, and it.
local function s_server(...)
  local child = assert(process.spawn({
    "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.server.cert, "-key", certs.server.key, ...,
  }, { stdin = "pipe", stdout = "pipe", stderr = "null" }))
  for line in child.stdout:lines() do
    local port = line:match("^ACCEPT .*:(%d+)$")
    if port then
      return child, math.tointeger(tonumber(port))
    end
  end
  error("s_server did not start")
end

local function stop(server)
  server:kill()
  server:wait()
  server.stdin:close()
  server.stdout:close()
end

--- The page of an s_server with -www, and the stream it came from.
local function get(port, opts)
  local stream = assert(net.connect("127.0.0.1", port, { tls = opts }))
  stream:write("GET / HTTP/1.0\r\n\r\n")
  local parts = {}
  while true do
    local data, err = stream:read()
    table.insert(parts, data or err and tostring(err))
    if not data then
      return table.concat(parts), stream
    end
  end
end

local PYTHON = [[
import socket, ssl, sys
port, ca, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
context.set_alpn_protocols(["spec"])
with socket.create_connection(("127.0.0.1", port)) as raw:
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"x" * 1000000)
        got = b""
        while len(got) < 1000000:
            got += tls.recv(65536)
        print(tls.version(), tls.selected_alpn_protocol(), got == b"x" * 1000000)
        plain = tls.unwrap()
        print("unwrapped")
]]

local PYTHON_SERVER = [[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for i in range(2):
    raw, _ = listener.accept()
    try:
        with context.wrap_socket(raw, server_side=True) as tls:
            data = tls.recv(1000)
            tls.sendall((tls.version() + " " + str(tls.session_reused)).encode() + data)
            try:
                tls.unwrap()
            except (ssl.SSLError, OSError):
                pass
    except (ssl.SSLError, OSError) as e:
        print(e, flush=True)
]]

describe("openssl s_client", function()
  for _, flag in ipairs({ "-tls1_2", "-tls1_3" }) do
    it("talks with " .. flag, function()
      local _ <close>, port = serve({ alpn = { "b", "a" } }, function(stream)
        stream:write("said " .. stream:readline(), "\n")
      end)

      local result = s_client(port, "hello\n", flag, "-alpn", "a,b", "-verify_return_error", "-ign_eof")

      assert.matches("said hello", result.stdout)
      assert.matches("ALPN protocol: b", result.stdout)
      assert.matches("Verification: OK", result.stdout)
    end)
  end

  it("resumes a session of TLS 1.2", function()
    local _ <close>, port = serve(nil, function(stream) stream:readall() end)

    local result = s_client(port, "", "-tls1_2", "-reconnect")

    local _, reused = result.stdout:gsub("Reused, TLSv1.2", "")
    assert.is_true(reused >= 4, result.stdout)
  end)

  it("is refused a renegotiation", function()
    local _ <close>, port = serve()

    local result = run({
      "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile", certs.ca.cert, "-tls1_2",
    }, "R\n")

    assert.matches("no renegotiation", result.stderr)
  end)

  it("updates keys", function()
    local _ <close>, port = serve()
    local child <close> = assert(process.spawn({
      "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile", certs.ca.cert, "-tls1_3", "-quiet",
      "-no_ign_eof",
    }, { stdin = "pipe", stdout = "pipe", stderr = "pipe" }))
    -- k updates its keys, K asks for ours, too
    for _, word in ipairs({ "one", "k", "two", "K", "three" }) do
      child.stdin:write(word, "\n")
      if #word > 1 then
        assert.equal(word, child.stdout:readline())
      else
        assert.is_string(child.stderr:readuntil("KEYUPDATE\n"))
      end
    end
    child.stdin:write("Q\n")
    child:wait()
    for _, name in ipairs({ "stdin", "stdout", "stderr" }) do
      child[name]:close()
    end
  end)

  it("sees the certificate of the name it asks for", function()
    local _ <close>, port = serve({ sni = { ["other.test"] = { cert = certs.other.cert, key = certs.other.key } } })

    local result = s_client(port, "", "-servername", "other.test")

    assert.matches("subject=CN ?= ?other%.test", result.stdout)
  end)
end)

describe("openssl s_server", function()
  for _, version in ipairs({ "1.2", "1.3" }) do
    it("serves us with TLS " .. version .. ", and says that a session was resumed", function()
      local server <close>, port = s_server("-www", "-tls" .. version:gsub("%.", "_"))
      for _, expected in ipairs({ "New", "Reused" }) do
        local page, stream = get(port, { ca = certs.ca.cert })

        assert.matches(expected .. ", TLSv" .. version, page)
        assert.equal(version, stream:tls_version())
        assert.equal(expected == "Reused", stream:tls_resumed())
        stream:close()
      end
      stop(server)
    end)
  end

  it("asks for our certificate", function()
    local server <close>, port = s_server("-www", "-Verify", "1", "-CAfile", certs.ca.cert, "-verify_return_error")
    local page, stream = get(port, { ca = certs.ca.cert, cert = certs.client.cert, key = certs.client.key })

    assert.matches("Subject: CN ?= ?client", page)
    stream:close()
    stop(server)
  end)
end)

describe("curl", function()
  it("fetches a page", function()
    local _ <close>, port = serve({ alpn = { "http/1.1" } }, function(stream)
      repeat
        local line = stream:readline()
      until not line or line == ""
      stream:write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nthe page\n")
    end)

    local result = run({ "curl", "-sS", "-v", "--cacert", certs.ca.cert, "https://localhost:" .. port .. "/",
      "--resolve", "localhost:" .. port .. ":127.0.0.1" })

    assert.equal("the page\n", result.stdout, result.stderr)
    assert.matches("server accepted http/1.1", result.stderr)
  end)

  it("gives up where it is refused", function()
    local _ <close>, port = serve({ verify = "require", ca = certs.ca.cert })

    local result = run({ "curl", "-sS", "--cacert", certs.ca.cert, "https://127.0.0.1:" .. port .. "/" })

    assert.is_true(result.code ~= 0)
    assert.matches("certificate required", result.stderr)
  end)
end)

describe("Python's ssl", function()
  for _, version in ipairs({ "TLSv1_2", "TLSv1_3" }) do
    it("talks to us with " .. version .. ", and closes in order", function()
      local ends = {}
      local _ <close>, port = serve({ alpn = { "spec" } }, function(stream)
        for data in stream:chunks() do
          stream:write(data)
        end
        table.insert(ends, "in order")
      end)

      local result = run({ "python3", "-c", PYTHON, tostring(port), certs.ca.cert, version })

      assert.equal("", result.stderr)
      assert.equal((version:gsub("_", ".")) .. " spec True\nunwrapped\n", result.stdout)
      assert.same({ "in order" }, ends)
    end)
  end

  it("serves us, and resumes a session", function()
    local child <close> = assert(process.spawn(
      { "python3", "-c", PYTHON_SERVER, certs.server.cert, certs.server.key },
      { stdin = "null", stdout = "pipe", stderr = "inherit" }))
    local port = math.tointeger(tonumber(child.stdout:readline()))
    for i = 1, 2 do
      local stream <close> = assert(net.connect("127.0.0.1", port, { tls = { ca = certs.ca.cert } }))
      stream:write("!")
      assert.equal(i == 1 and "TLSv1.3 False!" or "TLSv1.3 True!", stream:readall())
    end
    child:wait()
    child.stdout:close()
  end)
end)

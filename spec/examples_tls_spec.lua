--- Runs the examples of TLS, and checks what they print.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local neap = require("neap")

local function read(name)
  local file = assert(io.open("examples/" .. name .. ".lua", "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function run(name, ...)
  local out, err, code = child.run(read(name), ...)
  assert.equal("", err)
  assert.equal(0, code)
  return out
end

describe("the example", function()
  it("tls_echo talks over TLS", function()
    local lines = {}
    for line in run("tls_echo"):gmatch("[^\n]+") do
      table.insert(lines, line)
    end

    assert.same({ "version\t1.3", "peer\tCN=localhost", "echo\thello" }, { table.unpack(lines, 1, 3) })
    assert.matches("^refused\tTLS: certificate is self%-signed", lines[4])
    assert.equal(4, #lines)
  end)

  it("mutual_tls tells alice from nobody", function()
    local out = run("mutual_tls")

    assert.matches("^alice\thello CN=alice\nnobody\tTLS: the peer refused: [^\n]*certificate required[^\n]*\n$", out)
  end)

  -- the example blocks its process, so the server is another one
  case.it("https_by_hand fetches a page", function()
    local server = assert(neap.process.spawn({
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.server.cert, "-key", certs.server.key, "-WWW",
    }, { cwd = certs.dir, stdin = "pipe", stdout = "pipe", stderr = "null" }))
    local port
    repeat
      port = assert(server.stdout:readline()):match("^ACCEPT .*:(%d+)$")
    until port

    local out = run("https_by_hand", "127.0.0.1", port, "/ca.crt", certs.ca.cert)

    assert.matches("^TLS 1.3\tTLS_%S+\nHTTP/1.0 200 ok\n", out)
    assert.is_truthy(out:find(certs.ca.pem, 1, true))
    server:kill()
    server:wait()
    server.stdin:close()
    server.stdout:close()
  end)
end)

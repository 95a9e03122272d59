--- A program, a Lua state or a host that ends in the middle of a handshake, and
--- TLS in each of the three. Under ASan, whatever is left is a failure.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

-- What the scripts begin with: `server` listens with TLS; a client's hello has
-- gone out of `a` (the client) and lies in `b`; `plain` leads to the server.
local PRELUDE = [[
local neap = require("neap")
local cert, key = ...
local server = assert(neap.net.listen("127.0.0.1", 0, { tls = { cert = cert, key = key } }))
local plain = assert(neap.net.connect("127.0.0.1", server:address().port))
local stream = assert(server:accept())
local a, b = neap.net.pair()
local client = neap.spawn(a.start_tls, a, { ca = cert, server_name = "localhost" })
b:peek(1)
]]

-- How far the handshake is.
local points = {
  { "before the hello comes", "" },
  { "while the answer is on its way", "plain:write(b:read()) plain:peek(1)" },
  {
    "while a part of the answer is there",
    "plain:write(b:read()) b:write(plain:readexactly(100)) neap.testing.settle()",
  },
  {
    "while both sides wait to write",
    "plain:write(b:read()) plain:peek(1) "
      .. "neap.spawn(stream.write, stream, ('x'):rep(200000)) neap.spawn(a.write, a, ('x'):rep(200000)) "
      .. "neap.testing.settle()",
  },
  { "after its streams were closed", "plain:write(b:read()) stream:close() a:close() pcall(client.await, client)" },
  {
    "while a server chooses its context by name",
    [[local asked = neap.future()
      local sni = { cert = cert, key = key, sni = function() asked:set_result() neap.sleep(100) end }
      server = assert(neap.net.serve("127.0.0.1", 0, print, { tls = sni }))
      neap.spawn(neap.net.connect, "127.0.0.1", server:address().port, { tls = true })
      asked:await()]],
  },
}

describe("a handshake", function()
  for _, point in ipairs(points) do
    local when, script = table.unpack(point)

    it("leaves nothing when the program ends " .. when, function()
      local out, err, code = child.run(PRELUDE .. script .. "\nprint('there') neap.exit(3)",
        certs.server.cert, certs.server.key)

      assert.equal("", err)
      assert.equal("there\n", out)
      assert.equal(3, code)
    end)

    it("leaves nothing when neap.run of a stock Lua ends " .. when, function()
      local body = "local args = { ... } require('neap').run(function() "
        .. PRELUDE:gsub("%.%.%.", "table.unpack(args)") .. script .. "\nprint('there') end) collectgarbage()"
      local out, err, code = child.run_stock_as("timeout -k 1 20 %s", body, certs.server.cert, certs.server.key)

      assert.equal("", err)
      assert.equal("there\n", out)
      assert.equal(0, code)
    end)
  end
end)

describe("a close_notify that the peer leaves no room for", function()
  -- a stream in memory holds 64 KiB: the records of FULL fill it to the last byte
  local script = [[
    local FULL = 65448
    local a, b = neap.testing.stream_pair()
    local serving = neap.spawn(b.start_tls, b, { server = true, cert = cert, key = key })
    assert(a:start_tls({ ca = cert, server_name = "localhost" }))
    assert(serving:await())
    neap.testing.settle()
    a:write(("x"):rep(FULL))
    a:close()
    print(a:closed()) ]]

  it("holds no program that ends", function()
    local began = neap.loop.time()
    local out, err, code = child.run("local neap, cert, key = require('neap'), ... " .. script .. "neap.exit(3)",
      certs.server.cert, certs.server.key)

    assert.equal("", err)
    assert.equal("true\n", out)
    assert.equal(3, code)
    assert.is_true(neap.loop.time() - began < 4)
  end)
end)

local ECHO = [[
local cert, key, ca = ...
local function echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end
local function talk()
  local neap = require("neap")
  local server = assert(neap.net.serve("127.0.0.1", 0, echo, { tls = { cert = cert, key = key } }))
  local stream <close> = assert(neap.net.connect("127.0.0.1", server:address().port, { tls = { ca = ca } }))
  stream:write(("x"):rep(100000))
  print(#stream:readexactly(100000), stream:tls_version(), stream:peer_certificate().subject)
  local _, err = neap.net.connect("127.0.0.1", server:address().port, { tls = true })
  print(err.code)
  stream:close()
  server:close(0)
  server:wait_closed()
end
]]

--- A program that talks with both versions, resumes, fails, and ends in order.
local EVERYTHING = [[
local cert, key, ca = ...
local neap = require("neap")
local server = assert(neap.net.serve("127.0.0.1", 0, function(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end, { tls = { cert = cert, key = key, sni = { localhost = { cert = cert, key = key, alpn = { "x" } } } } }))
local port = server:address().port
local function talk(version)
  local opts = { ca = ca, max_version = version, alpn = { "x" }, server_name = "localhost" }
  local stream <close> = assert(neap.net.connect("127.0.0.1", port, { tls = opts }))
  stream:write(("x"):rep(100000))
  stream:readexactly(100000)
  print(stream:tls_version(), stream:tls_resumed(), stream:alpn(), stream:peer_certificate().subject)
end
for _, version in ipairs({ "1.2", "1.3", "1.2", "1.3" }) do
  talk(version)
end
print(select(2, neap.net.connect("127.0.0.1", port, { tls = { ca = ca, server_name = "other" } })).code)
server:close(0)
server:wait_closed()
]]

describe("TLS", function()
  local paths = { certs.server.cert, certs.server.key, certs.ca.cert }

  local function expect_talk(out, err, code)
    assert.equal("", err)
    assert.equal("100000\t1.3\tCN=localhost\nTLS\n", out)
    assert.equal(0, code)
  end

  it("works in a stock Lua", function()
    expect_talk(child.run_stock(ECHO .. "require('neap').run(talk)", table.unpack(paths)))
  end)

  it("works in a host that a program embeds", function()
    local named = ("local cert, key, ca = %q, %q, %q\n"):format(table.unpack(paths))
    expect_talk(child.run_embedded("slow_system", ECHO:gsub("^[^\n]*\n", named) .. "talk()"))
  end)

  local sanitized = (os.getenv("NEAP_BUILD") or ""):find("asan", 1, true)
  if sanitized or not os.execute("command -v valgrind >/dev/null") then
    return
  end

  it("leaves nothing under valgrind", function()
    local out, err, code = child.run_as("timeout -k 1 100 valgrind -q --error-exitcode=9 --leak-check=full "
      .. "--show-leak-kinds=definite,indirect %s", EVERYTHING, table.unpack(paths))

    assert.equal("", err)
    assert.equal("1.2\tfalse\tx\tCN=localhost\n1.3\tfalse\tx\tCN=localhost\n"
      .. "1.2\ttrue\tx\tCN=localhost\n1.3\ttrue\tx\tCN=localhost\nTLS\n", out)
    assert.equal(0, code)
  end)
end)

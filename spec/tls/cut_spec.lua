--- TLS over a connection that is cut, or changed on the way.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")
local secure = require("spec.support.secure")

local client = secure.client
local it, net = case.it, neap.net

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

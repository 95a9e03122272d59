--- Streams that need no address: pairs, descriptors, and copying between two.
local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local tcp = require("spec.support.tcp")

local connected, close_all = tcp.connected, tcp.close_all
local it, net = case.it, neap.net
local settle = neap.testing.settle

describe("net.pair", function()
  it("gives two connected streams", function()
    local a, b = net.pair()

    a:write("ping")
    assert.equal("ping", b:read())
    b:write("pong")
    assert.equal("pong", a:read())
    assert.equal("", a:peername().path)
    close_all(a, b)
  end)
end)

describe("net.stream", function()
  it("refuses what is no descriptor", function()
    local open = net.stream
    expect.bad_argument("#1 to 'stream'", "got no value", function() open() end)
    expect.bad_argument("#1 to 'stream'", nil, function() open(-1) end)
  end)

  it("returns the error of a descriptor that is not open", function()
    local stream, err = net.stream(12345)

    assert.is_nil(stream)
    assert.equal("EBADF", err.code)
  end)

  it("reads and writes a descriptor of its own", function()
    local out, err, code = child.run_as("echo hello | timeout 20 %s | cat", [[
      local neap = require("neap")
      local input = assert(neap.net.stream(0))
      local output = assert(neap.net.stream(1))
      output:write(input:readline():upper(), "\n")
    ]])

    assert.equal("HELLO\n", out, err)
    assert.equal(0, code)
  end)
end)

describe("net.pipe", function()
  --- a1 - a2 is piped to b1 - b2.
  local function piped()
    local a1, a2 = net.pair()
    local b1, b2 = net.pair()
    return a1, b2, neap.spawn(net.pipe, a2, b1), function() close_all(a1, a2, b1, b2) end
  end

  it("copies both ways", function()
    local a, b, task, done = piped()

    a:write("to b")
    b:write("to a")

    assert.equal("to b", b:read())
    assert.equal("to a", a:read())
    a:shutdown()
    b:shutdown()
    assert.is_true(task:await())
    done()
  end)

  it("keeps one way open when the other has ended", function()
    local a, b, task, done = piped()

    a:shutdown()

    assert.is_nil(b:read())
    b:write("still here")
    assert.equal("still here", a:read())
    b:shutdown()
    assert.is_true(task:await())
    done()
  end)

  it("copies more than the buffers hold", function()
    local a, b, task, done = piped()
    local text = ("0123456789abcdef"):rep(256 * 1024)
    local writer = neap.spawn(function()
      a:write(text)
      a:shutdown()
    end)

    assert.is_true(text == b:readall())

    b:shutdown()
    neap.gather({ task, writer })
    done()
  end)

  it("gives the error of a side that fails", function()
    local a1, a2 = connected()
    local b1, b2 = net.pair()
    local task = neap.spawn(net.pipe, a2, b1)
    settle()

    a1:abort()

    local ok, err = task:await()
    assert.is_nil(ok)
    assert.equal("ECONNRESET", err.code)
    close_all(a2, b1, b2)
  end)

  it("gives the error of one side where both fail at once", function()
    for _ = 1, 20 do
      local a1, a2 = connected()
      local b1, b2 = connected()
      local task = neap.spawn(net.pipe, a2, b2)
      settle()

      a1:abort()
      b1:abort()

      local ok, err = task:await()
      assert.is_nil(ok)
      assert.equal("ECONNRESET", err.code)
      close_all(a2, b2)
    end
  end)

  it("stops when it is cancelled", function()
    local _, _, task, done = piped()
    settle()

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    done()
  end)

  it("refuses what is no stream", function()
    local a, b = net.pair()
    local pipe = net.pipe
    expect.bad_argument("#1 to 'pipe'", "Stream expected, got nil", function() pipe(nil, b) end)
    expect.bad_argument("#2 to 'pipe'", "Stream expected, got no value", function() pipe(a) end)
    close_all(a, b)
  end)
end)

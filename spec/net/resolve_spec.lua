local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, net = case.it, neap.net

describe("net.resolve", function()
  it("gives the addresses of a name", function()
    for _, address in ipairs(assert(net.resolve("localhost"))) do
      assert.is_true(address.host == "127.0.0.1" or address.host == "::1", address.host)
      assert.is_true(address.family == "ipv4" or address.family == "ipv6")
      assert.is_nil(address.port)
    end
  end)

  it("gives an address as it is", function()
    assert.same({ { host = "192.0.2.7", family = "ipv4" } }, net.resolve("192.0.2.7"))
    assert.same({ { host = "2001:db8::1", family = "ipv6" } }, net.resolve("2001:db8::1"))
  end)

  it("puts the port into each", function()
    assert.same({ { host = "192.0.2.7", family = "ipv4", port = 80 } }, net.resolve("192.0.2.7", { port = 80 }))
  end)

  it("gives only addresses of the family asked for", function()
    for _, address in ipairs(assert(net.resolve("localhost", { family = "ipv4" }))) do
      assert.equal("ipv4", address.family)
    end
    local list, err = net.resolve("192.0.2.7", { family = "ipv6" })
    assert.is_nil(list)
    assert.equal("ENOTFOUND", err.code)
  end)

  it("gives ENOTFOUND for a name that does not exist", function()
    local list, err = net.resolve("does-not-exist.invalid")

    assert.is_nil(list)
    assert.is_true(err.code == "ENOTFOUND" or err.code == "EAI_AGAIN", err.code)
    assert.equal("resolve", err.op)
    assert.equal("does-not-exist.invalid", err.host)
  end)

  it("can be cancelled", function()
    local task = neap.spawn(net.resolve, "localhost")
    neap.sleep(0)
    if task:status() == "waiting" then
      assert.equal("resolve localhost", task:waiting_on())
    end
    task:cancel()

    local ok, result = pcall(neap.await, task)
    assert.is_true(ok or neap.is_cancelled(result))
  end)

  it("refuses arguments of the wrong kind", function()
    local resolve = net.resolve
    expect.bad_argument("#1 to 'resolve'", "got no value", function() resolve() end)
    expect.bad_argument("#2 to 'resolve'", nil, function() resolve("x", { family = 4 }) end)
    expect.bad_argument("#2 to 'resolve'", nil, function() resolve("x", { nonsense = 4 }) end)
  end)
end)

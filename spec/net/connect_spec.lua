local case = require("spec.support.case")
local expect = require("spec.support.expect")
local eyeballs = require("neap.eyeballs")
local neap = require("neap")

local it, timed, net = case.it, case.timed, neap.net
local settle = neap.testing.settle

local function v4(n)
  return { host = "192.0.2." .. n, family = "ipv4" }
end

local function v6(n)
  return { host = "2001:db8::" .. n, family = "ipv6" }
end

--- A stand-in for a network. `plan` says for each host after how many seconds
--- an attempt ends, and how: `{ 0.1 }` connects, `{ 0.1, "ECONNREFUSED" }`
--- fails; without an entry it hangs. The log says when each attempt began, in
--- milliseconds, and which were cancelled.
local function network(plan)
  local start, log, streams = neap.loop.time(), {}, {}
  local function connect(address)
    local host = address.host
    table.insert(log, ("%.0f %s"):format((neap.loop.time() - start) * 1000, host))
    local event = plan[host] or { math.huge }
    local ok, err = pcall(neap.sleep, event[1])
    if not ok then
      table.insert(log, "cancelled " .. host)
      error(err, 0)
    elseif event[2] then
      return nil, neap.error(event[2], host)
    end
    local stream = { host = host }
    function stream:abort()
      self.aborted = true
    end
    streams[host] = stream
    return stream
  end
  return connect, log, streams
end

--- Replaces the resolver until the end of the scope.
local function stub_resolver(resolve)
  local real = eyeballs.resolve
  eyeballs.resolve = resolve
  return setmetatable({}, { __close = function() eyeballs.resolve = real end })
end

describe("the order of addresses", function()
  it("alternates the families, beginning with the first", function()
    local list = eyeballs.interleave({ v6(1), v6(2), v6(3), v4(1), v4(2) })

    assert.same({ v6(1), v4(1), v6(2), v4(2), v6(3) }, list)
  end)

  it("keeps the order of the resolver within a family", function()
    local list = eyeballs.interleave({ v4(3), v4(1), v6(2), v4(2) })

    assert.same({ v4(3), v6(2), v4(1), v4(2) }, list)
  end)

  it("is empty for none", function()
    assert.same({}, eyeballs.interleave({}))
  end)
end)

describe("happy eyeballs", function()
  timed("tries the only address at once", function()
    local connect, log = network({ [v4(1).host] = { 5 } })

    local stream = assert(eyeballs.connect({ v4(1) }, connect))

    assert.equal(v4(1).host, stream.host)
    assert.same({ "0 192.0.2.1" }, log)
  end)

  timed("does not try a second one when the first connects in time", function()
    local connect, log = network({ [v6(1).host] = { 0.24 } })

    local stream = assert(eyeballs.connect({ v6(1), v4(1) }, connect))

    assert.equal(v6(1).host, stream.host)
    assert.same({ "0 2001:db8::1" }, log)
  end)

  timed("tries the next after 250 ms, and cancels the loser", function()
    local connect, log = network({ [v4(1).host] = { 0.1 } })

    local stream = assert(eyeballs.connect({ v6(1), v4(1) }, connect))

    assert.equal(v4(1).host, stream.host)
    assert.same({ "0 2001:db8::1", "250 192.0.2.1", "cancelled 2001:db8::1" }, log)
  end)

  timed("goes on with the first one meanwhile", function()
    local connect, log = network({ [v6(1).host] = { 0.3 } })

    local stream = assert(eyeballs.connect({ v6(1), v4(1) }, connect))

    assert.equal(v6(1).host, stream.host)
    assert.same({ "0 2001:db8::1", "250 192.0.2.1", "cancelled 192.0.2.1" }, log)
  end)

  timed("tries the next at once when one fails", function()
    local connect, log = network({
      [v6(1).host] = { 0.01, "ENETUNREACH" },
      [v4(1).host] = { 0.02, "ECONNREFUSED" },
      [v6(2).host] = { 0.03 },
    })

    local stream = assert(eyeballs.connect({ v6(1), v6(2), v4(1) }, connect))

    assert.equal(v6(2).host, stream.host)
    assert.same({ "0 2001:db8::1", "10 192.0.2.1", "30 2001:db8::2" }, log)
  end)

  timed("waits for those under way when all have begun", function()
    local connect = network({
      [v6(1).host] = { 3 },
      [v4(1).host] = { 0.1, "ECONNREFUSED" },
    })

    local stream = assert(eyeballs.connect({ v6(1), v4(1) }, connect))

    assert.equal(v6(1).host, stream.host)
  end)

  timed("gives the error of an address that answered", function()
    local connect = network({
      [v6(1).host] = { 0.01, "ENETUNREACH" },
      [v4(1).host] = { 0.01, "ECONNREFUSED" },
    })

    local stream, err = eyeballs.connect({ v6(1), v4(1) }, connect)

    assert.is_nil(stream)
    assert.equal("ECONNREFUSED", err.code)
  end)

  timed("raises what an attempt raises", function()
    local err = expect.error(eyeballs.connect, { v6(1), v4(1) }, function() error("broken", 0) end)

    assert.equal("broken", err)
  end)

  timed("drops a second connection", function()
    local connect, _, streams = network({ [v6(1).host] = { 0.3 }, [v4(1).host] = { 0.05 } })

    local stream = assert(eyeballs.connect({ v6(1), v4(1) }, connect))
    settle()

    for _, other in pairs(streams) do
      assert.equal(other ~= stream, other.aborted or false)
    end
  end)

  timed("cancels every attempt when it is cancelled", function()
    local connect, log = network({})
    local task = neap.spawn(eyeballs.connect, { v6(1), v4(1) }, connect)
    neap.sleep(1)

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    table.sort(log)
    assert.same({ "0 2001:db8::1", "250 192.0.2.1", "cancelled 192.0.2.1", "cancelled 2001:db8::1" }, log)
  end)
end)

describe("net.connect to a name", function()
  it("goes on to the address where somebody listens", function()
    local listener = assert(net.listen("127.0.0.1", 0))
    local port = listener:address().port
    local _ <close> = stub_resolver(function(host)
      assert.equal("name.example", host)
      return {
        { host = "127.0.0.2", family = "ipv4" },
        { host = "127.0.0.3", family = "ipv4" },
        { host = "127.0.0.1", family = "ipv4" },
      }
    end)

    local stream = assert(net.connect("name.example", port))

    assert.equal("127.0.0.1", stream:peername().host)
    stream:close()
    stream:wait_closed()
    listener:close()
  end)

  it("asks for the family of the option", function()
    local asked
    local _ <close> = stub_resolver(function(_, family)
      asked = family
      return nil, neap.error("ENOTFOUND", "no")
    end)

    local stream, err = net.connect("name.example", 80, { family = "ipv6" })

    assert.is_nil(stream)
    assert.equal("ENOTFOUND", err.code)
    assert.equal("ipv6", asked)
  end)

  it("asks for the family of the local address", function()
    local asked
    local _ <close> = stub_resolver(function(_, family)
      asked = family
      return nil, neap.error("ENOTFOUND", "no")
    end)

    net.connect("name.example", 80, { bind = "::1" })

    assert.equal("ipv6", asked)
  end)

  timed("gives TIMEOUT when the resolver takes too long", function()
    local _ <close> = stub_resolver(function() neap.sleep(60) end)
    local start = neap.loop.time()

    local stream, err = net.connect("name.example", 80, { timeout = 5 })

    assert.is_nil(stream)
    assert.equal("TIMEOUT", err.code)
    assert.equal("connect", err.op)
    assert.equal("name.example", err.host)
    assert.equal(80, err.port)
    assert.is_true(neap.loop.time() - start < 6)
  end)

  timed("is cancelled by a deadline around it", function()
    local _ <close> = stub_resolver(function() neap.sleep(60) end)

    expect.code("TIMEOUT", neap.timeout, 1, net.connect, "name.example", 80, { timeout = 5 })
  end)

  timed("raises CANCELLED when its task is cancelled", function()
    local _ <close> = stub_resolver(function() neap.sleep(60) end)
    local task = neap.spawn(net.connect, "name.example", 80, { timeout = 5 })
    settle()

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
  end)
end)

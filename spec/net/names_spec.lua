local and_rest = require("spec.support.and_rest")
local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local eyeballs = require("neap.eyeballs")
local neap = require("neap")

local it, net = case.it, neap.net

--- Replaces the resolver until the end of the scope.
local function stub_resolver(resolve)
  local real = eyeballs.resolve
  eyeballs.resolve = resolve
  return setmetatable({}, { __close = function() eyeballs.resolve = real end })
end

describe("net.resolve", function()
  it("gives the addresses of a name", function()
    local list = assert(net.resolve("localhost"))

    assert.is_true(#list > 0)
    for _, address in ipairs(list) do
      assert.equal(address.family == "ipv6" and "::1" or "127.0.0.1", address.host)
      assert.is_nil(address.port)
    end
  end)

  it("gives those of one family", function()
    for _, address in ipairs(assert(net.resolve("localhost", { family = "ipv4" }))) do
      assert.same({ host = "127.0.0.1", family = "ipv4" }, address)
    end
  end)

  it("puts the port into each address", function()
    for _, address in ipairs(assert(net.resolve("localhost", { port = 80 }))) do
      assert.equal(80, address.port)
    end
    assert.same({ { host = "::1", family = "ipv6", port = 5 } }, net.resolve("::1", { port = 5 }))
  end)

  it("is asked many times at once", function()
    local names = {}
    for i = 1, 30 do
      names[i] = "localhost"
    end

    for _, list in ipairs(neap.map(names, function(name) return assert(net.resolve(name)) end)) do
      assert.is_true(#list > 0)
    end
  end)

  it("leaves nothing behind when cancelled", and_rest(function()
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = neap.spawn(net.resolve, "localhost")
    end
    neap.sleep(0)
    for _, task in ipairs(tasks) do
      task:cancel()
    end

    for _, task in ipairs(tasks) do
      pcall(neap.await, task)
    end
  end))
end)

describe("net.reverse", function()
  it("gives the name of an address", function()
    local name, err = net.reverse("127.0.0.1")

    assert.is_truthy(name == "localhost" or name and #name > 0, tostring(err))
  end)

  it("gives an error for an address without a name", function()
    local name, err = net.reverse("192.0.2.200")

    assert.is_nil(name)
    assert.is_truthy(err.code == "ENOTFOUND" or err.code:find("^EAI"), tostring(err))
    assert.equal("reverse", err.op)
    assert.equal("192.0.2.200", err.host)
  end)

  it("gives an error for what is no address", function()
    for _, text in ipairs({ "localhost", "", "1.2.3", "::1\0" }) do
      local name, err = net.reverse(text)

      assert.is_nil(name)
      assert.equal("EINVAL", err.code)
    end
  end)

  it("says what it waits for, and is cancelled", and_rest(function()
    local task = neap.spawn(net.reverse, "127.0.0.1")
    neap.sleep(0)

    assert.equal("reverse 127.0.0.1", task:waiting_on())
    task:cancel()

    expect.code("CANCELLED", neap.await, task)
  end))

  it("refuses what is no text", function()
    expect.bad_argument("#1 to 'reverse'", "got no value", function() net.reverse() end)
    expect.bad_argument("#1 to 'reverse'", "got table", function() net.reverse({}) end)
  end)
end)

describe("a resolver that does not answer", function()
  it("leaves threads to files", function()
    local out, err = child.run_embedded("slow_system", [[
      local neap = require("neap")
      hold_names(true)
      local names = {}
      for i = 1, 16 do
        names[i] = neap.spawn(neap.net.resolve, "name.example")
      end
      neap.sleep(0)
      for _ = 1, 50 do
        assert(neap.fs.stat("/"))
        assert(neap.fs.read_file("/dev/null"))
      end
      print("files", names[1]:done())
      hold_names(false)
      print("names", select(2, names[16]:await()).code)
    ]])

    assert.equal("", err)
    assert.equal("files\tfalse\nnames\tENOTFOUND\n", out)
  end)

  it("lets a task that is cancelled go at once", function()
    local out, err = child.run_embedded("slow_system", [[
      local neap = require("neap")
      hold_names(true)
      local names = {}
      for i = 1, 16 do
        names[i] = neap.spawn(neap.net.resolve, "name.example")
      end
      neap.sleep(0.01)
      for _, task in ipairs(names) do
        task:cancel()
      end
      neap.wait(names)
      print(names[1]:cancelled(), names[16]:cancelled())
      hold_names(false)
    ]])

    assert.equal("", err)
    assert.equal("true\ttrue\n", out)
  end)
end)

describe("net.connect to a name whose first address never answers", function()
  it("is connected over the next within 350 ms", function()
    -- its backlog is full, and nobody accepts: what comes next is dropped
    local silent = assert(net.listen("127.0.0.1", 0, { backlog = 1 }))
    local port = silent:address().port
    local fill = { assert(net.connect("127.0.0.1", port)), assert(net.connect("127.0.0.1", port)) }
    local server = assert(net.serve("127.0.0.2", port, function(stream) stream:write("hello") end))
    local _ <close> = stub_resolver(function()
      return { { host = "127.0.0.1", family = "ipv4" }, { host = "127.0.0.2", family = "ipv4" } }
    end)
    local start = neap.loop.time()

    local stream = assert(net.connect("name.example", port))

    local took = neap.loop.time() - start
    assert.is_true(took >= 0.25 and took < 0.35, "it took " .. took)
    assert.equal("127.0.0.2", stream:peername().host)
    assert.equal("hello", stream:readall())
    stream:close()
    for _, other in ipairs(fill) do
      other:abort()
    end
    silent:close()
    server:close()
    server:wait_closed()
  end)
end)

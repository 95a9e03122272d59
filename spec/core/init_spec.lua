local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it

describe("the module neap", function()
  it("has its submodules as fields", function()
    assert.equal("table", type(neap.sync))
    assert.equal("table", type(neap.loop))
  end)

  it("has submodules that can be required by name", function()
    for _, name in ipairs({ "sync", "loop", "testing" }) do
      assert.equal(neap[name], require("neap." .. name))
    end
  end)

  it("loads a submodule on first use", function()
    local out, err = child.run([[
      local neap = require "neap"
      print(rawget(neap, "sync"), package.loaded["neap.sync"])
      print(type(neap.sync), package.loaded["neap.sync"] == neap.sync)
    ]])

    assert.equal("", err)
    assert.equal("nil\tnil\ntable\ttrue\n", out)
  end)

  it("has no field that does not exist", function()
    assert.is_nil(neap.no_such_field)
  end)

  it("sets no global", function()
    local script = [[
      local names = {}
      %s
      for name in pairs(_G) do table.insert(names, name) end
      table.sort(names)
      print(table.concat(names, " "))
    ]]
    local expected = child.run_stock(script:format(""))

    local out, err = child.run(script:format([[
      local neap = require "neap"
      local _ = neap.sync, neap.loop, neap.testing
      neap.await(neap.spawn(neap.sleep, 0))
    ]]))

    assert.equal("", err)
    assert.equal(expected, out)
  end)
end)

describe("neap.version", function()
  it("is a version", function()
    assert.matches("^%d+%.%d+", neap.version)
  end)
end)

describe("neap.features", function()
  it("is a table of booleans", function()
    assert.is_boolean(neap.features.tls)
    assert.is_boolean(neap.features.http)
    for name, value in pairs(neap.features) do
      assert.equal("string", type(name))
      assert.equal("boolean", type(value))
    end
  end)
end)

describe("neap.random_bytes", function()
  it("gives as many bytes as it is told", function()
    for _, n in ipairs({ 0, 1, 16, 1000, 100000 }) do
      assert.equal(n, #neap.random_bytes(n))
    end
  end)

  it("gives others each time", function()
    assert.not_equal(neap.random_bytes(16), neap.random_bytes(16))
  end)

  it("gives every byte", function()
    local seen, count = {}, 0
    for byte in neap.random_bytes(100000):gmatch(".") do
      if not seen[byte] then
        seen[byte] = true
        count = count + 1
      end
    end

    assert.equal(256, count)
  end)

  it("refuses what is no number of bytes", function()
    expect.bad_argument("#1 to 'random_bytes'", "number expected, got no value", function()
      neap.random_bytes()
    end)
    expect.bad_argument("#1 to 'random_bytes'", nil, function() neap.random_bytes(-1) end)
    expect.bad_argument("#1 to 'random_bytes'", nil, function() neap.random_bytes(1.5) end)
  end)
end)

describe("neap.cpu_count", function()
  it("is at least one", function()
    assert.equal("integer", math.type(neap.cpu_count()))
    assert.is_true(neap.cpu_count() >= 1)
  end)
end)

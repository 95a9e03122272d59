local case = require("spec.support.case")
local child = require("spec.support.child")

local it = case.it

--- Runs a script that begins with the local `neap`.
local function run(script)
  return child.run("local neap = require 'neap' " .. script)
end

describe("neap.exit", function()
  it("ends the program with the status", function()
    local out, err, code = run("print 'before' neap.exit(7) print 'after'")

    assert.equal("before\n", out)
    assert.equal("", err)
    assert.equal(7, code)
  end)

  it("takes 0 as the default", function()
    local _, err, code = run("neap.exit() print 'after'")

    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("can be called in any task", function()
    local out, _, code = run([[
      neap.spawn(function() neap.sleep(0.001) neap.exit(5) end)
      neap.sleep(3600)
      print "after"
    ]])

    assert.equal("", out)
    assert.equal(5, code)
  end)

  it("cancels and unwinds everything, the caller too", function()
    local out, err, code = run([[
      local function body(name, wait, ...)
        local _ <close> = setmetatable({}, {
          __close = function()
            neap.shield(neap.sleep, 0.01)
            print("unwound " .. name)
          end,
        })
        wait(...)
      end
      neap.spawn(body, "first", neap.sleep, 3600)
      neap.spawn(body, "caller", function() neap.sleep(0.01) neap.exit(4) end)
      body("main", neap.await, neap.future())
    ]])

    local lines = {}
    for line in out:gmatch("[^\n]+") do
      table.insert(lines, line)
    end
    table.sort(lines)
    assert.same({ "unwound caller", "unwound first", "unwound main" }, lines)
    assert.equal("", err)
    assert.equal(4, code)
  end)

  it("keeps the status that was given first", function()
    local _, err, code = run([[
      neap.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() pcall(neap.exit, 9) end })
        neap.sleep(3600)
      end)
      neap.sleep(0)
      neap.exit(6)
    ]])

    assert.equal("", err)
    assert.equal(6, code)
  end)

  it("cannot be swallowed by pcall", function()
    local out, _, code = run([[
      pcall(neap.exit, 8)
      print(neap.error_code(select(2, pcall(neap.sleep, 3600))))
      neap.sleep(0)
      print "never reached"
    ]])

    assert.equal("CANCELLED\n", out)
    assert.equal(8, code)
  end)

  it("reports no error that was retrieved or cancelled", function()
    local _, err, code = run([[
      neap.spawn(neap.sleep, 3600)
      neap.spawn(neap.await, neap.spawn(neap.sleep, 3600))
      neap.sleep(0)
      neap.exit(0)
    ]])

    assert.equal("", err)
    assert.equal(0, code)
  end)
end)

describe("os.exit", function()
  it("ends at once, as in lua", function()
    local out, err, code = run([[
      local _ <close> = setmetatable({}, { __close = function() print "unwound" end })
      io.write "written"
      os.exit(3)
    ]])

    assert.equal("written", out)
    assert.equal("", err)
    assert.equal(3, code)
  end)

  for argument, expected in pairs({ ["true"] = 0, ["false"] = 1, [""] = 0, ["17"] = 17 }) do
    it("takes its status as in lua: " .. argument, function()
      local _, _, stock = child.run_stock("os.exit(" .. argument .. ")")

      local _, _, code = child.run("os.exit(" .. argument .. ")")

      assert.equal(stock, code)
      assert.equal(expected, code)
    end)
  end

  it("with true does what neap.exit does", function()
    local out, err, code = run([[
      neap.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() print "unwound" end })
        neap.sleep(3600)
      end)
      neap.sleep(0)
      os.exit(2, true)
      print "after"
    ]])

    assert.equal("unwound\n", out)
    assert.equal("", err)
    assert.equal(2, code)
  end)

  it("with true takes true and false for 0 and 1", function()
    local _, _, success = run("os.exit(true, true)")
    local _, _, failure = run("os.exit(false, true)")

    assert.equal(0, success)
    assert.equal(1, failure)
  end)
end)

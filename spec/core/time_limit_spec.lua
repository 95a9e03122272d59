local case = require("spec.support.case")
local child = require("spec.support.child")
local spinners = require("spec.support.spinners")

local it = case.it

--- Runs a script in a host that lets a task hold the loop for so many seconds.
local function run(seconds, script)
  return child.run(([[
    local neap = require "neap"
    assert(require("neap.core").set_limits { time = %s })
    %s]]):format(seconds, script))
end

describe("a limit of time", function()
  for _, spinner in ipairs(spinners) do
    it("ends a task in " .. spinner.name, function()
      local out, err, code = run(0.05, ([[
        local function body() %s
        end
        local task = neap.spawn(body)
        local ok, err = pcall(neap.await, task)
        print(ok, err.code, err.message:match("held the loop for more than 0.05 s at .*:%%d+"))
        print(neap.await(neap.spawn(function() neap.sleep(0) return "others go on" end)))
      ]]):format(spinner[1]))

      assert.matches("^false\tTIMEOUT\theld the loop for more than 0.05 s at ", out)
      assert.matches("\nothers go on\n$", out)
      assert.equal("", err)
      assert.equal(0, code)
    end)
  end

  it("ends a task in a coroutine whose <close> handler enters a scope", function()
    local out, err, code = run(0.05, [[
      local function spin()
        local _ <close> = setmetatable({}, { __close = function() neap.timeout(5, print, "closed") end })
        while true do end
      end
      local task = neap.spawn(function() coroutine.wrap(neap.timeout)(10, spin) end)
      print((pcall(neap.await, task)))
      print(neap.error_code(select(2, pcall(neap.timeout, 0.001, neap.sleep, 10))))
    ]])

    assert.equal("closed\nfalse\nTIMEOUT\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("says at which line of the script the task was", function()
    local out = run(0.05, [[
      local function spin()
        while true do end -- the fourth line
      end
      print(pcall(neap.await, neap.spawn(spin)))
    ]])

    assert.matches(":4\n$", out)
  end)

  it("fails the task with a traceback of where it was", function()
    local out = run(0.05, [[
      local function deep() while true do end end
      local task = neap.spawn(function() coroutine.wrap(function() deep() end)() end)
      pcall(neap.await, task)
      print(task:traceback())
    ]])

    assert.matches("in upvalue 'deep'", out)
    assert.matches("stack traceback:.*stack traceback:", out)
  end)

  it("runs the handlers of <close> variables, the inner ones first", function()
    local out = run(0.05, [[
      local function named(name)
        return setmetatable({}, { __close = function() print("close " .. name) end })
      end
      pcall(neap.await, neap.spawn(function()
        local outer <close> = named("outer")
        coroutine.wrap(function()
          local inner <close> = named("inner")
          pcall(function()
            local innermost <close> = named("innermost")
            while true do end
          end)
        end)()
      end))
    ]])

    assert.equal("close innermost\nclose inner\nclose outer\n", out)
  end)

  it("ends a handler that holds the loop, too", function()
    local out, err = run(0.05, [[
      local function named(name, fn)
        return setmetatable({}, { __close = function() print("close " .. name) fn() end })
      end
      print(pcall(neap.await, neap.spawn(function()
        local outer <close> = named("outer", function() end)
        local inner <close> = named("inner", function()
          while true do pcall(function() while true do end end) end
        end)
        while true do end
      end)))
    ]])

    assert.matches("^close inner\n", out)
    assert.matches("false\tTIMEOUT: held the loop", out)
    assert.equal("", err)
  end)

  it("reports it as it does any failure", function()
    local out, err, code = run(0.05, [[
      neap.spawn(function() while true do end end)
      neap.sleep(0)
      print "main"
    ]])

    assert.equal("main\n", out)
    assert.matches("TIMEOUT: held the loop for more than 0.05 s at ", err)
    assert.equal(1, code)
  end)

  it("ends the main chunk", function()
    local _, err, code = run(0.05, "while true do pcall(function() while true do end end) end")

    assert.matches("TIMEOUT: held the loop for more than 0.05 s at ", err)
    assert.equal(1, code)
  end)

  it("counts what a task computes between two waits, not all of it", function()
    local out, err = run(0.5, [[
      local stop = neap.loop.time() + 1
      while neap.loop.time() < stop do
        for i = 1, 10000 do end
        neap.sleep(0)
      end
      print "done"
    ]])

    assert.equal("done\n", out)
    assert.equal("", err)
  end)

  it("counts time in one wait no more than in many", function()
    local out = run(0.05, "neap.sleep(0.2) print 'slept'")

    assert.equal("slept\n", out)
  end)

  it("gives a task that a generator is parked in to nobody", function()
    local out = run(0.05, [[
      local task = neap.spawn(function()
        local g = coroutine.wrap(function() neap.sleep(0.01) while true do end end)
        g()
      end)
      print(pcall(neap.await, task))
      print(task:status())
    ]])

    assert.matches("TIMEOUT.*\ndone\n$", out)
  end)

  it("leaves a hook that the script set in place", function()
    local out = run(0.05, [[
      local calls = 0
      local task = neap.spawn(function()
        local co = coroutine.create(function()
          debug.sethook(function() calls = calls + 1 end, "", 1000)
          while true do end
        end)
        coroutine.resume(co)
      end)
      print(pcall(neap.await, task))
      print(calls > 100)
    ]])

    assert.matches("TIMEOUT.*\ntrue\n$", out)
  end)

  it("refuses numbers out of range", function()
    local out = child.run([[
      local core = require("neap.core")
      for _, field in ipairs { "time", "preempt" } do
        for _, value in ipairs { -1, 1e9, math.huge } do
          local ok, err = core.set_limits { [field] = value }
          print(ok, err.code)
        end
      end
      for _, signum in ipairs { 9, 15, 1000 } do
        print(select(2, core.set_limits { time = 1, signum = signum }).code)
      end
    ]])

    assert.equal(("nil\tEINVAL\n"):rep(6) .. ("EINVAL\n"):rep(3), out)
  end)
end)

local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

--- Runs a script that begins with the local `neap`.
local function run(script)
  return child.run("local neap = require 'neap' " .. script)
end

describe("a program", function()
  it("ends with status 0 when the main chunk has returned", function()
    local out, err, code = run("print(neap.sleep(0, 'awaited at top level'))")

    assert.equal("awaited at top level\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("runs on while a task lives", function()
    local out, err, code = run([[
      neap.spawn(function()
        neap.sleep(0.01)
        print "task"
        neap.spawn(function() neap.sleep(0.01) print "its task" end)
      end)
      print "main"
    ]])

    assert.equal("main\ntask\nits task\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("runs on while a callback is due", function()
    local out, err, code = run([[
      neap.loop.call_later(0.01, print, "later")
      neap.loop.call_soon(print, "soon")
    ]])

    assert.equal("soon\nlater\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("does not run on for a callback that was cancelled", function()
    local out, err, code = run([[
      neap.loop.call_later(3600, print):cancel()
    ]])

    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  it("does not run on for a future that nobody awaits", function()
    local _, err, code = run("kept = neap.future()")

    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("does not run on for what a cancelled wait left", function()
    local out, err, code = run([[
      local task = neap.spawn(neap.sleep, 3600)
      neap.sleep(0)
      task:cancel()
    ]])

    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  describe("with daemons", function()
    it("ends without them, which are cancelled and unwound", function()
      local out, err, code = run([[
        local daemon = neap.spawn(function()
          local _ <close> = setmetatable({}, {
            __close = function(_, err)
              neap.shield(neap.sleep, 0.01)
              print("unwound", neap.error_code(err))
            end,
          })
          neap.sleep(3600)
        end)
        daemon:set_daemon(true)
        neap.sleep(0)
        print "main"
      ]])

      assert.equal("main\nunwound\tCANCELLED\n", out)
      assert.equal("", err)
      assert.equal(0, code)
    end)

    it("waits for those that are none", function()
      local out, _, code = run([[
        neap.spawn(function() while true do neap.sleep(0.001) end end):set_daemon(true)
        neap.spawn(function() neap.sleep(0.02) print "worker" end)
      ]])

      assert.equal("worker\n", out)
      assert.equal(0, code)
    end)

    it("waits for one that is a daemon no longer", function()
      local out, _, code = run([[
        local task = neap.spawn(function() neap.sleep(0.01) print "finished" end)
        task:set_daemon(true)
        task:set_daemon(false)
      ]])

      assert.equal("finished\n", out)
      assert.equal(0, code)
    end)

    it("ends without a report when only they are left to wait", function()
      local out, err, code = run([[
        neap.spawn(neap.await, neap.future()):set_daemon(true)
        neap.spawn(neap.sleep, math.huge):set_daemon(true)
      ]])

      assert.equal("", out .. err)
      assert.equal(0, code)
    end)
  end)

  describe("whose main chunk raises", function()
    it("writes the error as lua does and ends with status 1", function()
      local out, err, code = run("local function here() error('broken') end here()")

      assert.equal("", out)
      assert.matches(":1: broken", err, 1, true)
      assert.matches("stack traceback:", err, 1, true)
      assert.matches("here", err, 1, true)
      assert.equal(1, code)
    end)

    it("cancels and unwinds every other task first", function()
      local out, err, code = run([[
        for i = 1, 2 do
          neap.spawn(function()
            local _ <close> = setmetatable({}, {
              __close = function(_, err)
                neap.shield(neap.sleep, 0.01 * i)
                print(i, neap.error_code(err))
              end,
            })
            neap.sleep(3600)
          end)
        end
        neap.loop.call_later(3600, print)
        neap.sleep(0)
        error "broken"
      ]])

      assert.equal("1\tCANCELLED\n2\tCANCELLED\n", out)
      assert.matches("broken", err, 1, true)
      assert.equal(1, code)
    end)

    it("takes CANCELLED for an error like another", function()
      local _, err, code = run("neap.current_task():cancel('by itself') neap.sleep(0)")

      assert.matches("CANCELLED", err, 1, true)
      assert.equal(1, code)
    end)

    it("writes the text of an error of neap", function()
      local _, err, code = run("error(neap.error('EOF', 'no more'))")

      assert.matches("EOF: no more", err, 1, true)
      assert.equal(1, code)
    end)

    for name, value in pairs({
      table = "{}",
      ["nil"] = "nil",
      ["table with __tostring"] = "setmetatable({}, { __tostring = function() return 'mine' end })",
    }) do
      it("writes what lua writes for a " .. name, function()
        local script = "error(" .. value .. ")"
        local _, stock = child.run_stock(script)

        local _, err, code = child.run(script)

        assert.equal((stock:match(": ([^\n]*)")), (err:match(": ([^\n]*)")))
        assert.equal(1, code)
      end)
    end
  end)

  it("closes all of that at once, also where a handler spawns tasks", function()
    local out = run([[
      local function linger(count)
        local _ <close> = setmetatable({}, { __close = function()
          print(count, math.floor(neap.loop.time() - at + 0.5))
          for _ = 1, count do neap.spawn(print) end
        end })
        neap.shield(neap.sleep, math.huge)
      end
      at = neap.loop.time()
      neap.spawn(linger, 4)
      for _ = 1, 8 do neap.spawn(function() end) end
      neap.spawn(linger, 0)
      neap.spawn(linger, 0)
      neap.sleep(0)
      neap.exit(0)]])
    assert.equal("4\t5\n0\t5\n0\t5\n", out)
  end)

  it("drops calls for later that are made while it unwinds", function()
    local start = neap.loop.time()
    local out, err, code = run([[
      neap.spawn(function()
        local _ <close> = setmetatable({}, {
          __close = function()
            for _ = 1, 50 do
              neap.loop.call_later(3, print, "called")
            end
          end,
        })
        neap.sleep(3600)
      end)
      neap.sleep(0)
      neap.exit(3)
    ]])

    assert.equal("", out)
    assert.equal("", err)
    assert.equal(3, code)
    assert.is_true(neap.loop.time() - start < 3)
  end)

  it("closes by force what lives on 5 s after a cancellation", function()
    local out, err, code = run([[
      neap.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() print "closed by force" end })
        neap.shield(neap.sleep, 3600)
      end)
      neap.sleep(0)
      neap.exit(3)
    ]])

    assert.equal("closed by force\n", out)
    assert.equal("", err)
    assert.equal(3, code)
  end)
end)

describe("an error that nobody retrieves", function()
  it("is written to stderr with its traceback and makes the status 1", function()
    local out, err, code = run([[
      local function failing() error "lost" end
      neap.spawn(function() failing() end)
      neap.sleep(0)
      print "main goes on"
    ]])

    assert.equal("main goes on\n", out)
    assert.matches("lost", err, 1, true)
    assert.matches("failing", err, 1, true)
    assert.equal(1, code)
  end)

  it("is written once", function()
    local _, err = run("neap.spawn(error, 'lost')")

    local _, count = err:gsub("lost", "")
    assert.equal(1, count)
  end)

  it("of a future is written at the end as well", function()
    local _, err, code = run("kept = neap.future() kept:set_error 'lost'")

    assert.matches("lost", err, 1, true)
    assert.equal(1, code)
  end)

  it("of a callback makes the status 1", function()
    local _, err, code = run("neap.loop.call_soon(error, 'lost')")

    assert.matches("lost", err, 1, true)
    assert.equal(1, code)
  end)

  it("leaves the status 0 when the script has a handler of its own", function()
    local out, err, code = run([[
      neap.loop.set_exception_handler(function(context) print("handled", context.error) end)
      neap.spawn(error, "lost")
      neap.loop.call_soon(error, "lost too")
      kept = neap.future()
      kept:set_error "lost at the end"
    ]])

    assert.matches("handled\tlost\n", out, 1, true)
    assert.matches("handled\tlost too\n", out, 1, true)
    assert.matches("handled\tlost at the end\n", out, 1, true)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("leaves the status 0 when it was retrieved", function()
    local _, err, code = run("pcall(neap.await, neap.spawn(error, 'retrieved'))")

    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("does not end the program when the handler fails itself", function()
    local out, err = run([[
      neap.loop.set_exception_handler(function() error "broken handler" end)
      neap.loop.call_soon(error, "first")
      neap.loop.call_soon(error, "second")
      neap.sleep(0.01)
      print "still here"
    ]])

    assert.equal("still here\n", out)
    assert.matches("broken handler", err, 1, true)
  end)
end)

describe("DEADLOCK", function()
  it("is reported with each waiting task and what it waits on", function()
    local out, err, code = run([[
      local queue = neap.sync.queue()
      local lock = neap.sync.lock()
      lock:acquire()
      neap.spawn(queue.get, queue):set_name "consumer"
      neap.spawn(lock.acquire, lock):set_name "locker"
      neap.await(neap.future())
      print "never reached"
    ]])

    assert.equal("", out)
    assert.matches("DEADLOCK", err, 1, true)
    assert.matches("consumer[^\n]*queue get", err)
    assert.matches("locker[^\n]*lock", err)
    assert.matches("future", err, 1, true)
    assert.equal(1, code)
  end)

  it("is reported after the main chunk has returned", function()
    local _, err, code = run("neap.spawn(neap.await, neap.future()):set_name 'stuck'")

    assert.matches("DEADLOCK", err, 1, true)
    assert.matches("stuck", err, 1, true)
    assert.equal(1, code)
  end)

  it("cancels and unwinds all tasks", function()
    local out, _, code = run([[
      local function stuck(name)
        local _ <close> = setmetatable({}, {
          __close = function(_, err)
            neap.shield(neap.sleep, 0.01)
            print(name, neap.error_code(err))
          end,
        })
        neap.await(neap.future())
      end
      neap.spawn(stuck, "task")
      stuck "main"
    ]])

    local lines = {}
    for line in out:gmatch("[^\n]+") do
      table.insert(lines, line)
    end
    table.sort(lines)
    assert.same({ "main\tCANCELLED", "task\tCANCELLED" }, lines)
    assert.equal(1, code)
  end)

  it("is reported for tasks that wait for each other", function()
    local _, err, code = run([[
      local first, second
      first = neap.spawn(function() neap.await(second) end)
      second = neap.spawn(function() neap.await(first) end)
    ]])

    assert.matches("DEADLOCK", err, 1, true)
    assert.equal(1, code)
  end)

  it("is not put off by a daemon that sleeps without end", function()
    local _, err, code = run([[
      neap.spawn(neap.sleep, math.huge):set_daemon(true)
      neap.await(neap.future())
    ]])

    assert.matches("DEADLOCK", err, 1, true)
    assert.equal(1, code)
  end)

  it("is reported only once a timer that could help has run", function()
    local out, err, code = run([[
      local future = neap.future()
      neap.loop.call_later(0.01, function() future:set_result "helped" end)
      print(neap.await(future))
      neap.await(neap.future())
    ]])

    assert.equal("helped\n", out)
    assert.matches("DEADLOCK", err, 1, true)
    assert.equal(1, code)
  end)

  for name, wait in pairs({
    ["sleep(math.huge)"] = "neap.sleep, math.huge",
    run_forever = "neap.loop.run_forever",
  }) do
    it("is not reported while a task waits in " .. name, function()
      local _, err, code = child.run_as("timeout 0.2 %s", ([[
        local neap = require "neap"
        neap.spawn(%s)
        neap.await(neap.future())
      ]]):format(wait))

      assert.is_nil(err:find("DEADLOCK", 1, true))
      assert.is_true(code == 124 or code == 143, "status " .. code)
    end)
  end

  for clock, run_main in pairs({ real = "main()", virtual = "neap.testing.virtual_clock(main)" }) do
    it("is not reported while there is a timer of math.huge, by the " .. clock .. " clock", function()
      local out, err, code = child.run_as("timeout -k 1 0.2 %s", [[
        local neap = require "neap"
        local function main()
          neap.loop.call_later(math.huge, print, "called")
          neap.await(neap.future())
        end
      ]] .. run_main)

      assert.equal("", out)
      assert.is_nil(err:find("DEADLOCK", 1, true))
      assert.is_true(code == 124 or code == 143, "status " .. code)
    end)
  end

  it("is reported by the virtual clock, too", function()
    local _, err, code = run([[
      neap.testing.virtual_clock(function()
        neap.sleep(3600)
        neap.await(neap.future())
      end)
    ]])

    assert.matches("DEADLOCK", err, 1, true)
    assert.equal(1, code)
  end)
end)

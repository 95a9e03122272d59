local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, signal = case.it, neap.signal
local settle = neap.testing.settle

--- Sends ourselves a signal.
local function raise(name)
  assert(neap.process.run({ "kill", "-" .. name, neap.process.id() }).code == 0)
end

--- Runs a script in a process of its own, which may `raise` a signal.
local function run(script, ...)
  return child.run([[
    local neap = require "neap"
    local signal = neap.signal
    local function raise(name)
      neap.process.run({ "kill", "-" .. name, neap.process.id() })
    end
  ]] .. script, ...)
end

describe("signal.wait", function()
  it("gives the name of the signal that comes", function()
    local task = neap.spawn(signal.wait, "USR1", "USR2")
    settle()

    raise("USR2")

    assert.equal("USR2", task:await())
  end)

  it("wakes all who wait for the signal", function()
    local tasks = { neap.spawn(signal.wait, "USR1"), neap.spawn(signal.wait, "SIGUSR1") }
    settle()

    raise("USR1")

    local names = neap.gather(tasks)
    assert.equal("USR1", names[1])
    assert.equal("USR1", names[2])
  end)

  it("says what it waits for", function()
    local task = neap.spawn(signal.wait, "HUP", "USR1")
    settle()

    assert.equal("signal HUP USR1", task:waiting_on())
    task:cancel()
    settle()
  end)

  it("can be cancelled", function()
    local task = neap.spawn(signal.wait, "USR1")
    settle()

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
  end)

  it("is no deadlock", function()
    local out, err, code = child.run_as([[timeout -s USR1 0.2 %s]], [[
      print(require "neap".signal.wait("USR1"))
    ]])

    assert.equal("USR1\n", out)
    assert.equal("", err)
    assert.is_true(code == 0 or code == 124)
  end)

  it("refuses what nobody can listen to", function()
    expect.bad_argument("#1 to 'wait'", nil, function() signal.wait("KILL") end)
    expect.bad_argument("#2 to 'wait'", nil, function() signal.wait("INT", "STOP") end)
    expect.bad_argument("#1 to 'wait'", "unknown signal 'FOO'", function() signal.wait("FOO") end)
    expect.bad_argument("#1 to 'wait'", "string expected, got no value", function() signal.wait() end)
    local err = expect.error(function() signal.wait(3) end)
    assert.matches("^spec/signal_spec", err)
  end)
end)

describe("signal.handle", function()
  it("calls the function each time, in a callback of its own", function()
    local queue = neap.sync.queue()
    local handle <close> = signal.handle("USR1", function(name)
      queue:put(name .. " " .. neap.current_task():name())
    end)

    raise("USR1")
    assert.matches("^USR1 callback%-%d+$", queue:get())
    raise("USR1")
    assert.matches("^USR1 callback%-%d+$", queue:get())
    handle:close()
    settle()
  end)

  it("brings the default action back when the last one goes", function()
    local _, _, code = run([[
      local one, two = signal.handle("USR1", print), signal.handle("USR1", print)
      one:close()
      raise("USR1")
      neap.sleep(0.01)
      two:close()
      raise("USR1")
      neap.sleep(5)
    ]])

    assert.equal(128 + 10, code)
  end)

  it("leaves SIGPIPE ignored afterwards", function()
    local out, _, code = run([[
      signal.handle("PIPE", print):close()
      raise("PIPE")
      print("alive")
    ]])

    assert.equal("alive\n", out)
    assert.equal(0, code)
  end)

  it("does not keep the program alive", function()
    local out, err, code = run([[signal.handle("USR1", print)]])

    assert.equal("", out .. err)
    assert.equal(0, code)
  end)

  it("counts as something that could wake a task", function()
    local out, err, code = run([[
      local event = neap.sync.event()
      signal.handle("USR1", function() event:set() end)
      local parent = neap.process.id()
      neap.process.spawn({ "sh", "-c", "sleep 0.05; kill -USR1 " .. parent }, { detached = true })
      event:wait()
      print("woken")
    ]])

    assert.equal("", err)
    assert.equal("woken\n", out)
    assert.equal(0, code)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#2 to 'handle'", "function expected, got no value", function()
      signal.handle("USR1")
    end)
  end)
end)

describe("signal.stream", function()
  it("gives signals that come between two calls", function()
    local signals <close> = signal.stream("USR1", "USR2")
    raise("USR1")
    raise("USR2")
    raise("USR1")

    assert.equal("USR1", signals())
    assert.equal("USR2", signals())
    assert.equal("USR1", signals())
  end)

  it("ends when it is closed", function()
    local signals = signal.stream("USR1")
    local task = neap.spawn(function()
      local count = 0
      for _ in signals do
        count = count + 1
      end
      return count
    end)
    settle()

    signals:close()

    assert.equal(0, task:await())
    assert.is_nil(signals())
  end)

  it("raises BUSY in a second task", function()
    local signals = signal.stream("USR1")
    local task = neap.spawn(signals)
    settle()

    expect.code("BUSY", signals)

    signals:close()
    task:await()
  end)
end)

describe("SIGINT and SIGTERM", function()
  it("are the script's own while it waits for them", function()
    local out, err, code = run([[
      local task = neap.spawn(signal.wait, "INT")
      signal.handle("TERM", function() print("TERM") end)
      neap.sleep(0)
      raise("INT")
      raise("TERM")
      print(task:await())
      neap.sleep(0.01)
    ]])

    assert.equal("", err)
    assert.is_truthy(out:find("INT\n", 1, true))
    assert.is_truthy(out:find("TERM\n", 1, true))
    assert.equal(0, code)
  end)

  it("end the program again afterwards", function()
    local _, _, code = run([[
      signal.handle("INT", print):close()
      raise("INT")
      neap.sleep(5)
    ]])

    assert.equal(130, code)
  end)
end)

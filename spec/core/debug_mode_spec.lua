local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

--- What a script in debug mode writes to stderr, and its status.
local function warnings(script)
  local _, err, code = child.run("local neap = require 'neap' neap.debug(true)\n" .. script)
  return err, code
end

describe("debug", function()
  it("tells whether debug mode was on", function()
    local before = neap.debug(true)
    local meanwhile = neap.debug(before)

    assert.is_false(before)
    assert.is_true(meanwhile)
    assert.is_false(neap.debug())
  end)

  it("refuses what is no boolean", function()
    assert.has_error(function()
      neap.debug(1)
    end, "bad argument #1 to 'debug' (boolean expected, got number)")
  end)
end)

describe("NEAP_DEBUG", function()
  local function with(value)
    return (child.run_as("NEAP_DEBUG=" .. value .. " %s", "print(require('neap').debug())"))
  end

  it("switches debug mode on", function()
    assert.equal("true\n", with("1"))
  end)

  it("leaves it off when it is 0 or empty", function()
    assert.equal("false\n", with("0"))
    assert.equal("false\n", with("''"))
  end)
end)

describe("in debug mode", function()
  it("a program that closes everything is not warned of", function()
    local err, code = warnings([[
      local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(s) s:write(s:readline()) end))
      local stream <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
      stream:write("x\n")
      assert(stream:readall() == "x")
      local group <close> = neap.task_group()
      group:spawn(neap.sleep, 0)
      neap.process.run({ "true" })
      local path = os.tmpname()
      neap.fs.write_file(path, "x")
      for line in neap.fs.open(path):lines() do assert(line == "x") break end
      neap.stdout:write("out\n")
      os.remove(path)
    ]])

    -- the file in the loop is the one that nobody closed
    assert.equal(1, select(2, err:gsub("warning", "")), err)
    assert.matches("^neap: warning: File %(.-%) was not closed", err)
    assert.equal(0, code)
  end)

  it("a turn in which a task held the loop is warned of", function()
    local err = warnings([[
      local task = neap.spawn(function()
        local stop = os.clock() + 0.12
        while os.clock() < stop do end
      end)
      neap.await(task)
    ]])

    assert.matches("neap: warning: task%-2 held the loop for 0%.%d+ s", err)
    assert.matches("without a wait\n.-:4: in function", err)
    assert.matches("task%-2 was spawned at:\n\t[^\n]+:2: in main chunk", err)
  end)

  for name, make in pairs({
    Stream = "neap.net.pair()",
    Listener = "assert(neap.net.listen('127.0.0.1', 0))",
    UdpSocket = "assert(neap.net.udp())",
    File = "assert(neap.fs.open('/dev/null'))",
    TaskGroup = "neap.task_group()",
  }) do
    it("a " .. name .. " that is collected unclosed is warned of", function()
      local err = warnings(("local function make()\nlocal x = %s\nend\nmake() collectgarbage() print()"):format(make))

      assert.matches("neap: warning: " .. name .. "[^\n]* was not closed before it was collected; it was made at:", err)
      assert.matches(":3: in", err)
    end)
  end

  it("a task that still waits when the host closes is warned of", function()
    local err = warnings([[
      neap.spawn(function() neap.future():await() end)
      neap.sleep(0)
      neap.exit(0)
    ]])

    assert.matches("neap: warning: task%-2 still waits on future while the host closes", err)
    assert.matches("task%-2 was spawned at:", err)
  end)

  it("a daemon that still waits then is as it should be", function()
    local err = warnings("neap.spawn(neap.sleep, 100):set_daemon(true) neap.sleep(0)")

    assert.equal("", err)
  end)
end)

describe("the traceback of a failure", function()
  local script = [[
    local function fail() error("boom") end
    local function middle() return neap.await(neap.spawn(fail)) end
    local ok = pcall(neap.sleep, 0)
    local task = neap.spawn(middle)
    neap.await(task)
  ]]

  it("goes from where it failed to where it was awaited", function()
    local _, err, code = child.run("local neap = require 'neap'\n" .. script)

    assert.matches("boom\nstack traceback:.-:2: in .-\n"
      .. "awaited by task%-2:.-:3: in .-\nawaited by task%-1:.-:6: in main chunk", err)
    assert.not_matches("spawned", err)
    assert.equal(1, code)
  end)

  it("tells in debug mode where tasks were spawned", function()
    local err = warnings(script)

    assert.matches("task%-3 was spawned at:\n\t.-:3: in .-awaited by task%-2:"
      .. ".-task%-2 was spawned at:\n\t.-:5: in main chunk", err)
  end)

  it("is cut where many tasks awaited each other", function()
    local function chain(n)
      if n > 0 then
        return neap.await(neap.spawn(chain, n - 1))
      end
      error("end of the chain")
    end
    local task = neap.spawn(chain, 200)

    pcall(neap.await, task)

    assert.is_true(#task:traceback() < 4096)
    assert.matches("awaited by", task:traceback())
  end)

  it("does not mix in an earlier failure", function()
    local function fail(text)
      error({ text })
    end
    local task = neap.spawn(function()
      pcall(neap.await, neap.spawn(fail, "first"))
      fail("second")
    end)

    pcall(neap.await, task)

    assert.not_matches("awaited by", task:traceback())
  end)
end)

describe("waiting_on", function()
  it("follows tasks that await tasks", function()
    local last = neap.spawn(neap.sleep, 100)
    local middle = neap.spawn(neap.await, last)
    local first = neap.spawn(neap.await, middle)
    last:set_name("last")
    middle:set_name("middle")
    neap.sleep(0)

    assert.equal("middle > last > sleep", first:waiting_on())

    first:cancel()
    neap.wait({ first })
  end)

  it("ends where a cycle comes back", function()
    local a, b
    a = neap.spawn(function() neap.await(b) end)
    b = neap.spawn(function() neap.await(a) end)
    a:set_name("a")
    b:set_name("b")
    neap.sleep(0)

    assert.equal("b > a", a:waiting_on())
    assert.equal("a > b", b:waiting_on())

    a:cancel()
    neap.wait({ a, b })
  end)
end)

describe("an exception handler that fails", function()
  it("is reported with what it was told of", function()
    local _, err, code = child.run([[
      local neap = require "neap"
      neap.loop.set_exception_handler(function() error("the handler's own") end)
      neap.loop.call_soon(function() error("the first") end)
      neap.sleep(0)
      neap.sleep(0)
    ]])

    assert.matches("neap: in the exception handler: .-the handler's own\nstack traceback:"
      .. ".-\nit was told of: callback%-1 failed: .-the first\nstack traceback:", err)
    assert.equal(1, code)
  end)
end)

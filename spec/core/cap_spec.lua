local case = require("spec.support.case")
local child = require("spec.support.child")

local it = case.it

--- Runs a script in a host with limits, a text such as "tasks = 3".
local function run(limits, script)
  return child.run(([[
    local neap = require "neap"
    assert(require("neap.core").set_limits { %s })
    %s]]):format(limits, script))
end

describe("a limit of tasks", function()
  it("raises LIMIT in the spawn that exceeds it", function()
    local out, err = run("tasks = 3", [[
      local a, b = neap.spawn(neap.sleep, 0), neap.spawn(neap.sleep, 0)
      print(pcall(neap.spawn, neap.sleep, 0))
      neap.gather { a, b }
      print(pcall(neap.await, neap.spawn(function() return "again" end)))
    ]])

    assert.equal("false\tLIMIT: more than 3 tasks at once\ntrue\tagain\n", out)
    assert.equal("", err)
  end)

  it("lets gather and the like begin all or none", function()
    local out, err = run("tasks = 4", [[
      local mine = neap.spawn(neap.sleep, 0.01, "unharmed")
      for _, name in ipairs { "gather", "wait", "as_completed", "race" } do
        print(name, pcall(neap[name], { mine, print, print, print }))
        neap.sleep(0)
      end
      print("map", pcall(neap.map, { 1, 2, 3 }, print))
      print(neap.await(mine))
    ]])

    local expected = {}
    for i, name in ipairs({ "gather", "wait", "as_completed", "race", "map" }) do
      expected[i] = name .. "\tfalse\tLIMIT: more than 4 tasks at once\n"
    end
    assert.equal(table.concat(expected) .. "unharmed\n", out)
    assert.equal("", err)
  end)

  it("does not keep a future from ending, nor any of its callbacks from running", function()
    local out, err = run("tasks = 3", [[
      for name, finish in pairs { set_result = "value", set_error = "error", cancel = "message" } do
        local future, ran = neap.future(), 0
        for _ = 1, 8 do
          future:add_done_callback(function(ended) ran = ran + (ended:done() and 1 or 100) end)
        end
        future[name](future, finish)
        neap.sleep(0)
        pcall(future.result, future)
        print(ran)
      end
    ]])

    assert.equal(("8\n"):rep(3), out)
    assert.equal("", err)
  end)

  it("does not keep failures from being reported", function()
    local _, err = run("tasks = 2", [[
      neap.spawn(error, "lost", 0)
      neap.sleep(0)
    ]])

    assert.matches("lost", err)
  end)
end)

describe("a limit of timers", function()
  it("raises LIMIT in what exceeds it", function()
    local out, err = run("timers = 2", [[
      local a, b = neap.spawn(neap.sleep, 0.01), neap.spawn(neap.sleep, 0.01)
      neap.sleep(0)
      print(pcall(neap.sleep, 1))
      print(pcall(neap.timeout, 1, print))
      print(pcall(neap.loop.call_later, 1, print))
      neap.gather { a, b }
      print(pcall(neap.sleep, 0.001, "again"))
    ]])

    assert.equal(("false\tLIMIT: more than 2 timers at once\n"):rep(3) .. "true\tagain\n", out)
    assert.equal("", err)
  end)

  it("is one of scripts: streams deliver, and close in their own time", function()
    local out, err = run("timers = 1", [[
      local other = neap.spawn(neap.sleep, 1000)
      local a, b = neap.testing.stream_pair()
      local c, d = neap.net.pair()
      neap.sleep(0)
      local long = ("x"):rep(4 << 20)
      neap.spawn(a.write, a, "hello")
      neap.spawn(pcall, c.write, c, long)
      neap.sleep(0)
      a:close()
      c:close()
      print(b:readall(), #d:readall(1 << 30))
      other:cancel()
    ]])

    assert.equal("hello\t4194304\n", out)
    assert.equal("", err)
  end)

  it("cancels what wait_for would have waited for", function()
    local out, err = run("timers = 1", [[
      local other, gate = neap.spawn(neap.sleep, 10), neap.future()
      local function fn()
        print("begun")
      end
      local task = neap.spawn(function()
        local ok, failure = pcall(neap.await, gate)
        neap.shield(neap.sleep, 0)
        print("ended", failure.code)
        error(failure, 0)
      end)
      neap.sleep(0)
      print(pcall(neap.wait_for, fn, 1))
      print(pcall(neap.wait_for, task, 1))
      print(task:done(), #neap.tasks())
      other:cancel()
    ]])

    local refused = "false\tLIMIT: more than 1 timers at once\n"
    assert.equal(refused .. "ended\tCANCELLED\n" .. refused .. "true\t2\n", out)
    assert.equal("", err)
  end)
end)

describe("a limit of handles", function()
  it("is the error LIMIT of what exceeds it", function()
    local out, err = run("handles = 4", [[
      local kept, message = {}
      local listener = assert(neap.net.listen("127.0.0.1", 0))
      repeat
        kept[#kept + 1], message = neap.fs.open("/dev/null")
      until message
      print(#kept < 4, message.code, message)
      print(select(2, neap.net.connect("127.0.0.1", listener:address().port)).code)
      print(select(2, neap.net.listen("127.0.0.1", 0)).code)
      print(select(2, neap.net.udp { host = "127.0.0.1", port = 0 }).code)
      print(select(2, require("neap.core").fs.fetch(nil, "/dev/null", -1)).code)
      kept[1]:close()
      print(neap.fs.open("/dev/null") ~= nil)
    ]])

    assert.equal(
      'true\tLIMIT\tLIMIT: open "/dev/null": the host has as many handles as it may\n'
        .. ("LIMIT\n"):rep(4) .. "true\n",
      out, err
    )
  end)
end)

describe("a limit of processes", function()
  it("is the error LIMIT of the spawn that exceeds it", function()
    local out, err = run("processes = 1", [[
      local first <close> = assert(neap.process.spawn({ "sleep", "5" }))
      local second, message = neap.process.spawn({ "sleep", "5" })
      print(second, message)
      first:kill()
      first:wait()
      print(neap.process.run({ "true" }).code)
    ]])

    assert.equal('nil\tLIMIT: spawn "sleep": the host has as many processes as it may\n0\n', out)
    assert.equal("", err)
  end)
end)

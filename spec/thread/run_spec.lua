local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it = case.it
local run = neap.thread.run

describe("thread.run", function()
  it("gives the results of the function", function()
    assert.same({ 3, nil, "x", n = 3 }, table.pack(run(function(a, b)
      return a + b, nil, "x"
    end, 1, 2)))
  end)

  it("leaves the loop free meanwhile", function()
    local turns = 0
    local ticker = neap.spawn(function()
      while true do
        neap.sleep(0.001)
        turns = turns + 1
      end
    end)

    run(function()
      local stop = os.clock() + 0.05
      while os.clock() < stop do end
    end)
    ticker:cancel()
    neap.wait({ ticker })

    assert.is_true(turns > 3)
  end)

  it("runs functions side by side", function()
    local gate, back = neap.thread.channel(), neap.thread.channel()
    local first = neap.spawn(run, function()
      back:send("ready")
      return gate:receive()
    end)
    assert.equal("ready", back:receive())

    -- the first one is still running
    assert.equal("second", run(function()
      return "second"
    end))
    gate:send("go")

    assert.equal("go", neap.await(first))
  end)

  it("waits there as in a script", function()
    assert.equal("slept", run(function()
      return require("neap").sleep(0.001, "slept")
    end))
  end)

  it("copies upvalues", function()
    local factor, list = 3, { 1, 2 }

    local result = run(function()
      list[1] = list[1] * factor
      return list
    end)

    assert.same({ 3, 2 }, result)
    assert.same({ 1, 2 }, list)
  end)

  it("keeps upvalues shared among functions", function()
    local count = 0
    local function add()
      count = count + 1
    end

    assert.equal(2, run(function()
      add()
      add()
      return count
    end))
  end)

  it("takes a function that calls itself", function()
    local function fib(n)
      return n < 2 and n or fib(n - 1) + fib(n - 2)
    end

    assert.equal(55, run(fib, 10))
  end)

  it("takes modules, and functions in them, by name", function()
    local format, sleep = string.format, neap.sleep

    assert.equal("<7>", run(function()
      sleep(0)
      return format("<%d>", neap.await(neap.spawn(function() return 7 end)))
    end))
  end)

  it("finds globals of the other state", function()
    assert.equal("table", run(function()
      return type(_G)
    end))
  end)

  it("raises the error, with the traceback of the thread", function()
    local ok, err = pcall(run, function()
      error("boom")
    end)

    assert.is_false(ok)
    assert.matches("run_spec.lua:%d+: boom\nstack traceback:\n.-run_spec.lua:%d+: in", err)
  end)

  it("raises errors of neap as such", function()
    local ok, err = pcall(run, function()
      error(neap.error("ENOENT", "no such thing", { path = "/x" }))
    end)

    assert.is_false(ok)
    assert.equal("ENOENT", neap.error_code(err))
    assert.equal("/x", err.path)
    assert.matches("stack traceback", err.traceback)
  end)

  it("reports a deadlock in the thread", function()
    local ok, err = pcall(run, function()
      require("neap").loop.set_exception_handler(function() end)
      require("neap").future():await()
    end)

    assert.is_false(ok)
    assert.equal("DEADLOCK", neap.error_code(err))
  end)

  it("cancels the tasks that the function left", function()
    assert.equal("done", run(function()
      require("neap").spawn(require("neap").sleep, math.huge)
      return "done"
    end))
  end)

  it("ends what computes when it is cancelled", function()
    local task = neap.spawn(run, function()
      while true do end
    end)
    neap.sleep(0.01)

    task:cancel()
    neap.wait({ task })

    assert.is_true(task:cancelled())
  end)

  it("lets cleanup run when it is cancelled", function()
    local said = neap.thread.channel()
    local task = neap.spawn(run, function()
      local _ <close> = setmetatable({}, { __close = function() said:send("cleaned up") end })
      said:send("started")
      require("neap").sleep(math.huge)
    end)
    said:receive()

    task:cancel()
    neap.wait({ task })

    assert.is_true(task:cancelled())
  end)

  it("does not run what is cancelled before it", function()
    local task = neap.spawn(run, function() end)
    task:cancel()
    neap.wait({ task })

    assert.is_true(task:cancelled())
  end)

  it("keeps to a deadline", function()
    local ok, err = pcall(neap.timeout, 0.02, run, function()
      require("neap").sleep(math.huge)
    end)

    assert.is_false(ok)
    assert.equal("TIMEOUT", neap.error_code(err))
  end)

  it("has os.exit refused", function()
    local ok, err = pcall(run, function()
      os.exit(3)
    end)

    assert.is_false(ok)
    assert.equal("INVALID_STATE", neap.error_code(err))
  end)
end)

describe("what is copied to a thread", function()
  local function same(value)
    return run(function(...)
      return ...
    end, value)
  end

  it("is any plain value", function()
    for _, value in ipairs({ true, false, 0, -1, math.maxinteger, 0.5, math.huge, "", "a\0b", ("x"):rep(100000) }) do
      local copy = same(value)
      assert.equal(value, copy)
      assert.equal(math.type(value), math.type(copy))
    end
  end)

  it("is a table with cycles, and tables shared in it", function()
    local part = { 1 }
    local value = { part, part, [part] = "key" }
    value.self = value

    local copy = same(value)

    assert.equal(copy, copy.self)
    assert.equal(copy[1], copy[2])
    assert.equal("key", copy[copy[1]])
  end)

  it("keeps its metatable", function()
    local Point = { scale = 2 }
    Point.__index = Point
    function Point:double()
      return self.x * self.scale
    end

    assert.equal(10, run(function(p)
      return p:double()
    end, setmetatable({ x = 5 }, Point)))
  end)

  for name, make in pairs({
    ["a Listener"] = function()
      return assert(neap.net.listen("127.0.0.1", 0))
    end,
    ["a FILE%*"] = function()
      return io.stdout
    end,
    ["a coroutine"] = function()
      return coroutine.create(print)
    end,
    ["a Future"] = function()
      return neap.future()
    end,
  }) do
    it("is not " .. name, function()
      local value = make()

      local ok, err = pcall(run, function() end, 1, { list = { [3] = value } })

      assert.is_false(ok)
      assert.matches("bad argument #3 to 'run' %(cannot copy " .. name .. " in field 'list', %[3%]%)", err)
      if name == "a Listener" then
        value:close()
      end
    end)
  end

  it("names the upvalue that cannot be copied", function()
    local future = neap.future()

    local ok, err = pcall(run, function()
      return future
    end)

    assert.is_false(ok)
    assert.matches("cannot copy a Future in upvalue 'future'", err)
  end)

  it("is a function of C only where a module has it", function()
    local _, err = pcall(run, function() end, coroutine.wrap(print))

    assert.matches("cannot copy a function written in C", err)
  end)

  it("is refused as a result, too", function()
    local ok, err = pcall(run, function()
      return io.stdout
    end)

    assert.is_false(ok)
    assert.matches("cannot copy a FILE%*", err)
  end)

  it("is refused when it is nested too deeply", function()
    local list = {}
    for _ = 1, 100000 do
      list = { list }
    end

    local ok, err = pcall(run, print, list)

    assert.is_false(ok)
    assert.matches("nested", err)
  end)
end)

describe("thread.run, misused", function()
  it("refuses what is no function", function()
    expect.bad_argument("#1 to 'run'", "got string", function()
      local results = run("x")
      return results
    end)
    expect.bad_argument("#1 to 'run'", "got no value", function()
      local results = run()
      return results
    end)
  end)
end)

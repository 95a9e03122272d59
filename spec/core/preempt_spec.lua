local case = require("spec.support.case")
local child = require("spec.support.child")
local spinners = require("spec.support.spinners")

local it = case.it

--- Runs a script in a host that lets others run after so many seconds.
local function run(seconds, script)
  return child.run(([[
    local neap = require "neap"
    assert(require("neap.core").set_limits { preempt = %s })
    %s]]):format(seconds, script))
end

-- Computes in every way that Lua has, and gives one number. Preempted at any
-- instruction it must give the same.
local WORK = [[
  local function work(seed)
    local sum = 0
    local function add(n) sum = (sum * 31 + n) % 1000000007 end
    local list = {}
    for i = 1, 300 do list[i] = (i * seed * 7919) % 1009 end
    table.sort(list, function(a, b) return a > b end)
    for i, v in ipairs(list) do add(i * v) end
    local t = setmetatable({}, {
      __index = function(_, k) for i = 1, 10 do add(i) end return k end,
      __add = function(a, n) add(n) return a end,
      __close = function() for i = 1, 10 do add(i) end end,
    })
    for i = 1, 200 do add(t[i]) t = t + i end
    local function generator(n)
      return coroutine.wrap(function()
        for i = 1, n do
          local guard <close> = t
          coroutine.yield(i, select("#", table.unpack(list, 1, i)))
        end
      end)
    end
    for a, b in generator(50) do
      for c in generator(5) do add(a * b + c) end
    end
    for i = 1, 200 do
      local ok, err = pcall(function(...)
        local guard <close> = t
        if i % 3 == 0 then error({ i }) end
        return select(-1, ...)
      end, 1, 2, i)
      add(ok and err or err[1])
    end
    local text = ("x"):rep(300):gsub("x", function() add(1) return "yz" end)
    for w in text:gmatch("y") do add(#w) end
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    add(fib(15))
    local tail = function(n, f) if n == 0 then return 7 end return f(n - 1, f) end
    add(tail(1000, tail))
    local parts = {}
    for i = 1, 300 do parts[#parts + 1] = tostring(i) .. ";" end
    add(#table.concat(parts))
    return sum
  end
]]

describe("preemption", function()
  for _, spinner in ipairs(spinners) do
    if spinner.yields then
      it("lets others run during " .. spinner.name, function()
        local out, err, code = run(0.002, ([[
          local neap = require "neap"
          neap.spawn(function() %s
          end)
          for i = 1, 20 do neap.sleep(0.0001) end
          print "others ran"
          os.exit(0)
        ]]):format(spinner[1]))

        assert.equal("others ran\n", out)
        assert.equal("", err)
        assert.equal(0, code)
      end)
    end
  end

  it("is off unless it is asked for", function()
    local out = child.run([[
      local neap = require "neap"
      local log = {}
      neap.spawn(function()
        local stop = os.clock() + 0.1
        while os.clock() < stop do end
        log[#log + 1] = "computed"
      end)
      neap.spawn(function() log[#log + 1] = "other" end)
      neap.sleep(0)
      print(table.concat(log, " "))
    ]])

    assert.equal("computed other\n", out)
  end)

  it("gives tasks that compute turns of equal length", function()
    local out = run(0.005, [[
      local stop, counts = false, { 0, 0, 0 }
      for i = 1, 3 do
        neap.spawn(function()
          while not stop do counts[i] = counts[i] + 1 end
        end)
      end
      neap.sleep(0.5)
      stop = true
      table.sort(counts)
      print(counts[1] * 2 > counts[3])
    ]])

    assert.equal("true\n", out)
  end)

  it("lets a server answer while a script computes", function()
    local out, err = run(0.005, [[
      local server = neap.net.serve("127.0.0.1", 0, function(stream)
        for line in stream:lines() do stream:write(line .. "\n") end
      end)
      neap.spawn(function() while true do end end)
      local stream = assert(neap.net.connect("127.0.0.1", server:address().port))
      for i = 1, 5 do
        stream:write(i .. "\n")
        print(stream:readline())
      end
      os.exit(0)
    ]])

    assert.equal("1\n2\n3\n4\n5\n", out)
    assert.equal("", err)
  end)

  it("changes no result, however often it comes", function()
    local out, err = run(0.0001, WORK .. [[
      local expected = {}
      for seed = 1, 4 do expected[seed] = work(seed) end
      local turns = neap.stats().turns
      local tasks = {}
      for i = 1, 40 do
        tasks[i] = neap.spawn(function()
          local seed = i % 4 + 1
          for _ = 1, 5 do assert(work(seed) == expected[seed], "another result") end
        end)
      end
      for i = 1, 40 do neap.await(tasks[i]) end
      print(neap.stats().turns - turns > 50)
    ]])

    assert.equal("", err)
    assert.equal("true\n", out)
  end)

  it("leaves no primitive half changed", function()
    local out, err = run(0.0001, [[
      local sync = neap.sync
      local queue = sync.priority_queue(8, function(a, b)
        for _ = 1, 20 do end
        return a < b
      end)
      local lock, semaphore = sync.lock(), sync.semaphore(3)
      local sum = 0
      local tasks = {}
      for p = 1, 4 do
        tasks[#tasks + 1] = neap.spawn(function()
          for i = 1, 3000 do queue:put(i * 4 + p) end
        end)
        tasks[#tasks + 1] = neap.spawn(function()
          for _ = 1, 3000 do
            local item = queue:get()
            semaphore:acquire()
            lock:with(function() local s = sum; for _ = 1, 10 do end; sum = s + item end)
            semaphore:release()
          end
        end)
      end
      neap.gather(tasks)
      local expected = 0
      for p = 1, 4 do for i = 1, 3000 do expected = expected + i * 4 + p end end
      print(sum == expected, semaphore:value(), lock:locked())
    ]])

    assert.equal("", err)
    assert.equal("true\t3\tfalse\n", out)
  end)

  it("leaves a hook that the script set in place", function()
    local out = run(0.001, [[
      local calls, stop = 0, false
      local task = neap.spawn(function()
        local co = coroutine.wrap(function()
          debug.sethook(function() calls = calls + 1 end, "", 1000)
          while not stop do end
          return (select(3, debug.gethook()))
        end)
        return co()
      end)
      for _ = 1, 20 do neap.sleep(0.001) end
      local before = calls
      for _ = 1, 20 do neap.sleep(0.001) end
      stop = true
      print(calls > before, neap.await(task))
    ]])

    assert.equal("true\t1000\n", out)
  end)

  it("shows a suspended task as ready, with its traceback", function()
    local out = run(0.001, [[
      local stop = false
      local function deep() while not stop do end end
      local task = neap.spawn(function() coroutine.wrap(function() deep() end)() end)
      neap.sleep(0.01)
      print(task:status(), task:waiting_on())
      print(task:traceback())
      stop = true
    ]])

    assert.matches("^ready\t", out)
    assert.matches("in upvalue 'deep'", out)
  end)

  it("lets a suspended task be cancelled at its next wait", function()
    local out = run(0.001, [[
      local stop = false
      local task = neap.spawn(function()
        while not stop do end
        print(pcall(neap.sleep, 0))
      end)
      neap.sleep(0.01)
      task:cancel()
      stop = true
      print(pcall(neap.await, task))
    ]])

    assert.matches("^false\tCANCELLED.*\ntrue\n$", out)
  end)

  it("lets the program end while a daemon computes", function()
    local out, err, code = run(0.001, [[
      local task = neap.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        while true do pcall(function() while true do end end) end
      end)
      task:set_daemon(true)
      neap.exit(7)
    ]])

    assert.equal("closed\n", out)
    assert.equal("", err)
    assert.equal(7, code)
  end)

  it("does not keep a limit of time from ending a task", function()
    local out = child.run([[
      local neap = require "neap"
      assert(require("neap.core").set_limits { preempt = 0.002, time = 0.1 })
      local task = neap.spawn(function()
        while true do pcall(function() while true do end end) end
      end)
      print(pcall(neap.await, task))
    ]])

    assert.matches("^false\tTIMEOUT: held the loop for more than 0.1 s at ", out)
  end)

  it("costs no signals while nothing computes", function()
    local out = run(0.001, [[
      local function switches()
        for line in io.lines("/proc/thread-self/status") do
          local n = line:match("^voluntary_ctxt_switches:%s*(%d+)")
          if n then return tonumber(n) end
        end
      end
      neap.sleep(0.1)
      local before = switches()
      neap.sleep(0.5)
      print(switches() - before < 50)
    ]])

    assert.equal("true\n", out)
  end)
end)

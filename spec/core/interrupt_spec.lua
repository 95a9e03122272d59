local case = require("spec.support.case")
local child = require("spec.support.child")
local spinners = require("spec.support.spinners")

local it = case.it

--- Runs a script that `interrupt(name, seconds)` sends a signal to, from a
--- process of its own.
local function run(script)
  return child.run([[
    local neap = require "neap"
    local function interrupt(name, seconds)
      local pid = neap.process.id()
      return io.popen(("sleep %s; kill -%s %d 2>/dev/null"):format(seconds, name, pid))
    end
    ]] .. script)
end

-- These hold on for good: the grace time of 5 s ends them.
local STUBBORN = {
  ["pcall in a loop"] = true,
  ["xpcall with a handler that loops"] = true,
  ["a comparator that holds on with pcall"] = true,
  ["xpcall in a comparator, with a handler that loops"] = true,
  ["pcall of error in a loop"] = true,
  ["recursion in pcall"] = true,
  ["generators in generators"] = true,
  ["coroutines that the script resumes"] = true,
}

describe("SIGINT while a script computes", function()
  for _, spinner in ipairs(spinners) do
    if not STUBBORN[spinner.name] then
      it("ends " .. spinner.name, function()
        local out, _, code = run(([[
          local guard <close> = setmetatable({}, { __close = function() print "closed" end })
          interrupt("INT", 0.05)
          local function body() %s
          end
          body()
        ]]):format(spinner[1]))

        assert.equal("closed\n", out)
        assert.equal(130, code)
      end)
    end
  end

  it("raises CANCELLED where the script computes", function()
    local out, err, code = run([[
      interrupt("INT", 0.05)
      print(pcall(function() while true do end end))
    ]])

    assert.equal("false\tCANCELLED: task was cancelled\n", out)
    assert.equal("", err)
    assert.equal(130, code)
  end)

  for _, name in ipairs({ "INT", "TERM" }) do
    it("ends it also where tasks are preempted, by SIG" .. name, function()
      local out, _, code = child.run_as("timeout -k 1 20 %s", ([[
        local neap = require "neap"
        assert(require("neap.core").set_limits { preempt = 0.005 })
        local pid = neap.process.id()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        local other = neap.spawn(function() while true do end end)
        io.popen(("sleep 0.1; kill -%s %%d 2>/dev/null"):format(pid))
        while true do end
      ]]):format(name))

      assert.equal("closed\n", out)
      assert.equal(name == "INT" and 130 or 143, code)
    end)
  end

  it("raises it again and again", function()
    local out, _, code = run([[
      interrupt("INT", 0.05)
      for i = 1, 3 do
        print(pcall(function() while true do end end))
      end
    ]])

    assert.equal(("false\tCANCELLED: task was cancelled\n"):rep(3), out)
    assert.equal(130, code)
  end)

  it("cancels a task that computes while the main one waits", function()
    local out, _, code = run([[
      interrupt("INT", 0.05)
      local task = neap.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        while true do end
      end)
      local guard <close> = setmetatable({}, { __close = function() print "main closed" end })
      neap.sleep(5)
    ]])

    assert.equal("closed\nmain closed\n", out)
    assert.equal(130, code)
  end)

  it("leaves what computes for less than 100 ms alone", function()
    local out, _, code = run([[
      interrupt("INT", 0.02)
      local stop = neap.loop.time() + 0.06
      while neap.loop.time() < stop do end
      print "computed"
      print(pcall(neap.sleep, 5))
    ]])

    assert.equal("computed\nfalse\tCANCELLED: task was cancelled\n", out)
    assert.equal(130, code)
  end)

  it("is held back by a shield", function()
    local out = run([[
      interrupt("INT", 0.02)
      neap.shield(function()
        local stop = os.clock() + 0.3
        while os.clock() < stop do end
        print "shielded"
      end)
      print(pcall(neap.sleep, 5))
    ]])

    assert.equal("shielded\nfalse\tCANCELLED: task was cancelled\n", out)
  end)

  it("ends at once the second time", function()
    local out, _, code = run([[
      local guard <close> = setmetatable({}, { __close = function() print "closed" end })
      interrupt("INT", 0.05)
      interrupt("INT", 0.1)
      while true do pcall(function() while true do end end) end
    ]])

    assert.equal("", out)
    assert.equal(130, code)
  end)

  it("is the script's own while it listens", function()
    local out, err, code = run([[
      local handle = neap.signal.handle("INT", function() print "INT" end)
      interrupt("INT", 0.02)
      local stop = os.clock() + 0.3
      while os.clock() < stop do end
      print "computed"
      neap.sleep(0.05)
      handle:close()
    ]])

    assert.equal("computed\nINT\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)
end)

describe("SIGTERM while a script computes", function()
  it("ends it with status 143", function()
    local out, _, code = run([[
      local guard <close> = setmetatable({}, { __close = function() print "closed" end })
      interrupt("TERM", 0.05)
      while true do end
    ]])

    assert.equal("closed\n", out)
    assert.equal(143, code)
  end)
end)

describe("SIGQUIT while a script computes", function()
  it("writes where it is, and goes on", function()
    local out, err, code = run([[
      interrupt("QUIT", 0.05)
      local stop = os.clock() + 0.3
      local function deep() while os.clock() < stop do end end
      deep()
      print "done"
    ]])

    assert.matches("task%-1: running", err)
    assert.matches("in %a+ 'deep'", err)
    assert.equal("done\n", out)
    assert.equal(0, code)
  end)
end)

describe("signals that the parent", function()
  for how, option in pairs({ ignored = "--ignore-signal", blocked = "--block-signal" }) do
    it(how .. " are heard all the same", function()
      local out, _, code = child.run_as("timeout -k 1 20 env " .. option .. " %s", [[
        local neap = require "neap"
        io.write(neap.process.run({ "echo", "child" }).stdout)
        local _ <close> = io.popen(("sleep 0.05; kill -INT %d"):format(neap.process.id()))
        while true do end
      ]])

      assert.same({ "child\n", 130 }, { out, code })
    end)
  end
end)

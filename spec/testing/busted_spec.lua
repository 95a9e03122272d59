--- Specs in a busted of their own: deadlines, shuffled queues, an installed neap.
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local testing = neap.testing

--- Runs a spec file through busted, with environment and options for it.
local function run(text, environment, options)
  local dir = assert(neap.fs.mkdtemp())
  assert(neap.fs.write_file(dir .. "/a_spec.lua", text))
  assert(neap.fs.write_file(dir .. "/run.lua", 'require("busted.runner")({ standalone = false })'))
  local command = ("cd '%s' && env %s timeout -k 1 30 %%s %s a_spec.lua"):format(
    dir, environment or "", options or "")
  local out, err, code = child.shell(command, {
    child.interpreter(), "run.lua", "--output=plainTerminal",
  })
  assert(neap.fs.rmdir(dir, { recursive = true }))
  return out, err, code
end

describe("busted in neap", function()
  -- Whatever busted calls may wait: `pause` does.
  local EVERYWHERE = [[
    local neap = require("neap")
    local log = {}
    local function pause(text)
      neap.sleep(0.001)
      table.insert(log, text)
    end
    pause("file")
    describe("a block", function()
      pause("describe")
      lazy_setup(function() pause("lazy_setup") end)
      setup(function() pause("setup") end)
      teardown(function() pause("teardown") end)
      before_each(function() pause("before_each") end)
      after_each(function() pause("after_each") end)
      it("waits", function()
        finally(function() pause("finally") end)
        pause("it")
        neap.await(neap.spawn(pause, "task"))
      end)
      insulate("insulated", function()
        pause("insulate")
        it("expects errors of what waits", function()
          assert.has_error(function() pause("error") error("boom", 0) end, "boom")
          assert.error_matches(function() pause("error") error("boom") end, "boom")
          local s = spy.new(pause)
          s("spy")
          assert.spy(s).was.called(1)
        end)
      end)
      pending("is not written", function() end)
      it("comes last", function()
        assert.equal("file describe setup lazy_setup before_each it task finally after_each "
          .. "insulate before_each error error spy after_each before_each",
          table.concat(log, " "))
      end)
    end)
  ]]

  for _, output in ipairs({ "plainTerminal", "utfTerminal", "TAP", "junit", "gtest" }) do
    it("may wait wherever it calls, with the output " .. output, function()
      local out, err, code = run(EVERYWHERE, "", "--output=" .. output)

      assert.equal("", err)
      assert.equal(0, code, out)
    end)
  end

  it("repeats and shuffles", function()
    local out, _, code = run([[
      describe("a", function()
        for i = 1, 5 do
          it("waits " .. i, function() require("neap").sleep(0) end)
        end
      end)
    ]], "", "--repeat=3 --shuffle")

    assert.equal(3, select(2, out:gsub("5 successes / 0 failures / 0 errors", "")))
    assert.equal(0, code)
  end)

  it("fails with the status that busted has", function()
    local out, _, code = run([[
      it("one", function() require("neap").sleep(0) assert.is_true(false) end)
      it("two", function() require("neap").sleep(0) error("so it is") end)
      it("three", function() end)
    ]])

    assert.matches("1 success / 1 failure / 1 error", out)
    assert.matches("a_spec.lua:1: Expected objects to be the same", out)
    assert.equal(1, code)
  end)
end)

describe("testing.deadline", function()
  it("returns the results of a function that ends", function()
    assert.same({ 1, nil, 3 }, { testing.deadline(10, function(...) return ... end, 1, nil, 3) })
  end)

  it("raises TIMEOUT with the dump when it has not ended", function()
    local err = expect.code("TIMEOUT", testing.deadline, 0.02, function()
      neap.current_task():set_name("hanging")
      neap.future():await()
    end)

    assert.matches("the deadline of 0.02 s has passed; the tasks:\n", err.message)
    assert.matches("\nhanging: waiting on future\n", "\n" .. err.message)
    assert.matches("busted_spec.lua:%d+: in", err.message)
    neap.current_task():set_name("task-1")
  end)

  it("counts real seconds under the virtual clock", function()
    testing.deadline(10, function()
      testing.virtual_clock(neap.sleep, 3600)
    end)
  end)

  it("ends what waits for nothing under the virtual clock", function()
    expect.code("TIMEOUT", testing.deadline, 0.02, testing.virtual_clock, function()
      neap.future():await()
    end)
  end)

  it("raises the error of the function", function()
    local failure = {}

    assert.equal(failure, expect.error(testing.deadline, 10, error, failure))
  end)

  it("can be nested", function()
    local ok, err = pcall(testing.deadline, 0.02, testing.deadline, 10, neap.sleep, 20)
    assert.is_false(ok)
    assert.equal("TIMEOUT", err.code)
    assert.matches("deadline of 0.02 s", err.message)

    testing.deadline(10, function()
      expect.code("TIMEOUT", testing.deadline, 0.02, neap.sleep, 20)
      neap.sleep(0)
    end)
  end)

  it("refuses what is no time", function()
    expect.bad_argument("#1 to 'deadline'", "got string", function() testing.deadline("x", print) end)
    expect.bad_argument("#1 to 'deadline'", nil, function() testing.deadline(0, print) end)
    expect.bad_argument("#2 to 'deadline'", "got number", function() testing.deadline(1, 2) end)
  end)

  it("is refused without a function where no specs run", function()
    local out = child.run([[print(pcall(require("neap").testing.deadline, 1))]])

    assert.matches("^false\tINVALID_STATE: no specs run here", out)
  end)

  it("ends a spec that hangs, and the others go on", function()
    local out, err, code = run([[
      local neap = require("neap")
      describe("a", function()
        neap.testing.deadline(0.1)
        it("hangs", function()
          neap.spawn(neap.sleep, 100):set_name("sleepy")
          neap.future():await()
        end)
        it("passes", function() neap.sleep(0.01) end)
      end)
    ]])

    assert.matches("1 success / 0 failures / 1 error", out)
    assert.matches("TIMEOUT: the deadline of 0.1 s has passed", out)
    assert.matches("task%-1: waiting on future\nstack traceback:\n[^\n]*\n\ta_spec.lua:6:", out)
    assert.matches("\nsleepy: waiting on sleep\n", out)
    assert.is_nil(out:find("/busted/", 1, true))
    assert.equal("", err)
    assert.equal(1, code)
  end)

  it("is for the block in which it is called", function()
    local out = run([[
      local neap = require("neap")
      describe("a", function()
        neap.testing.deadline(0.05)
      end)
      it("passes", function() neap.sleep(0.15) end)
    ]])

    assert.matches("1 success / 0 failures / 0 errors", out)
  end)

  it("is for what is left of the spec in which it is called", function()
    local out = run([[
      local neap = require("neap")
      local testing = neap.testing
      it("hangs", function() testing.deadline(0.05) neap.sleep(20) end)
      it("passes", function() neap.sleep(0.1) end)
    ]])

    assert.matches("1 success / 0 failures / 1 error", out)
  end)

  it("comes from the environment with the helper", function()
    local out = run([[
      it("hangs", function() require("neap").sleep(20) end)
    ]], "NEAP_DEADLINE=0.1", "--helper=neap.testing")

    assert.matches("0 successes / 0 failures / 1 error", out)
  end)

  it("is no deadlock", function()
    local out = run([[
      it("hangs", function() require("neap").future():await() end)
    ]], "NEAP_DEADLINE=0.1", "--helper=neap.testing")

    assert.matches("TIMEOUT: the deadline", out)
  end)

  it("ends the program when a hook hangs", function()
    local _, err, code = run([[
      before_each(function() require("neap").sleep(20) end)
      it("does not begin", function() end)
    ]], "NEAP_DEADLINE=0.1", "--helper=neap.testing")

    assert.matches("^neap: nothing has gone on between specs for 0.1 s; the tasks:\n", err)
    assert.matches("a_spec.lua:1:", err)
    assert.equal(1, code)
  end)

  it("ends the program when a spec computes without end", function()
    local _, err, code = run([[
      it("computes", function()
        while true do end
      end)
    ]], "NEAP_DEADLINE=0.2", "--helper=neap.testing")

    assert.matches("^neap: computes does not end, 0.2 s after its deadline; the tasks:\n", err)
    assert.matches("a_spec.lua:%d+: in", err)
    assert.equal(1, code)
  end)

  it("interrupts nothing that computes for less", function()
    local turns = 0
    local other = neap.spawn(function()
      while true do
        neap.sleep(0)
        turns = turns + 1
      end
    end)

    testing.deadline(10, function()
      neap.sleep(0)
      local before, start = turns, os.clock()
      repeat until os.clock() - start > 0.1
      assert.equal(before, turns)
    end)

    other:cancel()
    testing.settle()
  end)

  it("ends the program when a spec does not let itself be cancelled", function()
    local _, err, code = run([[
      local neap = require("neap")
      it("goes on", function()
        neap.shield(neap.sleep, 1)
      end)
    ]], "NEAP_DEADLINE=0.1", "--helper=neap.testing")

    assert.matches("^neap: goes on does not end, 0.1 s after its deadline; the tasks:\n", err)
    assert.equal(1, code)
  end)
end)

describe("testing.shuffle", function()
  local ORDER = [[
    local neap = require("neap")
    local function order()
      local log = {}
      for i = 1, 9 do
        neap.spawn(function() table.insert(log, i) end)
      end
      neap.testing.settle()
      return table.concat(log)
    end
    it("one", function() error("order " .. order(), 0) end)
    it("two", function() error("order " .. order(), 0) end)
  ]]

  local function orders(out)
    local list = {}
    for order in out:gmatch("order (%d+)") do
      table.insert(list, order)
    end
    return list
  end

  it("shows its seed when a spec fails", function()
    local _, err = run([[
      it("fails", function()
        require("neap").testing.shuffle(42)
        error("so it is")
      end)
      it("passes", function() end)
    ]])

    assert.equal("neap: ready tasks were taken in the random order of seed 42; "
      .. "NEAP_SHUFFLE=42 repeats it\n", err)
  end)

  it("takes a seed that was shown back", function()
    local out, err = run(ORDER, "NEAP_SHUFFLE=random", "--helper=neap.testing")
    local seed = err:match("NEAP_SHUFFLE=(%d+)")

    local again = run(ORDER, "NEAP_SHUFFLE=" .. seed, "--helper=neap.testing")

    assert.equal(2, #orders(out))
    assert.same(orders(out), orders(again))
  end)

  it("begins each spec anew, so that it repeats alone", function()
    local list = orders((run(ORDER, "NEAP_SHUFFLE=7", "--helper=neap.testing")))

    assert.equal(list[1], list[2])
    assert.not_equal("123456789", list[1])
  end)

  it("says nothing when all specs pass", function()
    local _, err = run([[it("passes", function() end)]], "NEAP_SHUFFLE=7", "--helper=neap.testing")

    assert.equal("", err)
  end)

  it("refuses another text in the environment", function()
    local _, err, code = run(ORDER, "NEAP_SHUFFLE=yes", "--helper=neap.testing")

    assert.matches('NEAP_SHUFFLE is neither a number nor "random": yes', err)
    assert.not_equal(0, code)
  end)
end)

describe("a project with an installed neap", function()
  it("runs its specs", function()
    local dir = assert(neap.fs.mkdtemp())
    local build = assert(os.getenv("NEAP_BUILD")):match("build.*$")
    local command = ([[
      unset MAKEFLAGS MAKELEVEL NEAP_BUILD
      make -s install DESTDIR='%s' PREFIX=/usr/local BUILD='%s' >/dev/null &&
      cp -r examples/spec_project '%s/project' && cd '%s/project' &&
      timeout -k 1 60 make NEAP='%s/usr/local/bin/neap']]):format(dir, build, dir, dir, dir)

    local out, err, code = child.shell(command, {})

    assert(neap.fs.rmdir(dir, { recursive = true }))
    assert.matches("5 successes / 0 failures / 0 errors", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)
end)

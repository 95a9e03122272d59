local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

--- `neap.so` in a stock Lua is where code runs outside any task.
local function outside(script)
  return child.run_stock("local neap = require 'neap' " .. script)
end

describe("outside any task", function()
  local calls = {
    "neap.sleep(0)",
    "neap.await(neap.future())",
    "neap.sync.queue():get()",
    "neap.sync.event():wait()",
    "neap.gather({ print })",
  }
  for _, call in ipairs(calls) do
    it(call .. " raises an error that says so", function()
      local out, err, code = outside("print(pcall(function() " .. call .. " end))")

      assert.equal("", err)
      assert.matches("^false\t.*task", out)
      assert.equal(0, code)
    end)
  end

  it("there is no current task", function()
    local out, err = outside("print(neap.current_task(), select('#', neap.current_task()))")

    assert.equal("", err)
    assert.equal("nil\t1\n", out)
  end)
end)

describe("an iterator of neap", function()
  it("never uses the closing value of a generic for", function()
    local queue = neap.sync.queue()
    local iterators = {
      { neap.generator(print) },
      { neap.every(1) },
      { neap.as_completed({}) },
      { queue:items() },
    }

    for _, values in ipairs(iterators) do
      assert.is_nil(values[4])
    end
  end)
end)

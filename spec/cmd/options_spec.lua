local case = require("spec.support.case")
local neap = require("neap")

local it = case.it

local function run(...)
  local program = assert(neap.fs.readlink("/proc/self/exe"))
  return assert(neap.process.run({ program, ... }, { timeout = 20 }))
end

--- Whether it ends with a status and says a text on standard error.
local function says(status, text, ...)
  local result = run(...)
  assert.equal(status, result.code, result.stderr)
  assert.is_truthy(result.stderr:find(text, 1, true), result.stderr)
end

describe("the option", function()
  it("--help shows what there is, with status 0", function()
    local result = run("--help")
    assert.same({ 0, "" }, { result.code, result.stderr })
    for _, word in ipairs({ "usage: ", "compile", "-e stat", "-i ", "--debug", "--watch", "--memory-limit",
      "--time-limit", "--preempt", "--help" }) do
      assert.is_truthy(result.stdout:find(word, 1, true), word)
    end
  end)

  for _, value in ipairs({ "--memory-limit=16M", "--memory-limit=16384K", "--memory-limit=0.016g" }) do
    it(value .. " bounds the memory of scripts", function()
      says(1, "not enough memory", value, "-e", "local t = {} for i = 1, 1e7 do t[i] = {} end")
    end)
  end

  it("--memory-limit takes its value from the next argument too", function()
    says(1, "not enough memory", "--memory-limit", "16M", "-e", "local t = {} for i = 1, 1e7 do t[i] = {} end")
    assert.equal("fine\n", run("--memory-limit", "64M", "-e", "print 'fine'").stdout)
  end)

  it("--time-limit bounds how long a task holds the loop", function()
    says(1, "TIMEOUT", "--time-limit", "0.05", "-e", "while true do end")
    assert.equal("fine\n", run("--time-limit=0.05", "-e", "require 'neap'.sleep(0.1) print 'fine'").stdout)
  end)

  for _, option in ipairs({ "--preempt", "--preempt=0.005" }) do
    it(option .. " lets others run while a task computes", function()
      local result = run(option, "-e", [[
        require "neap".spawn(function() print "other" os.exit(0) end)
        while true do end
      ]])
      assert.same({ 0, "other\n" }, { result.code, result.stdout })
    end)
  end

  it("--debug warns of a task that holds the loop", function()
    says(0, "held the loop", "--debug", "-e", "local t = os.clock() while os.clock() - t < 0.2 do end")
  end)

  it("is no part of what the script gets", function()
    local result = run("--preempt", "--memory-limit", "64M", "-e", "print(arg[0] ~= nil, ...)")
    assert.equal("true\n", result.stdout)
  end)

  for _, bad in ipairs({
    { "--memory-limit" }, { "--memory-limit", "x" }, { "--memory-limit=0" }, { "--memory-limit=1T" },
    { "--memory-limit=" }, { "--memory-limit=1MB" }, { "--memory-limit=-1" }, { "--memory-limit=1e30" },
    { "--time-limit" }, { "--time-limit=0" }, { "--time-limit=-1" }, { "--time-limit=nan" }, { "--time-limit=inf" },
    { "--time-limit", "2s" }, { "--preempt=0" }, { "--preempt=x" }, { "--preempt=" },
  }) do
    it(table.concat(bad, " ") .. " is refused", function()
      says(1, "needs a", bad[1], bad[2])
      says(1, "usage: ", bad[1], bad[2])
    end)
  end

  for _, bad in ipairs({ "--debug=1", "--watch=x", "--help=", "--mem", "--nosuch", "---" }) do
    it(bad .. " is unknown", function()
      says(1, ("unrecognized option '%s'\nusage: "):format(bad), bad)
    end)
  end
end)

describe("NEAP_DEBUG", function()
  local slow = "local t = os.clock() while os.clock() - t < 0.2 do end"

  local function warned(setting, ...)
    local program = assert(neap.fs.readlink("/proc/self/exe"))
    local result = assert(neap.process.run({ program, ... }, { env = { NEAP_DEBUG = setting } }))
    return result.stderr:find("held the loop", 1, true) ~= nil
  end

  it("sets debug mode", function()
    assert.is_true(warned("1", "-e", slow))
  end)

  it("does not when it is 0, empty, or -E ignores it", function()
    assert.is_false(warned("0", "-e", slow))
    assert.is_false(warned("", "-e", slow))
    assert.is_false(warned("1", "-E", "-e", slow))
  end)
end)

-- neap.dump, and SIGQUIT, which writes it.
local case = require("support.case")
local child = require("support.child")
local neap = require("neap")

local it = case.it

describe("neap.dump", function()
  it("names each live task, what it waits for and where", function()
    local queue = neap.sync.queue()
    local task = neap.spawn(function()
      queue:get()
    end)
    task:set_name("consumer")
    neap.sleep(0)

    local text = neap.dump()

    assert.matches("consumer: waiting on queue get\nstack traceback:\n.-dump_spec.lua:12:", text)
    assert.matches("%f[%w]task%-%d+: running\n", text)
    task:cancel()
    neap.sleep(0)
  end)

  it("shows a wait inside a coroutine that the script made", function()
    local function generate()
      neap.sleep(100)
      coroutine.yield()
    end
    local task = neap.spawn(function()
      coroutine.wrap(generate)()
    end)
    neap.sleep(0)

    local text = neap.dump()

    assert.matches("waiting on sleep\n.-dump_spec.lua:27:.-dump_spec.lua:31:", text)
    task:cancel()
    neap.sleep(0)
  end)
end)

describe("SIGQUIT", function()
  it("writes the dump to stderr, and the program goes on", function()
    local _, err, code = child.run([[
      local neap = require("neap")
      local pid = io.open("/proc/self/stat"):read("n")
      io.popen("kill -QUIT " .. pid):close()
      neap.sleep(0.05)
      os.exit(7, true)
    ]])

    assert.matches("task%-1: waiting on sleep\n", err)
    assert.equal(7, code)
  end)
end)

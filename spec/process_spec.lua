local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local processes = require("spec.support.processes")

local exists, close_pipes = processes.exists, processes.close_pipes
local it, process = case.it, neap.process
local settle = neap.testing.settle

describe("process.spawn", function()
  it("talks to the child through pipes", function()
    local p = assert(process.spawn({ "cat" }, { stdin = "pipe", stdout = "pipe" }))

    p.stdin:write("one\n")
    assert.equal("one\n", p.stdout:readline(true))
    p.stdin:write("two")
    p.stdin:shutdown()
    assert.equal("two", p.stdout:readall())

    assert.equal(0, p:wait())
    assert.is_nil(p.stderr)
    close_pipes(p)
  end)

  it("makes real pipes", function()
    local p = process.spawn({ "stat", "-L", "-c", "%F", "/proc/self/fd/0", "/proc/self/fd/1" },
      { stdin = "pipe", stdout = "pipe" })

    assert.equal("fifo\nfifo\n", p.stdout:readall())
    p:wait()
    close_pipes(p)
  end)

  it("gives a Stream to the child", function()
    local a, b = neap.net.pair()
    local p = process.spawn({ "echo", "hello" }, { stdout = b })
    b:close()

    assert.equal("hello\n", a:readall())
    assert.equal(0, p:wait())
    a:close()
  end)

  it("connects two children", function()
    local first = process.spawn({ "echo", "hello" }, { stdout = "pipe" })
    local second = process.spawn({ "tr", "a-z", "A-Z" }, { stdin = first.stdout, stdout = "pipe" })
    first.stdout:close()

    assert.equal("HELLO\n", second.stdout:readall())
    assert.equal(0, first:wait())
    assert.equal(0, second:wait())
    close_pipes(second)
  end)

  it("takes descriptors, swapped ones too", function()
    local out, err = child.run([[
      local neap = require "neap"
      neap.process.spawn({ "sh", "-c", "echo out; echo err >&2" }, { stdout = 2, stderr = 1 }):wait()
      neap.process.spawn({ "sh", "-c", "echo nothing; cat" }, { stdin = "null", stdout = "null" }):wait()
    ]])

    assert.equal("err\n", out)
    assert.equal("out\n", err)
  end)

  it("lets any number of tasks wait", function()
    local p = process.spawn({ "sh", "-c", "exit 7" })
    local tasks = { neap.spawn(p.wait, p), neap.spawn(p.wait, p) }

    local codes = neap.gather(tasks)

    assert.equal(7, codes[1])
    assert.equal(7, codes[2])
    assert.equal(7, p:wait())
  end)

  it("kills by name", function()
    local p = process.spawn({ "sleep", "100" })

    assert.is_true(p:kill("HUP"))

    local code, signal = p:wait()
    assert.is_nil(code)
    assert.equal("HUP", signal)
    local ok, err = p:kill()
    assert.is_nil(ok)
    assert.equal("ESRCH", err.code)
  end)

  it("refuses a signal that there is none of", function()
    local p <close> = process.spawn({ "sleep", "100" })

    expect.bad_argument("#1 to 'kill'", "unknown signal 'FOO'", function() p:kill("FOO") end)
  end)

  it("ends with its <close> variable", function()
    local pid
    do
      local p <close> = process.spawn({ "sleep", "100" }, { stdin = "pipe", stdout = "pipe" })
      pid = p.pid
      assert.is_true(exists(pid))
    end

    assert.is_false(exists(pid))
  end)

  it("is killed at <close> where it does not heed TERM", function()
    local pid
    do
      local p <close> = process.spawn({ "sh", "-c", "trap '' TERM; echo x; while :; do sleep 1; done" },
        { stdout = "pipe" })
      pid = p.pid
      p.stdout:readline()
    end

    assert.is_false(exists(pid))
  end)

  it("ends some time after close, which does not wait", function()
    local p = process.spawn({ "sleep", "100" }, { stdout = "pipe" })

    p:close()
    p:close()

    assert.equal("TERM", select(2, p:wait()))
    settle()
  end)

  it("keeps the program alive", function()
    local out, _, code = child.run([[
      require "neap".process.spawn({ "sh", "-c", "sleep 0.1; echo x" })
      collectgarbage()
    ]])

    assert.equal("x\n", out)
    assert.equal(0, code)
  end)

  it("does not keep the program alive when detached", function()
    local out, err, code = child.run([[
      local p = require "neap".process.spawn({ "sleep", "5" },
        { detached = true, stdout = "null", stderr = "null" })
      print(p)
    ]])

    assert.equal("", err)
    assert.matches("^Process %d+: sleep, running\n$", out)
    assert.equal(0, code)
  end)

  it("reaps a child whose Process was collected", function()
    local pid = process.spawn({ "true" }).pid
    collectgarbage()
    collectgarbage()

    for _ = 1, 200 do
      if not exists(pid) then
        return
      end
      neap.sleep(0.01)
    end
    error("it is a zombie")
  end)

  it("is a leader of a session when detached", function()
    local p = process.spawn({ "cut", "-d", " ", "-f", "1,6", "/proc/self/stat" },
      { detached = true, stdout = "pipe" })

    local pid, session = p.stdout:readall():match("(%d+) (%d+)")
    assert.equal(pid, session)
    p:wait()
    close_pipes(p)
  end)

  it("says what and how it is", function()
    local p = process.spawn({ "true" })
    assert.equal(("Process %d: true, running"):format(p.pid), tostring(p))

    p:wait()
    assert.equal(("Process %d: true, ended"):format(p.pid), tostring(p))
  end)
end)

describe("process.id", function()
  it("is our own", function()
    local file <close> = io.open("/proc/self/stat")

    assert.equal(file:read("n"), process.id())
  end)
end)

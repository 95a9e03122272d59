local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local processes = require("spec.support.processes")

local sh, exists = processes.sh, processes.exists
local it, process = case.it, neap.process
local settle = neap.testing.settle

describe("process.run", function()
  it("captures both outputs and the exit status", function()
    assert.same({ code = 3, stdout = "out\n", stderr = "err\n" }, sh("echo out; echo err >&2; exit 3"))
  end)

  it("passes arguments as they are, without a shell", function()
    local result = process.run({ "printf", "%s|", "a b", "$HOME", "", "*", 5 })

    assert.equal("a b|$HOME||*|5|", result.stdout)
  end)

  it("feeds input that is larger than a pipe, and takes as much output", function()
    local input = ("0123456789abcdef"):rep(1 << 17)

    assert.is_true(process.run({ "cat" }, { input = input }).stdout == input)
  end)

  it("does not mind a child that ignores its input", function()
    assert.equal(0, process.run({ "true" }, { input = ("x"):rep(1 << 20) }).code)
  end)

  it("gives no input unless told to", function()
    assert.equal("", process.run({ "cat" }).stdout)
  end)

  it("tells the signal that ended it", function()
    local result = sh("kill -KILL $$")

    assert.is_nil(result.code)
    assert.equal("KILL", result.signal)
  end)

  it("runs in another folder", function()
    assert.equal("/\n", process.run({ "pwd" }, { cwd = "/" }).stdout)
  end)

  it("replaces the environment", function()
    local result = process.run({ "env" }, { env = { A = "1", B = 2, PATH = os.getenv("PATH") } })

    assert.matches("A=1\n", result.stdout, 1, true)
    assert.matches("B=2\n", result.stdout, 1, true)
    assert.is_nil(result.stdout:find("HOME=", 1, true))
  end)

  it("looks for the program in the PATH of the child", function()
    local result, err = process.run({ "cat" }, { env = { PATH = "/nowhere:/proc" } })

    assert.is_nil(result)
    assert.equal("ENOENT", err.code)
  end)

  it("returns an error that names a missing program", function()
    local result, err = process.run({ "no-such-program" })

    assert.is_nil(result)
    assert.equal("ENOENT", err.code)
    assert.equal("no-such-program", err.path)
    assert.matches("no-such-program", tostring(err), 1, true)
  end)

  it("returns an error that names a missing folder", function()
    local _, err = process.run({ "true" }, { cwd = "/no/such/folder" })

    assert.equal("ENOENT", err.code)
    assert.equal("/no/such/folder", err.path)
  end)

  it("returns the error of a file that cannot be run", function()
    local _, err = process.run({ "/etc/passwd" })

    assert.equal("EACCES", err.code)
  end)

  it("gives the program another name for itself", function()
    local result = process.run({ "sh", "-c", "echo $0" }, { argv0 = "me" })
    local own = process.run({ "cat", "/proc/self/cmdline" }, { argv0 = "cat me" })

    assert.equal("me\n", result.stdout)
    assert.equal("cat me\0/proc/self/cmdline\0", own.stdout)
  end)

  it("kills the whole group when the time is over", function()
    local path = os.tmpname()
    local line = "sleep 100 & echo $! > " .. path .. "; trap '' TERM; sleep 100; sleep 100"

    local result, err = sh(line, { timeout = 0.2 })

    assert.is_nil(result)
    assert.equal("TIMEOUT", err.code)
    local file = assert(io.open(path))
    local pid = file:read()
    file:close()
    os.remove(path)
    for _ = 1, 100 do
      local stat = io.open("/proc/" .. pid .. "/stat")
      local state = stat and stat:read("a"):match("%) (%a)")
      if stat then
        stat:close()
      end
      if not state or state == "Z" then
        return
      end
      neap.sleep(0.01)
    end
    error("it lives on")
  end)

  it("refuses more output than max_output", function()
    local result, err = process.run({ "yes" }, { max_output = 100000 })

    assert.is_nil(result)
    assert.equal("LIMIT", err.code)
  end)

  it("takes exactly max_output", function()
    assert.equal("12345", process.run({ "printf", "12345" }, { max_output = 5 }).stdout)
  end)

  it("ends the child when it is cancelled", function()
    local task = neap.spawn(process.run, { "sleep", "100" })
    settle()
    local pid = tonumber(task:waiting_on():match("^process (%d+)$"))
    assert.is_true(exists(pid))

    task:cancel()

    expect.code("CANCELLED", neap.await, task)
    assert.is_false(exists(pid))
  end)

  it("starts nothing in a task that is cancelled", function()
    local path = os.tmpname()
    os.remove(path)
    local task = neap.spawn(function()
      neap.current_task():cancel()
      process.run({ "touch", path })
    end)

    expect.code("CANCELLED", neap.await, task)
    assert.is_nil(io.open(path))
  end)

  it("does not wait longer than a second for outputs that others hold", function()
    local start = neap.loop.time()
    local result = sh("sleep 3 & echo x")

    assert.equal("x\n", result.stdout)
    assert.is_true(neap.loop.time() - start < 2.5)
  end)

  it("gives children no descriptors but the first three", function()
    local file = assert(io.open("Makefile")) -- libc's, without close-on-exec
    local a, b = neap.net.pair()

    local result = sh("ls /proc/$$/fd")

    assert.equal("0\n1\n2\n", result.stdout)
    file:close()
    a:close()
    b:close()
  end)

  it("runs five hundred at once and leaves no zombies", function()
    local numbers = {}
    for i = 1, 500 do
      numbers[i] = i
    end

    local results = neap.map(numbers, function(n) return process.run({ "echo", n }) end)

    for i = 1, 500 do
      assert.equal(i .. "\n", results[i].stdout)
    end
    local list = sh("cat /proc/[0-9]*/stat 2>/dev/null").stdout
    assert.is_nil(list:find(") Z " .. process.id() .. " ", 1, true))
  end)

  it("refuses wrong arguments", function()
    expect.bad_argument("#1 to 'run'", "table expected, got string", function()
      local _ = process.run("ls")
    end)
    expect.bad_argument("#1 to 'run'", "string expected, got table", function()
      local _ = process.run({ "ls" }, { shell = true })
    end)
    expect.bad_argument("#1 to 'run'", "names no program", function()
      local _ = process.run({})
    end)
    expect.bad_argument("#1 to 'run'", nil, function()
      local _ = process.run({ "a\0b" })
    end)
    expect.bad_argument("#2 to 'run'", "unknown option 'foo'", function()
      local _ = process.run({ "ls" }, { foo = 1 })
    end)
    expect.bad_argument("#2 to 'run'", nil, function()
      local _ = process.run({ "ls" }, { env = { "A=1" } })
    end)
    expect.bad_argument("#1 to 'spawn'", "table expected, got no value", function()
      local _ = process.spawn()
    end)
  end)
end)

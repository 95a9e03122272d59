local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, process = case.it, neap.process
local settle = neap.testing.settle

--- A shell command line run to its end.
local function sh(line, opts)
  opts = opts or {}
  opts.shell = true
  return process.run(line, opts)
end

--- True while a process exists (a zombie exists, too).
local function exists(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if file then
    file:close()
  end
  return file ~= nil
end

local function close_pipes(p)
  for _, name in ipairs({ "stdin", "stdout", "stderr" }) do
    if p[name] then
      p[name]:close()
      p[name]:wait_closed()
    end
  end
end

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

describe("a child of the command", function()
  it("has the old soft limit of descriptors", function()
    local out = child.run_as("ulimit -Sn 200; %s", [[
      local neap = require "neap"
      io.write(neap.process.run("ulimit -Sn", { shell = true }).stdout)
    ]])

    assert.equal("200\n", out)
  end)

  it("has the default action of SIGPIPE", function()
    local result = sh("kill -PIPE $$; echo alive")

    assert.equal("PIPE", result.signal)
  end)

  it("can be started where the first three are closed", function()
    local out = child.run_as("%s <&- >&- 2>/dev/null", [[
      local neap = require "neap"
      local result = neap.process.run({ "cat" }, { input = "text" })
      local file = io.open(arg[1], "w")
      file:write(result.stdout, neap.process.spawn({ "true" }):wait())
      file:close()
    ]], "/tmp/neap-spec-closed-" .. process.id())

    assert.equal("", out)
    local path = "/tmp/neap-spec-closed-" .. process.id()
    local file = assert(io.open(path))
    assert.equal("text0", file:read("a"))
    file:close()
    os.remove(path)
  end)
end)

describe("a child that lives when the program ends", function()
  --- The pid that the script prints of a child, and whether it lives on.
  local function outlives(script, pattern)
    local out = child.run_as(pattern or "timeout -k 1 20 %s 2>/dev/null", script)
    local pid = assert(tonumber(out:match("^%d+")), out)
    local lives = exists(pid)
    if lives then
      os.execute("kill -KILL " .. pid)
    end
    return lives
  end

  local embedded = "timeout -k 1 20 " .. (os.getenv("NEAP_BUILD") or "build")
    .. "/examples/embed_host $(echo %s | cut -d' ' -f2) 2>/dev/null"

  for host, pattern in pairs({ ["the command"] = false, ["an application"] = embedded }) do
    for how, ending in pairs({ ["an error"] = "error('oops')", ["neap.exit"] = "neap.exit(0)" }) do
      it(("is ended after %s in %s"):format(how, host), function()
        assert.is_false(outlives([[
          local neap = require "neap"
          print(neap.process.spawn({ "sleep", "100" }, { stdout = "null", stderr = "null" }).pid)
        ]] .. ending, pattern or nil))
      end)
    end

    it("lives on when it is detached, in " .. host, function()
      assert.is_true(outlives([[
        local neap = require "neap"
        print(neap.process.spawn({ "sleep", "100" },
          { detached = true, stdin = "null", stdout = "null", stderr = "null" }).pid)
        neap.exit(0)
      ]], pattern or nil))
    end)
  end

  it("is killed where it does not heed TERM", function()
    assert.is_false(outlives([[
      local neap = require "neap"
      local p = neap.process.spawn({ "sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done" },
        { stdout = "pipe", stderr = "null" })
      p.stdout:readline()
      print(p.pid)
      neap.exit(0)
    ]]))
  end)

  it("is ended by the task that closes it, before the host closes", function()
    assert.is_false(outlives([[
      local neap = require "neap"
      neap.spawn(function()
        local p <close> = neap.process.spawn({ "sleep", "100" }, { stdout = "null", stderr = "null" })
        print(p.pid)
        neap.sleep(math.huge)
      end)
      neap.sleep(0)
      error("oops")
    ]]))
  end)
end)

describe("another user", function()
  local is_root = sh("id -u").stdout == "0\n"

  it("is what uid and gid make of a child", function()
    if not is_root then
      pending("only root can be somebody else")
      return
    end
    local ids = sh("id -u; id -g; id -G", { uid = 65534, gid = 12345 }).stdout
    assert.equal("65534\n12345\n12345\n", ids)

    local p <close> = process.spawn({ "id", "-u" }, { uid = 65533, stdout = "pipe" })
    assert.equal("65533\n", p.stdout:readall())
  end)

  it("cannot touch what is not its own", function()
    if not is_root then
      pending("only root can be somebody else")
      return
    end
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "private", "x", { mode = 384 }))
    assert(neap.fs.chmod(dir.path, 493))

    assert.is_true(sh("cat " .. dir / "private", { uid = 65534 }).code > 0)
  end)

  it("is an error for who is not root", function()
    local script = [[
      local neap = require "neap"
      for _, opts in ipairs({ { uid = 0 }, { gid = 0 } }) do
        local p, err = neap.process.run({ "id" }, opts)
        print(p, err, err.op, err.path)
      end
    ]]
    local out, err
    if is_root then
      local dir <close> = temp.dir()
      assert(neap.fs.chmod(dir.path, 493))
      assert(neap.fs.copy(child.interpreter(), dir / "neap"))
      assert(neap.fs.write_file(dir / "script.lua", script, { mode = 420 }))
      local result = process.run({ dir / "neap", dir / "script.lua" }, { uid = 65534, gid = 65534 })
      out, err = result.stdout, result.stderr
    else
      out, err = child.run(script)
    end

    assert.equal("", err)
    local line = 'nil\tEPERM: spawn "id" as another user: operation not permitted\tspawn\tid\n'
    assert.equal(line:rep(2), out)
  end)
end)

describe("in a stock Lua", function()
  it("a child that does not read its input ends nothing", function()
    local out, err = child.run_stock([[
      local neap = require "neap"
      neap.run(function()
        local result = neap.process.run({ "true" }, { input = ("x"):rep(1 << 20) })
        print(result.code, neap.process.run({ "kill", "-PIPE", neap.process.id() }).code)
      end)
    ]])

    assert.equal("", err)
    assert.equal("0\t0\n", out)
  end)
end)

describe("process.id", function()
  it("is our own", function()
    local file <close> = io.open("/proc/self/stat")

    assert.equal(file:read("n"), process.id())
  end)
end)

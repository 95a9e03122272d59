local child = require("spec.support.child")
local neap = require("neap")
local temp = require("spec.support.temp")

--- What a script and its terminal show; see terminal.py for the steps.
local function on_terminal(steps, script)
  return (child.run_as("timeout -k 1 20 python3 spec/support/terminal.py '" .. steps .. "' %s", script))
end

local echo = [[
  local neap = require("neap")
  for line in neap.stdin:lines() do
    neap.stdout:write("<", line, ">\n")
  end
  neap.stdout:write("end\n")
]]

describe("neap.stdin", function()
  for name, pattern in pairs({
    ["a pipe"] = "printf 'a\\nb' | timeout 10 %s",
    ["a file"] = "printf 'a\\nb' > $0.tmp; timeout 10 %s < $0.tmp; rm $0.tmp",
    ["a pipe that is slow"] = "(echo a; sleep 0.05; printf b) | timeout 10 %s",
  }) do
    it("is read to its end from " .. name, function()
      local path = os.tmpname()
      local out, err = child.run_as((pattern:gsub("%$0", path)), echo)
      os.remove(path)

      assert.equal("", err)
      assert.equal("<a>\n<b>\nend\n", out)
    end)
  end

  it("is at its end when it is /dev/null", function()
    assert.equal("end\n", (child.run_as("timeout 10 %s </dev/null", echo)))
  end)

  it("is an err when it is closed", function()
    local out = child.run_as("timeout 10 %s <&-", [[
      print(select(2, require("neap").stdin:read()).code)
    ]])
    assert.equal("EBADF\n", out)
  end)

  it("is read from a socket", function()
    local out = child.run_as([[timeout 10 python3 -c "
import socket, subprocess, sys
a, b = socket.socketpair()
p = subprocess.Popen(sys.argv[1:], stdin=b, stdout=b)
b.close()
a.sendall(b'one\n')
a.shutdown(socket.SHUT_WR)
while data := a.recv(100): print(data.decode(), end='')
" %s]], echo)
    assert.equal("<one>\nend\n", out)
  end)

  it("lets other tasks run while one waits for it", function()
    local out = child.run_as("(sleep 0.1; echo line) | timeout 10 %s", [[
      local neap = require("neap")
      neap.spawn(function() neap.sleep(0.001) print("other") end)
      print(neap.stdin:readline())
    ]])
    assert.equal("other\nline\n", out)
  end)

  it("is left to others while no task waits for it", function()
    local out = child.run_as("printf 'one\ntwo\n' | timeout 10 %s", [[
      local neap = require("neap")
      local out = neap.stdin
      pcall(neap.timeout, 0, out.readline, out)
      print(io.read(), io.read())
    ]])
    assert.equal("one\ttwo\n", out)
  end)

  it("can be given up and read again", function()
    local out = child.run_as("(sleep 0.1; echo late) | timeout 10 %s", [[
      local neap = require("neap")
      print(pcall(neap.timeout, 0.01, neap.stdin.readline, neap.stdin))
      print(neap.stdin:readline())
    ]])
    assert.equal("false\tTIMEOUT: the deadline passed\nlate\n",
      (out:gsub("TIMEOUT: [^\n]*", "TIMEOUT: the deadline passed")))
  end)

  it("does not hold a program that has ended", function()
    local out, err, code = child.run_as("sleep 3 | timeout 2 %s", [[
      local neap = require("neap")
      local task = neap.spawn(neap.stdin.read, neap.stdin)
      neap.sleep(0)
      task:set_daemon(true)
      print("done")
    ]])
    assert.same({ "done\n", "", 0 }, { out, err, code })
  end)

  it("stays blocking, and so do the others", function()
    local out = child.run_as("(sleep 0.1) | timeout 10 %s 2>&1 | cat", [[
      local neap = require("neap")
      neap.stdout:write("")
      neap.stderr:write("")
      neap.stdin:read()
      for fd = 0, 2 do
        local flags = io.open("/proc/self/fdinfo/" .. fd):read("a"):match("flags:%s*(%d+)")
        print(tonumber(flags, 8) & 2048)
      end
    ]])
    assert.equal("0\n0\n0\n", out)
  end)
end)

describe("neap.stdout", function()
  it("keeps its place among print and io.write", function()
    local script = [[
      local neap = require("neap")
      print("1") neap.stdout:write("2\n") io.write("3\n") neap.stdout:write("4\n") print("5")
    ]]
    for _, pattern in ipairs({ "%s | cat", "%s", "%s > $0; cat $0; rm $0" }) do
      local path = os.tmpname()
      assert.equal("1\n2\n3\n4\n5\n", (child.run_as((pattern:gsub("%$0", path)), script)))
      os.remove(path)
    end
  end)

  it("has given everything away when the program ends", function()
    local out = child.run_as("timeout 10 %s | (sleep 0.1; wc -c)", [[
      local neap = require("neap")
      neap.spawn(function() neap.stdout:write(("x"):rep(1000000)) end):set_daemon(true)
      neap.sleep(0)
    ]])
    assert.equal("1000000", out:match("%d+"))
  end)

  it("is an err when nobody reads it", function()
    local _, err, code = child.run_as("timeout 10 %s | true", [[
      local neap = require("neap")
      local err
      repeat
        local ok
        ok, err = neap.stdout:write(("x"):rep(10000))
      until not ok
      neap.stderr:write(err.code, "\n")
    ]])
    assert.equal("EPIPE\n", err)
    assert.equal(0, code)
  end)

  it("is an err when the disk is full", function()
    local _, err = child.run_as("timeout 10 %s > /dev/full", [[
      local neap = require("neap")
      neap.stderr:write(select(2, neap.stdout:write("x")).code, "\n")
    ]])
    assert.equal("ENOSPC\n", err)
  end)

  it("is no terminal when it is a pipe", function()
    local out = child.run_as("timeout 10 %s | cat", [[
      local neap = require("neap")
      print(neap.stdout:isatty(), select(2, neap.stdout:winsize()).code)
      print(select(2, neap.stdin:raw(true)).code)
    ]])
    assert.equal("false\tENOTTY\nENOTTY\n", out)
  end)

  it("is appended to, where the file is shared", function()
    local path = os.tmpname()
    local out = child.run_as("(echo a; timeout 10 %s; echo c) > " .. path .. "; cat " .. path, [[
      require("neap").stdout:write("b\n")
    ]])
    os.remove(path)
    assert.equal("a\nb\nc\n", out)
  end)
end)

describe("what is written", function()
  local script = [[
    local neap = require("neap")
    local report = assert(io.open(arg[1], "w"))
    for _, name in ipairs({ "stdout", "stderr" }) do
      local ok, err = neap[name]:write(name, "\n")
      report:write(name, " ", tostring(ok or err.code), " ", tostring(neap[name]:isatty()), "\n")
    end
    print("end")
    report:close()
  ]]

  for name, case in pairs({
    ["a pipe"] = { "timeout 10 %s 2>&1 | cat > $0", "true false" },
    ["a file"] = { "timeout 10 %s > $0 2>&1", "true false" },
    ["/dev/null"] = { "timeout 10 %s > /dev/null 2>&1", "true false", lost = true },
    ["closed"] = { "timeout 10 %s >&- 2>&-", "EBADF false", lost = true },
    ["a terminal"] = {
      "timeout -k 1 20 python3 spec/support/terminal.py '?end' %s > $0", "true true",
    },
  }) do
    it("comes out, or is an err, when stdout and stderr are " .. name, function()
      local dir <close> = temp.dir()

      child.run_as((case[1]:gsub("%$0", (dir / "out"))), script, dir / "report")

      assert.equal(("stdout %s\nstderr %s\n"):format(case[2], case[2]), neap.fs.read_file(dir / "report"))
      if not case.lost then
        local out = neap.fs.read_file(dir / "out")
        assert.equal("stdout\nstderr\nend\n", (out:gsub("%[ended.*", "")))
      end
    end)
  end
end)

describe("in a stock Lua", function()
  for name, pattern in pairs({
    ["pipes"] = "(echo a; sleep 0.05; printf b) | timeout 10 %s | cat",
    ["files"] = "printf 'a\\nb' > $0; timeout 10 %s < $0 > $0.out; cat $0.out; rm $0 $0.out",
  }) do
    it("the standard streams work as " .. name, function()
      local path = os.tmpname()
      local out, err = child.run_stock_as((pattern:gsub("%$0", path)), [[
        local neap = require("neap")
        print("first")
        neap.run(function()
          for line in neap.stdin:lines() do
            io.write("<")
            neap.stdout:write(line)
            print(">")
          end
        end)
        io.write("last\n")
      ]])
      os.remove(path)

      assert.equal("", err)
      assert.equal("first\n<a>\n<b>\nlast\n", out)
    end)
  end

  it("a broken pipe is an err", function()
    local _, err, code = child.run_stock_as("timeout 10 %s | true", [[
      local neap = require("neap")
      neap.run(function()
        local err
        repeat
          local ok
          ok, err = neap.stdout:write(("x"):rep(10000))
        until not ok
        neap.stderr:write(err.code, "\n")
      end)
    ]])
    assert.equal("EPIPE\n", err)
    assert.equal(0, code)
  end)
end)

describe("standard streams that cannot be opened once more", function()
  --- Runs a script as a user to whom the pipes, root's, do not belong.
  local function run(pattern, script)
    local dir <close> = temp.dir()
    assert(neap.fs.chmod(dir.path, 493))
    assert(neap.fs.copy(child.interpreter(), dir / "neap"))
    assert(neap.fs.write_file(dir / "script.lua", script, { mode = 420 }))
    return child.shell((pattern:gsub("%%s", "setpriv --reuid 65534 --regid 65534 --clear-groups %%s")),
      { dir / "neap", dir / "script.lua" })
  end

  local it_as_root = select(3, child.shell('test "$(id -u)" = 0', {})) == 0 and it or pending

  it_as_root("are read and written all the same", function()
    local out, err = run("(echo a; sleep 0.05; printf b) | timeout 10 %s | cat",
      'assert(not io.open("/proc/self/fd/0"))\n' .. echo)

    assert.equal("", err)
    assert.equal("<a>\n<b>\nend\n", out)
  end)

  it_as_root("let other tasks run, can be given up, and keep their order", function()
    local out, err = run("(sleep 0.1; echo line) | timeout 10 %s | cat", [[
      local neap = require("neap")
      neap.spawn(function() neap.sleep(0.001) print("other") end)
      print((pcall(neap.timeout, 0.01, neap.stdin.readline, neap.stdin)))
      io.write("1 ")
      neap.stdout:write("2 ")
      print(neap.stdin:readline())
    ]])

    assert.equal("", err)
    assert.equal("other\nfalse\n1 2 line\n", out)
  end)
end)

describe("on a terminal", function()
  it("the streams know it", function()
    local out = on_terminal("?>|line\\n|?END", [[
      local neap = require("neap")
      io.write("> ")
      local line = neap.stdin:readline()
      neap.stdout:write(line:upper(), tostring(neap.stdin:isatty()), "END\n")
    ]])
    assert.is_truthy(out:find("LINEtrueEND\n[ended, mode restored]", 1, true), out)
  end)

  it("ctrl-D is the end", function()
    local out = on_terminal("a\\n\\x04|?end", echo)
    assert.is_truthy(out:find("<a>\nend\n[ended", 1, true), out)
  end)

  it("raw gives single keys, and back", function()
    local out = on_terminal("?ready|x|?key x|y\\n|?line y", [[
      local neap = require("neap")
      assert(neap.stdin:raw(true))
      neap.stdout:write("ready")
      neap.stdout:write("key ", neap.stdin:read(1), "\n")
      assert(neap.stdin:raw(false))
      neap.stdout:write("line ", neap.stdin:readline(), "\n")
    ]])
    assert.is_truthy(out:find("line y\n[ended, mode restored]", 1, true), out)
  end)

  for name, ending in pairs({
    ["the end"] = "",
    ["an error"] = "error('oops')",
    ["os.exit"] = "os.exit(3)",
    ["os.exit that unwinds"] = "os.exit(3, true)",
    ["neap.exit"] = "neap.exit(3)",
    ["SIGINT"] = "neap.process.run({ 'kill', '-INT', neap.process.id() }) neap.sleep(5)",
    ["SIGQUIT"] = "neap.process.run({ 'kill', '-QUIT', neap.process.id() }) neap.sleep(0.01)",
    ["an abort"] = "os.execute('kill -ABRT ' .. neap.process.id())",
    ["a hangup"] = "os.execute('kill -HUP ' .. neap.process.id())",
    ["SIGTERM"] = "os.execute('kill -TERM ' .. neap.process.id()) neap.sleep(5)",
  }) do
    it("the mode is restored after " .. name, function()
      local out = on_terminal("?ready", [[
        local neap = require("neap")
        assert(neap.stdin:raw(true))
        neap.stdout:write("ready")
      ]] .. ending)
      assert.is_truthy(out:find("[ended, mode restored]", 1, true), out)
    end)
  end
end)

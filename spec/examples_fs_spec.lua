--- Runs the examples that talk on a console, as a user does.
local neap = require("neap")
local temp = require("spec.support.temp")

local function start(name, ...)
  local lowest = 0
  while arg[lowest - 1] do
    lowest = lowest - 1
  end
  return assert(neap.process.spawn({ arg[lowest], "examples/" .. name .. ".lua", ... }, {
    stdin = "pipe", stdout = "pipe",
  }))
end

local function in_time(fn)
  neap.timeout(10, fn)
end

--- Reads lines until one has the text.
local function await_line(stream, text)
  repeat
    local line = assert(stream:readline())
  until line:find(text, 1, true)
end

describe("the example", function()
  it("chat obeys its console while clients chat", function()
    in_time(function()
      local chat <close> = start("chat", "127.0.0.1", "0")
      local port = assert(chat.stdout:readline()):match(":(%d+)$")
      local a <close> = start("console_client", "127.0.0.1", port)
      local b <close> = start("console_client", "127.0.0.1", port)

      assert(a.stdin:write("\n  \nhello\n"))
      await_line(a.stdout, ": hello")
      assert(b.stdin:write("hi\n"))
      await_line(a.stdout, ": hi")
      assert(chat.stdin:write("who\nquit\n"))

      await_line(chat.stdout, "Task task-")
      await_line(a.stdout, "* the server ends")
      await_line(b.stdout, "* the server ends")
      assert.equal(0, (chat:wait()))
      assert.equal(0, (a:wait()))
      assert.equal(0, (b:wait()))
    end)
  end)

  it("console_client ends with its input", function()
    in_time(function()
      local chat <close> = start("chat", "127.0.0.1", "0")
      local port = assert(chat.stdout:readline()):match(":(%d+)$")
      local client <close> = start("console_client", "127.0.0.1", port)

      assert(client.stdin:write("\n\nlast"))
      client.stdin:close()

      assert.is_truthy(client.stdout:readline():find(": last", 1, true))
      assert.is_nil(client.stdout:readline())
      assert.equal(0, (client:wait()))
    end)
  end)

  it("console_client shows a prompt on a terminal", function()
    in_time(function()
      local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        for line in stream:lines() do
          stream:write("heard ", line, "\n")
        end
      end))
      local lowest = 0
      while arg[lowest - 1] do
        lowest = lowest - 1
      end

      local result = assert(neap.process.run({
        "python3", "spec/support/terminal.py", "?> |\\n|?> |word\\n|?heard word|?> |quit\\n",
        arg[lowest], "examples/console_client.lua", "127.0.0.1", tostring(server:address().port),
      }))

      assert.is_nil(result.stdout:find("heard \n", 1, true), result.stdout)
      assert.is_truthy(result.stdout:find("[ended, mode restored]", 1, true), result.stdout)
    end)
  end)

  it("watch_dir tells what happens", function()
    in_time(function()
      local dir <close> = temp.dir()
      local watcher <close> = start("watch_dir", dir.path)
      assert.equal("watching " .. dir.path, watcher.stdout:readline())

      assert(neap.fs.write_file(dir / "a", "x"))

      await_line(watcher.stdout, "rename " .. dir / "a")
      watcher:kill("INT")
      assert.equal(130, (watcher:wait()))
    end)
  end)
end)

--- wait_readable, wait_writable, and what add_reader does beyond
--- spec/core/reader_spec.lua. Descriptors come from Streams, which do not read
--- while nobody asks them to.
local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, loop = case.it, neap.loop
local settle = neap.testing.settle

--- Two connected streams and the descriptor of the first.
local function pair()
  local a, b = assert(neap.net.pair())
  return a, b, a:fileno()
end

local function close_all(...)
  for _, stream in ipairs({ ... }) do
    stream:close()
  end
  for _, stream in ipairs({ ... }) do
    stream:wait_closed()
  end
end

--- Fills a stream until it cannot be written any more.
local function fill(stream)
  local task = neap.spawn(stream.write, stream, ("x"):rep(4 << 20))
  settle()
  return task
end

describe("wait_readable", function()
  it("waits until there is something to read", function()
    local a, b, fd = pair()
    local task = neap.spawn(neap.wait_readable, fd)
    settle()
    assert.equal("waiting", task:status())

    b:write("x")

    assert.is_true(task:await())
    assert.equal("x", a:read())
    close_all(a, b)
  end)

  it("ends when the peer ends", function()
    local a, b, fd = pair()
    b:close()

    assert.is_true(neap.wait_readable(fd))
    close_all(a, b)
  end)

  it("says what it waits for", function()
    local a, b, fd = pair()
    local task = neap.spawn(neap.wait_readable, fd)
    settle()

    assert.equal(("descriptor %d readable"):format(fd), task:waiting_on())
    task:cancel()
    settle()
    close_all(a, b)
  end)

  it("raises BUSY in a second task", function()
    local a, b, fd = pair()
    local task = neap.spawn(neap.wait_readable, fd)
    settle()

    expect.code("BUSY", neap.wait_readable, fd)

    b:write("x")
    assert.is_true(task:await())
    close_all(a, b)
  end)

  it("can be cancelled, then waits again", function()
    local a, b, fd = pair()
    local task = neap.spawn(neap.wait_readable, fd)
    settle()
    task:cancel()
    expect.code("CANCELLED", neap.await, task)

    b:write("x")

    assert.is_true(neap.wait_readable(fd))
    close_all(a, b)
  end)

  it("can be cancelled before it waits", function()
    local a, b, fd = pair()
    local task = neap.spawn(function()
      neap.current_task():cancel()
      neap.wait_readable(fd)
    end)

    expect.code("CANCELLED", neap.await, task)
    close_all(a, b)
  end)

  it("leaves the descriptor as it is, blocking or not", function()
    local out, err = child.run_as([[{ sleep 0.05; echo line; } | timeout 20 %s]], [[
      local neap = require "neap"
      neap.wait_readable(0)
      print(io.read())
      print(io.read()) -- waits for the end
    ]])

    assert.equal("line\nnil\n", out)
    assert.equal("", err)
  end)

  it("returns the error of a descriptor that is not open", function()
    local ok, err = neap.wait_readable(987654)

    assert.is_nil(ok)
    assert.equal("EBADF", err.code)
    assert.matches("wait_readable: descriptor 987654", err.message, 1, true)
  end)

  it("returns an error that explains why a file will not do", function()
    local out, err = child.run_as("timeout 20 %s < Makefile", [[
      local neap = require "neap"
      print(neap.wait_readable(0))
      print(neap.loop.add_writer(0, print))
    ]])

    assert.equal("", err)
    assert.matches("^nil\tEPERM: wait_readable: descriptor 0 is a file", out)
    assert.matches("\nnil\tEPERM: add_writer: descriptor 0 is a file", out)
  end)

  it("refuses what is no descriptor", function()
    expect.bad_argument("#1 to 'wait_readable'", "number expected, got string", function()
      neap.wait_readable("x")
    end)
    expect.bad_argument("#1 to 'wait_readable'", nil, function()
      neap.wait_readable(-1)
    end)
  end)

  it("survives that the descriptor is closed in the same turn", function()
    local a, b, fd = pair()
    local task = neap.spawn(neap.wait_readable, fd)
    neap.sleep(0)

    a:close()
    b:close()
    settle()

    task:cancel()
    expect.code("CANCELLED", neap.await, task)
  end)

  it("gives the error when the descriptor was closed in a round before", function()
    local a, b, fd = pair()
    local reader = neap.spawn(neap.wait_readable, fd)
    settle()
    a:close()
    b:close()
    settle()

    local ok, err = neap.wait_writable(fd)

    assert.is_nil(ok)
    assert.equal("EBADF", err.code)
    reader:cancel()
    settle()
  end)

  it("waits for a thousand descriptors", function()
    local streams, tasks = {}, {}
    for i = 1, 1000 do
      local a, b, fd = pair()
      streams[i] = { a, b }
      tasks[i] = neap.spawn(neap.wait_readable, fd)
    end
    settle()
    for i = 1000, 1, -1 do
      streams[i][2]:write("x")
    end

    local results = neap.gather(tasks)

    assert.equal(1000, results.n)
    for i = 1, 1000 do
      assert.is_true(results[i])
      streams[i][1]:close()
      streams[i][2]:close()
    end
  end)
end)

describe("wait_writable", function()
  it("returns while there is room", function()
    local a, b, fd = pair()

    assert.is_true(neap.wait_writable(fd))
    close_all(a, b)
  end)

  it("waits beside a reader of the same descriptor", function()
    local a, b, fd = pair()
    local writer = fill(a)
    local readable = neap.spawn(neap.wait_readable, fd)
    local writable = neap.spawn(neap.wait_writable, fd)
    settle()
    assert.equal("waiting", writable:status())

    assert.equal(4 << 20, #b:readexactly(4 << 20))

    assert.is_true(writable:await())
    assert.equal("waiting", readable:status())
    b:write("x")
    assert.is_true(readable:await())
    writer:await()
    close_all(a, b)
  end)

  it("goes on when the reader of the same descriptor is cancelled", function()
    local a, b, fd = pair()
    local readable = neap.spawn(neap.wait_readable, fd)
    settle()
    local writable = neap.spawn(neap.wait_writable, fd)
    neap.sleep(0)

    readable:cancel()

    assert.is_true(writable:await())
    close_all(a, b)
  end)
end)

describe("a reader", function()
  it("runs in a task that is named as a callback", function()
    local a, b, fd = pair()
    local name = neap.future()
    loop.add_reader(fd, function()
      loop.remove_reader(fd)
      name:set_result(neap.current_task():name())
    end)
    b:write("x")

    assert.matches("^callback%-%d+$", name:await())
    close_all(a, b)
  end)

  it("says whether there was one to remove", function()
    local a, b, fd = pair()
    assert.is_true(loop.add_reader(fd, print))

    assert.is_true(loop.remove_reader(fd))
    assert.is_false(loop.remove_reader(fd))
    assert.is_false(loop.remove_writer(fd))
    close_all(a, b)
  end)

  it("goes on after an error, which is reported", function()
    local a, b, fd = pair()
    local calls, ended = 0, neap.future()
    local reports = expect.reports(function()
      loop.add_reader(fd, function()
        calls = calls + 1
        if calls == 2 then
          loop.remove_reader(fd)
          ended:set_result()
        end
        error("oops " .. calls, 0)
      end)
      b:write("x")
      ended:await()
    end)

    assert.same({ "oops 1", "oops 2" }, reports.errors)
    close_all(a, b)
  end)

  it("is not called any more once removed, though it was ready", function()
    local a, b, fd = pair()
    local called = false
    b:write("x")
    loop.add_reader(fd, function() called = true end)

    loop.remove_reader(fd)
    settle()

    assert.is_false(called)
    close_all(a, b)
  end)

  it("sees the task-local values of who added it, each time", function()
    local a, b, fd = pair()
    local variable = neap.task_local("none")
    local seen, ended = {}, neap.future()
    variable:set("mine")
    loop.add_reader(fd, function()
      table.insert(seen, variable:get())
      variable:set("changed")
      if #seen == 2 then
        loop.remove_reader(fd)
        ended:set_result()
      end
    end)
    b:write("x")
    ended:await()
    variable:set(nil)

    assert.same({ "mine", "mine" }, seen)
    close_all(a, b)
  end)

  it("stands beside a writer of the same descriptor", function()
    local a, b, fd = pair()
    local read, written = neap.future(), neap.future()
    loop.add_writer(fd, function()
      loop.remove_writer(fd)
      written:set_result()
    end)
    loop.add_reader(fd, function()
      loop.remove_reader(fd)
      read:set_result(a:read())
    end)
    written:await()
    b:write("x")

    assert.equal("x", read:await())
    close_all(a, b)
  end)

  it("ends with the error when its descriptor is closed", function()
    local a, b, fd = pair()
    local reports = expect.reports(function()
      loop.add_reader(fd, function()
        a:close()
        b:close()
      end)
      b:write("x")
      settle()
    end)

    assert.equal("EBADF", reports.errors[1].code)
    assert.is_false(loop.remove_reader(fd))
  end)

  it("ends with the program when that is cancelled", function()
    local out, err, code = child.run([[
      local neap = require "neap"
      local a, b = neap.net.pair()
      neap.loop.add_reader(a:fileno(), function()
        neap.sleep(100)
      end)
      b:write("x")
      neap.sleep(0.01)
      neap.exit(4)
    ]])

    assert.equal("", out .. err)
    assert.equal(4, code)
  end)

  it("refuses what is no function", function()
    expect.bad_argument("#2 to 'add_reader'", "function expected, got no value", function()
      loop.add_reader(0)
    end)
    expect.bad_argument("#1 to 'add_writer'", "number expected, got nil", function()
      loop.add_writer(nil, print)
    end)
  end)
end)

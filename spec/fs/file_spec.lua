local and_rest = require("spec.support.and_rest")
local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local fs = neap.fs
local it = case.it

describe("a File", function()
  it("reads lines without their ends", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "one\ntwo\r\n\nlast"))
    local file <close> = assert(fs.open(dir / "a"))

    local lines = {}
    for line in file:lines() do
      table.insert(lines, line)
    end

    assert.same({ "one", "two", "", "last" }, lines)
    assert.is_nil(file:readline())
  end)

  it("keeps the ends of lines when asked", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "one\r\ntwo"))
    local file <close> = assert(fs.open(dir / "a"))

    assert.equal("one\r\n", file:readline(true))
    assert.equal("two", file:readline(true))
  end)

  it("reads a line that is longer than a chunk", function()
    local dir <close> = temp.dir()
    local long = ("x"):rep(1000000)
    assert(fs.write_file(dir / "a", long .. "\nend"))
    local file <close> = assert(fs.open(dir / "a"))

    assert.equal(long, file:readline())
    assert.equal("end", file:readline())
  end)

  it("reads exactly as many bytes as asked, fewer at the end", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", ("y"):rep(300000)))
    local file <close> = assert(fs.open(dir / "a"))

    assert.equal(200000, #file:read(200000))
    assert.equal(100000, #file:read(200000))
    assert.is_nil(file:read(1))
    assert.equal("", file:readall())
  end)

  it("gives LIMIT for more than readall may read", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "12345"))
    local file <close> = assert(fs.open(dir / "a"))

    local data, err = file:readall(4)

    assert.is_nil(data)
    assert.equal("LIMIT", err.code)
    assert.equal("12345", file:readall(5))
  end)

  it("writes where the reader is", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "0123456789"))
    local file <close> = assert(fs.open(dir / "a", "r+"))

    assert.equal("01", file:read(2))
    assert(file:write("ab"))
    assert.equal("45", file:read(2))

    assert.equal("01ab456789", fs.read_file(dir / "a"))
  end)

  it("shows what was written to the rest of the program at once", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "a", "w"))

    assert(file:write("a", 1, { "b", 2 }))

    assert.equal("a1b2", fs.read_file(dir / "a"))
  end)

  it("hands over what was written when the task waits", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "a", "w"))
    assert(file:write("seen"))

    neap.testing.settle()

    local plain = assert(io.open(dir / "a"))
    local seen = plain:read("a")
    plain:close()
    assert.equal("seen", seen)
  end)

  it("has written everything when it is closed", function()
    local dir <close> = temp.dir()
    local file = assert(fs.open(dir / "a", "w"))
    for i = 1, 10000 do
      assert(file:write(i, "\n"))
    end

    assert.is_true(file:close())

    local plain = assert(io.open(dir / "a"))
    local count = select(2, plain:read("a"):gsub("\n", ""))
    plain:close()
    assert.equal(10000, count)
  end)

  it("appends at the end, wherever it was", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "one"))
    local file <close> = assert(fs.open(dir / "a", "a+"))

    assert.equal(0, file:seek("set"))
    assert(file:write("two"))

    assert.equal(6, file:seek("cur"))
    assert.equal("onetwo", fs.read_file(dir / "a"))
  end)

  it("writes the lines of several tasks whole and in order", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "a", "w"))
    local line = ("z"):rep(9999) .. "\n"

    neap.gather({
      function() for _ = 1, 20 do assert(file:write(line)) end end,
      function() for _ = 1, 20 do assert(file:write(line)) end end,
    })
    file:close()

    assert.equal(line:rep(40), fs.read_file(dir / "a"))
  end)

  it("seeks as Lua does", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "0123456789"))
    local file <close> = assert(fs.open(dir / "a"))

    assert.equal(0, file:seek())
    assert.equal(10, file:seek("end"))
    assert.equal(7, file:seek("end", -3))
    assert.equal("7", file:read(1))
    assert.equal(8, file:seek("cur"))
    assert.equal(6, file:seek("cur", -2))
    assert.equal("6789", file:readall())
    local ok, err = file:seek("set", -1)
    assert.is_nil(ok)
    assert.equal("EINVAL", err.code)
  end)

  it("is cut where it is, or at a size", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "0123456789"))
    local file <close> = assert(fs.open(dir / "a", "r+"))

    assert(file:truncate(6))
    assert.equal(6, file:stat().size)
    assert.equal("01", file:read(2))
    assert(file:truncate())

    assert.equal("01", fs.read_file(dir / "a"))
    assert.is_true(file:sync())
  end)

  it("refuses what its mode does not allow", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "x"))
    local reader <close> = assert(fs.open(dir / "a"))
    local writer <close> = assert(fs.open(dir / "a", "a"))

    local _, err = reader:write("y")
    assert.equal("EBADF", err.code)
    _, err = writer:read(1)
    assert.equal("EBADF", err.code)
  end)

  it("says when the disk is full", function()
    local file <close> = assert(fs.open("/dev/full", "w"))

    local ok, err = file:write("x")

    assert.is_nil(ok)
    assert.equal("ENOSPC", err.code)
    assert.equal("/dev/full", err.path)
  end)

  it("lets one task at a time read", and_rest(function()
    local dir <close> = temp.dir()
    assert(os.execute("mkfifo " .. dir / "fifo"))
    local file <close> = assert(fs.open(dir / "fifo", "r+"))
    local task = neap.spawn(file.readline, file)
    neap.sleep(0)

    expect.code("BUSY", file.readline, file)

    task:cancel()
    neap.wait({ task })
  end))

  it("wakes its reader with CLOSED", and_rest(function()
    local dir <close> = temp.dir()
    assert(os.execute("mkfifo " .. dir / "fifo"))
    local file = assert(fs.open(dir / "fifo", "r+"))
    local task = neap.spawn(file.readline, file)
    neap.sleep(0)

    file:close()

    expect.code("CLOSED", task.await, task)
    expect.code("CLOSED", file.read, file)
    file:close()
  end))

  it("loses nothing to a read that is cancelled", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "one\ntwo\n"))
    local file <close> = assert(fs.open(dir / "a"))
    local task = neap.spawn(file.readline, file)
    neap.sleep(0)

    task:cancel()
    neap.wait({ task })

    assert.equal("one", file:readline())
  end)

  it("closes itself when it is collected", function()
    local dir <close> = temp.dir()
    do
      local file = assert(fs.open(dir / "a", "w"))
      file:write("kept")
    end
    collectgarbage()
    collectgarbage()

    assert.equal("kept", fs.read_file(dir / "a"))
  end)

  it("keeps memory flat over a file of 2 GiB", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "sparse", "w"))
    assert(file:truncate(2 << 30))

    local out, err = child.run_as("timeout -k 1 120 %s", [[
      local fs = require("neap").fs
      local function most()
        return tonumber(fs.read_file("/proc/self/status"):match("VmHWM:%s*(%d+)"))
      end
      local file <close> = assert(fs.open(arg[1]))
      local before, total = most(), 0
      repeat
        local data = file:read(1 << 18)
        total = total + #(data or "")
      until not data
      print(total, most() - before)
    ]], dir / "sparse")

    assert.equal("", err)
    local total, grown = out:match("(%d+)\t(%d+)")
    assert.equal(2 << 30, tonumber(total))
    -- a sanitizer keeps 256 MiB of what was freed
    local most = os.getenv("NEAP_BUILD"):find("asan") and 512 or 32
    assert.is_true(tonumber(grown) < most * 1024, grown .. " KiB more")
  end)
end)

describe("fs.open", function()
  it("names what it attempted", function()
    local file, err = fs.open("/nowhere/x")

    assert.is_nil(file)
    assert.equal('ENOENT: open "/nowhere/x": no such file or directory', tostring(err))
    assert.equal("open", err.op)
    assert.equal("/nowhere/x", err.path)
  end)

  it("refuses a directory", function()
    local _, err = fs.open("/tmp")
    assert.equal("EISDIR", err.code)
  end)

  it("refuses what is no path or no mode", function()
    expect.bad_argument("#1 to 'open'", "got nil", function() fs.open(nil) end)
    expect.bad_argument("#1 to 'open'", nil, function() fs.open("a\0b") end)
    expect.bad_argument("#2 to 'open'", nil, function() fs.open("a", "rw") end)
  end)

  it("makes only a new file with x", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "a", "wx"))

    local again, err = fs.open(dir / "a", "wx")

    assert.is_nil(again)
    assert.equal("EEXIST", err.code)
    assert(file)
  end)

  it("leaves no descriptor when it is cancelled", and_rest(function()
    local dir <close> = temp.dir()
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = neap.spawn(fs.open, dir / ("f" .. i), "w")
    end
    neap.sleep(0)

    for _, task in ipairs(tasks) do
      task:cancel()
    end
    neap.wait(tasks)
  end))

  it("refuses to seek where no number leads", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "x", "w+"))
    assert(file:write("four"))
    assert.equal(4, file:seek("cur"))
    for _, place in ipairs({ "cur", "end" }) do
      assert.equal("EINVAL", select(2, file:seek(place, math.maxinteger)).code)
      assert.equal("EINVAL", select(2, file:seek(place, math.mininteger)).code)
    end
    assert.equal(4, file:seek("cur"))
  end)

  describe("keeps no thread from others while more tasks than threads", function()
    local FIFOS = 8

    local function fifos(dir)
      local paths = {}
      for i = 1, FIFOS do
        paths[i] = dir / ("fifo" .. i)
        assert(os.execute("mkfifo " .. paths[i]))
      end
      return paths
    end

    --- Runs `body` for each fifo, all at once.
    local function each(paths, body)
      return neap.spawn(neap.map, paths, body)
    end

    it("wait to read", function()
      local dir <close> = temp.dir()
      local paths = fifos(dir)
      local readers = each(paths, function(path) return assert(fs.read_file(path)) end)
      neap.testing.settle()
      assert.equal("ENOENT", select(2, neap.timeout(10, fs.rmdir, dir / "none")).code)
      neap.timeout(10, neap.map, paths, function(path) return assert(fs.write_file(path, path)) end)
      assert.same(paths, { table.unpack(neap.await(readers)) })
    end)

    it("wait for a reader", function()
      local dir <close> = temp.dir()
      local paths = fifos(dir)
      local writers = each(paths, function(path) return assert(fs.write_file(path, path)) end)
      neap.testing.settle()
      local read = neap.timeout(10, neap.map, paths, function(path)
        return assert(fs.read_file(path))
      end)
      neap.await(writers)
      assert.same(paths, { table.unpack(read) })
    end)

    it("wait to write", function()
      local dir <close> = temp.dir()
      local paths, data = fifos(dir), ("x"):rep(300000)
      local writers = each(paths, function(path)
        local file <close> = assert(fs.open(path, "w"))
        assert(file:write(data))
        return true
      end)
      neap.timeout(10, neap.map, paths, function(path)
        assert.equal(data, fs.read_file(path))
        return true
      end)
      neap.await(writers)
    end)

    it("are cancelled while they wait for a turn", and_rest(function()
      local dir <close> = temp.dir()
      local paths = fifos(dir)
      local readers = each(paths, fs.read_file)
      neap.testing.settle()
      readers:cancel()
      expect.code("CANCELLED", neap.await, readers)
    end))
  end)

  it("waits for the reader of a fifo until it is cancelled", and_rest(function()
    local dir <close> = temp.dir()
    assert(os.execute("mkfifo " .. dir / "fifo"))
    expect.code("TIMEOUT", neap.timeout, 0.01, fs.open, dir / "fifo", "w")
    local opening = neap.spawn(function()
      return assert(fs.open(dir / "fifo", "w"))
    end)

    local file <close> = assert(fs.open(dir / "fifo"))
    local to <close> = opening:await()
    assert(to:write("through\n"))

    assert.equal("through", file:readline())
  end))
end)

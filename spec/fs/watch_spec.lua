local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local fs = neap.fs
local it = case.it

--- Takes events until one is `kind path`; fails if none comes.
local function await_event(events, kind, path)
  neap.timeout(5, function()
    repeat
      local event = assert(events())
    until event.kind == kind and event.path == path
  end)
end

describe("fs.watch", function()
  it("tells what comes, changes and goes in a directory", function()
    local dir <close> = temp.dir()
    local events <close> = assert(fs.watch(dir.path))

    assert(fs.write_file(dir / "a", "x"))
    await_event(events, "rename", dir / "a")
    await_event(events, "change", dir / "a")
    assert(fs.remove(dir / "a"))
    await_event(events, "rename", dir / "a")
  end)

  it("tells once what happened many times", function()
    local dir <close> = temp.dir()
    local file <close> = assert(fs.open(dir / "a", "w"))
    local events <close> = assert(fs.watch(dir.path))
    for i = 1, 100 do
      assert(file:write("x"))
      assert(file:truncate(i % 2))
    end

    await_event(events, "change", dir / "a")

    assert.is_false((pcall(neap.timeout, 0, events)))
  end)

  it("follows a file that is replaced", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "1"))
    local events <close> = assert(fs.watch(dir / "a"))

    assert(fs.write_file(dir / "other", "x"))
    assert(fs.write_file(dir / "a", "2", { atomic = true }))
    local event = events()
    assert.same({ path = dir / "a", kind = "rename" }, event)
    assert(fs.write_file(dir / "a", "3"))

    await_event(events, "change", dir / "a")
  end)

  it("watches what is below, new directories too", function()
    local dir <close> = temp.dir()
    assert(fs.mkdir(dir / "old/deep", { parents = true }))
    local events <close> = assert(fs.watch(dir.path, { recursive = true }))

    assert(fs.write_file(dir / "old/deep/a", "x"))
    await_event(events, "rename", dir / "old/deep/a")
    assert(fs.mkdir(dir / "new/deep", { parents = true }))
    assert(fs.write_file(dir / "new/deep/b", "x"))
    await_event(events, "rename", dir / "new/deep/b")
    assert(fs.write_file(dir / "new/deep/b", "y"))
    await_event(events, "change", dir / "new/deep/b")
  end)

  it("reports an overflow", function()
    local dir <close> = temp.dir()
    local most = tonumber(fs.read_file("/proc/sys/fs/inotify/max_queued_events"))
    local events <close> = assert(fs.watch(dir.path))
    for i = 1, most // 2 + 100 do
      local file = assert(io.open(dir / ("f" .. i % 7), "w"))
      file:close()
      os.remove(dir / ("f" .. i % 7))
    end

    await_event(events, "overflow", dir.path)
  end)

  it("ends when it is closed", function()
    local dir <close> = temp.dir()
    local events = assert(fs.watch(dir.path))
    local task = neap.spawn(function() return (events()) end)
    neap.sleep(0)

    events:close()

    assert.is_nil(task:await())
    assert.is_nil((events()))
  end)

  it("can be given up and taken up again", function()
    local dir <close> = temp.dir()
    local events <close> = assert(fs.watch(dir.path))
    expect.code("TIMEOUT", neap.timeout, 0, events)

    assert(fs.write_file(dir / "a", "x"))

    await_event(events, "rename", dir / "a")
  end)

  it("says what it cannot watch", function()
    local events, err = fs.watch("/nowhere")

    assert.is_nil(events)
    assert.equal('ENOENT: watch "/nowhere": no such file or directory', tostring(err))
    assert.equal("watch", err.op)
  end)
end)

local and_rest = require("spec.support.and_rest")
local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local temp = require("spec.support.temp")

local fs = neap.fs
local it = case.it

local function names(iterator)
  local list = {}
  for name, kind in iterator do
    table.insert(list, name .. " " .. kind)
  end
  table.sort(list)
  return list
end

describe("fs", function()
  it("writes, appends and reads whole files", function()
    local dir <close> = temp.dir()
    local data = ("\0\1\2\255"):rep(100000)

    assert.is_true(fs.write_file(dir / "a", data))
    assert.is_true(fs.write_file(dir / "a", "end", { append = true }))

    assert.equal(data .. "end", fs.read_file(dir / "a"))
    assert.equal("", fs.read_file("/dev/null"))
  end)

  it("reads a file whose size the system does not know", function()
    assert.is_truthy(fs.read_file("/proc/self/status"):find("Pid:"))
  end)

  it("gives a file the mode it is asked for", function()
    local dir <close> = temp.dir()

    assert(fs.write_file(dir / "a", "", { mode = 384 }))
    assert.equal(384, fs.stat(dir / "a").mode)
    assert(fs.chmod(dir / "a", 416))
    assert(fs.write_file(dir / "a", "x", { atomic = true }))

    assert.equal(416, fs.stat(dir / "a").mode)
  end)

  it("keeps a link when it replaces a file atomically", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "old"))
    assert(fs.symlink("a", dir / "link"))

    assert(fs.write_file(dir / "link", "new", { atomic = true }))

    assert.equal("link", fs.lstat(dir / "link").type)
    assert.equal("new", fs.read_file(dir / "a"))
    assert.same({ "a file", "link link" }, names(assert(fs.scandir(dir.path))))
  end)

  it("leaves the old or the new content when it is killed", function()
    local dir <close> = temp.dir()
    local a, b = ("a"):rep(300000), ("b"):rep(300000)
    assert(fs.write_file(dir / "f", a))
    for i = 1, 8 do
      child.run_as(("timeout -s KILL 0.0%d %%s"):format(i + 1), [[
        local fs = require("neap").fs
        while true do
          assert(fs.write_file(arg[1], ("b"):rep(300000), { atomic = true }))
          assert(fs.write_file(arg[1], ("a"):rep(300000), { atomic = true }))
        end
      ]], dir / "f")

      local data = fs.read_file(dir / "f")

      assert.is_true(data == a or data == b, "torn: " .. #data)
    end
  end)

  it("says what things are", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "12345"))
    assert(fs.symlink("a", dir / "link"))
    assert(fs.link(dir / "a", dir / "hard"))
    assert(fs.utime(dir / "a", 1000.5, 2000.25))

    local stat = fs.stat(dir / "link")

    assert.same({ "file", 5, 2, 1000.5, 2000.25 },
      { stat.type, stat.size, stat.nlink, stat.atime, stat.mtime })
    assert.equal("link", fs.lstat(dir / "link").type)
    assert.equal("a", fs.readlink(dir / "link"))
    assert.equal(fs.realpath(dir.path) .. "/a", fs.realpath(dir / "link"))
    assert.equal("directory", fs.stat(dir.path).type)
    assert.equal("char", fs.stat("/dev/null").type)
  end)

  it("tells what exists", function()
    local dir <close> = temp.dir()
    assert(fs.symlink("nothing", dir / "link"))

    assert.is_true(fs.exists(dir.path))
    assert.is_false(fs.exists(dir / "no"))
    assert.is_false(fs.exists(dir / "link"))
  end)

  it("copies, and replaces unless told not to", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "new", { mode = 448 }))
    assert(fs.write_file(dir / "b", "old content"))

    local ok, err = fs.copy(dir / "a", dir / "b", { exclusive = true })
    assert.is_nil(ok)
    assert.equal("EEXIST", err.code)
    assert.equal(dir / "b", err.to)
    assert(fs.copy(dir / "a", dir / "b"))

    assert.equal("new", fs.read_file(dir / "b"))
    assert.equal(448, fs.stat(dir / "b").mode)
  end)

  it("changes the owner, or one half of it", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", ""))
    local own = fs.stat(dir / "a")

    assert.is_true(fs.chown(dir / "a", own.uid, own.gid))
    assert.is_true(fs.chown(dir / "a"))
    local ok, err = fs.chown(dir / "a", 12345, nil)
    if own.uid == 0 then
      assert.is_true(ok)
      assert.same({ 12345, own.gid }, { fs.stat(dir / "a").uid, fs.stat(dir / "a").gid })
      assert(fs.chown(dir / "a", nil, 54321))
      assert.same({ 12345, 54321 }, { fs.stat(dir / "a").uid, fs.stat(dir / "a").gid })
    else
      assert.equal("EPERM", err.code)
    end
    assert.equal('ENOENT: chown "/nowhere": no such file or directory', tostring(select(2, fs.chown("/nowhere", 1, 1))))
    expect.bad_argument("#2 to 'chown'", nil, function() fs.chown("a", -1) end)
  end)

  it("renames and removes", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "x"))

    assert(fs.rename(dir / "a", dir / "b"))
    assert(fs.remove(dir / "b"))

    assert.same({}, names(assert(fs.scandir(dir.path))))
    assert.equal("ENOENT", select(2, fs.remove(dir / "b")).code)
  end)

  it("takes names that are not UTF-8", function()
    local dir <close> = temp.dir()
    local name = "\xff\xfe name\n"

    assert(fs.write_file(dir / name, "x"))

    assert.same({ name .. " file" }, names(assert(fs.scandir(dir.path))))
    assert.same({ dir / name .. " file" }, names(assert(fs.walk(dir.path))))
    assert.equal("x", fs.read_file(dir / name))
    assert(fs.symlink(name, dir / "\xfe"))
    assert.equal(name, fs.readlink(dir / "\xfe"))
    assert.equal(fs.realpath(dir.path) .. "/" .. name, fs.realpath(dir / "\xfe"))
    local _, err = fs.open(dir / "\xfd")
    assert.equal(dir / "\xfd", err.path)
  end)

  it("makes directories with their parents", function()
    local dir <close> = temp.dir()

    assert.equal("ENOENT", select(2, fs.mkdir(dir / "a/b/c")).code)
    assert(fs.mkdir(dir / "a/b/c", { parents = true }))
    assert(fs.mkdir(dir / "a/b/c", { parents = true }))

    assert.equal("directory", fs.stat(dir / "a/b/c").type)
    assert.equal("EEXIST", select(2, fs.mkdir(dir / "a")).code)
    assert(fs.write_file(dir / "file", ""))
    assert.equal("ENOTDIR", select(2, fs.mkdir(dir / "file/x", { parents = true })).code)
  end)

  it("makes temporary files and directories", function()
    local dir <close> = temp.dir()

    local file <close>, path = fs.mkstemp(dir / "t-")
    local sub = assert(fs.mkdtemp(dir / "d-"))

    assert(file:write("x"))
    assert.equal("x", fs.read_file(path))
    assert.equal(dir / "t-", path:sub(1, -7))
    assert.equal(dir / "d-", sub:sub(1, -7))
    assert.equal(384, fs.stat(path).mode)
  end)

  it("names an argument that is missing", function()
    expect.bad_argument("#1 to 'scandir'", "got no value", function() fs.scandir() end)
    expect.bad_argument("#1 to 'walk'", "got no value", function() fs.walk() end)
  end)

  it("refuses unknown options", function()
    expect.bad_argument("#2 to 'mkdir'", "unknown option 'parent'", function()
      fs.mkdir("x", { parent = true })
    end)
  end)
end)

describe("fs.copy", function()
  --- All there is in a directory, with the sizes of files.
  local function entries(dir)
    local list = {}
    for name in assert(fs.scandir(dir.path)) do
      local stat = fs.lstat(dir / name)
      table.insert(list, stat and ("%s %d"):format(name, stat.size)) -- or it has just gone
    end
    table.sort(list)
    return list
  end

  it("copies much, nothing, and what has no size", function()
    local dir <close> = temp.dir()
    local data = ("0123456789abcdef"):rep(1 << 18)
    assert(fs.write_file(dir / "much", data))
    assert(fs.write_file(dir / "nothing", ""))

    assert.is_true(fs.copy(dir / "much", dir / "a"))
    assert.is_true(fs.copy(dir / "nothing", dir / "b"))
    assert.is_true(fs.copy("/proc/self/cmdline", dir / "c"))

    assert.is_true(fs.read_file(dir / "a") == data)
    assert.equal("", fs.read_file(dir / "b"))
    assert.equal(fs.read_file("/proc/self/cmdline"), fs.read_file(dir / "c"))
  end)

  it("leaves a file alone that is copied onto itself", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "x"))
    assert(fs.symlink("a", dir / "link"))

    assert.is_true(fs.copy(dir / "a", dir / "a"))
    assert.is_true(fs.copy(dir / "a", dir / "link"))

    assert.equal("x", fs.read_file(dir / "a"))
    assert.same({ "a 1", "link 1" }, entries(dir))
  end)

  it("keeps a link, and replaces what it leads to", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "new"))
    assert(fs.write_file(dir / "b", "old one"))
    assert(fs.symlink("b", dir / "link"))

    assert.is_true(fs.copy(dir / "a", dir / "link"))

    assert.equal("link", fs.lstat(dir / "link").type)
    assert.equal("new", fs.read_file(dir / "b"))
    assert(fs.symlink("c", dir / "dangling"))
    assert.is_true(fs.copy(dir / "a", dir / "dangling"))
    assert.equal("new", fs.read_file(dir / "c"))
  end)

  it("leaves nothing half done where it fails", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", "x"))
    assert(fs.mkdir(dir / "d"))
    local before = entries(dir)

    assert.equal("ENOENT", select(2, fs.copy(dir / "none", dir / "new")).code)
    assert.equal("EISDIR", select(2, fs.copy(dir / "d", dir / "new")).code)
    assert.equal("EISDIR", select(2, fs.copy(dir / "a", dir / "d")).code)
    assert.equal("ENOENT", select(2, fs.copy(dir / "a", dir / "no/new")).code)
    local _, err = fs.copy(dir / "a", "/dev/full")

    assert.equal(('ENOSPC: copy "%s" to "/dev/full": no space left on device'):format(dir / "a"), tostring(err))
    assert.same(before, entries(dir))
  end)

  it("leaves nothing half done when it is cancelled", and_rest(function()
    local dir <close> = temp.dir()
    local large <close> = assert(fs.open(dir / "large", "w"))
    assert(large:truncate(1 << 40)) -- a hole
    assert(fs.write_file(dir / "old", "x"))
    local before = entries(dir)

    for _, name in ipairs({ "old", "new" }) do
      expect.code("TIMEOUT", neap.timeout, 0.01, fs.copy, dir / "large", dir / name)
    end

    repeat -- the thread has to notice
      neap.sleep(0.001)
    until #entries(dir) == #before
    assert.same(before, entries(dir))
  end))

  it("lets the kernel copy, sharing blocks where it can", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a", ("x"):rep(100000)))
    local _, _, code = child.run_as("strace -f -e trace=ioctl,copy_file_range -o " .. dir / "calls %s", [[
      assert(require("neap").fs.copy(arg[1], arg[2]))
    ]], dir / "a", dir / "b")
    if code ~= 0 then
      pending("strace is missing or may not trace")
      return
    end
    local calls = fs.read_file(dir / "calls")

    local shared = calls:match("FICLONE[^)]*%) += (%-?%d)")
    assert.is_truthy(shared, calls)
    local result = shared == "0" or calls:match("copy_file_range%([^)]*%) += 100000\n")
    assert.is_truthy(result, calls)
  end)

  it("leaves the old or the new content when it is killed", function()
    local dir <close> = temp.dir()
    local a, b = ("a"):rep(3000000), ("b"):rep(3000000)
    assert(fs.write_file(dir / "a", a))
    assert(fs.write_file(dir / "b", b))
    assert(fs.write_file(dir / "f", a))
    for i = 1, 8 do
      child.run_as(("timeout -s KILL 0.0%d %%s"):format(i + 1), [[
        local fs = require("neap").fs
        while true do
          assert(fs.copy(arg[1] .. "/b", arg[1] .. "/f"))
          assert(fs.copy(arg[1] .. "/a", arg[1] .. "/f"))
        end
      ]], dir.path)

      local data = fs.read_file(dir / "f")

      assert.is_true(data == a or data == b, "torn: " .. #data)
    end
  end)
end)

describe("fs.scandir", function()
  it("gives more entries than one batch holds", function()
    local dir <close> = temp.dir()
    for i = 1, 1500 do
      local plain = assert(io.open(dir / ("a-rather-long-name-" .. i), "w"))
      plain:close()
    end

    assert.equal(1500, #names(assert(fs.scandir(dir.path))))
  end)

  it("can be closed before its end", function()
    local entries <close> = assert(fs.scandir("/proc"))

    assert.is_string((entries()))
    entries:close()

    assert.is_nil((entries()))
  end)

  it("says what it could not open", function()
    local entries, err = fs.scandir("/nowhere")
    assert.is_nil(entries)
    assert.equal("scandir", err.op)
  end)
end)

describe("fs.walk", function()
  it("gives everything below, and follows no link", function()
    local dir <close> = temp.dir()
    assert(fs.mkdir(dir / "a/b", { parents = true }))
    assert(fs.write_file(dir / "a/b/c", ""))
    assert(fs.symlink("/", dir / "a/link"))

    local found = names(assert(fs.walk(dir.path)))

    assert.same({
      dir / "a directory", dir / "a/b directory", dir / "a/b/c file", dir / "a/link link",
    }, found)
  end)

  it("stops at close", function()
    local dir <close> = temp.dir()
    assert(fs.mkdir(dir / "a"))
    local entries = assert(fs.walk(dir.path))

    entries:close()

    assert.is_nil((entries()))
  end)
end)

describe("fs.rmdir", function()
  it("removes an empty directory only, unless recursive", function()
    local dir <close> = temp.dir()
    assert(fs.mkdir(dir / "a/b", { parents = true }))

    assert.equal("ENOTEMPTY", select(2, fs.rmdir(dir / "a")).code)
    assert(fs.rmdir(dir / "a", { recursive = true }))

    assert.is_false(fs.exists(dir / "a"))
  end)

  it("does not follow links", function()
    local dir <close> = temp.dir()
    assert(fs.mkdir(dir / "kept"))
    assert(fs.write_file(dir / "kept/file", "x"))
    assert(fs.mkdir(dir / "a"))
    assert(fs.symlink(dir / "kept", dir / "a/link"))

    assert(fs.rmdir(dir / "a", { recursive = true }))

    assert.equal("x", fs.read_file(dir / "kept/file"))
    assert(fs.symlink(dir / "kept", dir / "link"))
    assert.is_nil((fs.rmdir(dir / "link", { recursive = true })))
    assert.equal("x", fs.read_file(dir / "kept/file"))
  end)

  it("copes with a tree that is deeper than a path may be long", function()
    local dir <close> = temp.dir()
    local ok = os.execute(([[cd '%s' && i=0 && while [ $i -lt 22 ]; do
      d=%s; mkdir -p $d && cd -P $d || exit 1; i=$((i+1)); done]]):format(
      dir.path, ("d/"):rep(100)))
    assert(ok)
    local depth = 0
    for _ in assert(fs.walk(dir.path)) do
      depth = depth + 1
    end

    assert.is_true(depth >= 2200, tostring(depth))
    assert(fs.rmdir(dir / "d", { recursive = true }))
  end)
end)

describe("requests about files", function()
  for name, hang in pairs({
    ["to be opened"] = function(path) return fs.open(path, "w") end,
    ["with something to read"] = function(path)
      local file <close> = assert(fs.open(path))
      return file:read(1)
    end,
    ["to be read whole"] = function(path) return fs.read_file(path) end,
  }) do
    it("leave threads to names while all wait for a fifo " .. name, and_rest(function()
      local dir <close> = temp.dir()
      assert(os.execute("mkfifo " .. dir / "fifo"))
      local _ <close> = name ~= "to be opened" and assert(fs.open(dir / "fifo", "r+")) or nil
      local tasks = {}
      for i = 1, 8 do
        tasks[i] = neap.spawn(hang, dir / "fifo")
      end
      neap.testing.settle()
      assert.equal("waiting", tasks[1]:status())

      assert(neap.timeout(10, neap.net.resolve, "localhost"))

      for _, task in ipairs(tasks) do
        assert.is_false(task:done())
        task:cancel()
      end
      neap.wait(tasks)
    end))
  end
end)

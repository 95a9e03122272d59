--- What the kernel knows of a path by heart is answered on the loop, everything
--- else by a thread: both say the same.
local case = require("spec.support.case")
local child = require("spec.support.child")
local core = require("neap.core")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, fs = case.it, neap.fs

--- A directory with one of each kind, its paths, and those that are looked at.
local function folder()
  local dir = temp.dir()
  local texts = { file = "text", empty = "", full = ("x"):rep(65536), large = ("x"):rep(65537), secret = "no" }
  for name, text in pairs(texts) do
    assert(fs.write_file(dir / name, text))
  end
  assert(fs.mkdir(dir / "sub"))
  assert(fs.mkdir(dir / "closed"))
  assert(fs.write_file(dir / "closed/file", "no"))
  local links = { link = "file", dangling = "none", loop = "loop", ["to-sub"] = "sub", ["to-device"] = "/dev/null" }
  for name, target in pairs(links) do
    assert(fs.symlink(target, dir / name))
  end
  assert(os.execute("mkfifo " .. dir / "fifo"))
  assert(fs.chmod(dir / "secret", 0))
  assert(fs.chmod(dir / "closed", 0))
  local paths = {
    "/dev/null", "/proc/self/comm", "/proc/version", "", "/", ".", dir / "file/", dir / "file/x", dir / "sub/",
    dir / "sub/../file", dir / "closed/file", dir / "closed/none", dir / "to-sub/", dir / ("x"):rep(256),
  }
  for _, name in ipairs({
    "file", "empty", "full", "large", "secret", "sub", "link", "dangling", "loop", "to-sub", "to-device", "none",
    "none/x",
  }) do
    paths[#paths + 1] = dir / name
  end
  return dir, paths
end

-- Prints what there is to say of each path; all of it twice, as the first time
-- may be what makes the kernel know.
local PRINT_ALL = [[
  local fs = require("neap").fs
  local function show(path, name, value, err)
    if type(value) == "table" then
      local own = path:find("neap-spec-", 1, true) -- others may change meanwhile
      value = ("%s %d %o %d %.9f"):format(value.type, value.size, value.mode, own and value.ino or 0,
        own and value.mtime or 0)
    elseif type(value) == "string" then
      value = ("%d bytes %s"):format(#value, value:sub(1, 20))
    end
    print(path, name, value, err)
  end
  for round = 1, 2 do
    for _, path in ipairs(arg) do
      show(path, "stat", fs.stat(path))
      show(path, "lstat", fs.lstat(path))
      show(path, "exists", fs.exists(path))
      if (fs.stat(path) or {}).type ~= "fifo" then
        show(path, "read_file", fs.read_file(path))
      end
    end
  end
]]

--- True if a small file needs no thread here: a file system of this machine.
local function is_local(dir)
  local file <close>, _, _, place = core.fs.fetch(dir.path, "file", 10)
  return file and place
end

--- How often another task ran while `fn` did.
local function turns_of(fn, ...)
  local turns = 0
  local counter = neap.spawn(function()
    while true do
      neap.sleep(0)
      turns = turns + 1
    end
  end)
  fn(...)
  counter:cancel()
  return turns
end

local function open_again(dir)
  assert(fs.chmod(dir / "closed", 448))
end

describe("fs", function()
  for what, options in pairs({
    ["there is no openat2"] = "-e trace=openat2 -e inject=openat2:error=ENOSYS",
    ["nothing is known"] = "-e trace=openat2 -e inject=openat2:error=EAGAIN",
    ["the file system is not local"] = "-e trace=fstatfs -e inject=fstatfs:error=ENOSYS",
    ["the bytes are not in memory"] = "-e trace=preadv2 -e inject=preadv2:error=EAGAIN",
    ["the end is not known"] = "-e trace=preadv2 -e inject=preadv2:error=EAGAIN:when=2+2",
  }) do
    it("says the same of paths where " .. what, function()
      local dir <close>, paths = folder()
      local quick, _, status = child.run_as("%s", PRINT_ALL, table.unpack(paths))
      local traced = ("strace -f -o %s %s %%s"):format(dir / "calls", options)
      local slow, _, code = child.run_as(traced, PRINT_ALL, table.unpack(paths))
      open_again(dir)
      assert.equal(0, status)
      if code ~= 0 then
        pending("strace is missing or may not trace")
        return
      end
      assert.equal(quick, slow)
      assert.is_truthy(quick:find("/file\tread_file\t4 bytes text\tnil\n", 1, true))
      assert.is_truthy(quick:find("/none\tstat\tnil\tENOENT: stat ", 1, true))
      assert.is_truthy(fs.read_file(dir / "calls"):find("(INJECTED)", 1, true))
    end)
  end

  it("takes no thread for what is known", function()
    local dir <close> = folder()
    open_again(dir)
    if not is_local(dir) then
      pending("the file system may have to wait")
      return
    end
    for _, name in ipairs({ "stat", "lstat", "exists", "read_file" }) do
      fs[name](dir / "file") -- now the kernel knows it
      assert.equal(0, turns_of(fs[name], dir / "file"), name)
    end
    fs.exists(dir / "none")
    assert.equal(0, turns_of(fs.exists, dir / "none"))
    assert.is_true(turns_of(fs.read_file, dir / "large") > 0)
    assert.is_true(turns_of(fs.read_file, "/proc/self/status") > 0)
  end)

  it("lets others run between many such requests", function()
    local dir <close> = folder()
    open_again(dir)
    assert.is_true(turns_of(function()
      for _ = 1, 640 do
        fs.stat(dir / "file")
      end
    end) >= 9)
  end)

  it("is not asked in a cancelled task", function()
    local dir <close> = folder()
    open_again(dir)
    for _, name in ipairs({ "stat", "lstat", "exists", "read_file" }) do
      local task = neap.spawn(function()
        pcall(neap.sleep, 10)
        return fs[name](dir / "file")
      end)
      neap.sleep(0)
      task:cancel()
      assert.is_true(neap.is_cancelled(select(2, pcall(task.await, task))))
    end
  end)

  it("reads what a file object has written before", function()
    local dir <close> = folder()
    open_again(dir)
    local file <close> = assert(fs.open(dir / "file", "w"))
    file:write("new text")
    assert.equal("new text", fs.read_file(dir / "file"))
    file:write(", more")
    assert.equal(14, fs.stat(dir / "file").size)
  end)

  it("opens no device to find out that it is one", function()
    local dir <close> = folder()
    open_again(dir)
    local traced = ("strace -f -o %s -e trace=open,openat,openat2 %%s"):format(dir / "calls")
    local _, _, code = child.run_as(traced, 'require("neap").fs.stat("/dev/full")')
    if code ~= 0 then
      pending("strace is missing or may not trace")
      return
    end
    local calls = fs.read_file(dir / "calls")
    for line in calls:gmatch("[^\n]*/dev/full[^\n]*") do
      assert.is_truthy(line:find("O_PATH", 1, true), line)
    end
    assert.is_truthy(calls:find("/dev/full", 1, true))
  end)
end)

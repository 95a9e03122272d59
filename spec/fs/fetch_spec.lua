--- How files are found, opened and read to be sent: neap.core's fs.fetch, which
--- the HTTP server stands on.
local case = require("spec.support.case")
local child = require("spec.support.child")
local core = require("neap.core")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, fs, fetch = case.it, neap.fs, core.fs.fetch

local TEXT = ("0123456789abcdef"):rep(5000)

-- Links by name: their target, and whether it is beneath the directory "www".
local links = {
  ["inner"] = { "a", true },
  ["sub/inner"] = { "../a", true },
  ["absolute"] = { "DIR/www/a", true },
  ["out-and-in"] = { "../www/a", true },
  ["dir"] = { "sub", true, "dir/b" },
  ["absolute-dir"] = { "DIR/www/sub", true, "absolute-dir/b" },
  ["chain"] = { "absolute", true },
  ["out"] = { "../secret", false },
  ["absolute-out"] = { "DIR/secret", false },
  ["up"] = { "..", false, "up/secret" },
  ["beside"] = { "../www-more/secret", false },
  ["to-out"] = { "out", false },
}

local function folder()
  local dir = temp.dir()
  assert(fs.mkdir(dir / "www/sub", { parents = true }))
  assert(fs.mkdir(dir / "www-more"))
  for name, text in pairs({ ["www/a"] = "in", ["www/sub/b"] = "in", secret = "out", ["www-more/secret"] = "out" }) do
    assert(fs.write_file(dir / name, text))
  end
  for name, link in pairs(links) do
    assert(fs.symlink((link[1]:gsub("DIR", dir.path)), dir / "www/" .. name))
  end
  return dir
end

--- What is read of a file; nil and the code of the error.
local function text_of(root, path, quick)
  local file, size = fetch(root, path, 65536, quick)
  if not file then
    return file, type(size) == "table" and size.code or size
  end
  local text = file:read(0, size)
  file:close()
  return text
end

-- Each link's path, what it gave or the code of the error, on a line.
local PRINT_LINKS = [[
  local fetch = require("neap.core").fs.fetch
  for i = 2, #arg do
    local file, size = fetch(arg[1], arg[i], 65536)
    print(arg[i], file and file:read(0, size) or size.code)
  end
]]

describe("fs.fetch", function()
  for _, quick in ipairs({ false, true }) do
    local how = quick and "at once" or "on a thread"

    it("finds what lies beneath a directory " .. how, function()
      local dir <close> = folder()
      assert.equal("in", text_of(dir / "www", "a", quick))
      assert.equal("in", text_of(dir / "www", "sub/b", quick))
      assert.same({ false, "directory" }, { text_of(dir / "www", "sub", quick) })
      assert.same({ false, "directory" }, { text_of(dir / "www", "", quick) })
      assert.same({ nil, "ENOENT" }, { text_of(dir / "www", "none", quick) })
      assert.same({ nil, "ENOTDIR" }, { text_of(dir / "www", "a/", quick) })
      assert.same({ nil, "EXDEV" }, { text_of(dir / "www", "../secret", quick) })
    end)

    it("follows links that stay beneath it alone, " .. how, function()
      local dir <close> = folder()
      for name, link in pairs(links) do
        local text, err = text_of(dir / "www", link[3] or name, quick)
        assert.equal(link[2] and "in" or nil, text, name)
        assert.equal(not link[2] and "EXDEV" or nil, err, name)
      end
    end)

    it("gives what a file is now, " .. how, function()
      local dir <close> = folder()
      fs.utime(dir / "www/a", 5, 1.5)
      local file <close>, size, mtime = fetch(dir / "www", "a", 65536, quick)
      assert.same({ 2, 1500000000, "in" }, { size, mtime, file:read(0, 2) })
      assert(fs.write_file(dir / "www/a", "more"))
      local again <close>, size2, mtime2 = fetch(dir / "www", "a", 65536, quick)
      assert.same({ 4, "more" }, { size2, again:read(0, 4) })
      assert.is_true(mtime2 > mtime)
    end)

    it("does not wait for a fifo, " .. how, function()
      local dir <close> = folder()
      assert(os.execute("mkfifo " .. dir / "www/fifo"))
      assert.same({ false, "other" }, { text_of(dir / "www", "fifo", quick) })
    end)
  end

  for what, injected in pairs({
    ["there is no openat2"] = "openat2:error=ENOSYS",
    ["openat2 is refused"] = "openat2:error=EPERM",
  }) do
    it("follows the same links where " .. what, function()
      local dir <close> = folder()
      local paths, wanted = {}, {}
      for name, link in pairs(links) do
        paths[#paths + 1] = link[3] or name
        wanted[#wanted + 1] = ("%s\t%s\n"):format(paths[#paths], link[2] and "in" or "EXDEV")
      end
      local traced = "strace -f -o " .. dir / "calls -e trace=openat2 -e inject=" .. injected .. " %s"
      local out, _, code = child.run_as(traced, PRINT_LINKS, dir / "www", table.unpack(paths))
      if code ~= 0 then
        pending("strace is missing or may not trace")
        return
      end
      assert.equal(table.concat(wanted), out)
      assert.is_truthy(fs.read_file(dir / "calls"):find("(INJECTED)", 1, true))
    end)
  end

  it("needs one request to a thread for a small file, none for later ones", function()
    local dir <close> = folder()
    local first <close>, _, _, quick = fetch(dir / "www", "a", 65536)
    assert.equal("in", first:read(0, 2))
    local turns = 0
    local counter = neap.spawn(function()
      while true do
        neap.sleep(0)
        turns = turns + 1
      end
    end)
    if quick then -- a file system that can tell
      local second <close> = fetch(dir / "www", "a", 65536, quick)
      assert.equal("in", second:read(0, 2))
      assert.equal(0, turns)
    end
    counter:cancel()
    pcall(counter.await, counter)
  end)

  it("leaves a larger file open, whatever happens to its name", function()
    local dir <close> = folder()
    assert(fs.write_file(dir / "www/large", TEXT))
    local file <close>, size = fetch(dir / "www", "large", 100)
    fs.remove(dir / "www/large")
    assert.equal(#TEXT, size)
    assert.equal(TEXT:sub(1001, 3000), file:read(1000, 2000))
    assert.equal(TEXT:sub(-10), file:read(#TEXT - 10, 100))
    assert.equal("", file:read(#TEXT, 1))
    assert.is_true(file:load(5, 70000))
    assert.equal(TEXT:sub(6, 70005), file:read(5, 70000))
    assert.is_false(file:load(#TEXT - 1, 2))
  end)

  it("reads files in memory", function()
    local path = "/dev/shm/neap-spec-" .. neap.process.id()
    if not fs.write_file(path, TEXT) then
      return
    end
    local name = path:match("[^/]+$")
    for _, quick in ipairs({ false, true }) do
      local file <close>, size = fetch("/dev/shm", name, 262144, quick)
      assert.equal(TEXT, file:read(0, size))
      local large <close> = fetch("/dev/shm", name, -1, quick)
      assert.equal(TEXT:sub(1, 70000), large:read(0, 70000))
    end
    fs.remove(path)
  end)

  it("has one reader at a time", function()
    local file <close> = fetch(nil, "Makefile", -1)
    local task = neap.spawn(function() return file:load(0, 10) end)
    neap.sleep(0)
    local ok, err = pcall(file.load, file, 0, 10)
    assert.same({ false, "BUSY" }, { ok, neap.error_code(err) })
    assert.is_true(task:await())
  end)

  it("is closed when a reader is cancelled", function()
    local file = fetch(nil, "Makefile", -1)
    local task = neap.spawn(function() return file:load(0, 10) end)
    neap.sleep(0)
    task:cancel()
    assert.is_false(pcall(task.await, task))
    local ok, err = pcall(file.read, file, 0, 1)
    assert.same({ false, "CLOSED" }, { ok, neap.error_code(err) })
  end)
end)

describe("fs.scandir with a root", function()
  local function first(path, root)
    local entries <close>, err = core.fs.scandir(path, false, root)
    return entries and entries(), err and err.code
  end

  it("reads what lies beneath it", function()
    local dir <close> = folder()
    for path, name in pairs({ sub = "b", dir = "b", ["absolute-dir"] = "b" }) do
      assert.same({ name }, { first(path, dir / "www") })
    end
    for path, code in pairs({ up = "EXDEV", [".."] = "EXDEV", none = "ENOENT", a = "ENOTDIR" }) do
      assert.same({ nil, code }, { first(path, dir / "www") })
    end
  end)
end)

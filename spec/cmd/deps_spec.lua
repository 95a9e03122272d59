--- What .ci/deps says and does on systems that lack something: each is a PATH
--- with a few commands, of which apt-get and the like only write down how they
--- were called.
local case = require("spec.support.case")
local neap = require("neap")
local temp = require("spec.support.temp")

local fs, it = neap.fs, case.it

--- What the script itself uses.
local tools = { "sh", "cat", "grep" }

--- A script that notes its name and arguments in `calls`.
local NOTE = '#!/bin/sh\necho "${0##*/} $*" >> "${0%/*}/../calls"\n'

--- Runs .ci/deps where only `scripts` (name to text) are there besides.
local function deps(dir, scripts, ...)
  assert(fs.mkdir(dir / "bin"))
  for _, name in ipairs(tools) do
    local found = neap.process.run({ "sh", "-c", "command -v " .. name }).stdout:match("[^\n]+")
    assert(fs.symlink(found, dir / ("bin/" .. name)))
  end
  for name, text in pairs(scripts) do
    assert(fs.write_file(dir / ("bin/" .. name), text))
    assert(fs.chmod(dir / ("bin/" .. name), 493)) -- 0755
  end
  local result = assert(neap.process.run({ ".ci/deps", ... }, { env = { PATH = dir / "bin" } }))
  return result, fs.read_file(dir / "calls") or ""
end

local function id(number)
  return "#!/bin/sh\necho " .. number .. "\n"
end

describe(".ci/deps", function()
  it("names the packages where there is no apt-get", function()
    local dir <close> = temp.dir()
    local result = deps(dir, {}, "build", "test")

    assert.equal(1, result.code)
    assert.equal("", result.stdout)
    assert.matches("^Missing %(by the names of their Debian packages%):[^\n]* gcc [^\n]*libuv1%-dev", result.stderr)
    assert.matches("There is no apt%-get here", result.stderr)
  end)

  it("tells a user without sudo what to run as root", function()
    local dir <close> = temp.dir()
    local result, calls = deps(dir, { id = id(1000), ["apt-get"] = NOTE, ["apt-cache"] = NOTE }, "build", "test")

    assert.equal(1, result.code)
    assert.equal("", result.stdout)
    assert.matches("^Please run as root: apt%-get install gcc [^\n]*libuv1%-dev [^\n]*lua%-busted [^\n]*\n$",
      result.stderr)
    assert.is_nil(calls:find("apt-get", 1, true))
  end)

  it("installs with sudo for a user who has it", function()
    local dir <close> = temp.dir()
    local _, calls = deps(dir, { id = id(1000), ["apt-get"] = NOTE, ["apt-cache"] = NOTE, sudo = NOTE }, "bench")

    assert.equal("sudo apt-get update -qq\n" ..
      "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends valgrind\n", calls)
  end)

  it("installs, and is content when it is there then", function()
    local dir <close> = temp.dir()
    local result, calls = deps(dir, {
      id = id(0), ["apt-cache"] = NOTE, env = '#!/bin/sh\nshift\nexec "$@"\n',
      ["apt-get"] = NOTE .. '[ "$1" = update ] || /bin/ln -s /bin/true "${0%/*}/valgrind"\n',
    }, "bench")

    assert.equal(0, result.code, result.stderr)
    assert.equal("Installing with apt-get: valgrind\n", result.stdout)
    assert.equal("apt-get update -qq\napt-get install -qq -y --no-install-recommends valgrind\n", calls)
  end)

  it("says what is missing still when that did not help", function()
    local dir <close> = temp.dir()
    local result = deps(dir, {
      id = id(0), ["apt-cache"] = NOTE, ["apt-get"] = NOTE, env = '#!/bin/sh\nshift\nexec "$@"\n',
    }, "bench")

    assert.equal(1, result.code)
    assert.matches("^Installed, but still missing or too old: valgrind\n", result.stderr)
  end)

  it("refuses a task that it does not know", function()
    local dir <close> = temp.dir()
    local result = deps(dir, {}, "nosuch")

    assert.equal(2, result.code)
    assert.equal(".ci/deps: unknown task 'nosuch'\n", result.stderr)
  end)
end)

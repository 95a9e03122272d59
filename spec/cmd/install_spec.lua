local case = require("spec.support.case")
local neap = require("neap")
local temp = require("spec.support.temp")

local it = case.it

-- The products are there already, so nothing is built here.
local build = (os.getenv("NEAP_BUILD") or "build"):match("[^/]*$")
local sanitized = build == "asan"

local function make(...)
  local result = assert(neap.process.run({ "make", "-s", "--no-print-directory", ... }))
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

local function run(argv, env)
  return assert(neap.process.run(argv, { cwd = "/", env = env }))
end

--- All that is below a directory, as a set of paths.
local function below(root)
  local paths = {}
  for path in neap.fs.walk(root) do
    paths[path:sub(#root + 2)] = true
  end
  return paths
end

describe("make install", function()
  if sanitized then
    pending("tried with the plain build")
    return
  end

  it("puts what is needed below PREFIX, where it works", function()
    local dir <close> = temp.dir()
    local prefix = dir / "opt"
    make("install", "PREFIX=" .. prefix)

    local paths = below(prefix)
    for _, path in ipairs({ "bin/neap", "lib/libneap.a", "lib/libneap.so", "lib/libneap.so.0", "include/neap.h",
      "lib/lua/5.4/neap.so", "lib/pkgconfig/neap.pc", "share/bash-completion/completions/neap",
      "share/man/man1/neap.1", "share/neap/types/neap/init.lua", "share/neap/types/neap/net.lua",
      "share/neap/types/neap/net/stream.lua" }) do
      assert.is_true(paths[path], path)
    end
    assert.equal("2\n", run({ prefix .. "/bin/neap", "-e", "print(1 + 1)" }).stdout)
    local env = { LUA_CPATH = prefix .. "/lib/lua/5.4/?.so", PATH = os.getenv("PATH") }
    assert.equal("in\n", run({ "lua5.4", "-e", "require('neap').run(print, 'in')" }, env).stdout)
    env = { PKG_CONFIG_PATH = prefix .. "/lib/pkgconfig", PATH = os.getenv("PATH") }
    assert.is_truthy(run({ "pkg-config", "--libs", "neap" }, env).stdout:find(prefix .. "/lib", 1, true))
  end)

  -- Only what make would run: these folders are not the spec's to remove.
  it("leaves the folders of the system alone", function()
    for prefix, removed in pairs({ ["/usr"] = false, ["/usr/local"] = false, ["/opt/neap"] = true }) do
      local commands = make("-n", "uninstall", "PREFIX=" .. prefix) .. " "
      assert.is_truthy(commands:find(" share/man/man1 ", 1, true))
      for _, name in ipairs({ "bin", "lib", "include", "share/man", "share" }) do
        assert.equal(removed, commands:find(" " .. name .. "[ ;]") ~= nil, prefix .. " " .. name)
      end
    end
  end)

  it("leaves nothing behind after make uninstall", function()
    local dir <close> = temp.dir()
    make("install", "PREFIX=/usr", "DESTDIR=" .. dir / "stage")
    make("uninstall", "PREFIX=/usr", "DESTDIR=" .. dir / "stage")

    assert.same({ stage = true }, below(dir.path))
  end)

  it("leaves the files of others alone", function()
    local dir <close> = temp.dir()
    assert(neap.fs.mkdir(dir / "opt/lib/lua/5.4", { parents = true }))
    assert(neap.fs.write_file(dir / "opt/lib/lua/5.4/other.so", ""))
    make("install", "PREFIX=" .. dir / "opt")
    make("uninstall", "PREFIX=" .. dir / "opt")

    assert.same({ opt = true, ["opt/lib"] = true, ["opt/lib/lua"] = true, ["opt/lib/lua/5.4"] = true,
      ["opt/lib/lua/5.4/other.so"] = true }, below(dir.path))
  end)

  it("puts a module for stock Lua where a rock goes", function()
    local dir <close> = temp.dir()
    make("rock-install", "ROCK_LIBDIR=" .. dir / "rock")

    local env = { LUA_CPATH = dir / "rock/?.so", PATH = os.getenv("PATH") }
    assert.equal("rock\n", run({ "lua5.4", "-e", "require('neap').run(print, 'rock')" }, env).stdout)
  end)
end)

describe("the completion of bash", function()
  --- What it offers for a command line whose last word is being typed.
  local function completed(...)
    local words = { "neap", ... }
    local script = [[source src/api/neap.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _neap
      for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done]]
    local result = assert(neap.process.run({ "bash", "-c", script, "bash", table.unpack(words) }))
    assert.equal("", result.stderr)
    return result.stdout
  end

  it("knows the options", function()
    assert.equal("--watch\n", completed("--w"))
    assert.is_truthy(completed("-"):find("-e\n-i\n", 1, true))
  end)

  it("knows compile and its options", function()
    assert.is_truthy(completed("comp"):find("compile\n", 1, true))
    assert.equal("--strip\n", completed("compile", "x.lua", "--s"))
  end)

  it("offers scripts, and any file behind one", function()
    assert.equal("examples/tour.lua\n", completed("examples/tou"))
    assert.equal("", completed("examples/embed_ho"))
    assert.equal("examples/embed_host.c\n", completed("examples/tour.lua", "examples/embed_ho"))
    assert.equal("examples/tour.lua\n", completed("-l", "mod", "examples/tou"))
  end)

  it("offers nothing where a text is expected", function()
    assert.equal("", completed("-e", "ex"))
    assert.equal("", completed("--memory-limit", ""))
  end)
end)

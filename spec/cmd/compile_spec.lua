local case = require("spec.support.case")
local neap = require("neap")
local temp = require("spec.support.temp")

local it = case.it

local function interpreter()
  return assert(neap.fs.readlink("/proc/self/exe"))
end

local function put(dir, files)
  for name, text in pairs(files) do
    local folder = name:match("^(.*)/")
    if folder then
      assert(neap.fs.mkdir(dir / folder, { parents = true }))
    end
    assert(neap.fs.write_file(dir / name, text))
  end
end

--- Runs a command line in `dir`.
local function run(dir, argv, env)
  return assert(neap.process.run(argv, { cwd = dir.path, env = env }))
end

local function compile(dir, ...)
  return run(dir, { interpreter(), "compile", ... })
end

--- Compiles main.lua of `files`, and runs the program where none of them is.
local function compiled(files, options, arguments)
  local dir <close> = temp.dir()
  local elsewhere <close> = temp.dir()
  put(dir, files)
  local made = compile(dir, "main.lua", "-o", elsewhere / "program", table.unpack(options or {}))
  assert.equal(0, made.code, made.stderr)
  local result = run(elsewhere, { "./program", table.unpack(arguments or {}) })
  result.notes = made.stderr
  return result
end

describe("neap compile", function()
  it("makes one executable with what the script requires", function()
    local result = compiled({
      ["main.lua"] = [[print(require "a", (require("b.c")), pcall(require, 'd')) print((require[=[e]=]))]],
      ["a.lua"] = "return 'a and ' .. require 'f'",
      ["f.lua"] = "require 'a2' return (...)",
      ["a2.lua"] = "",
      ["b/c.lua"] = "return 'c'",
      ["d.lua"] = "return 'd'",
      ["e/init.lua"] = "return 'e'",
    })
    assert.same({ "a and f\tc\ttrue\td\t:preload:\ne\n", "", "" }, { result.stdout, result.stderr, result.notes })
  end)

  it("gives the program its own arg", function()
    local result = compiled({ ["main.lua"] = "print(arg[0], #arg, arg[-1], ...)" }, nil, { "-v", "--watch", "compile" })
    assert.equal("./program\t3\tnil\t-v\t--watch\tcompile\n", result.stdout)
  end)

  it("lets the program await, and end like any other", function()
    local result = compiled({
      ["main.lua"] = "local neap = require 'neap' print((require 'm')) neap.sleep(0) os.exit(7, true)",
      ["m.lua"] = "require('neap').sleep(0.001) return ...",
    })
    assert.same({ "m\n", "", 7 }, { result.stdout, result.stderr, result.code })
  end)

  it("names the files of the source in errors", function()
    local result = compiled({ ["main.lua"] = "\nrequire 'm'()", ["m.lua"] = "return function()\nerror('boom')\nend" })
    assert.equal(1, result.code)
    assert.is_truthy(result.stderr:find("./program: ./m.lua:2: boom\nstack traceback:", 1, true), result.stderr)
    assert.is_truthy(result.stderr:find("main.lua:2: in main chunk", 1, true), result.stderr)
  end)

  it("leaves names out with --strip", function()
    local files = { ["main.lua"] = "local secret = 1 print((require 'm')) error('boom')", ["m.lua"] = "return 'm'" }
    local result = compiled(files, { "--strip" })
    assert.equal("m\n", result.stdout)
    assert.is_truthy(result.stderr:find("^%./program: [^\n]*boom\n"), result.stderr)
    assert.is_nil(result.stderr:find("main.lua", 1, true))
  end)

  it("takes more modules with --include", function()
    local files = { ["main.lua"] = "print((require('pl' .. 'ugin')))", ["plugin.lua"] = "return (require 'deep')",
      ["deep.lua"] = "return 'deep'" }
    assert.equal("deep\n", compiled(files, { "--include", "plugin" }).stdout)
    assert.equal("deep\n", compiled(files, { "--include=plugin" }).stdout)
    assert.is_truthy(compiled(files).stderr:find("module 'plugin' not found", 1, true))
  end)

  it("follows no require in a comment, a string or a field", function()
    local result = compiled({
      ["main.lua"] = [==[
        -- require "a"
        --[[ require "b" ]] --[=[ ]] require "c" ]=]
        local s = 'require "d"' .. [[ require "e" ]] .. "\" require 'f'"
        local t = { require = function() end }
        t.require "g" t.require("h")
        print "ran"
      ]==],
    })
    assert.same({ "ran\n", "" }, { result.stdout, result.notes })
  end)

  it("does not write over the script", function()
    local dir <close> = temp.dir()
    put(dir, { ["main.lua"] = "print 'kept'" })
    local result = compile(dir, "main.lua", "-o", "./main.lua")
    assert.equal(1, result.code)
    assert.is_truthy(result.stderr:find("'./main.lua' is the script itself\n", 1, true), result.stderr)
    assert.equal("print 'kept'", neap.fs.read_file(dir / "main.lua"))
  end)

  it("takes a script that begins with #!", function()
    assert.equal("hash\n", compiled({ ["main.lua"] = "#!/usr/bin/neap\nprint 'hash'" }).stdout)
  end)

  it("says which modules it leaves out", function()
    local result = compiled({ ["main.lua"] = "pcall(require, 'nosuch') require 'neap.net' require 'string'" })
    assert.is_truthy(result.notes:find("main.lua requires 'nosuch', which is not found: left out", 1, true))
    assert.is_nil(result.notes:find("neap.net", 1, true))
  end)

  it("makes programs that take nothing from the environment", function()
    local dir <close> = temp.dir()
    put(dir, { ["main.lua"] = "print 'ran'" })
    compile(dir, "main.lua", "-oprogram")
    local env = { LUA_INIT = "print 'init'", PATH = "/bin:/usr/bin" }
    assert.equal("ran\n", run(dir, { "./program" }, env).stdout)
  end)

  it("replaces a program that is there, also while it runs", function()
    local dir <close> = temp.dir()
    put(dir, { ["main.lua"] = "print(io.read())", ["other.lua"] = "print 'other'" })
    compile(dir, "main.lua", "-o", "program")
    local first <close> = assert(neap.process.spawn({ dir / "program" }, { stdin = "pipe", stdout = "pipe" }))
    assert.equal(0, compile(dir, "other.lua", "-o", "program").code)
    first.stdin:write("still here\n")
    assert.equal("still here", first.stdout:readline())
    assert.equal("other\n", run(dir, { "./program" }).stdout)
  end)

  it("makes programs that need nothing but shared libraries", function()
    local dir <close> = temp.dir()
    put(dir, { ["main.lua"] = "print(pcall(require, 'neap.proto.nosuch')) print(require 'neap'.version)" })
    compile(dir, "main.lua", "-o", "program")
    local libraries = run(dir, { "ldd", "program" }).stdout
    assert.is_truthy(libraries:find("libuv", 1, true))
    assert.is_nil(libraries:find("neap", 1, true))
  end)

  describe("refuses with status 1", function()
    local cases = {
      ["no script"] = { {}, "the script is missing" },
      ["no output"] = { { "main.lua" }, "'-o program' is missing" },
      ["-o without a value"] = { { "main.lua", "-o" }, "'-o' needs argument" },
      ["an unknown option"] = { { "main.lua", "-o", "p", "--fast" }, "unrecognized option '--fast'" },
      ["two scripts"] = { { "main.lua", "b.lua", "-o", "p" }, "one script is compiled, not 'b.lua' too" },
      ["a script that is not there"] = { { "nosuch.lua", "-o", "p" }, "nosuch.lua" },
      ["a script that is wrong"] = { { "bad.lua", "-o", "p" }, "bad.lua:1: unexpected symbol near '='" },
      ["a module that is wrong"] = { { "uses_bad.lua", "-o", "p" }, "./bad.lua:1: unexpected symbol near '='" },
      ["an included module that is not there"] = { { "main.lua", "-o", "p", "--include", "no" }, "'no' is not found" },
      ["an output that cannot be written"] = { { "main.lua", "-o", "no/such/p" }, "no/such/p" },
      ["a folder"] = { { ".", "-o", "p" }, "EISDIR" },
    }
    for name, expected in pairs(cases) do
      it(name, function()
        local dir <close> = temp.dir()
        put(dir, { ["main.lua"] = "", ["bad.lua"] = "x = = 1", ["uses_bad.lua"] = "require 'bad'" })
        local result = compile(dir, table.unpack(expected[1]))
        assert.equal(1, result.code)
        assert.is_truthy(result.stderr:find(expected[2], 1, true), result.stderr)
        assert.is_false(neap.fs.exists(dir / "p"))
      end)
    end
  end)

  it("says so when a program is damaged", function()
    local dir <close> = temp.dir()
    put(dir, { ["main.lua"] = "" })
    compile(dir, "main.lua", "-o", "program")
    local text = assert(neap.fs.read_file(dir / "program"))
    for _, size in ipairs({ ("\255"):rep(8), ("\0"):rep(8), "\9" .. ("\0"):rep(7) }) do
      assert(neap.fs.write_file(dir / "damaged", text .. size .. "NEAPPROG", { mode = 493 }))
      local result = run(dir, { "./damaged" })
      assert.equal(1, result.code)
      assert.is_truthy(result.stderr:find("^%./damaged: "), result.stderr)
    end
  end)
end)

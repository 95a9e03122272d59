--- The command beside the system's own lua5.4: the same arguments, environment
--- and input, and what each writes and ends with.
local child = require("spec.support.child")
local neap = require("neap")
local temp = require("spec.support.temp")

local files = {
  ["args.lua"] = "print(select('#', ...), ...) print(#arg, arg[0], arg[1], arg[-1])",
  ["bad.lua"] = "x = = 1",
  ["empty.lua"] = "",
  ["exit.lua"] = "os.exit(tonumber(...) or ... == 'true')",
  ["fail.lua"] = "local function f() error('boom') end\nlocal function g() f() end\ng()",
  ["hash.lua"] = "#!/usr/bin/env lua\nprint('hash')",
  ["mod.lua"] = "print('loading', ...) return { name = 'mod' }",
  ["mod-v2.lua"] = "return 'suffixed'",
  ["badmod.lua"] = "return = 1",
  ["nothing.lua"] = "loaded = true",
  ["script"] = "print('no extension')",
  ["init.lua"] = "print('init')",
  ["warn.lua"] = "warn('one') warn('@off') warn('two') warn('@on') warn('th', 'ree')",
  ["-"] = "print('a file named -')",
  ["values.lua"] = "return 1, 2",
}

-- Shell command lines in which P is the program.
local invocations = {
  -- scripts
  "P args.lua", "P args.lua a 'b c' ''", "P ./args.lua -x --y", "P -- args.lua 1",
  "P script", "P hash.lua", "P empty.lua", "P values.lua", "P nosuch.lua", "P bad.lua",
  "P fail.lua", "P . ", "P ''", "P exit.lua 0", "P exit.lua 7", "P exit.lua true",
  "P exit.lua false", "P -- -", "P -E args.lua x", "P -W -e 'warn(\"w\")' args.lua z",
  -- standard input
  "echo 'print(...)' | P -", "echo 'print(...)' | P - a b", "echo 'print(arg[0], arg[1])' | P - a",
  "echo 'print(1)' | P", "echo 'print(1)' | P -W", "echo 'print(1)' | P -E",
  "echo 'print(mod.name)' | P -l mod", "echo '= 1' | P -",
  "echo 'print(io.read())\nnext line' | P -", "P - </dev/null",
  -- -e
  "P -e 'print(1)'", "P -e'print(1)'", "P -e 'x = 1' -e 'print(x)'", "P -e 'x=' ", "P -e 'error(\"e\")' args.lua",
  "P -e 'print(arg[0], arg[-1], #arg)'", "P -e 'print(arg[0], arg[1], arg[2])'",
  "P -e 'print(arg[0], arg[-1], #arg)' empty.lua q",
  "P -e 'arg = nil' args.lua 1", "P -e 'arg[1] = \"set\" arg[2] = \"too\"' args.lua 1",
  "P -e 'error()'", "P -e 'error({})'", "P -e 'error({}, 0)' x", "P -e 'error(nil)'", "P -e 'error(12)'",
  "P -e 'error(\"s\", 0)'",
  "P -e 'error(setmetatable({}, {__tostring = function() return \"obj\" end}))'",
  "P -e 'error(setmetatable({}, {__tostring = function() return 1 end}))'",
  "P -e 'local t <close> = setmetatable({}, {__close = function() print(\"closed\") end}) error(\"e\", 0)'",
  "P -e 'os.exit(3)'", "P -e 'os.exit(true, true)'", "P -e 'os.exit(false)'", "P -e 'os.exit(3, true)'",
  "P -e 'io.write(\"no newline\")'", "P -e 'return 5'", "P -e 'print(...)'",
  "P -e 'io.stderr:write(\"err\\n\") io.stdout:write(\"out\\n\")'",
  "P -e 'string.rep()'", "P -e '(\"x\"):bad()'", "P -e 'nosuch()'", "P -e 'local a; a.b = 1'",
  "P -e 'goto x'", "P -e 'for'", "P -e 'coroutine.yield()'",
  "P -e 'print(coroutine.running())' | sed 's/0x.*true/true/'",
  "P -e 'print(coroutine.isyieldable())'", "P -e 'coroutine.wrap(function() error(\"in co\") end)()'",
  "P -e 'local function r() return r() + 1 end r()' 2>&1 | grep -v '^\t(\\.\\.\\.' | head -4",
  -- -l
  "P -l mod -e 'print(mod.name)'", "P -lmod -e 'print(mod.name)'", "P -l m=mod -e 'print(m.name, mod)'",
  "P -l nosuchmod", "P -l badmod", "P -l nothing -e 'print(nothing, loaded)'",
  "P -l mod-v2 -e 'print(mod, _G[\"mod-v2\"])'",
  "P -l mod args.lua", "P -l mod -l mod -e ''",
  -- options
  "P -W warn.lua", "P warn.lua", "P -W -e 'warn(\"a\", \"b\")' -e 'warn(\"@off\")' -e 'warn(\"c\")'",
  "P -v", "P -v args.lua 1", "P -v -e 'print(1)'", "P -E -v", "P -i </dev/null", "P -i empty.lua </dev/null",
  "P -i bad.lua </dev/null", "P -i fail.lua </dev/null",
  -- what is no option
  "P -x", "P -e", "P -l", "P -e -v", "P -l -e", "P -vx", "P -ix", "P -Ex", "P -Wx", "P --nosuch", "P --x=y args.lua",
  "P -h", "P args.lua -x", "P -\\? ",
  -- the environment
  "LUA_INIT='print(\"init\")' P -e 'print(1)'", "LUA_INIT=@init.lua P empty.lua",
  "LUA_INIT_5_4='print(54)' LUA_INIT='print(5)' P empty.lua",
  "LUA_INIT='x=' P empty.lua", "LUA_INIT='error(\"i\")' P empty.lua", "LUA_INIT=@nosuch.lua P empty.lua",
  "LUA_INIT=@bad.lua P empty.lua",
  "LUA_INIT='print(1)' P -E empty.lua", "LUA_INIT='print(arg[0], ...)' P args.lua a", "LUA_INIT='print(1)' P -v",
  "LUA_INIT='os.exit(4)' P empty.lua", "LUA_INIT= P empty.lua",
  "LUA_PATH='x/?.lua' P -e 'print(package.path)'", "LUA_PATH_5_4='y/?.lua;;' LUA_PATH=x P -e 'print(package.path)'",
  "LUA_CPATH='x/?.so' LUA_CPATH_5_4= P -e 'print(package.cpath)'", "LUA_PATH='x/?.lua' P -E -e 'print(package.path)'",
  -- the prompt, when it is no terminal
  "echo '1+1\n=2\n\"s\", nil\nprint(1)' | P -i", "printf 'for i = 1, 2 do\nprint(i)\nend' | P -i",
  "printf 'local a = 1\nprint(a)' | P -i",
  "printf 'error(\"x\")\nx x\nerror({})\nerror()' | P -i", "echo '_PROMPT=\"k \" _PROMPT2=\"kk \"\nx = {\n}' | P -i",
  "echo 'x' | P -i -e 'x = 5'", "echo 'os.exit(9)' | P -i", "echo 'print(...)' | P -i args.lua a",
  "printf '=\n\n=1,2\nreturn 3' | P -i",
}

--- What does not have to be the same.
local function plain(text, program)
  text = text:gsub("table: 0x%x+", "table"):gsub("thread: 0x%x+", "thread"):gsub("function: 0x%x+", "function")
  text = text:gsub("Lua 5%.4%.%d  Copyright [^\n]*", "VERSION"):gsub("neap %S+ on Lua [%d.]+", "VERSION")
  text = text:gsub("  %-%-%l[^\n]*\n", ""):gsub("\n +P compile [^\n]*", "") -- of the usage
  return (text:gsub(program, "P"))
end

--- Runs an invocation in `dir`, where the program is to be found as "P".
local function run(dir, kind, invocation)
  local out, err, code = child.shell(
    ("cd '%s'; unset LUA_PATH_5_4 LUA_CPATH_5_4 LUA_PATH LUA_CPATH; TERM=dumb; PATH='%s/%s':$PATH; %s"):format(
      dir.path, dir.path, kind, (invocation:gsub("%%", "%%%%"))), {})
  return { out = plain(out, "P"), err = plain(err, "P"), code = code }
end

local function interpreter()
  return assert(neap.fs.readlink("/proc/self/exe"))
end

describe("the command beside lua5.4", function()
  local dir

  setup(function()
    dir = temp.dir()
    for name, text in pairs(files) do
      assert(neap.fs.write_file(dir / name, text))
    end
    for kind, target in pairs({ lua = "/usr/bin/lua5.4", neap = interpreter() }) do
      assert(neap.fs.mkdir(dir / kind))
      assert(neap.fs.symlink(target, dir / (kind .. "/P")))
    end
  end)

  teardown(function()
    getmetatable(dir).__close(dir)
  end)

  for _, invocation in ipairs(invocations) do
    it("does the same for " .. invocation:gsub("\n", "\\n"), function()
      assert.same(run(dir, "lua", invocation), run(dir, "neap", invocation))
    end)
  end

  -- `lua` ends with 0 there, unlike for any other script.
  it("ends with status 1 when standard input fails as a script", function()
    for _, invocation in ipairs({ "echo 'error(\"in\")' | P", "P <&-" }) do
      local stock, ours = run(dir, "lua", invocation), run(dir, "neap", invocation)
      assert.same({ stock.out, stock.err, 1 }, { ours.out, ours.err, ours.code })
    end
  end)

  -- `lua` 5.4.7 runs out of memory there, those before read standard input.
  it("reads standard input when nothing follows --", function()
    assert.same({ out = "1\n", err = "", code = 0 }, run(dir, "neap", "echo 'print(1)' | P --"))
  end)

  -- `lua` says "(null)".
  it("says what is missing when the input of the prompt ends too early", function()
    assert.same({ out = "VERSION\n> f(\n>> \n> \n", err = "stdin:1: unexpected symbol near <eof>\n", code = 0 },
      run(dir, "neap", "printf 'f(' | P -i"))
  end)

  it("is tried in sixty ways at least", function()
    assert.is_true(#invocations >= 60)
  end)
end)

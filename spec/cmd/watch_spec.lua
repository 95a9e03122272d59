local case = require("spec.support.case")
local neap = require("neap")
local temp = require("spec.support.temp")

local it = case.it

local function interpreter()
  return assert(neap.fs.readlink("/proc/self/exe"))
end

--- A watched script in a directory of its own.
local Session = {}
Session.__index = Session

local function put(session, name, text)
  assert(neap.fs.write_file(session.dir / name, text, { atomic = true }))
end
Session.put = put

--- Waits until it has written a line with this text, on either output.
function Session:expect(text)
  local ok, err = pcall(neap.timeout, 15, function()
    while true do
      local line = self.stream:readline()
      table.insert(self.seen, line or "(end)")
      if not line or line:find(text, 1, true) then
        return
      end
    end
  end)
  local shown = table.concat(self.seen, "\n")
  assert(ok, ("%q was not written: %s\n%s"):format(text, tostring(err), shown))
  assert(self.seen[#self.seen] ~= "(end)", ("%q was not written:\n%s"):format(text, shown))
end

--- Ends it with a signal; its status.
function Session:finish(name)
  self.process:kill(name or "INT")
  return (neap.timeout(15, self.process.wait, self.process))
end

--- Runs `body` with a session of `neap --watch main.lua`.
local function watching(files, words, body, env)
  local dir <close> = temp.dir()
  local session = setmetatable({ dir = dir, seen = {} }, Session)
  for name, text in pairs(files) do
    put(session, name, text)
  end
  local ours, theirs = assert(neap.net.pair())
  local stream <close> = ours
  local process <close> = assert(neap.process.spawn(
    { interpreter(), "--watch", table.unpack(words) },
    { cwd = dir.path, stdin = "null", stdout = theirs, stderr = theirs, env = env }))
  theirs:close()
  session.stream, session.process = stream, process
  body(session)
end

--- The same with one argument for the script.
local function watch(files, body)
  watching(files, { "main.lua", "word" }, body)
end

local serve = "local neap = require 'neap' io.stdout:setvbuf('no') "

describe("--watch", function()
  it("runs the script with its arguments", function()
    watch({ ["main.lua"] = "print(arg[0], ..., #arg) io.stdout:flush()" }, function(session)
      session:expect("main.lua\tword\t1")
    end)
  end)

  for name, files in pairs({
    ["the script"] = { "main.lua", "print(1) io.stdout:flush()", "print('second')" },
    ["a module"] = { "m.lua", "return 'first'", "return 'second'", "print(require 'm')" },
    ["a file that dofile reads"] = { "d.txt", "print(1)", "print('second')", "dofile 'd.txt'" },
    ["a file that loadfile reads"] = { "l.txt", "print(1)", "print('second')", "loadfile('l.txt')()" },
  }) do
    it("starts again when " .. name .. " changes", function()
      local changing, before, after, main = table.unpack(files)
      watch({ ["main.lua"] = main or before, [changing] = before }, function(session)
        session:expect("ended with status 0")

        session:put(changing, after)

        session:expect("has changed")
        session:expect("second")
      end)
    end)
  end

  it("cancels and unwinds what runs before it starts again", function()
    local script = serve .. [[
      local _ <close> = setmetatable({}, { __close = function()
        neap.shield(neap.sleep, 0.01) print("unwound %s") end })
      neap.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() print("task") end })
        print("up %s")
        neap.sleep(100)
      end)
      neap.sleep(100)
    ]]
    watch({ ["main.lua"] = script:gsub("%%s", "first") }, function(session)
      session:expect("up first")

      session:put("main.lua", (script:gsub("%%s", "second")))

      session:expect("has changed")
      local upto = #session.seen
      session:expect("up second")
      local between = table.concat(session.seen, " ", upto + 1)
      assert.is_truthy(between:find("unwound first", 1, true))
      assert.is_truthy(between:find("task", 1, true))
    end)
  end)

  it("survives mistakes in the script", function()
    watch({ ["main.lua"] = "x = = 1" }, function(session)
      session:expect("main.lua:1: unexpected symbol near '='")
      session:expect("ended with status 1")
      session:put("main.lua", "error('again')")
      session:expect("again")
      session:expect("ended with status 1")
      session:put("main.lua", "print('mended')")
      session:expect("mended")
    end)
  end)

  it("survives mistakes in modules, and modules that are not there yet", function()
    watch({ ["main.lua"] = "print(require 'm')", ["m.lua"] = "return =" }, function(session)
      session:expect("error loading module 'm' from file './m.lua'")
      session:expect("ended with status 1")
      session:put("m.lua", "return 'mended'")
      session:expect("mended")
    end)
  end)

  it("goes on after the program has ended by a signal", function()
    watch({ ["main.lua"] = "require 'neap'.process.run { 'sh', '-c', 'kill -KILL $PPID' }" }, function(session)
      session:expect("ended by SIGKILL")
      session:put("main.lua", "print('after')")
      session:expect("after")
    end)
  end)

  it("takes several changes at once for one", function()
    local script = serve .. "print('run', dofile('a'), dofile('b')) neap.sleep(100)"
    watch({ ["main.lua"] = script, a = "return 1", b = "return 1" }, function(session)
      session:expect("run\t1\t1")
      for i = 1, 10 do
        for _, name in ipairs({ "a", "b" }) do
          local file <close> = assert(io.open(session.dir / name, "w"))
          file:write("return ", i)
        end
      end
      session:expect("run\t10\t10")
      local starts = 0
      for _, line in ipairs(session.seen) do
        starts = starts + (line:find("^run") and 1 or 0)
      end
      -- two, unless the writer was held up among its twenty writes
      assert.is_true(starts <= 4, starts .. " starts")
    end)
  end)

  it("waits for a file that is gone to come back", function()
    watch({ ["main.lua"] = serve .. "print('one') neap.sleep(100)" }, function(session)
      session:expect("one")
      assert(neap.fs.remove(session.dir / "main.lua"))
      session:put("main.lua", "print('two')")
      session:expect("two")
    end)
  end)

  it("does not mind other files beside it that change all the time", function()
    local script = serve .. "print('one') while true do neap.fs.write_file('log', 'x') neap.sleep(0.001) end"
    watch({ ["main.lua"] = script }, function(session)
      session:expect("one")
      session:put("main.lua", "print('two')")
      session:expect("two")
    end)
  end)

  it("lets a server keep its port", function()
    local script = serve .. [[
      local server = assert(neap.net.serve("127.0.0.1", 0, function() end))
      print("port " .. server:address().port .. " of %s")
      server:serve_forever()
    ]]
    watch({ ["main.lua"] = script:gsub("%%s", "first") }, function(session)
      session:expect("of first")
      local port = session.seen[#session.seen]:match("port (%d+)")
      local _ <close> = assert(neap.net.connect("127.0.0.1", tonumber(port)))

      session:put("main.lua", (script:gsub("%%s", "second")))

      session:expect("port " .. port .. " of second")
    end)
  end)

  for name, status in pairs({ INT = 130, TERM = 143 }) do
    it("ends with the program on SIG" .. name, function()
      local script = serve .. [[
        local _ <close> = setmetatable({}, { __close = function() print("unwound") end })
        print("up")
        neap.sleep(100)
      ]]
      watch({ ["main.lua"] = script }, function(session)
        session:expect("up")
        assert.equal(status, session:finish(name))
        session:expect("unwound")
      end)
    end)
  end

  it("leaves no file behind", function()
    local place <close> = temp.dir()
    watching({ ["main.lua"] = serve .. "print('up') neap.sleep(100)" }, { "main.lua" }, function(session)
      session:expect("up")
      assert.equal(143, session:finish("TERM"))
    end, { TMPDIR = place.path, PATH = os.getenv("PATH") })
    assert.is_nil(neap.fs.scandir(place.path)())
  end)

  it("needs a script", function()
    local result = neap.process.run({ interpreter(), "--watch" })
    assert.equal(1, result.code)
    assert.is_truthy(result.stderr:find("'--watch' needs a script", 1, true))
  end)
end)

--- The prompt on a terminal; see terminal.py for the steps.
local child = require("spec.support.child")
local neap = require("neap")
local temp = require("spec.support.temp")

local dir

--- What the terminal shows, without what only moves the cursor.
local function screen(text)
  return (text:gsub("\r", ""):gsub(" \b", ""):gsub("\27%[[%d;]*[A-Za-z]", ""):gsub("\27[=>]", ""))
end

local function interpreter()
  return assert(neap.fs.readlink("/proc/self/exe"))
end

--- Types the steps at a prompt. `words` are those of the command line,
--- `settings` what comes before it in a shell.
local function at_prompt(steps, words, settings)
  local line = ("%s timeout -k 1 20 python3 spec/support/terminal.py %%s"):format(settings or "")
  local program = { steps, interpreter(), table.unpack(words or {}) }
  local out = child.shell(("cd . ; export XDG_STATE_HOME='%s' TERM=xterm; %s"):format(dir.path, line), program)
  return screen(out)
end

--- Whether the session showed all of these, one after another.
local function shows(out, ...)
  local from = 1
  for _, text in ipairs({ ... }) do
    local _, last = out:find(text, from, true)
    assert.is_truthy(last, ("%q is not shown in %s"):format(text, out))
    from = last + 1
  end
end

local ENDED = "[ended, mode restored]"

describe("the prompt", function()
  before_each(function() dir = temp.dir() end)
  after_each(function() getmetatable(dir).__close(dir) end)

  it("shows the values of expressions", function()
    local out = at_prompt("?> |1+1, nil, 'text'\\n|?text\r|?> |=2^53\\n|?e+15|?> |\\x04")
    shows(out, "neap ", "> ", "2\tnil\ttext\n> ", "9.007", "> ", ENDED)
  end)

  it("shows what is in tables, to a depth", function()
    local out = at_prompt("?> |{1, 'two', x={y={z={1}}}, [\"a b\"]=true, f={}}\\n|?}\r|?}\r|?> |\\x04")
    shows(out, '{ 1, "two", ["a b"] = true, f = {}, x = { y = { z = { … } } } }')
  end)

  it("shows a table that holds itself", function()
    local out = at_prompt("?> |t = {} t.t = t\\n|?\r|?> |t\\n|?self|?> |\\x04")
    shows(out, "{ t = { (itself) } }", ENDED)
  end)

  it("awaits at the top level", function()
    local out = at_prompt("?> |neap = require 'neap'\\n|?\r|?> |neap.sleep(0.01, 'sl'..'ept')\\n|?slept|?> |\\x04")
    shows(out, "slept", ENDED)
  end)

  it("reads on while an input is not complete", function()
    local out = at_prompt("?> |for i = 7, 8 do\\n|?>> |print(i)\\n|?>> |end\\n|?8\r|?> |\\x04")
    shows(out, ">> ", ">> ", "7\n8\n> ", ENDED)
  end)

  it("takes the prompts of _PROMPT", function()
    local out = at_prompt("?> |_PROMPT = 'ne'..'xt: '\\n|?next: |1\\n|?next: |\\x04")
    shows(out, "next: 1\n1\nnext: ", ENDED)
  end)

  it("keeps globals but no locals from one input to the next", function()
    local out = at_prompt("?> |local a = 1 b = 2\\n|?\r|?> |print('a is', a, b)\\n|?nil|?> |\\x04")
    shows(out, "a is\tnil\t2")
  end)

  it("shows errors with a traceback, as lua does", function()
    local out = at_prompt("?> |error('b'..'oom')\\n|?C]: in ?|?> |x x\\n|?near 'x'|?> |\\x04")
    shows(out, "stdin:1: boom\nstack traceback:\n\t[C]: in function 'error'\n\tstdin:1: in main chunk\n\t[C]: in ?\n> ",
      "stdin:1: syntax error near 'x'", ENDED)
  end)

  it("lets tasks go on behind it, which print above the line", function()
    local out = at_prompt("?> |require'neap'.spawn(function() require'neap'.sleep(0.1) print('be'..'hind') end)"
      .. "\\n|?Task|?> |'typ|?behind|ed'\\n|?typed\r|?> |\\x04")
    shows(out, "behind\n> 'typ", "typed\n> ", ENDED)
  end)

  it("ends a line that a task has begun before it goes on", function()
    local out = at_prompt("?> |require'neap'.spawn(function() require'neap'.sleep(0.1) io.write('be'..'gun') end)"
      .. "\\n|?Task|?> |'typ|?begun|ed'\\n|?typed\r|?> |\\x04")
    shows(out, "begun\n> 'typ", "typed\n> ", ENDED)
  end)

  it("shows the errors of tasks behind it", function()
    local out = at_prompt(
      "?> |require'neap'.spawn(error, 'lo'..'st') collectgarbage()\\n|?\r|?> |collectgarbage()\\n|?lost|?> |\\x04")
    shows(out, "lost", ENDED)
  end)

  it("is no deadlock", function()
    local out = at_prompt(
      "?> |print('wa'..'its') require'neap'.future():await()\\n|?waits|\\x03|?CANCELLED|?> |\\x04")
    shows(out, "CANCELLED", ENDED)
    assert.is_nil(out:find("DEADLOCK", 1, true))
  end)

  describe("on Ctrl-C", function()
    it("ends what computes without a wait", function()
      local out = at_prompt("?> |print('st'..'art') while true do end\\n|?start|\\x03"
        .. "|?CANCELLED|?> |'af'..'ter'\\n|?after|?> |\\x04")
      shows(out, "start\n", "^C\nCANCELLED: ", "> ", "after\n> ", ENDED)
    end)

    it("cancels what runs", function()
      local out = at_prompt(
        "?> |print('st'..'art') require'neap'.sleep(100)\\n|?start|\\x03|?CANCELLED|?> "
        .. "|'af'..'ter'\\n|?after|?> |\\x04")
      shows(out, "start\n", "^C\nCANCELLED: ", "> ", "after\n> ", ENDED)
    end)

    it("gives up a line", function()
      local out = at_prompt("?> |error(|\\x03|?^C|?> |'af'..'ter'\\n|?after|?> |\\x04")
      shows(out, "^C\n> ", "after\n> ", ENDED)
    end)

    it("gives up an input of several lines", function()
      local out = at_prompt("?> |for i = 1, 2 do\\n|?>> |\\x03|?^C|?> |'af'..'ter'\\n|?after|?> |\\x04")
      shows(out, ">> ^C\n> ", "after\n> ", ENDED)
    end)

    it("leaves a task alone that will not end", function()
      local out = at_prompt("?> |print('st'..'art') while true do pcall(require'neap'.sleep, 1) end\\n|?start|\\x03"
        .. "|?^C\r|\\x03|?^C\r|\\x03|?behind the prompt|?> |\\x04")
      shows(out, "it goes on behind the prompt\n> ")
    end)
  end)

  it("ends with what runs behind it on Ctrl-D", function()
    local out = at_prompt("?> |require'neap'.spawn(function() local _ <close> = setmetatable({},"
      .. " {__close = function() print('un'..'wound') end}) require'neap'.sleep(100) end)\\n|?Task|?> |\\x04")
    shows(out, "unwound", ENDED)
  end)

  it("leaves the terminal as it was when it is ended from within", function()
    shows(at_prompt("?> |os.exit(3)\\n|?\r"), ENDED)
    shows(at_prompt("?> |require'neap'.exit(3)\\n|?\r"), ENDED)
    shows(at_prompt("?> |require'neap'.loop.call_later(0.05, os.exit, 3)\\n|?\r|?> |typing"), ENDED)
  end)

  it("follows the script after -i", function()
    assert(neap.fs.write_file(dir / "s.lua", "x = ... print('script ran')"))
    local out = at_prompt("?> |x .. x\\n|?abab|?> |\\x04", { "-i", dir / "s.lua", "ab" })
    shows(out, "script ran\n> ", "abab\n", ENDED)
  end)

  describe("completes", function()
    local function completed(typed, result)
      shows(at_prompt("?> |" .. typed .. "|?" .. result .. "|\\x03|?^C|?> |\\x04"), result, ENDED)
    end

    it("globals", function() completed("collectg\\t", "collectgarbage") end)
    it("keywords", function() completed("repe\\t", "repeat") end)
    it("fields", function() completed("x = string.forma\\t", "string.format") end)
    it("methods of objects", function() completed("io.stdout:setv\\t", "stdout:setvbuf") end)
    it("what neap loads on first use", function()
      shows(at_prompt(
        "?> |neap = require 'neap'\\n|?\r|?> |neap.gath\\t|?gather|({})\\n|?n = 0|?> |\\x04"), "{ n = 0 }", ENDED)
    end)

    it("as far as the names agree, then lists them", function()
      local out = at_prompt(
        "?> |math.f\\t|?fmod|?> math.f|l\\t|?lo|\\t|?floor  flow|\\x03|?^C|?> "
        .. "|\\x04", { "-e", "math.flow = 1", "-i" })
      shows(out, "floor  flow  fmod", "floor  flow\n", ENDED)
    end)

    it("nothing where there is nothing", function()
      shows(at_prompt("?> |nosuch.thing\\t:x\\t'\\t|?'|\\x03|?^C|?> |\\x04"), ENDED)
    end)
  end)

  describe("has a history that", function()
    it("is there again next time", function()
      at_prompt("?> |'remem'..'bered'\\n|?remembered|?> |\\x04")
      local out = at_prompt("?> |\\x1b[A|?bered'|\\n|?remembered|?> |\\x04")
      shows(out, "remembered\n> ", ENDED)
      assert.equal("'remem'..'bered'\n", (neap.fs.read_file(dir / "neap/history")))
      assert.equal(384, neap.fs.stat(dir / "neap/history").mode & 511)
    end)

    it("may be damaged", function()
      assert(neap.fs.mkdir(dir / "neap"))
      local text = "\0\255\n\27[2J\nfine = 1\n" .. ("x"):rep(10000) .. "\n\n\255\254"
      assert(neap.fs.write_file(dir / "neap/history", text))
      shows(at_prompt("?> |\\x1b[A|?fine|\\x1b[A\\x1b[A\\n|?\r|?> |fine\\n|?1\r|?> |\\x04"), "1\n> ", ENDED)
    end)

    it("may be a directory", function()
      assert(neap.fs.mkdir(dir / "neap/history", { parents = true }))
      shows(at_prompt("?> |1+1\\n|?2\r|?> |\\x1b[A\\n|?2\r|?> |\\x04"), "2\n> ", "2\n> ", ENDED)
    end)

    it("may have no place", function()
      shows(at_prompt(
        "?> |1+1\\n|?2\r|?> |\\x04", nil, "XDG_STATE_HOME=/proc/nosuch HOME=/proc/nosuch"), "2\n> ", ENDED)
      shows(at_prompt("?> |1+1\\n|?2\r|?> |\\x04", nil, "unset XDG_STATE_HOME HOME;"), "2\n> ", ENDED)
    end)

    it("keeps a thousand lines", function()
      local lines = {}
      for i = 1, 1500 do lines[i] = "x = " .. i end
      assert(neap.fs.mkdir(dir / "neap"))
      assert(neap.fs.write_file(dir / "neap/history", table.concat(lines, "\n")))
      shows(at_prompt("?> |\\x1b[A\\n|?\r|?> |x\\n|?1500\r|?> |\\x04"), "1500\n> ", ENDED)
      local _, count = neap.fs.read_file(dir / "neap/history"):gsub("\n", "")
      assert.equal(1001, count)
    end)
  end)

  it("ends when Ctrl-D was typed while an input ran", function()
    local out = at_prompt("?> |print('wa' .. 'it') local e = os.clock() + 0.3 "
      .. "while os.clock() < e do end\\n|?wait\\r|\\x04")
    shows(out, "wait", ENDED)
  end)

  describe("works", function()
    for _, columns in ipairs({ 1, 2, 3, 10 }) do
      it(("on a terminal %d wide"):format(columns), function()
        local out = at_prompt(
          "?>|1 + 1\\n|?2\r|?>|'ab'..'cdef'\\n|?abcdef|?>|\\x04", nil, "TERMINAL_COLUMNS=" .. columns)
        shows(out, "2\n", "abcdef\n", ENDED)
      end)
    end

    for _, term in ipairs({ "dumb", "", "nosuchterminal", "vt52", "ansi" }) do
      it(("when TERM is '%s'"):format(term), function()
        shows(at_prompt("?> |1+1\\n|?2\r|?> |\\x04", nil, ("TERM='%s'"):format(term)), "2\n> ", ENDED)
      end)
    end

    it("in a locale without UTF-8, and with one", function()
      for _, locale in ipairs({ "C", "POSIX", "C.UTF-8", "nosuch" }) do
        local out = at_prompt("?> |#'ä€'\\n|?\r|?> |'af'..'ter'\\n|?after|?> |\\x04", nil, "LC_ALL=" .. locale)
        shows(out, "5\n> ", "after\n", ENDED)
      end
    end)

    it("with keys that mean nothing", function()
      local out = at_prompt("?> |1\\x1b[1;2P\\x1b[200~+\\x1bOP\\x16\\xff\\xc3\\xfe\\x001\\n|?2\r|?> |\\x04")
      shows(out, "2\n> ", ENDED)
    end)

    it("with lines that are longer than the terminal is wide", function()
      local long = "#'" .. ("x"):rep(300) .. "'"
      shows(at_prompt("?> |" .. long .. "\\n|?300\r|?> |\\x04", nil, "TERMINAL_COLUMNS=40"), "300\n", ENDED)
    end)
  end)
end)

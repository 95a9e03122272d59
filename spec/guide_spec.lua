--- Follows the guide as a reader would: saves its files, runs its commands, and
--- compares what they print.
local case = require("spec.support.case")
local child = require("spec.support.child")
local markdown = require("spec.support.markdown")
local neap = require("neap")
local program = require("spec.support.program")
local temp = require("spec.support.temp")

local it = case.it
local guide = markdown.read("doc/guide.md")

--- The files of the guide in a folder, and `neap` beside them.
local function save(dir)
  for _, block in ipairs(guide.blocks) do
    if block.words.file then
      assert(neap.fs.write_file(dir / block.words.file, block.text))
    end
  end
  local interpreter = assert(neap.fs.realpath(child.interpreter()))
  assert(neap.fs.symlink(interpreter, dir / "neap"))
end

--- `$ command` and the lines that follow: { command, output } for each.
local function commands(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do
    local command = line:match("^%$ (.*)$")
    if command then
      table.insert(list, { command, "" })
    else
      list[#list][2] = list[#list][2] .. line .. "\n"
    end
  end
  return list
end

--- Starts a file of the guide as a server.
local function serve(dir, name)
  local server = program.start(dir / name, 0)
  return server, tonumber(server:expect("^listening on port (%d+)$"))
end

local function connect(port)
  local stream = assert(neap.net.connect("127.0.0.1", port))
  stream:timeout(20)
  return stream
end

describe("the guide", function()
  for _, block in ipairs(guide.blocks) do
    if block.lang == "console" then
      for _, entry in ipairs(commands(block.text)) do
        local command, output = entry[1], entry[2]
        it("prints what it says for: " .. command, function()
          local dir <close> = temp.dir()
          save(dir)

          local result = assert(neap.process.run(
            ("cd '%s' && PATH=$PWD:$PATH && { %s; } 2>&1"):format(dir / "", command),
            { shell = true, timeout = 60 }))

          assert.equal(output, result.stdout)
        end)
      end
    end
  end

  it("runs each of its files", function()
    local said = guide.prose
    for _, block in ipairs(guide.blocks) do
      if block.lang ~= "lua" then
        said = said .. block.text
      end
    end
    for _, block in ipairs(guide.blocks) do
      local file = block.words.file
      assert.is_truthy(block.lang ~= "lua" or file, "a block without a file: line " .. block.line)
      if file then
        assert.is_truthy(guide.prose:find("`" .. file .. "`", 1, true), file .. " is not named")
        assert.is_truthy(said:find("$ [^\n]*%f[%w]" .. file:gsub("%.", "%%.")), file .. " is not run")
      end
    end
  end)

  it("has an echo server that echoes", function()
    local dir <close> = temp.dir()
    save(dir)
    local server <close>, port = serve(dir, "echo.lua")
    local stream <close> = connect(port)

    stream:write("hello\n")

    assert.equal("you said: hello", stream:readline())
    server:kill("INT")
    local _, err, code = server:finish()
    assert.equal("", err)
    assert.equal(130, code)
  end)

  it("has a chat in which all hear what one says, until it says goodbye", function()
    local dir <close> = temp.dir()
    save(dir)
    local server <close>, port = serve(dir, "chat.lua")
    local ann <close> = connect(port)
    ann:write("Ann\n")
    assert.equal("Your name? * Ann is here", ann:readline())
    local bob <close> = connect(port)
    bob:write("Bob\nhi\n")
    assert.equal("* Bob is here", ann:readline())
    assert.equal("Bob: hi", ann:readline())
    ann:write("hi, Bob\n")
    assert.equal("Ann: hi, Bob", ann:readline())
    local other <close> = connect(port)
    other:write("Ann\n")
    assert.equal("Your name? That will not do.\n", other:readall())
    bob:write("/quit\n")
    assert.equal("Your name? * Bob is here\nBob: hi\nAnn: hi, Bob\n", bob:readall())
    assert.equal("* Bob has left", ann:readline())

    server:kill("INT")

    assert.equal("* the server goes down\n", ann:readall())
    local out, err, code = server:finish()
    assert.equal("closed\n", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("has a chat that goes on without a client that vanishes", function()
    local dir <close> = temp.dir()
    save(dir)
    local server <close>, port = serve(dir, "chat.lua")
    local ann <close> = connect(port)
    ann:write("Ann\n")
    ann:readline()
    local bob <close> = connect(port)
    bob:write("Bob\n")
    assert.equal("* Bob is here", ann:readline())

    bob:abort()

    assert.equal("* Bob has left", ann:readline())
    server:kill("TERM")
    local _, err, code = server:finish()
    assert.equal("", err)
    assert.equal(0, code)
  end)
end)

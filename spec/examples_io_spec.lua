--- Runs the examples that talk to the system: foreign sockets, processes.
local child = require("spec.support.child")

local function read(name)
  local file = assert(io.open("examples/" .. name .. ".lua", "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- Runs an example whose program `before` replaces parts of the world for, in
--- the same process.
local function run_with(before, name, ...)
  local out, err, code = child.run(before .. "\n" .. read(name), ...)
  assert.equal("", err)
  return out, code
end

describe("the example", function()
  it("luasocket_readers echoes on two ports in upper case", function()
    local out, code = run_with([[
      local neap = require("neap")
      local print_really = print
      local function talk(port, text)
        local stream <close> = assert(neap.net.connect("127.0.0.1", port))
        stream:write(text)
        stream:shutdown()
        return stream:readall()
      end
      function print(...)
        print_really((...))
        local title, one, two = ...
        if title ~= "listening on" then
          return
        end
        neap.spawn(function()
          local long = ("x"):rep(300000)
          local answers = neap.gather({
            function() return talk(one, "hello") end,
            function() return talk(two, "world") end,
            function() return talk(two, long) end,
          })
          print_really(answers[1], answers[2], answers[3] == long:upper())
          neap.exit(3)
        end)
      end
    ]], "luasocket_readers", "0", "0")

    assert.matches("^listening on\n", out)
    assert.matches("HELLO\tWORLD\ttrue\n", out, 1, true)
    assert.equal(3, select(2, out:gsub("\n%+ client of %d+", "")))
    assert.equal(3, select(2, out:gsub("\n%- client of %d+", "")))
    assert.equal(3, code)
  end)

  it("run_process prints what its comment says", function()
    local source = read("run_process")
    local lines = {}
    for line in source:match("\n%-%- Prints\n(.-)\nlocal"):gmatch("%-%-   ([^\n]*)") do
      table.insert(lines, line .. "\n")
    end

    local out, code = run_with("", "run_process")

    assert.equal(table.concat(lines), out)
    assert.equal(0, code)
  end)
end)

-- Programs in C that use neap from the inside; the build makes them.
local it = require("support.case")

local build = os.getenv("NEAP_BUILD") or "build"

--- Runs a program of spec/embed; its output and whether it ended with 0.
local function run(command)
  local pipe = assert(io.popen(build .. "/embed/" .. command .. " 2>&1", "r"))
  local output = pipe:read("a")
  return output, pipe:close()
end

describe("a host that runs out of memory", function()
  it("closes clean when one allocation fails, whichever it is", function()
    local output, ok = run("alloc_fail spec/embed/alloc_fail.lua 7")

    assert.is_true(ok, output)
    assert.matches("%d%d%d runs", output)
  end)

  it("closes clean when all fail from some point on", function()
    local output, ok = run("alloc_fail spec/embed/alloc_fail.lua 37 from")

    assert.is_true(ok, output)
    assert.matches("%d%d runs", output)
  end)
end)

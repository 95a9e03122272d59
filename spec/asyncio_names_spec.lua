local case = require("spec.support.case")
local child = require("spec.support.child")

local it = case.it

-- Of Python 3.13; later ones may have more.
local NAMES = [[
import asyncio, sys
if sys.version_info < (3, 14):
    print(*sorted(asyncio.__all__), sep="\n")
else:
    print("create_task")
]]

describe("doc/from-asyncio.md", function()
  it("has every public name of asyncio", function()
    local out = child.shell("%s", { "python3", "-c", NAMES })
    local file <close> = assert(io.open("doc/from-asyncio.md"))
    local page = file:read("a")

    local missing = {}
    for name in out:gmatch("[%w_]+") do
      if not page:find("%f[%w_]" .. name .. "%f[^%w_]") then
        table.insert(missing, name)
      end
    end

    assert.is_truthy(out:find("create_task", 1, true), out)
    assert.same({}, missing)
  end)
end)

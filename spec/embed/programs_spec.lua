--- The C programs of this folder that consist of cases (check.h): each case is
--- one `it`.
local it = require("spec.support.case").it

local build = os.getenv("NEAP_BUILD") or "build"

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local output = pipe:read("a")
  return output, pipe:close()
end

for _, program in ipairs({ "drive", "future", "limits", "misuse", "options", "spawn" }) do
  local path = ("%s/embed/%s"):format(build, program)
  local names = {}
  for name in run(path .. " list"):gmatch("[^\n]+") do
    table.insert(names, name)
  end

  describe("neap.h, " .. program, function()
    assert(#names > 0, path .. " has no cases")
    for _, name in ipairs(names) do
      it(name, function()
        local output, ok = run(("timeout 60 %s '%s'"):format(path, name))

        assert.equal("ok\n", output)
        assert.is_true(ok)
      end)
    end
  end)
end

--- The official test suite of Lua 5.4, which is not part of this project: what
--- passes under lua5.4 passes under neap. LUA_TESTS names the folder with it.
local neap = require("neap")

local folder = os.getenv("LUA_TESTS")

-- `main.lua` tests the texts of the command and needs the name `lua`; the
-- others need a debugging build or much memory.
local left_out = { ["all.lua"] = true, ["main.lua"] = true, ["heavy.lua"] = true, ["verybig.lua"] = true }
local SECONDS = 120 -- for one file

local function run(interpreter, file)
  local result, err = neap.process.run({ interpreter, "-W", "-e", "_port = true _soft = true _nomsg = true", file },
    { cwd = folder, timeout = SECONDS })
  return result and result.code == 0, result and result.stderr or tostring(err)
end

describe("the test suite of Lua", function()
  if not folder then
    pending("LUA_TESTS names no folder with it")
    return
  end

  local files = {}
  for name in assert(neap.fs.scandir(folder)) do
    if name:find("%.lua$") and not left_out[name] then
      table.insert(files, name)
    end
  end
  table.sort(files)

  it("is there", function()
    assert.is_true(#files >= 20, "there are hardly any files in " .. folder)
  end)

  for _, name in ipairs(files) do
    it("passes " .. name, function()
      if run("lua5.4", name) then
        local ok, err = run(assert(neap.fs.readlink("/proc/self/exe")), name)
        assert.is_true(ok, err)
      end
    end)
  end
end)

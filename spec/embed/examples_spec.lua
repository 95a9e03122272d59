--- Runs each embedding example, and checks that it prints what it says.
local it = require("spec.support.case").it

local build = os.getenv("NEAP_BUILD") or "build"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- What the head comment says that it prints.
local function promised(source)
  local lines = {}
  for line in source:match("\n %* Prints\n(.-)\n %*/"):gmatch(" %*   ([^\n]*)") do
    table.insert(lines, line .. "\n")
  end
  return table.concat(lines)
end

for _, name in ipairs({
  "embed_async", "embed_limits", "embed_own_loop", "embed_step", "embed_threads",
}) do
  describe("the example " .. name, function()
    local source = read("examples/" .. name .. ".c")

    it("prints what it says", function()
      local pipe = assert(io.popen(("timeout 60 %s/examples/%s 2>/dev/null"):format(build, name)))
      local output = pipe:read("a")

      assert.is_true(pipe:close())
      assert.equal(promised(source), output)
    end)

    it("has fewer than 80 lines", function()
      local _, lines = source:gsub("\n", "")

      assert.is_true(lines < 80, tostring(lines))
    end)
  end)
end

--- A directory for a spec, gone with everything in it when the block ends.
local neap = require("neap")

local temp = {}

local Temp = {
  __close = function(self)
    neap.shield(neap.fs.rmdir, self.path, { recursive = true })
  end,
  __div = function(self, name)
    return self.path .. "/" .. name
  end,
}

--- `local dir <close> = temp.dir()`; `dir / "name"` is a path in it.
function temp.dir()
  return setmetatable({ path = assert(neap.fs.mkdtemp("neap-spec-")) }, Temp)
end

return temp

--- Which names of neap exist, for specs of the documentation.
local neap = require("neap")

local names = {}

-- They are files, or the private module that the Lua files build on.
local files = { h = true, so = true, pc = true, bash = true, core = true, lua = true }

local function field(value, key)
  local ok, found = pcall(function() return value[key] end)
  return ok and found or nil
end

--- Whether `neap.net.connect` and its like lead to something.
---@param name string  begins with "neap."; a dot at its end is ignored
---@return boolean
function names.exists(name)
  local value = neap
  for key in name:gsub("%.$", ""):gsub("^neap%.?", ""):gmatch("[^.]+") do
    if value == neap and files[key] or key == "1" then
      return true
    end
    value = field(value, key)
    if value == nil then
      return false
    end
  end
  return true
end

--- Whether `object` has a method or a field of that name.
---@param object any
---@param key string
---@return boolean
function names.has(object, key)
  return field(object, key) ~= nil
end

return names

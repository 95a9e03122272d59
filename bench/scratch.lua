-- One directory for all that a run writes and does not keep.
local fs = require("neap").fs

local scratch = {}

local base, count = nil, 0

local Directory <const> = {
  __close = function(directory)
    -- again, for what a process that is just ending has added
    os.execute(("rm -rf %s || { sleep 0.2; rm -rf %s; }"):format(directory.path, directory.path))
  end,
}

--- The directory of this run, which is made at the first call.
function scratch.path()
  base = base or assert(fs.mkdtemp("neap-bench-"))
  return base
end

--- A directory in it, removed when the result is closed.
function scratch.directory()
  count = count + 1
  local path = ("%s/%d"):format(scratch.path(), count)
  assert(fs.mkdir(path))
  return setmetatable({ path = path }, Directory)
end

--- Closing the result removes all of it.
function scratch.guard()
  return setmetatable({ path = scratch.path() }, Directory)
end

return scratch

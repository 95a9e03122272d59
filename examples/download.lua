-- Saves a file, with a progress bar; run it again to go on where it broke off.
--
--   neap examples/download.lua URL [file]
--
-- The file is there once it is complete; until then it is in file.part.
local neap = require("neap")

local url = arg[1] or error("usage: download.lua URL [file]", 0)
local path = arg[2] or url:match("([^/?#]+)[?#]?[^/]*$") or "download"

local WIDTH = 30
local shown = -1

local function show(bytes, total)
  local done = total and total > 0 and bytes * WIDTH // total or 0
  if done ~= shown then
    shown = done
    local bar = ("#"):rep(done) .. ("."):rep(WIDTH - done)
    io.stdout:write(("\r[%s] %.1f MB"):format(bar, bytes / 1e6))
    io.stdout:flush()
  end
end

local response <close> = assert(neap.http.get(url, { progress = show, retry = 3 }))
if not response.ok then
  error(("%s: %d %s"):format(response.url, response.status, response.reason), 0)
end
assert(response:save(path, { resume = true }))
print("\nsaved as " .. path)

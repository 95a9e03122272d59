--- What is there now and was not there before: tasks, timers, handles,
--- descriptors, each with the place where it was made.
local core = require("neap.core")

local leaks = {}

-- The first stream opens a descriptor that libuv keeps: no leak.
if not core.virtual_clock(false) then
  for _, stream in ipairs({ core.pair() }) do
    stream:close()
  end
end

---@class neap.testing.Stock
---@field tasks table<neap.Task, true>
---@field handles table<integer, string>
---@field timers table<integer, string>
---@field descriptors table<integer, string>
---@field keepers integer

---@return neap.testing.Stock
function leaks.take_stock()
  local stock = {
    tasks = {},
    handles = core.handle_list(),
    timers = core.pending_timers(),
    descriptors = core.descriptors() or {},
    keepers = core.stats().keepers,
  }
  for _, task in ipairs(core.tasks()) do
    stock.tasks[task] = true
  end
  return stock
end

--- The first line of a script in a traceback.
local function place_in(traceback)
  for line in (traceback or ""):gmatch("\n\t([^\n]*)") do
    local place = line:match("^([^\n]-:%d+):")
    if place and not place:find("^neap/") then
      return place
    end
  end
end

local function describe_task(task)
  local places = {}
  local origin, now = core.spawned_at(task), place_in(task:traceback())
  if origin then
    table.insert(places, "spawned at " .. origin)
  end
  if now then
    table.insert(places, "now at " .. now)
  end
  local where = #places > 0 and (" (%s)"):format(table.concat(places, ", ")) or ""
  return tostring(task) .. where
end

local function describe_timer(number, origin)
  return ("timer callback-%d%s"):format(number, origin ~= "" and " (made at " .. origin .. ")" or "")
end

local function describe_descriptor(fd, target)
  return ("descriptor %d%s"):format(fd, target ~= "" and " (" .. target .. ")" or "")
end

local function add_new(found, before, now, describe)
  local keys = {}
  for key in pairs(now) do
    if before[key] == nil then
      table.insert(keys, key)
    end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    table.insert(found, describe(key, now[key]))
  end
end

--- What there is now and was not before, as a list of texts.
---@param before neap.testing.Stock
---@return string[]
function leaks.new_since(before)
  local found, now = {}, leaks.take_stock()
  for _, task in ipairs(core.tasks()) do
    if not before.tasks[task] then
      table.insert(found, describe_task(task))
    end
  end
  add_new(found, before.timers, now.timers, describe_timer)
  add_new(found, before.handles, now.handles, function(_, text) return text end)
  add_new(found, before.descriptors, now.descriptors, describe_descriptor)
  if #found == 0 and now.keepers > before.keepers then
    table.insert(found, ("servers or readers: %d"):format(now.keepers - before.keepers))
  end
  return found
end

return leaks

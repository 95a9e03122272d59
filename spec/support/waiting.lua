--- Finds out which functions may wait: each is called with the arguments of its
--- example, but in a task that is cancelled, where a call that may wait raises
--- CANCELLED and does nothing else. Writes a line for each: its name, and "waits",
--- "returns" or "not called".
---
--- A program of its own, because the examples are left in the middle.
local annotations = require("doc.annotations")
local exports = require("spec.support.exports")
local neap = require("neap")
local reference = require("spec.support.reference")

-- What is exchanged below is called by these names.
local is_cancelled, shield, sleep, spawn = neap.is_cancelled, neap.shield, neap.sleep, neap.spawn
local tasks, timeout, wait = neap.tasks, neap.timeout, neap.wait
local virtual_clock = neap.testing.virtual_clock

-- They end the process, are for another one, or need a signal.
local left_out = {
  ["neap.exit"] = true, ["neap.run"] = true, ["neap.http.App:run"] = true,
  ["neap.signal.handle"] = true, ["neap.signal.stream"] = true, ["neap.signal.wait"] = true,
}

--- True for a method that each object has for itself: nothing can be put in its place.
local function is_own(item)
  local make = exports.classes[item.owner]
  if not make then
    return false
  end
  local object = make()
  local own = type(object) == "table" and rawget(object, item.short) ~= nil
  exports.close(object)
  return own
end

--- The table of methods of a class.
local function methods_of(class)
  local object = exports.classes[class]()
  local index = debug.getmetatable(object).__index
  exports.close(object)
  if type(index) == "function" then
    return exports.upvalue(index, "methods") or debug.getmetatable(object)
  end
  return index
end

--- The tables in which a function is found.
local function places_of(item)
  local place = _G
  if exports.classes[item.owner] then
    local list = { methods_of(item.owner) }
    if item.owner == "neap.Future" then
      table.insert(list, methods_of("neap.Task"))
    end
    return list
  end
  for name in (item.owner .. "."):gmatch("(%a+)%.") do
    place = name == "neap" and neap or place[name]
  end
  return { place }
end

--- What a function does in a cancelled task.
local function try(fn, ...)
  local arguments = table.pack(...)
  local task = spawn(function()
    pcall(sleep, math.huge)
    return pcall(fn, table.unpack(arguments, 1, arguments.n))
  end)
  sleep(0)
  task:cancel()
  if #wait({ task }, { timeout = 3 }) == 0 then
    return "hangs"
  end
  local ran, ok, err = pcall(task.result, task)
  return ran and not ok and is_cancelled(err) and "waits" or "returns"
end

local Leave = setmetatable({}, { __name = "the example is left" })

--- Puts another function in the place of one until it is called, and runs its
--- example.
local function probe(module, item)
  local places, found = places_of(item), "not called"
  local original = assert(places[1][item.short], item.name)
  local function restore()
    for _, place in ipairs(places) do
      place[item.short] = original
    end
  end
  for _, place in ipairs(places) do
    place[item.short] = function(...)
      restore()
      if found ~= "not called" then
        return original(...)
      end
      found = shield(try, original, ...)
      error(Leave, 0)
    end
  end
  pcall(timeout, 100, reference.run, module, item.example, item.name)
  restore()
  return found
end

local function check(module, item)
  local before = {}
  for _, task in ipairs(tasks()) do
    before[task] = true
  end
  local found
  if reference.is_virtual(module, item) then
    found = virtual_clock(probe, module, item)
  else
    found = probe(module, item)
  end
  io.stdout:write(item.name, " ", found, "\n")
  for _, task in ipairs(tasks()) do
    if not before[task] then
      task:cancel()
    end
  end
  sleep(0)
end

neap.loop.set_exception_handler(function() end)
for _, file in ipairs(annotations.read_all()) do
  for _, item in ipairs(file.items) do
    if item.kind == "function" and not left_out[item.name] and not is_own(item) then
      check(file.module, item)
    end
  end
end
os.exit(0)

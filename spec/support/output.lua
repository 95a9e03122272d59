--- busted's output: a line per spec file, failures in full where they happen,
--- and as the last line "N passed, N failed".
local busted = require("busted")
local base = require("busted.outputHandlers.base")

local function indent(text)
  return "    " .. text:gsub("\n+$", ""):gsub("\n", "\n    ")
end

--- The traceback without the frames of busted itself.
local function own_frames(traceback)
  local lines = {}
  for line in traceback:gmatch("[^\n]+") do
    if not line:find("/busted/", 1, true) and not line:find("busted.runner", 1, true) then
      table.insert(lines, line)
    end
  end
  return table.concat(lines, "\n")
end

return function(options)
  local handler = base()
  local before = { passed = 0, failed = 0 } -- the counts when the file began
  local in_line = false -- a file's name is written, its counts are not yet

  local function write(text)
    io.write(in_line and "\n" or "", text, "\n")
    io.flush()
    in_line = false
  end

  local function counts()
    return handler.successesCount, handler.failuresCount + handler.errorsCount
  end

  function handler.fileStart(element)
    before.passed, before.failed = counts()
    io.write(element.name, " ")
    io.flush()
    in_line = true
    return nil, true
  end

  function handler.fileEnd(element)
    local passed, failed = counts()
    passed, failed = passed - before.passed, failed - before.failed
    io.write(in_line and "" or element.name .. " ", passed, " passed")
    if failed > 0 then
      io.write(", ", failed, " FAILED")
    end
    if element.duration and element.duration > 1 then
      io.write((" (%.1f s)"):format(element.duration))
    end
    in_line = false
    write("")
    return nil, true
  end

  function handler.testStart(element)
    if options.verbose then
      write("  " .. handler.getFullName(element))
    end
    return nil, true
  end

  local function report(kind)
    return function(element, _, message, trace)
      local place = element.trace
      place = place and ("%s:%s: "):format(place.short_src, place.currentline) or ""
      write(("%s %s%s"):format(kind, place, handler.getFullName(element)))
      write(indent(tostring(message)))
      if kind == "ERROR" and trace and trace.traceback then
        write(indent(own_frames(trace.traceback)))
      end
      return nil, true
    end
  end

  function handler.suiteEnd()
    for _, pending in ipairs(handler.pendings) do
      write(("skipped: %s%s"):format(pending.name,
        pending.message and " (" .. tostring(pending.message) .. ")" or ""))
    end
    local passed, failed = counts()
    local skipped = handler.pendingsCount
    write(("%d passed, %d failed%s"):format(passed, failed,
      skipped > 0 and (", %d skipped"):format(skipped) or ""))
    return nil, true
  end

  busted.subscribe({ "file", "start" }, handler.fileStart)
  busted.subscribe({ "file", "end" }, handler.fileEnd)
  busted.subscribe({ "test", "start" }, handler.testStart)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  busted.subscribe({ "failure" }, report("FAILED"))
  busted.subscribe({ "error" }, report("ERROR"))
  return handler
end

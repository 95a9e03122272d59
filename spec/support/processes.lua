--- Children for specs: shell commands, and whether a process exists.
local process = require("neap").process

local processes = {}

--- A shell command line run to its end.
function processes.sh(line, opts)
  opts = opts or {}
  opts.shell = true
  return process.run(line, opts)
end

--- True while a process exists (a zombie exists, too).
function processes.exists(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if file then
    file:close()
  end
  return file ~= nil
end

--- Closes our ends of a child's pipes.
function processes.close_pipes(p)
  for _, name in ipairs({ "stdin", "stdout", "stderr" }) do
    if p[name] then
      p[name]:close()
      p[name]:wait_closed()
    end
  end
end

return processes

--- Runs scripts in a process of their own, as a user of the command does.
local child = {}

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The interpreter that runs the specs.
function child.interpreter()
  local lowest = 0
  while arg[lowest - 1] do
    lowest = lowest - 1
  end
  return arg[lowest]
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function take(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  os.remove(path)
  return text
end

--- Runs a shell command line; `%s` in it stands for the command to run.
---@param pattern string  such as "echo x | %s"
---@param program string[]  the program and its arguments
---@return string stdout
---@return string stderr
---@return integer code  128 plus the signal for one that a signal ended
function child.shell(pattern, program)
  local out, err = os.tmpname(), os.tmpname()
  local words = {}
  for i, word in ipairs(program) do
    words[i] = quote(word)
  end
  local command = pattern:gsub("%%s", function() return table.concat(words, " ") end)
  local line = "{ " .. command .. "; } >" .. quote(out) .. " 2>" .. quote(err) .. " </dev/null"
  local _, how, code = io.popen(line):close()
  if how == "signal" then
    code = 128 + code
  end
  return take(out), take(err), code
end

--- Runs a script in a process of the interpreter that runs the specs.
---@param script string  its text
---@param ... string  its arguments
---@return string stdout
---@return string stderr
---@return integer code
function child.run(script, ...)
  return child.run_as("timeout -k 1 20 %s", script, ...)
end

--- Like `child.run`, in a shell command line.
---@param pattern string  `%s` in it stands for the interpreter, script and arguments
function child.run_as(pattern, script, ...)
  local path = os.tmpname()
  write(path, script)
  local out, err, code = child.shell(pattern, { child.interpreter(), path, ... })
  os.remove(path)
  return out, err, code
end

--- Runs a script in a program of spec/embed.
---@param name string  such as "slow_system"
function child.run_embedded(name, script)
  local path = os.tmpname()
  write(path, script)
  local program = (os.getenv("NEAP_BUILD") or "build") .. "/embed/" .. name
  local out, err, code = child.shell("timeout -k 1 20 %s", { program, path })
  os.remove(path)
  return out, err, code
end

--- Runs a script in the system's own Lua.
function child.run_stock(script, ...)
  return child.run_stock_as("%s", script, ...)
end

--- The same in a shell command line.
---@param pattern string  `%s` in it stands for the interpreter, script and arguments
function child.run_stock_as(pattern, script, ...)
  local path = os.tmpname()
  write(path, script)
  local out, err, code = child.shell(pattern, { "lua5.4", path, ... })
  os.remove(path)
  return out, err, code
end

return child

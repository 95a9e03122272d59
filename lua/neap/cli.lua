--- What the command does besides running scripts.
local bundle = require("neap.bundle")
local neap = require("neap")
local watcher = require("neap.watcher")

local cli = {}

--- Says what is wrong and ends the program with status 1.
local function fail(program, text, ...)
  io.stderr:write(program, ": ", text:format(...), "\n")
  neap.exit(1)
end

--- `neap --watch [options] [script [args]]`.
---@async
---@param script string?
---@param program string  how the command was called
---@param ... string  its arguments
function cli.watch(script, program, ...)
  local words = { ... }
  for i, word in ipairs(words) do
    if word == "--watch" then
      table.remove(words, i)
      break
    end
  end
  watcher.run(script, program, words)
end

local compile_usage = "usage: %s compile script.lua -o program [--include mod] [--strip]"

--- The arguments of `neap compile`, or nil and what is wrong.
local function compile_options(words)
  local options = { include = {} }
  local i = 1
  local function value(name, word)
    local given = word:match("^%-%-%w+=(.*)$")
    if not given then
      i = i + 1
      given = words[i]
    end
    return given or error(("'%s' needs argument"):format(name), 0)
  end
  while i <= #words do
    local word = words[i]
    local name = word:match("^%-%-%w+") or word:sub(1, 2)
    if word == "--strip" then
      options.strip = true
    elseif name == "-o" then
      options.output = #word > 2 and word:sub(3) or value("-o", word)
    elseif name == "--include" then
      table.insert(options.include, value(name, word))
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      error(("unrecognized option '%s'"):format(word), 0)
    elseif options.script then
      error(("one script is compiled, not '%s' too"):format(word), 0)
    else
      options.script = word
    end
    i = i + 1
  end
  if not options.script or not options.output then
    error(options.script and "'-o program' is missing" or "the script is missing", 0)
  end
  return options
end

--- `neap compile script.lua -o program [--include mod] [--strip]`.
---@async
---@param program string  how the command was called
---@param _ string  "compile"
---@param ... string  its arguments
function cli.compile(program, _, ...)
  if ... == "--help" then
    print(compile_usage:format(program))
    return
  end
  local ok, options = pcall(compile_options, { ... })
  if not ok then
    fail(program, "%s\n" .. compile_usage, options, program)
  end
  local made, err = bundle.make(options.script, options.output, options)
  if not made then
    fail(program, "%s", err)
  end
  for _, missing in ipairs(made) do
    io.stderr:write(program, ": ", missing, "\n")
  end
end

return cli

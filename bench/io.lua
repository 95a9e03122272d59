-- What scripts do with files and processes, as a user would write it; each
-- prints the seconds it took.
--
--   build/neap bench/io.lua copy FILE       a copy of a file, line by line
--   build/neap bench/io.lua plain_copy FILE the same with io.lines
--   build/neap bench/io.lua read DIR N      N small files, one after another
--   build/neap bench/io.lua read_many DIR N the same, 16 at a time
--   build/neap bench/io.lua spawn N         N times `true`, one after another
local neap = require("neap")

local fs = neap.fs
local operations = {}

function operations.copy(path)
  local from, to = assert(fs.open(path)), assert(fs.open(path .. ".copy", "w"))
  for line in from:lines() do
    to:write(line, "\n")
  end
  from:close()
  assert(to:close())
end

function operations.plain_copy(path)
  local to = assert(io.open(path .. ".copy", "w"))
  for line in io.lines(path) do
    to:write(line, "\n")
  end
  assert(to:close())
end

function operations.read(dir, count)
  for i = 1, count do
    assert(fs.read_file(dir .. "/" .. i))
  end
end

function operations.read_many(dir, count)
  local numbers = {}
  for i = 1, count do
    numbers[i] = i
  end
  neap.map(numbers, function(i)
    return #assert(fs.read_file(dir .. "/" .. i))
  end, { limit = 16 })
end

function operations.spawn(count)
  for _ = 1, count do
    assert(neap.process.spawn({ "true" })):wait()
  end
end

local name, words = arg[1], { table.unpack(arg, 2) }
for i, word in ipairs(words) do
  words[i] = math.tointeger(tonumber(word)) or word
end
local start = neap.loop.time()
operations[name](table.unpack(words))
print(("%.6f"):format(neap.loop.time() - start))

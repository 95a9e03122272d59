-- Other programs: one run for its output, several at a time, one talked to
-- through pipes, one that takes too long.
--
--   neap examples/run_process.lua
--
-- Prints
--   echo said: hello
--   1 4 9 16
--   sort: apple pear plum
--   exit status 3
--   TIMEOUT: run sleep: timed out
--   ENOENT: spawn "no-such-program": no such file or directory
local neap = require("neap")
local process = neap.process

local result = assert(process.run({ "echo", "hello" }))
io.write("echo said: ", result.stdout)

-- At most two at a time; results come in the order of the list.
local squares = neap.map({ 1, 2, 3, 4 }, function(n)
  return process.run("echo $((N * N))", { shell = true, env = { N = n } }).stdout:match("%d+")
end, { limit = 2 })
print(table.concat(squares, " "))

do
  local sort <close> = assert(process.spawn({ "sort" }, { stdin = "pipe", stdout = "pipe" }))
  sort.stdin:write("plum\napple\npear\n")
  sort.stdin:close() -- the end of its input
  local words = {}
  for line in sort.stdout:lines() do
    table.insert(words, line)
  end
  print("sort: " .. table.concat(words, " "))
end

print("exit status " .. process.run("exit 3", { shell = true }).code)
print(select(2, process.run({ "sleep", "10" }, { timeout = 0.1 })))
print(select(2, process.run({ "no-such-program" })))

--- Runs the tutorial programs that come to an end by themselves, and compares
--- what they print with what their head comments say.
local child = require("spec.support.child")
local neap = require("neap")

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- The indented lines that follow the word "Prints" in the head comment.
local function promised(source)
  local lines = {}
  local comment = source:match("^(%-%-.-)\n[^%-]")
  for line in comment:match("\n%-%- Prints.*$"):gmatch("\n%-%-   ([^\n]*)") do
    table.insert(lines, line .. "\n")
  end
  return table.concat(lines)
end

-- Its clock jumps when nothing is ready: a slow machine changes no order.
local TIMED = 'require("neap.core").virtual_clock(true)'

local function run(path, setup)
  local lua = child.interpreter()
  return child.shell("timeout -k 1 20 %s", setup and { lua, "-e", setup, path } or { lua, path })
end

local function check(name, setup)
  local path = "examples/asyncio/" .. name .. ".lua"
  local expected = promised(read(path))
  assert.not_equal("", expected)

  local out, err, code = run(path, setup)

  assert.equal(expected, out)
  return err, code
end

-- Those that print what their comments say, to the letter.
local exact = {
  "async_iterators", "await_function", "awaitable_objects", "condition", "context_managers",
  "event", "generator_close", "generators_by_hand", "hello", "lock", "queue",
  "run_until_complete", "task_callbacks", "task_states", "two_tasks", "wait_tasks",
}

-- Those with cases of their own, here and in servers_spec.
local others = {
  "blocked_loop", "group_chat", "line_echo_server", "page_by_protocol", "protocol_echo_client",
  "protocol_echo_server", "protocol_server", "raw_sockets", "single_chat", "two_processes",
  "two_threads", "unheeded_error", "upper_client",
}

describe("the tutorials", function()
  it("are all run by a spec", function()
    local there, known = {}, {}
    for name in assert(neap.fs.scandir("examples/asyncio")) do
      table.insert(there, (name:gsub("%.lua$", "")))
    end
    table.move(exact, 1, #exact, 1, known)
    table.move(others, 1, #others, #known + 1, known)
    table.sort(there)
    table.sort(known)

    assert.same(known, there)
  end)
end)

describe("the tutorial program", function()
  for _, name in ipairs(exact) do
    it(name .. " prints what its comment says", function()
      local err, code = check(name, TIMED)

      assert.equal("", err)
      assert.equal(0, code)
    end)
  end

  it("hello prints the same in real time", function()
    local err, code = check("hello")

    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("unheeded_error prints what its comment says, and fails", function()
    local err, code = check("unheeded_error", TIMED)

    assert.matches("^neap: unheeded failed, and nobody took its error: no such luck\n", err)
    assert.matches("unheeded_error.lua:%d+: in function", err)
    assert.equal(1, code)
  end)

  it("blocked_loop prints what its comment says, and is warned of", function()
    local err, code = check("blocked_loop")

    assert.matches("^neap: warning: busy held the loop for 0%.%d+ s, without a wait\n", err)
    assert.matches("busy was spawned at:\n\t[^\n]*blocked_loop.lua:%d+: in", err)
    assert.equal(0, code)
  end)

  for _, name in ipairs({ "two_processes", "two_threads" }) do
    it(name .. " runs both", function()
      local out, err, code = run(("examples/asyncio/%s.lua"):format(name))

      assert.equal("", err)
      assert.equal(0, code)
      assert.matches("0\n.*1\n.*2\n", out)
      assert.matches("a\n.*b\n.*c\n", out)
      assert.equal(12, #out)
    end)
  end
end)

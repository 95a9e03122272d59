--- Runs each example as its head comment says, and checks what it prints.
local child = require("spec.support.child")
local neap = require("neap")

--- What an example says that it prints: the indented lines of its comment that
--- follow the word "Prints".
local function promised(source)
  local lines = {}
  local comment = source:match("^(%-%-.-)\n[^%-]")
  for line in comment:match("\n%-%- Prints.*$"):gmatch("\n%-%-   ([^\n]*)") do
    table.insert(lines, line .. "\n")
  end
  return table.concat(lines)
end

local function read(name)
  local file = assert(io.open("examples/" .. name .. ".lua", "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function run(name, ...)
  local out, err, code = child.run(read(name), ...)
  assert.equal("", err)
  assert.equal(0, code)
  return out
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do
    table.insert(lines, line)
  end
  return lines
end

describe("the examples", function()
  it("are read in a minute: each has fewer than 60 lines", function()
    local folders = { examples = "", ["examples/asyncio"] = "^(%-%-.-\n)[^%-]" }
    for folder, head in pairs(folders) do
      for name in assert(neap.fs.scandir(folder)) do
        if name:find("%.lua$") and name ~= "http_json.lua" then -- that is a whole service
          local text = assert(neap.fs.read_file(folder .. "/" .. name))
          if head ~= "" then -- that of a tutorial has its whole output
            text = text:sub(#text:match(head) + 1)
          end
          local lines = select(2, text:gsub("\n", ""))
          assert.is_true(lines < 60, ("%s/%s has %d"):format(folder, name, lines))
        end
      end
    end
  end)
end)

describe("the example", function()
  for _, name in ipairs({
    "close_scope", "condition", "done_callbacks", "event", "generator", "lock", "task_group",
    "timeout",
  }) do
    it(name .. " prints what its comment says", function()
      local expected = promised(read(name))
      assert.not_equal("", expected)

      assert.equal(expected, run(name))
    end)
  end

  it("threads_sum leaves the loop free", function()
    assert.equal("the sum of 1 to 20000000 is 200000010000000\nthe loop was free meanwhile\n", run("threads_sum"))
  end)

  it("hello greets", function()
    assert.equal("hello\nworld\n", run("hello"))
  end)

  it("sleep_sort sorts the numbers it is given", function()
    assert.equal("1\n2\n4\n9\n", run("sleep_sort", "4", "1", "9", "2"))
  end)

  it("sleep_sort sorts numbers of its own", function()
    assert.equal("1\n2\n3\n4\n5\n", run("sleep_sort"))
  end)

  it("producer_consumer works on each item once, then stops", function()
    local lines = lines_of(run("producer_consumer"))

    local items = {}
    for i = 1, 6 do
      table.insert(items, lines[i]:match("^[ab] works on (item %d)$"))
    end
    table.sort(items)
    assert.same({ "item 1", "item 2", "item 3", "item 4", "item 5", "item 6" }, items)
    local last = { table.unpack(lines, 7) }
    table.sort(last) -- who stops first is a matter of time
    assert.same({ "a stops", "all 6 items are done", "b stops" }, last)
  end)

  it("tour shows everything it announces", function()
    local out = run("tour")

    for _, expected in ipairs({
      "tick 3", "tick is done, tock is done", "TIMEOUT: ", "Ann did ", "Bob did ", "wait", "ONE TWO THREE",
    }) do
      assert.is_truthy(out:find(expected, 1, true), expected .. " is missing in:\n" .. out)
    end
  end)
end)

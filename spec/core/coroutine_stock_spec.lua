local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

--- What a snippet gives, as text: its results or its error.
local renderer = [=[
local function render(snippet)
  local results = table.pack(pcall(assert(load(snippet, "=snippet"))))
  for i = 1, results.n do
    results[i] = tostring(results[i]):gsub("0x%x+", "ADDRESS")
  end
  return table.concat(results, " | ")
end
]=]
local render = load(renderer .. "return render")()

--- Nothing in these waits: they do what they do in stock Lua.
local snippets = {
  ["create gives a suspended thread"] = [[
    local co = coroutine.create(print)
    return type(co), coroutine.status(co)]],
  ["create refuses what is no function"] = [[coroutine.create(42)]],
  ["create refuses an absent function"] = [[coroutine.create()]],
  ["wrap refuses what is no function"] = [[coroutine.wrap({})]],
  ["resume refuses what is no coroutine"] = [[coroutine.resume({})]],
  ["resume refuses an absent coroutine"] = [[coroutine.resume()]],
  ["status refuses what is no coroutine"] = [[coroutine.status("x")]],
  ["close refuses what is no coroutine"] = [[coroutine.close(nil)]],
  ["isyieldable refuses what is no coroutine"] = [[return coroutine.isyieldable(1)]],
  ["resume passes values both ways"] = [[
    local co = coroutine.create(function(...) return coroutine.yield(select("#", ...), ...) end)
    local a = table.pack(coroutine.resume(co, nil, 2, nil))
    local b = table.pack(coroutine.resume(co, "x", nil))
    return a.n, a[1], a[2], a[3], a[4], a[5], b.n, b[1], b[2], b[3] ]],
  ["resume of a dead coroutine"] = [[
    local co = coroutine.create(function() end)
    coroutine.resume(co)
    return coroutine.resume(co) ]],
  ["resume of a failed coroutine"] = [[
    local co = coroutine.create(function() error("x") end)
    local ok, message = coroutine.resume(co)
    return ok, message, coroutine.resume(co) ]],
  ["resume of the running coroutine"] = [[
    local co
    co = coroutine.create(function() return coroutine.resume(co) end)
    return coroutine.resume(co) ]],
  ["resume of the main coroutine"] = [[
    local main = coroutine.running()
    return coroutine.wrap(function() return coroutine.resume(main) end)() ]],
  ["resume of a normal coroutine"] = [[
    local outer
    outer = coroutine.create(function()
      return coroutine.wrap(function()
        return coroutine.status(outer), coroutine.resume(outer)
      end)()
    end)
    return coroutine.resume(outer) ]],
  ["wrap of a dead coroutine"] = [[
    local f = coroutine.wrap(function() end)
    f()
    f() ]],
  ["wrap that calls itself"] = [[
    local f
    f = coroutine.wrap(function() f() end)
    f() ]],
  ["wrap adds a position to a string"] = [[
    local f = coroutine.wrap(function() error("x") end)
    f() ]],
  ["wrap adds a position to a string without one"] = [[
    local f = coroutine.wrap(function() error("x", 0) end)
    f() ]],
  ["wrap leaves another error as it is"] = [[
    local failure = setmetatable({}, { __tostring = function() return "failure" end })
    local f = coroutine.wrap(function() error(failure) end)
    f() ]],
  ["wrap leaves nil as it is"] = [[
    local f = coroutine.wrap(function() error() end)
    f() ]],
  ["wrap closes what its coroutine left open"] = [[
    local log = {}
    local f = coroutine.wrap(function()
      local x <close> = setmetatable({}, {
        __close = function(_, e) log[#log + 1] = tostring(e) end
      })
      error("x", 0)
    end)
    local ok, message = pcall(f)
    return ok, message, #log, log[1] ]],
  ["wrap raises the error of a <close> handler"] = [[
    local f = coroutine.wrap(function()
      local x <close> = setmetatable({}, { __close = function() error("from close", 0) end })
      error("x", 0)
    end)
    f() ]],
  ["running in the main coroutine"] = [[
    local co, main = coroutine.running()
    return type(co), main ]],
  ["running in a coroutine"] = [[
    local co
    co = coroutine.create(function()
      local running, main = coroutine.running()
      return running == co, main
    end)
    return coroutine.resume(co) ]],
  ["status of the main coroutine"] = [[return coroutine.status((coroutine.running()))]],
  ["status of the main coroutine seen from another"] = [[
    local main = coroutine.running()
    return coroutine.wrap(function() return coroutine.status(main) end)() ]],
  ["isyieldable in the main coroutine"] = [[return coroutine.isyieldable()]],
  ["isyieldable of the main coroutine"] = [[
    local main = coroutine.running()
    return coroutine.wrap(function() return coroutine.isyieldable(main) end)() ]],
  ["isyieldable in a coroutine"] = [[return coroutine.wrap(coroutine.isyieldable)()]],
  ["isyieldable of a coroutine that is suspended"] = [[
    return coroutine.isyieldable(coroutine.create(print)) ]],
  ["isyieldable across a C call"] = [[
    local answer
    coroutine.wrap(function()
      table.sort({ 2, 1 }, function() answer = coroutine.isyieldable() end)
    end)()
    return answer ]],
  ["yield outside a coroutine"] = [[coroutine.yield(1)]],
  ["yield outside a coroutine, in pcall"] = [[return pcall(coroutine.yield, 1)]],
  ["yield across a C call"] = [[
    return coroutine.resume(coroutine.create(function()
      table.sort({ 2, 1 }, coroutine.yield)
    end)) ]],
  ["yield across pcall"] = [[
    local co = coroutine.wrap(function() return pcall(function() return coroutine.yield(1) end) end)
    return co(), co("back") ]],
  ["yield across a metamethod"] = [[
    local t = setmetatable({}, { __add = function(a, b) return coroutine.yield(b) end })
    local co = coroutine.wrap(function() return t + 5 end)
    return co(), co("sum") ]],
  ["yield in a <close> handler"] = [[
    local co = coroutine.wrap(function()
      local x <close> = setmetatable({}, { __close = function() coroutine.yield("closing") end })
      return "result"
    end)
    return co(), co() ]],
  ["close of a fresh coroutine"] = [[
    local co = coroutine.create(print)
    return coroutine.close(co), coroutine.status(co) ]],
  ["close of a suspended coroutine"] = [[
    local log = {}
    local co = coroutine.create(function()
      local x <close> = setmetatable({}, {
        __close = function(_, e) log[#log + 1] = tostring(e) end
      })
      coroutine.yield()
    end)
    coroutine.resume(co)
    return coroutine.close(co), coroutine.status(co), log[1] ]],
  ["close with an error in a <close> handler"] = [[
    local co = coroutine.create(function()
      local x <close> = setmetatable({}, { __close = function() error("from close", 0) end })
      coroutine.yield()
    end)
    coroutine.resume(co)
    return coroutine.close(co) ]],
  ["close of a dead coroutine"] = [[
    local co = coroutine.create(function() end)
    coroutine.resume(co)
    return coroutine.close(co) ]],
  ["close of a failed coroutine"] = [[
    local co = coroutine.create(function() error("x", 0) end)
    coroutine.resume(co)
    return coroutine.close(co) ]],
  ["close of a failed coroutine twice"] = [[
    local co = coroutine.create(function() error("x", 0) end)
    coroutine.resume(co)
    coroutine.close(co)
    return coroutine.close(co) ]],
  ["close of the running coroutine"] = [[
    return coroutine.wrap(function() return pcall(coroutine.close, (coroutine.running())) end)() ]],
  ["close of the main coroutine"] = [[coroutine.close((coroutine.running()))]],
  ["close of a normal coroutine"] = [[
    local outer
    outer = coroutine.create(function()
      return coroutine.wrap(function() return pcall(coroutine.close, outer) end)()
    end)
    return coroutine.resume(outer) ]],
  ["a generator in a for loop"] = [[
    local sum = 0
    local function numbers() for i = 1, 100 do coroutine.yield(i) end end
    for i in coroutine.wrap(numbers) do sum = sum + i end
    return sum ]],
  ["many values through yield"] = [[
    local function many() return select("#", coroutine.yield(table.unpack({}, 1, 200))) end
    local co = coroutine.wrap(many)
    return select("#", co()), co(table.unpack({}, 1, 150)) ]],
  ["coroutines without end in one another"] = [[
    local function nest() return coroutine.wrap(nest)() end
    local ok, message = pcall(nest)
    return ok, (tostring(message):match("C stack overflow")) ]],
  ["debug.traceback of a suspended coroutine"] = [[
    local co = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(co)
    return debug.traceback(co) ]],
  ["debug.traceback of a failed coroutine"] = [[
    local co = coroutine.create(function() local x = nil; x() end)
    coroutine.resume(co)
    return debug.traceback(co) ]],
  ["the names in the table coroutine"] = [[
    local names = {}
    for name in pairs(coroutine) do names[#names + 1] = name end
    table.sort(names)
    return table.concat(names, " ") ]],
}

describe("coroutine, where nothing waits:", function()
  local expected

  setup(function()
    local names = {}
    for name in pairs(snippets) do
      table.insert(names, name)
    end
    local script = { renderer }
    for _, name in ipairs(names) do
      table.insert(script, ("io.write(%q, '\\0', render(%q), '\\0')"):format(name, snippets[name]))
    end
    expected = {}
    for name, text in child.run_stock(table.concat(script, "\n")):gmatch("(%Z*)%z(%Z*)%z") do
      expected[name] = text
    end
  end)

  for name, snippet in pairs(snippets) do
    it(name, function()
      assert.equal(expected[name], render(snippet))
    end)

    it(name .. ", in a spawned task", function()
      assert.equal(expected[name], neap.await(neap.spawn(render, snippet)))
    end)
  end
end)

describe("coroutine.running", function()
  it("gives the same thread throughout a task", function()
    local before = coroutine.running()
    neap.sleep(0)

    assert.equal(before, (coroutine.running()))
  end)

  it("gives each task a thread of its own", function()
    local first = neap.spawn(coroutine.running)
    local second = neap.spawn(coroutine.running)

    local mine = coroutine.running()
    local a, b = neap.await(first), neap.await(second)

    assert.not_equal(a, b)
    assert.not_equal(a, mine)
  end)

  it("gives a thread that no later task runs in", function()
    local seen = {}
    for _ = 1, 20 do
      local thread = neap.await(neap.spawn(coroutine.running))
      assert.is_nil(seen[thread])
      seen[thread] = true
    end
  end)

  it("gives a dead thread once the task has ended", function()
    local thread = neap.await(neap.spawn(coroutine.running))

    assert.equal("dead", coroutine.status(thread))
  end)
end)

describe("the thread of another task", function()
  local function parked()
    local thread
    local future = neap.future()
    local task = neap.spawn(function()
      thread = coroutine.running()
      return neap.await(future)
    end)
    neap.sleep(0)
    return thread, task, future
  end

  it("is normal while the task waits", function()
    local thread, task, future = parked()

    assert.equal("normal", coroutine.status(thread))
    future:set_result()
    neap.await(task)
  end)

  it("can neither be resumed nor closed", function()
    local thread, task, future = parked()

    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(thread) })
    assert.is_false((pcall(coroutine.close, thread)))
    future:set_result("unharmed")
    assert.equal("unharmed", neap.await(task))
  end)
end)

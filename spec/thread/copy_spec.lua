--- What is odd about values that are copied to a thread.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, run = case.it, neap.thread.run

--- A function with `n` upvalues; it returns their sum.
local function with_upvalues(n)
  local names = {}
  for i = 1, n do
    names[i] = "v" .. i
  end
  -- the locals of two functions: one has at most 200
  local half = n // 2
  local list = function(from, to) return table.concat(names, ",", from, to) end
  local ones = function(count) return ("1,"):rep(count):sub(1, -2) end
  local text = ("local %s = %s return (function() local %s = %s return function() return %s end end)()"):format(
    list(1, half), ones(half), list(half + 1, n), ones(n - half), table.concat(names, "+"))
  return assert(load(text))()
end

describe("what is copied to a thread", function()
  it("is a function with as many upvalues as one may have", function()
    assert.equal(255, run(with_upvalues(255)))
  end)

  it("is a function without debug information", function()
    local count = 41
    local stripped = assert(load(string.dump(function(n) return type(print), n end, true)))
    local function counts()
      count = count + 1
      return stripped(count)
    end

    assert.same({ "function", 42 }, { run(counts) })
  end)

  it("finds the globals of the thread where its own were others", function()
    local made = load("return nothing, type", "made", "t", { nothing = true })
    assert.same({ true, nil }, { made() })

    local of_here, has_type = run(function()
      local a, b = made()
      return a, b ~= nil
    end)
    assert.is_nil(of_here)
    assert.is_true(has_type)
  end)

  it("is any number, integer keys and zeros too", function()
    local value = { [math.mininteger] = 1, [-3] = 2, [1.5] = 3, ["a\0b"] = "\0\0", [math.huge] = 4 }

    local is_nan, copy, zero = run(function(nan, t, zero)
      return nan ~= nan, t, 1 / zero
    end, 0 / 0, value, -0.0)

    assert.is_true(is_nan)
    assert.equal(-math.huge, zero)
    assert.same(value, copy)
  end)

  it("is a text of 100 MB", function()
    local size = 100 * 1024 * 1024

    assert.equal(size, run(function(text) return #text end, ("x"):rep(size)))
  end)

  it("is what is nested 1900 deep", function()
    local list, depth = {}, 1900
    for _ = 1, depth do
      list = { list }
    end

    assert.equal(depth + 1, run(function(t)
      local n = 0
      while t do
        t, n = t[1], n + 1
      end
      return n
    end, list))
  end)

  it("is 10000 tables and functions that know each other", function()
    local list = {}
    for i = 1, 10000 do
      list[i] = { list = list, i = i, get = i % 10 == 0 and function() return list[i].i end or nil }
    end

    assert.equal(10000, run(function(all)
      return all[5].list == all and all[10000].get()
    end, list))
  end)

  it("is a metatable with __gc in a cycle, which is called there", function()
    local meta = { __gc = function(object) object.said[1] = true end }
    for i = 1, 20 do
      meta[i] = setmetatable({ said = {} }, meta)
    end

    local count = run(function(mt)
      local said, count = {}, 0
      for i = 1, 20 do
        said[i] = mt[i].said
        mt[i] = nil
      end
      collectgarbage()
      collectgarbage()
      for i = 1, 20 do
        count = count + (said[i][1] and 1 or 0)
      end
      return count
    end, meta)

    assert.equal(20, count)
  end)

  it("keeps __close and __mode", function()
    local closing = setmetatable({ closed = 0 }, { __close = function(t) t.closed = t.closed + 1 end })
    local weak = setmetatable({ {} }, { __mode = "v" })

    assert.same({ 1, 0 }, {
      run(function(c, w)
        do
          local _ <close> = c
        end
        collectgarbage()
        return c.closed, #w
      end, closing, weak),
    })
  end)

  for _, name in ipairs({ "neap.http.headers", "neap.proto.http1" }) do
    it(("is the name of %s, though package.loaded has it no more"):format(name), function()
      local module <const> = require(name)
      local before = package.loaded[name]
      package.loaded[name] = nil
      local same, found = run(function(m, path) return m == require(path), type(m) end, module, name)
      package.loaded[name] = before

      assert.is_true(same)
      assert.equal("table", found)
    end)
  end

  it("is refused as a function that a module of the thread does not have", function()
    local of_here = coroutine.wrap(print)
    rawset(string, "of_here", of_here)
    local err = expect.error(run, type, of_here)
    rawset(string, "of_here", nil)

    assert.matches("^the function 'of_here' of module 'string' is missing", err)
  end)

  it("is refused as a module that the thread cannot find", function()
    local name = "spec.no_such_module"
    package.loaded[name] = {}
    local err = expect.error(run, type, package.loaded[name])
    package.loaded[name] = nil

    assert.matches("^module 'spec.no_such_module' not found", err)
  end)
end)

describe("a channel whose value cannot be copied at its other end", function()
  it("raises that in the receiver, and goes on", function()
    local name = "spec.no_such_module"
    local back = neap.thread.channel()
    package.loaded[name] = {}
    back:send(package.loaded[name])
    back:send("next")
    package.loaded[name] = nil

    assert.matches("module 'spec.no_such_module' not found", expect.error(back.receive, back))
    assert.equal("next", back:receive())
  end)
end)

describe("an error of a thread", function()
  it("has a text where it cannot be copied", function()
    local err = expect.error(run, function()
      error(setmetatable({ io.stdout }, { __tostring = function() return "as text" end }))
    end)
    assert.equal("as text", err)
  end)

  it("says its type where it has no text either", function()
    local err = expect.error(run, function()
      error(setmetatable({ io.stdout }, { __tostring = function() error("no") end }))
    end)
    assert.equal("(error object is a table value)", err)
  end)

  it("may be nil", function()
    assert.same({ false, nil, n = 2 }, table.pack(pcall(run, function() error() end)))
  end)

  it("may be an overflow of the stack", function()
    local err = expect.error(run, function()
      local function f() return 1 + f() end
      return f()
    end)
    assert.matches("stack overflow", err)
  end)
end)

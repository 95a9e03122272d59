local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

--- Makes `require(name)` run a chunk for as long as the guard lives.
local function preload(name, chunk)
  package.preload[name] = chunk
  return setmetatable({}, {
    __close = function()
      package.preload[name] = nil
      package.loaded[name] = nil
    end,
  })
end

describe("require of a module that waits at its top level", function()
  timed("returns what the module returns", function()
    local _ <close> = preload("waiting_module", function()
      neap.sleep(1)
      return { value = neap.sleep(1, "loaded") }
    end)

    local module = require("waiting_module")

    assert.equal("loaded", module.value)
    assert.equal(module, package.loaded.waiting_module)
  end)

  timed("passes the name and the loader data to the module", function()
    local seen
    local _ <close> = preload("waiting_module", function(...)
      seen = table.pack(...)
      neap.sleep(1)
    end)

    local outcome = table.pack(require("waiting_module"))

    assert.same({ n = 2, "waiting_module", ":preload:" }, seen)
    assert.same({ n = 2, true, ":preload:" }, outcome)
  end)

  timed("runs the module once for two tasks that require it", function()
    local runs = 0
    local _ <close> = preload("waiting_module", function()
      runs = runs + 1
      neap.sleep(1)
      return { runs = runs }
    end)

    local results = neap.gather({
      function() return (require("waiting_module")) end,
      function() return (require("waiting_module")) end,
    })

    assert.equal(1, runs)
    assert.equal(1, results[1].runs)
    assert.equal(results[1], results[2])
  end)

  timed("gives the second task the whole module", function()
    local _ <close> = preload("waiting_module", function()
      local module = {}
      neap.sleep(1)
      module.complete = true
      return module
    end)
    neap.spawn(require, "waiting_module")
    neap.sleep(0.5)

    assert.is_true(require("waiting_module").complete)
  end)

  timed("raises the error of the module", function()
    local _ <close> = preload("waiting_module", function()
      neap.sleep(1)
      error("broken module", 0)
    end)

    assert.equal("broken module", expect.error(require, "waiting_module"))
    assert.is_nil(package.loaded.waiting_module)
  end)

  timed("can be repeated after an error", function()
    local runs = 0
    local _ <close> = preload("waiting_module", function()
      runs = runs + 1
      neap.sleep(1)
      return runs > 1 and "second" or error("first", 0)
    end)

    assert.equal("first", expect.error(require, "waiting_module"))
    assert.equal("second", (require("waiting_module")))
  end)

  timed("leaves no task that requires it hanging when it fails", function()
    local _ <close> = preload("waiting_module", function()
      neap.sleep(1)
      error("broken module", 0)
    end)

    local results = neap.gather({
      function() return pcall(require, "waiting_module") end,
      function() return pcall(require, "waiting_module") end,
    })

    assert.same({ n = 2, false, false }, results)
  end)

  timed("lets another task load it when the first is cancelled", function()
    local _ <close> = preload("waiting_module", function()
      neap.sleep(1)
      return "loaded"
    end)
    local first = neap.spawn(require, "waiting_module")
    neap.sleep(0.5)
    local second = neap.spawn(require, "waiting_module")
    neap.sleep(0)

    first:cancel()

    assert.equal("loaded", (neap.await(second)))
    assert.is_true(first:cancelled())
  end)

  timed("requires further modules that wait", function()
    local _ <close> = preload("inner_module", function() return neap.sleep(1, "inner") end)
    local _ <close> = preload("outer_module", function()
      return "outer of " .. require("inner_module")
    end)

    assert.equal("outer of inner", (require("outer_module")))
  end)

  it("works for a file", function()
    local script = [[
      local neap = require "neap"
      local name = os.tmpname()
      local file = io.open(name .. "_module.lua", "w")
      file:write("local neap = require 'neap' neap.sleep(0) return { ... }")
      file:close()
      package.path = name .. "_?.lua"
      local module, path = require "module"
      print(module[1], module[2] == path, path == name .. "_module.lua")
      print(package.loaded.module == module)
      os.remove(path)
      os.remove(name)
    ]]

    local out, err, code = child.run(script)

    assert.equal("", err)
    assert.equal("module\ttrue\ttrue\ntrue\n", out)
    assert.equal(0, code)
  end)
end)

describe("require", function()
  local scripts = {
    ["of an unknown module"] = [[
      package.path, package.cpath = "./?.lua;/nowhere/?.lua", "/nowhere/?.so"
      print(pcall(require, "no.such.module"))
    ]],
    ["with no searchers"] = [[package.searchers = nil print(pcall(require, "x"))]],
    ["with an own searcher"] = [[
      table.insert(package.searchers, 2, function(name)
        return function(...) print(...) return nil end, "data of " .. name
      end)
      print(require "x")
      print(package.loaded.x)
    ]],
    ["with a searcher that explains itself"] = [[
      package.searchers = { function() return "\n\tno luck" end, function() end }
      print(pcall(require, "x"))
    ]],
    ["of a module that returns false"] = [[
      package.preload.x = function() return false end
      print(require "x")
      print(require "x")
    ]],
    ["of a module that sets package.loaded"] = [[
      package.preload.x = function() package.loaded.x = "own" end
      print(require "x")
      print(require "x")
    ]],
    ["with a wrong argument"] = [[print(pcall(require)) print(pcall(require, {}))]],
    ["of a file with a syntax error"] = [[
      local path = os.tmpname()
      io.open(path, "w"):write("return return"):close()
      package.path = path
      local ok, message = pcall(require, "x")
      print(ok, (message:gsub(path, "PATH")))
      os.remove(path)
    ]],
    ["of a file that fails"] = [[
      local path = os.tmpname()
      io.open(path, "w"):write("error('broken', 0)"):close()
      package.path = path
      print(pcall(require, "x"))
      os.remove(path)
    ]],
  }
  for name, script in pairs(scripts) do
    it("does what stock Lua does " .. name, function()
      local expected = child.run_stock(script)

      local out, err = child.run(script)

      assert.equal(expected, out)
      assert.equal("", err)
    end)
  end
end)

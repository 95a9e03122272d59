--- The definitions for editors in doc/types say what neap really has: each name, no
--- other one, in a form that their readers understand.
local annotations = require("doc.annotations")
local case = require("spec.support.case")
local child = require("spec.support.child")
local exports = require("spec.support.exports")
local neap = require("neap")
local temp = require("spec.support.temp")

local it = case.it
local files = annotations.read_all()

--- Name -> what is defined under it; class -> its functions, and its fields.
local items, functions, fields = {}, {}, {}
for _, file in ipairs(files) do
  for _, item in ipairs(file.items) do
    items[item.name] = item
    if item.owner then
      functions[item.owner] = functions[item.owner] or {}
      functions[item.owner][item.short] = item
    end
    fields[item.name] = {}
    for _, field in ipairs(item.fields) do
      fields[item.name][field.name] = field
    end
  end
end

local function inherited(list, class)
  local all = {}
  while class do
    for name, item in pairs(list[class] or {}) do
      all[name] = all[name] or item
    end
    class = items[class] and items[class].parent
  end
  return all
end

local function keys(set)
  local list = {}
  for name in pairs(set) do
    table.insert(list, name)
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function check_module(path, module)
  local defined = {}
  for name in pairs(functions[path] or {}) do
    defined[name] = true
  end
  for name in pairs(fields[path] or {}) do
    defined[name] = true
  end
  assert.equal(keys(exports.names(path, module)), keys(defined))
end

describe("the definitions of", function()
  it("neap are its names", function()
    check_module("neap", neap)
  end)

  for _, name in ipairs(exports.modules) do
    it("neap." .. name .. " are its names", function()
      check_module("neap." .. name, neap[name])
    end)
  end

  for _, name in ipairs({ "headers", "url" }) do
    it("neap.http." .. name .. " are its names", function()
      check_module("neap.http." .. name, neap.http[name])
    end)
  end

  for class, make in pairs(exports.classes) do
    it(class .. " are its methods, and its fields", function()
      local object = assert(make())
      local methods, shown = exports.methods(object), exports.fields(object)
      exports.close(object)

      assert.equal(keys(methods), keys(inherited(functions, class)))
      for name in pairs(shown) do
        assert.is_truthy(inherited(fields, class)[name], name .. " has no definition")
      end
    end)
  end

  for class, options in pairs(exports.options) do
    it(class .. " are the options that are taken", function()
      assert.equal(keys(options), keys(inherited(fields, class)))
    end)
  end

  for class, call in pairs(exports.native_options) do
    it(class .. " are options that are taken", function()
      for name in pairs(fields[class]) do
        local ok, err = pcall(call, { [name] = print })
        assert.is_false(ok)
        assert.matches("option '" .. name .. "' %(%a+ expected", err)
      end
    end)
  end
end)

describe("the options that C takes of fs", function()
  it("have definitions", function()
    local taken, defined = {}, {}
    local entries <close> = assert(neap.fs.scandir("src/io"))
    for name in entries do
      local text = name:find("^fs.*%.c$") and assert(neap.fs.read_file("src/io/" .. name)) or ""
      for option in text:gmatch('{"([%l_]+)",%s*NP_OPT_') do
        taken[option] = true
      end
      for option in text:gmatch('with_flag%(L, [^)]*"([%l_]+)"%)') do
        taken[option] = true
      end
    end
    for class in pairs(exports.native_options) do
      for name in pairs(fields[class]) do
        defined[name] = true
      end
    end

    assert.equal(keys(taken), keys(defined))
  end)
end)

describe("the definitions", function()
  --- The classes that the sources name.
  local function named_classes()
    local names = {}
    for _, root in ipairs({ "lua", "src" }) do
      local walk <close> = assert(neap.fs.walk(root))
      for path in walk do
        local text = path:find("%.[lc]u?a?$") and assert(neap.fs.read_file(path)) or ""
        for name in text:gmatch('__name = "([^"]+)"') do
          names[name] = true
        end
        for name in text:gmatch('np_class [%w_]+ = {"([^"]+)"') do
          names[name] = true
        end
      end
    end
    return names
  end

  it("leave out no class", function()
    local known = {}
    for _, make in pairs(exports.classes) do
      local object = assert(make())
      local _, name = exports.methods(object)
      exports.close(object)
      known[name] = true
    end
    for _, name in ipairs(exports.internal_classes) do
      known[name] = true
    end

    local unknown = {}
    for name in pairs(named_classes()) do
      unknown[name] = not known[name] or nil
    end
    assert.equal("", keys(unknown), "neither defined nor in exports.internal_classes")
  end)

  it("define each class with methods that there is, and no other", function()
    for owner in pairs(functions) do
      local module = owner == "neap" or owner:find("^neap%.%l[%l.]*$")
      assert.is_truthy(module or exports.classes[owner], owner .. " is no class of neap")
    end
  end)

  it("can be read by Lua", function()
    local read = {}
    for _, file in ipairs(files) do
      assert.equal(file.path, "doc/types/neap/" .. (file.module:match("%.(.+)$") or "init") .. ".lua")
      for _, path in ipairs(file.paths) do
        assert(loadfile(path))
        read[path] = true
      end
    end
    local found = {}
    for path, kind in assert(neap.fs.walk("doc/types/neap")) do
      found[path] = kind == "file" or nil
    end
    assert.equal(keys(found), keys(read))
  end)

  it("say something of each function, with an example that shows what it does", function()
    for name, item in pairs(items) do
      local text = table.concat(item.text, " ")
      if item.kind == "function" then
        assert.matches("%.$", text, nil, nil, name)
        assert.is_truthy(item.example, name .. " has no example")
        assert.is_truthy(item.example:find("-->", 1, true) or item.example:find("assert(", 1, true), name)
      end
    end
  end)

  it("name the parameters that the functions have", function()
    for _, file in ipairs(files) do
      local declared = {}
      for _, path in ipairs(file.paths) do
        for line in io.lines(path) do
          local name, list = line:match("^function ([%w_.:]+)%((.-)%) end$")
          if name then
            declared[#declared + 1] = { name:match("[%w_]+$"), list }
          end
        end
      end
      local i = 0
      for _, item in ipairs(file.items) do
        if item.kind == "function" then
          i = i + 1
          local names = {}
          for _, param in ipairs(item.params) do
            table.insert(names, param.name)
          end
          assert.same({ item.short, table.concat(names, ", ") }, declared[i])
        end
      end
      assert.equal(#declared, i)
    end
  end)
end)

describe("the types in the definitions", function()
  local builtin = {}
  for word in ([[any nil boolean string number integer table function thread userdata true false fun
    async]]):gmatch("%a+") do
    builtin[word] = true
  end

  local function check(kind, where)
    local words = kind:gsub('"[^"]*"', ""):gsub("[%w_]+%??:", "")
    for word in words:gmatch("[%a_][%w_.]*") do
      local name = word:gsub("%.+$", "")
      assert.is_truthy(builtin[name] or items[name], ("%s in %s is no type"):format(name, where))
    end
  end

  it("are known", function()
    for name, item in pairs(items) do
      for _, list in ipairs({ item.fields, item.params, item.returns }) do
        for _, field in ipairs(list) do
          check(field.type, name)
        end
      end
      for _, overload in ipairs(item.overloads) do
        check(overload, name)
      end
      check(item.type or "", name)
      assert.is_truthy(not item.parent or items[item.parent], name)
    end
  end)
end)

describe("@async", function()
  -- They wait, but not so that a cancelled task could not call them.
  local shielded = { ["neap.Generator:close"] = true, ["neap.shield"] = true, ["neap.task_group"] = true }

  it("is said of the functions that may wait, and of no other one", function()
    local result = assert(neap.process.run({ child.interpreter(), "spec/support/waiting.lua" }, { timeout = 100 }))
    assert.equal(0, result.code, result.stderr)

    local count, wrong = 0, {}
    for name, found in result.stdout:gmatch("(%S+) ([^\n]+)\n") do
      count = count + 1
      local expected = items[name].async and not shielded[name] and "waits" or "returns"
      wrong[name] = found ~= expected and found or nil
    end

    assert.same({}, wrong)
    assert.is_true(count > 300)
  end)
end)

describe("what reads definitions", function()
  local function read(text)
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "x.lua", text))
    return annotations.read(dir / "x.lua")
  end

  it("refuses an annotation that it does not know, with its place", function()
    local ok, err = pcall(read, "---@meta x\n\n--- Text.\n---@parm n integer\nlocal function f(n) end\n")

    assert.is_false(ok)
    assert.matches("x%.lua:4: unknown tag @parm$", err)
  end)

  it("goes on with a module in other files", function()
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "x.lua", "---@meta x\n\n--- Text.\n---@class x\nlocal x = {}\n\nreturn x\n"))
    assert(neap.fs.write_file(dir / "y.lua",
      "---@meta _\n\n---@class x\nlocal x = {}\n\n--- Goes.\nfunction x.go() end\n"))

    local file = annotations.read(dir / "x.lua", dir / "y.lua")

    assert.equal("x", file.module)
    assert.equal(2, #file.items)
    assert.same({ "Text." }, file.items[1].text)
    assert.equal("x.go", file.items[2].name)
  end)

  it("refuses a class that is described twice, with its place", function()
    local ok, err = pcall(read, "--- One.\n---@class x\nlocal x = {}\n\n--- Two.\n---@class x\nlocal y = {}\n")

    assert.is_false(ok)
    assert.matches("x%.lua:7: x is there already$", err)
  end)

  it("refuses a parameter without a type", function()
    local ok, err = pcall(read, "---@param n\nfunction x.f(n) end\n")

    assert.is_false(ok)
    assert.matches("x%.lua:1: no name and type: n$", err)
  end)

  it("refuses a function of what is no class", function()
    local ok, err = pcall(read, "--- Text.\nfunction Nothing:f() end\n")

    assert.is_false(ok)
    assert.matches("x%.lua:2: no class for function Nothing", err)
  end)

  it("takes types with brackets, functions and alternatives apart from names", function()
    local file = read("---@class x\nlocal x = {}\n\n---@param f fun(a: b, c?: d): e  said\n"
      .. "---@return async fun(): string?, number? iterator  said\n---@return \"a\"|nil\nfunction x.f(f) end\n")

    local item = file.items[2]
    assert.same({ name = "f", optional = false, type = "fun(a: b, c?: d): e", text = "said" }, item.params[1])
    assert.equal("async fun(): string?, number?", item.returns[1].type)
    assert.equal("iterator", item.returns[1].name)
    assert.equal('"a"|nil', item.returns[2].type)
  end)
end)

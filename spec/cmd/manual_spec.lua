--- The manual page of the command: neap(1).
local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")

local it = case.it

local function page()
  return assert(neap.fs.read_file("doc/neap.1"))
end

--- Sorted names, as one text.
local function listed(set)
  local list = {}
  for name in pairs(set) do
    table.insert(list, name)
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function sources()
  local texts = {}
  for _, root in ipairs({ "lua", "src" }) do
    local walk <close> = assert(neap.fs.walk(root))
    for path in walk do
      if path:find("%.[ch]$") or path:find("%.lua$") then
        texts[#texts + 1] = assert(neap.fs.read_file(path))
      end
    end
  end
  return table.concat(texts, "\n")
end

describe("the manual page", function()
  it("has the options of --help, and no other", function()
    local help = child.shell("%s", { child.interpreter(), "--help" })
    local known, described = {}, {}
    for option in help:gmatch("\n  (%-[%w-]*)") do
      known[option] = true
    end
    for option in help:match("compile [^\n]*"):gmatch("[ %[](%-[%w-]+)") do
      known[option] = true
    end
    for name in page():gmatch("\n%.It Fl ?([\\%w-]*)") do
      described["-" .. name:gsub("\\", "")] = true
    end

    assert.equal(listed(known), listed(described))
  end)

  it("has the variables that neap looks at", function()
    local text = page()
    for name in sources():gmatch('getenv%("([%u_%d]+)"%)') do
      assert.is_truthy(name == "PATH" or text:find("%.Ev " .. name .. "%f[^%w_]")
        or text:find("%.It Ev [^\n]*" .. name .. "%f[^%w_]"), name)
    end
  end)

  --- A case for which a program must be installed.
  local function with(program, name, body)
    if os.execute("command -v " .. program .. " >/dev/null") then
      it(name, body)
    else
      pending(name .. ": " .. program .. " is not installed")
    end
  end

  with("groff", "can be formatted without a warning", function()
    local out, err, code = child.shell("%s", { "groff", "-mdoc", "-Tutf8", "-ww", "doc/neap.1" })

    assert.equal("", err)
    assert.equal(0, code)
    assert.matches("128 %+ n", out)
  end)

  with("mandoc", "passes the checks of mandoc", function()
    local out, err = child.shell("%s", { "mandoc", "-Tlint", "-Wwarning", "doc/neap.1" })

    assert.equal("", out .. err)
  end)
end)

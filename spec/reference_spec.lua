--- Runs the example of each definition in doc/types, and compares the pages that
--- were made of them with what they would be now.
local annotations = require("doc.annotations")
local case = require("spec.support.case")
local generate = require("doc.generate")
local neap = require("neap")
local reference = require("spec.support.reference")

-- Those that end their process, or are for another interpreter.
local in_child = { ["neap.exit"] = "neap", ["neap.run"] = "lua" }

local function run_in(module, item)
  local other = in_child[item.name]
  if other then
    it("is right: " .. item.name, function()
      reference.run_in_child(other, item.example)
    end)
    return
  end
  case[reference.is_virtual(module, item) and "timed" or "it"]("is right: " .. item.name, function()
    reference.run(module, item.example, item.name)
  end)
end

describe("the example in the reference", function()
  for _, file in ipairs(annotations.read_all()) do
    for _, item in ipairs(file.items) do
      if item.example then
        run_in(file.module, item)
      end
    end
  end
end)

describe("the reference", function()
  local pages = generate.pages()

  case.it("is up to date: `make docs` would change nothing", function()
    for name, text in pairs(pages) do
      local committed = assert(neap.fs.read_file("doc/reference/" .. name))
      assert.is_true(text == committed, name .. " is stale: see make docs")
    end
  end)

  case.it("has no page that nothing makes", function()
    for name in assert(neap.fs.scandir("doc/reference")) do
      assert.is_truthy(pages[name], name)
    end
  end)

  case.it("has links that lead to headings, each once", function()
    local anchors = {}
    for name, text in pairs(pages) do
      anchors[name] = { [""] = true }
      for title in text:gmatch("\n#+ ([^\n]*)") do
        local anchor = generate.anchor(title)
        assert.is_nil(anchors[name][anchor], name .. " has twice: " .. title)
        anchors[name][anchor] = true
      end
    end
    for name, text in pairs(pages) do
      for page, anchor in text:gmatch("%]%(([^)#]*)#?([^)]*)%)") do
        local there = anchors[page == "" and name or page]
        assert.is_truthy(there and there[anchor], ("%s: %s#%s"):format(name, page, anchor))
      end
    end
  end)

  case.it("shows how functions are called", function()
    assert.is_truthy(pages["neap.net.md"]:find("`net.connect(host, port [, opts])` (may wait)", 1, true))
    assert.is_truthy(pages["neap.net.md"]:find("`net.listen(host, port [, opts])`", 1, true))
    assert.is_truthy(pages["neap.md"]:find("`neap.spawn(fn, ...)`\n", 1, true))
    assert.is_truthy(pages["neap.fs.md"]:find("`File:read([n])` (may wait)", 1, true))
  end)
end)

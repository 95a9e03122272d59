--- What the pages say: links lead somewhere, code compiles, what is marked as
--- runnable runs and prints what it says, and no name is made up.
local case = require("spec.support.case")
local child = require("spec.support.child")
local markdown = require("spec.support.markdown")
local names = require("spec.support.names")
local neap = require("neap")

local it = case.it

local pages = {}
for _, path in ipairs(markdown.pages()) do
  table.insert(pages, markdown.read(path))
end
local by_path = {}
for _, page in ipairs(pages) do
  by_path[page.path] = page
end

--- "doc", "../README.md" -> "README.md"
local function join(folder, target)
  local path = folder == "" and target or folder .. "/" .. target
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      table.insert(parts, part)
    end
  end
  return table.concat(parts, "/")
end

--- What is wrong with a link, or nil.
local function broken(page, target)
  if target:find("^https?://") then
    return not target:find("^https?://[%w-]+%.[%w.-]+[%w/._#?=&%%~+-]*$") and "not a URL" or nil
  end
  local path, anchor = target:match("^([^#]*)#?(.*)$")
  local file = path == "" and page.path or join(page.path:match("^(.*)/") or "", path)
  if not neap.fs.exists(file) then
    return "there is no " .. file
  end
  if anchor ~= "" and not (by_path[file] and by_path[file].anchors[anchor]) then
    return "no such heading in " .. file
  end
end

--- Every block of a language, with its place.
local function blocks(lang)
  local list = {}
  for _, page in ipairs(pages) do
    for _, block in ipairs(page.blocks) do
      if block.lang == lang then
        table.insert(list, block)
      end
    end
  end
  return list
end

local function place(block)
  return ("%s:%d"):format(block.path, block.line)
end

describe("the pages", function()
  it("have links that lead somewhere", function()
    local wrong, count = {}, 0
    for _, page in ipairs(pages) do
      for _, link in ipairs(page.links) do
        count = count + 1
        local why = broken(page, link.target)
        if why then
          table.insert(wrong, ("%s:%d: %s: %s"):format(page.path, link.line, link.target, why))
        end
      end
    end

    assert.same({}, wrong)
    assert.is_true(count > 10)
  end)

  it("find a broken link", function()
    local page = by_path["doc/guide.md"]

    assert.equal("there is no doc/none.md", broken(page, "none.md"))
    assert.equal("no such heading in README.md", broken(page, "../README.md#none"))
    assert.equal("not a URL", broken(page, "https://"))
    assert.is_nil(broken(page, "../src/README.md#the-rules"))
  end)

  it("name files and folders that are there", function()
    local wrong = {}
    for _, page in ipairs(pages) do
      for _, span in ipairs(page.spans) do
        local path = span.text:match("^[%w_./-]+$")
        local root = path and path:match("^(%w+)/")
        if root and neap.fs.exists(root) and root ~= "build" and not neap.fs.exists(path) then
          table.insert(wrong, ("%s:%d: %s"):format(page.path, span.line, path))
        end
      end
    end

    assert.same({}, wrong)
  end)

  it("name nothing of neap that does not exist", function()
    local wrong = {}
    for _, page in ipairs(pages) do
      for _, span in ipairs(page.spans) do
        for name in span.text:gmatch("%f[%w]neap%.[%a_][%w_.]*") do
          if not names.exists(name) then
            table.insert(wrong, ("%s:%d: %s"):format(page.path, span.line, name))
          end
        end
      end
      for _, block in ipairs(page.blocks) do
        for name in block.text:gmatch("%f[%w]neap%.[%a_][%w_.]*") do
          if block.lang == "lua" and not names.exists(name) then
            table.insert(wrong, ("%s: %s"):format(place(block), name))
          end
        end
      end
    end

    assert.same({}, wrong)
  end)

  it("name targets of make that are there", function()
    local known, wrong = {}, {}
    for _, path in ipairs({ "Makefile", "src/api/install.mk" }) do
      for target in ("\n" .. assert(neap.fs.read_file(path))):gmatch("\n([%w-]+):") do
        known[target] = true
      end
    end
    for _, page in ipairs(pages) do
      for _, span in ipairs(page.spans) do
        local target = span.text:match("^make ([%l-]+)")
        if target and not known[target] then
          table.insert(wrong, ("%s:%d: make %s"):format(page.path, span.line, target))
        end
      end
    end
    for _, block in ipairs(blocks("sh")) do
      for target in ("\n" .. block.text):gmatch("\nmake ([%l-]+)") do
        if not known[target] then
          table.insert(wrong, ("%s: make %s"):format(place(block), target))
        end
      end
    end

    assert.same({}, wrong)
  end)
end)

describe("the code on the pages", function()
  it("is marked with a language that is checked", function()
    local known = { [""] = true, lua = true, c = true, sh = true, console = true, text = true }
    local wrong = {}
    for _, page in ipairs(pages) do
      for _, block in ipairs(page.blocks) do
        if not known[block.lang] then
          table.insert(wrong, place(block) .. ": " .. block.lang)
        end
      end
    end

    assert.same({}, wrong)
  end)

  it("compiles, if it is Lua", function()
    local wrong = {}
    for _, block in ipairs(blocks("lua")) do
      local _, err = load(block.text, "=" .. place(block), "t")
      table.insert(wrong, err)
    end

    assert.same({}, wrong)
  end)

  it("parses, if it is for a shell", function()
    for _, block in ipairs(blocks("sh")) do
      local result = assert(neap.process.run({ "sh", "-n" }, { input = block.text }))

      assert.equal("", result.stderr, place(block))
    end
  end)

  it("compiles, if it is C", function()
    local flags = "$(pkg-config --cflags lua5.4 libuv 2>/dev/null || pkg-config --cflags lua libuv)"
    for _, block in ipairs(blocks("c")) do
      local result = assert(neap.process.run(
        "cc -std=gnu11 -Isrc -fsyntax-only -Wall -Wextra -Werror " .. flags .. " -x c -",
        { shell = true, input = block.text }))

      assert.equal("", result.stderr, place(block))
    end
  end)

  for _, block in ipairs(blocks("lua")) do
    if block.words.run then
      it("runs: " .. place(block), function()
        local out, err, code = child.run(block.text)

        assert.equal("", err)
        assert.equal(markdown.promised(block.text), out)
        assert.equal(0, code)
      end)
    end
  end
end)

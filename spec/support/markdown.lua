--- Reads a Markdown file as far as its specs need it: fenced blocks, links,
--- anchors of headings, code spans.
local neap = require("neap")

---@class spec.Block
---@field lang string  the first word after the fence, or ""
---@field words table<string, string|true>  the others: `run`, `file=x.lua`
---@field text string
---@field line integer  of its first line of text
---@field path string

---@class spec.Document
---@field path string
---@field blocks spec.Block[]
---@field links { target: string, line: integer }[]
---@field spans { text: string, line: integer }[]  code spans
---@field anchors table<string, boolean>
---@field prose string  all but the blocks

local markdown = {}

local function words_of(info)
  local lang, rest = info:match("^(%S*)%s*(.*)$")
  local words = {}
  for word in rest:gmatch("%S+") do
    local key, value = word:match("^(%w+)=(.+)$")
    words[key or word] = value or true
  end
  return lang, words
end

--- The anchor that a forge gives a heading.
local function anchor(heading, taken)
  local text = heading:gsub("%[([^%]]*)%]%b()", "%1"):lower()
  text = text:gsub("[^%w%s_-]", ""):gsub("%s", "-")
  local name, n = text, 0
  while taken[name] do
    n = n + 1
    name = text .. "-" .. n
  end
  return name
end

local function inline(document, text, number)
  local rest = text:gsub("`([^`]+)`", function(code)
    table.insert(document.spans, { text = code, line = number })
    return ""
  end)
  for target in rest:gmatch("%]%(([^)%s]+)[^)]*%)") do
    table.insert(document.links, { target = target, line = number })
  end
  for target in rest:gmatch("<%a+[^>]-%s%a+=\"([^\"]+)\"") do
    table.insert(document.links, { target = target, line = number })
  end
  return rest
end

--- Link targets may stand on the line after their text: lines of a paragraph
--- are looked at together.
local function paragraphs(document, lines)
  local text, first = {}, nil
  for number, line in ipairs(lines) do
    if line == "" then
      inline(document, table.concat(text, " "), first or number)
      text, first = {}, nil
    else
      first = first or number
      table.insert(text, line)
    end
  end
  inline(document, table.concat(text, " "), first or #lines)
end

---@async
---@param path string
---@return spec.Document
function markdown.read(path)
  local document = { path = path, blocks = {}, links = {}, spans = {}, anchors = {} }
  local prose, block, fence, number = {}, nil, nil, 0
  for line in (assert(neap.fs.read_file(path)) .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    prose[number] = ""
    local mark, info = line:match("^%s*(```+)%s*(.*)$")
    if block and mark == fence and info == "" then
      block.text = table.concat(block, "\n") .. "\n"
      table.insert(document.blocks, block)
      block = nil
    elseif block then
      table.insert(block, line)
    elseif mark then
      local lang, words = words_of(info)
      block, fence = { lang = lang, words = words, line = number + 1, path = path }, mark
    else
      prose[number] = line
      local heading = line:match("^#+%s+(.-)%s*$")
      if heading then
        document.anchors[anchor(heading, document.anchors)] = true
      end
    end
  end
  assert(not block, path .. ": a code block does not end")
  paragraphs(document, prose)
  document.prose = table.concat(prose, "\n")
  return document
end

--- The pages that users read, in order.
---@async
---@return string[]
function markdown.pages()
  local pages = { "README.md", "CHANGELOG.md", "src/README.md", "bench/README.md" }
  for _, root in ipairs({ "doc", "examples" }) do
    for path in neap.fs.walk(root) do
      if path:find("%.md$") then
        table.insert(pages, path)
      end
    end
  end
  table.sort(pages)
  return pages
end

--- What a block says that it prints: the texts after `-->`, a line each.
---@param text string
---@return string
function markdown.promised(text)
  local lines = {}
  for line in text:gmatch("%-%-> ([^\n]*)") do
    table.insert(lines, line .. "\n")
  end
  return table.concat(lines)
end

return markdown

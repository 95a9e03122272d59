--- Writes the reference, doc/reference/, from the definitions in doc/types:
--- `make docs`. A page for each module, and a list of all names.
local annotations = require("doc.annotations")

local generate = {}

-- ---- parts of a page ---------------------------------------------------------

local function add(lines, ...)
  for i = 1, select("#", ...) do
    table.insert(lines, (select(i, ...)))
  end
end

--- "neap.net.connect" is written as "net.connect", "neap.Stream" and
--- "neap.http.App" as "Stream" and "App".
local function short(name)
  local rest = name:gsub("^neap%.", ""):gsub("^http%.(%u)", "%1")
  return rest:find("^%l[%w_]*$") and name or rest
end

--- The heading of an item, which links refer to.
local function heading(item)
  return item.kind == "function" and item.owner == "neap" and item.name or short(item.name)
end

--- The heading of a class says what it is: "tls.context" and "TlsContext" would
--- otherwise be the same link.
local function title(item)
  if item.kind == "alias" then
    return "Type " .. heading(item)
  elseif item.kind == "class" then
    return (item.is_table and "Table " or "Class ") .. heading(item)
  end
  return heading(item)
end

--- What GitHub and others make of a heading.
local function anchor(text)
  return (text:lower():gsub("[^%w_ -]", ""):gsub(" ", "-"))
end

generate.anchor = anchor

local function file_name(module)
  return module .. ".md"
end

--- `name(a [, b])`: those at the end that can be left out are in brackets.
local function signature(item)
  local required = #item.params
  while required > 0 and (item.params[required].optional or item.params[required].name == "...") do
    required = required - 1
  end
  local words = {}
  for i, param in ipairs(item.params) do
    local comma = i > 1 and ", " or ""
    local bracket = i > required and param.name ~= "..."
    words[i] = bracket and ("%s[%s%s]"):format(i > 1 and " " or "", comma, param.name) or comma .. param.name
  end
  return ("%s(%s)"):format(heading(item), table.concat(words))
end

local function code(text)
  return ("`%s`"):format((text:gsub("neap%.http%.(%l)", "http.%1"):gsub("neap%.([%l.]*)(%u)", "%2")))
end

--- Name of a class or alias -> page and heading. Filled before pages are written.
local targets = {}

--- A type; a link where it names one thing of neap.
local function type_text(text)
  local found, count = nil, 0
  for name in text:gmatch("%f[%w]neap[%w_.]*") do
    found, count = targets[name], count + 1
  end
  return found and count == 1 and ("[%s](%s)"):format(code(text), found) or code(text)
end

--- A line of a list: a name, its type, what is said about it.
local function entry(field)
  local parts = { "- " }
  if field.name ~= "" then
    add(parts, code(field.name), field.optional and "? " or " ")
  end
  add(parts, type_text(field.type))
  if field.text ~= "" then
    add(parts, ": ", field.text)
  end
  return table.concat(parts)
end

local function add_list(lines, caption, fields)
  if #fields == 0 then
    return
  end
  add(lines, caption, "")
  for _, field in ipairs(fields) do
    add(lines, entry(field))
  end
  add(lines, "")
end

local function add_text(lines, item)
  for _, line in ipairs(item.text) do
    add(lines, line)
  end
  add(lines, "")
end

local function add_example(lines, item)
  if item.example then
    add(lines, "```lua", item.example, "```", "")
  end
end

local add_item = {}

add_item["function"] = function(lines, item)
  add(lines, "### " .. heading(item), "")
  add(lines, ("`%s`%s"):format(signature(item), item.async and " (may wait)" or ""), "")
  add_text(lines, item)
  add_list(lines, "Takes:", item.params)
  add_list(lines, "Returns:", item.returns)
  add_example(lines, item)
end

function add_item.class(lines, item)
  add(lines, "## " .. title(item), "")
  add_text(lines, item)
  if item.parent then
    add(lines, ("It has all of `%s`, too."):format(short(item.parent)), "")
  end
  for _, overload in ipairs(item.overloads) do
    add(lines, ("Called as a function: %s"):format(type_text(overload)), "")
  end
  add_list(lines, "Fields:", item.fields)
end

function add_item.alias(lines, item)
  add(lines, "## " .. title(item), "")
  add_text(lines, item)
  add(lines, type_text(item.type), "")
end

-- ---- pages -------------------------------------------------------------------

--- The names of a page, with links: a line for the functions of the module, and
--- one for each class that has methods.
local function add_contents(lines, file)
  local line = { "[Functions](#functions):" }
  for _, item in ipairs(file.items) do
    if item.kind ~= "function" then
      add(lines, #line > 1 and table.concat(line, " ") .. "\n" or nil)
      line = { ("[%s](#%s):"):format(heading(item), anchor(title(item))) }
    else
      add(line, ("[%s](#%s)"):format(item.short, anchor(heading(item))))
    end
  end
  add(lines, #line > 1 and table.concat(line, " ") .. "\n" or nil)
end

--- The item that is the module itself, and the others.
local function split(file)
  local module, others = nil, {}
  for _, item in ipairs(file.items) do
    if item.name == file.module then
      module = item
    else
      add(others, item)
    end
  end
  return assert(module, file.path .. " has no class " .. file.module), others
end

--- In the order in which a page has them: functions of the module, classes with
--- methods, and then the tables of options and the like.
local function arrange(module, items)
  local functions, classes, tables = {}, {}, {}
  for _, item in ipairs(items) do
    local list = item.owner == module and functions
      or (item.owner or not item.is_table) and classes
      or tables
    add(list, item)
  end
  -- a class and then its methods
  local arranged = functions
  for _, item in ipairs(classes) do
    if item.kind == "class" then
      add(arranged, item)
      for _, other in ipairs(classes) do
        if other.owner == item.name then
          add(arranged, other)
        end
      end
    end
  end
  table.move(tables, 1, #tables, #arranged + 1, arranged)
  return arranged
end

local function behind(module)
  local name = module:match("^neap%.(.+)$")
  local text = 'The examples stand behind `local neap = require "neap"`'
  return text .. (name and (" and `local %s = neap.%s`."):format(name, name) or ".")
end

local function page(file)
  local module, items = split(file)
  local lines = {
    "# " .. file.module, "",
    ("<!-- Made from %s: `make docs` -->"):format(file.path), "",
  }
  add_text(lines, module)
  add(lines, behind(file.module), "")
  items = arrange(file.module, items)
  add_contents(lines, { items = items })
  if file.module ~= "neap" then
    add_list(lines, "Fields:", module.fields)
  else
    add_list(lines, "Besides the functions it has:", module.fields)
  end
  if items[1] and items[1].owner == file.module then
    add(lines, "## Functions", "")
  end
  for _, item in ipairs(items) do
    add_item[item.kind](lines, item)
  end
  while lines[#lines] == "" do
    table.remove(lines)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function first_sentence(item)
  local text = table.concat(item.text, " ")
  return text:match("^(.-%.)%s") or text
end

local function index(files)
  local lines = {
    "# Reference", "",
    "<!-- Made from doc/types: `make docs` -->", "",
    "A page for each module. Each example is run by the specs; the text behind `-->`",
    "is what it prints. `?` marks what may be nil or left out.", "",
  }
  for _, file in ipairs(files) do
    local module = split(file)
    add(lines, ("- [%s](%s): %s"):format(file.module, file_name(file.module), first_sentence(module)))
  end
  add(lines, "", "Editors that use lua-language-server know all of it when its option",
    "`workspace.library` names `share/neap/types` below the prefix neap was installed to.")
  return table.concat(lines, "\n") .. "\n"
end

--- Tells classes with methods from tables of fields, and where each is found.
local function prepare(file)
  local has_methods = {}
  for _, item in ipairs(file.items) do
    if item.owner then
      has_methods[item.owner] = true
    end
  end
  for _, item in ipairs(file.items) do
    item.is_table = not has_methods[item.name]
    if item.kind ~= "function" then
      targets[item.name] = ("%s#%s"):format(file_name(file.module), anchor(title(item)))
    end
  end
  targets[file.module] = file_name(file.module)
end

--- All pages: name of a file to its text.
---@return table<string, string>
function generate.pages()
  local files, pages = annotations.read_all(), {}
  for _, file in ipairs(files) do
    prepare(file)
  end
  for _, file in ipairs(files) do
    pages[file_name(file.module)] = page(file)
  end
  pages["README.md"] = index(files)
  return pages
end

local function write_pages()
  for name, text in pairs(generate.pages()) do
    local out = assert(io.open("doc/reference/" .. name, "w"))
    out:write(text)
    assert(out:close())
  end
end

if arg and arg[0] and arg[0]:find("generate%.lua$") then
  write_pages()
end

return generate

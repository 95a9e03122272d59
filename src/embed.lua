-- Writes the C file that holds neap's Lua sources (see api/sources.h).
-- Usage: lua5.4 src/embed.lua OUTPUT lua/neap/init.lua lua/neap/sync/queue.lua ...

-- What a byte becomes in a string literal. Three octal digits, so that a digit
-- behind an escape cannot join it; "?" is escaped because C11 has trigraphs.
local escapes = { ["\n"] = "\\n", ['"'] = '\\"', ["\\"] = "\\\\", ["?"] = "\\?" }
for byte = 0, 255 do
  local char = string.char(byte)
  if not escapes[char] and (byte < 32 or byte > 126) then
    escapes[char] = string.format("\\%03o", byte)
  end
end

local function literal(text)
  return '"' .. text:gsub(".", escapes) .. '"'
end

--- The text without what is in lines that are comments: they need not be read
--- at each start of a host. The lines stay, as errors name them.
local function without_comments(text)
  return (("\n" .. text):gsub("\n[ \t]*%-%-[^\n]*", function(line)
    return line:find("^\n[ \t]*%-%-%[=*%[") and line or "\n"
  end):sub(2))
end

--- The text as one literal per line of source.
local function literals(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then
      table.insert(lines, "    " .. literal(line))
    end
  end
  return #lines > 0 and table.concat(lines, "\n") or '    ""'
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local output = table.remove(arg, 1)
local c = { '#include "api/sources.h"\n\nconst np_source np_sources[] = {\n' }
for _, path in ipairs(arg) do
  local inner = assert(path:match("^lua/(.*)%.lua$"), path .. " is not below lua/")
  local module = inner:gsub("/", "."):gsub("%.init$", "")
  local text = without_comments(read(path))
  table.insert(c, string.format("  {%s, %s,\n%s,\n    %d},\n", literal(module),
    literal("@" .. inner .. ".lua"), literals(text), #text))
end
table.insert(c, "  {0},\n};\n")

local file = assert(io.open(output, "wb"))
assert(file:write(table.concat(c)))
assert(file:close())

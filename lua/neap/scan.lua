--- Which modules a Lua text requires by constant names: `require "x"`,
--- `require("x")`, `require [[x]]`, and the same through `pcall(require, "x")`.
--- A text is taken apart into tokens, so that comments and strings do not count.
local scan = {}

--- The end of a long bracket that begins at `at`, and what is in it; nil if
--- none begins there.
local function long_bracket(text, at)
  local level, inner = text:match("^%[(=*)%[()", at)
  if not level then
    return nil
  end
  local first, last = text:find("]" .. level .. "]", inner, true)
  first, last = first or #text + 1, last or #text
  return last + 1, text:sub(inner, first - 1):gsub("^\r?\n", "")
end

--- The end of the string that begins with the quote at `at`, and the string.
local function quoted(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text do
    local char = text:sub(i, i)
    if char == quote then
      local value = load("return " .. text:sub(at, i), "=", "t", {})
      return i + 1, value and value()
    elseif char == "\n" then
      return i
    end
    i = i + (char == "\\" and 2 or 1)
  end
  return i
end

--- The next token from `at`: its end, its kind ("name", "string" or the
--- character itself) and its value; nil at the end of the text.
local function next_token(text, at)
  at = text:find("%S", at)
  if not at then
    return nil
  end
  if text:find("^%-%-", at) then
    local stop = long_bracket(text, at + 2) or text:find("\n", at, true) or #text + 1
    return next_token(text, stop)
  end
  local char = text:sub(at, at)
  if char == '"' or char == "'" then
    local stop, value = quoted(text, at)
    return stop, "string", value
  end
  local stop, value = long_bracket(text, at)
  if stop then
    return stop, "string", value
  end
  local name, after = text:match("^([%a_][%w_]*)()", at)
  if name then
    return after, "name", name
  end
  local dots = text:match("^%.+", at)
  return at + #(dots or char), dots or char
end

--- Their names, in order, each once.
---@param text string
---@return string[]
function scan.requires(text)
  local names, seen = {}, {}
  local waiting = false -- for the name, after `require`
  local before -- the kind of the token before
  local at, kind, value = next_token(text, 1)
  while at do
    if kind == "name" and value == "require" and before ~= "." and before ~= ":" then
      waiting = true
    elseif waiting and kind == "string" and value then
      if not seen[value] then
        seen[value] = true
        table.insert(names, value)
      end
      waiting = false
    elseif kind ~= "(" and kind ~= "," then
      waiting = false
    end
    before = kind
    at, kind, value = next_token(text, at)
  end
  return names
end

return scan

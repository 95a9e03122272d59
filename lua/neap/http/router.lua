--- Which handler a request is for: its method and path against the routes of an
--- app.
---
--- A route's path is text with `{name}` for a segment's worth of anything but
--- "/", `{name:pattern}` for what a Lua pattern matches, and at its end
--- `{name*}` for all that is left, also nothing. Plain paths are found first,
--- then those with parameters in the order in which they were added, then the
--- ones that end in `{name*}` and mounted apps, the longest prefix first.
---
--- Paths are matched decoded, but an encoded slash separates nothing: it is
--- the byte 0 while it is matched, which no path contains.
local router = {}

---@class neap.http.Route
---@field methods table<string, function>  "*" is any method
---@field path string?  as it was given
---@field pattern string?  anchored
---@field names string[]
---@field prefix string  the text before the first parameter
---@field app table?  a mounted app; then nothing but `prefix` matters

---@class neap.http.Router
---@field package _plain table<string, neap.http.Route>
---@field package _patterns neap.http.Route[]
---@field package _tails neap.http.Route[]  longest prefix first
local Router = { __name = "Router" }
Router.__index = Router

-- ---- paths -------------------------------------------------------------------

local function escape(text)
  return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"))
end

--- Whether a Lua pattern has captures of its own, which would take the names'.
local function has_captures(pattern)
  return pattern:gsub("%%.", ""):gsub("%[.-%]", ""):find("[()]") ~= nil
end

--- What `{...}` stands for: its name and a pattern, or nil and what is wrong.
local function parse_parameter(inside, is_last)
  local name, rest = inside:match("^([%a_][%w_]*)(.*)$")
  if not name then
    return nil, "a parameter needs a name"
  elseif rest == "" then
    return name, "[^/]+"
  elseif rest == "*" then
    return is_last and name or nil, is_last and ".*" or "{name*} must come last"
  end
  local pattern = rest:match("^:(.+)$")
  if not pattern then
    return nil, "a parameter is {name}, {name:pattern} or {name*}"
  elseif has_captures(pattern) then
    return nil, "the pattern of a parameter must not capture"
  elseif not pcall(string.find, "", pattern) then
    return nil, "the pattern of a parameter is malformed"
  end
  return name, pattern
end

--- Where the parameter that begins at `open` ends: braces in it are balanced.
local function closing_brace(path, open)
  local _, close = path:find("^%b{}", open)
  return close
end

--- A path as pattern, names and prefix; nil and what is wrong with it.
---@param path string
---@return table? parsed  pattern is nil for a plain path
---@return string? problem
function router.parse(path)
  if path:sub(1, 1) ~= "/" then
    return nil, "a path begins with '/'"
  end
  local out, names, at = {}, {}, 1
  local prefix, is_tail = nil, false
  while true do
    local open = path:find("{", at, true)
    local text = path:sub(at, (open or 0) - 1)
    out[#out + 1] = escape(text)
    if not open then
      break
    end
    prefix = prefix or text
    local close = closing_brace(path, open)
    if not close then
      return nil, "'{' is not closed"
    end
    local name, pattern = parse_parameter(path:sub(open + 1, close - 1), close == #path)
    if not name then
      return nil, pattern
    end
    names[#names + 1] = name
    out[#out + 1] = "(" .. pattern .. ")"
    is_tail = pattern == ".*"
    at = close + 1
  end
  return {
    pattern = #names > 0 and "^" .. table.concat(out) .. "$" or nil,
    names = names,
    prefix = prefix or path,
    is_tail = is_tail,
  }
end

--- The path that routes are matched with.
---@param raw string  as it came, percent-encoded
---@return string
function router.matched_path(raw)
  return (raw:gsub("%%(%x%x)", function(digits)
    return digits:upper() == "2F" and "\0" or string.char(tonumber(digits, 16))
  end))
end

--- A path, or a part of one, as handlers see it.
local function visible(text)
  return text:find("\0", 1, true) and text:gsub("%z", "/") or text
end

router.visible_path = visible

-- ---- adding ------------------------------------------------------------------

--- Keeps `_tails` sorted: longest prefix first, then as they were added.
local function insert_tail(tails, route)
  local at = 1
  while tails[at] and #tails[at].prefix >= #route.prefix do
    at = at + 1
  end
  table.insert(tails, at, route)
end

local function find_same(list, pattern)
  for _, route in ipairs(list) do
    if route.pattern == pattern then
      return route
    end
  end
  return nil
end

--- The route of this path, which is made if there is none.
local function route_of(self, parsed, path)
  local plain = parsed.pattern == nil
  local list = parsed.is_tail and self._tails or self._patterns
  local route
  if plain then
    route = self._plain[parsed.prefix]
  else
    route = find_same(list, parsed.pattern)
  end
  if route then
    return route
  end
  route = { methods = {}, path = path, pattern = parsed.pattern, names = parsed.names, prefix = parsed.prefix }
  if plain then
    self._plain[parsed.prefix] = route
  elseif parsed.is_tail then
    insert_tail(list, route)
  else
    list[#list + 1] = route
  end
  return route
end

--- Adds a handler; nil and what is wrong with the path, or that it is taken.
---@param method string  "*" for any
---@param path string
---@param handler function
---@return true?
---@return string? problem
function Router:add(method, path, handler)
  local parsed, problem = router.parse(path)
  if not parsed then
    return nil, problem
  end
  local route = route_of(self, parsed, path)
  if route.methods[method] then
    return nil, ("there is a handler of %s %s already"):format(method, path)
  end
  route.methods[method] = handler
  return true
end

---@param prefix string  without a slash at its end
---@param app table
function Router:mount(prefix, app)
  insert_tail(self._tails, { methods = {}, prefix = prefix, app = app })
end

--- What was added: { method, path, handler } or { path, app }, by path.
---@return table[]
function Router:entries()
  local list = {}
  local function add(route)
    if route.app then
      list[#list + 1] = { method = "", path = route.prefix, app = route.app }
    end
    for method, handler in pairs(route.methods) do
      list[#list + 1] = { method = method, path = route.path, handler = handler }
    end
  end
  for _, route in pairs(self._plain) do
    add(route)
  end
  for _, routes in ipairs({ self._patterns, self._tails }) do
    for _, route in ipairs(routes) do
      add(route)
    end
  end
  table.sort(list, function(a, b)
    return a.path < b.path or a.path == b.path and a.method < b.method
  end)
  return list
end

-- ---- finding -----------------------------------------------------------------

--- The handler for a method among those of a route. HEAD is answered by GET.
local function pick(methods, method)
  return methods[method] or method == "HEAD" and methods.GET or methods["*"]
end

local function collect(allowed, methods)
  for method in pairs(methods) do
    allowed[method] = true
  end
  if methods.GET then
    allowed.HEAD = true
  end
end

--- The values of a route's parameters by name, or nil if the path is another.
local function match(route, path)
  local names = route.names
  if #names == 1 then
    local value = path:match(route.pattern)
    return value and { [names[1]] = visible(value) }
  end
  local values = { path:match(route.pattern) }
  if #values == 0 then
    return nil
  end
  local params = {}
  for i = 1, #names do
    params[names[i]] = visible(values[i])
  end
  return params
end

local function is_below(path, prefix)
  local next_byte = path:sub(#prefix + 1, #prefix + 1)
  return path:sub(1, #prefix) == prefix and (next_byte == "" or next_byte == "/")
end

local no_methods = {}

--- Looks through a list of routes.
---@return function? handler
---@return table? params
---@return boolean missed  one has this path and other methods
---@return neap.http.Route? mounted  the route of an app
local function search(list, method, path)
  local missed = false
  for i = 1, #list do
    local route = list[i]
    if route.app then
      if is_below(path, route.prefix) then
        return nil, nil, missed, route
      end
    else
      local params = match(route, path)
      local handler = params and pick(route.methods, method)
      if handler then
        return handler, params, missed
      end
      missed = missed or params ~= nil
    end
  end
  return nil, nil, missed
end

--- The methods that a path takes, up to where a mounted app has it.
local function methods_of(self, path)
  local allowed, plain = {}, self._plain[path]
  if plain then
    collect(allowed, plain.methods)
  end
  for _, list in ipairs({ self._patterns, self._tails }) do
    for _, route in ipairs(list) do
      if route.app and is_below(path, route.prefix) then
        return allowed
      elseif not route.app and match(route, path) then
        collect(allowed, route.methods)
      end
    end
  end
  return allowed
end

--- The handler of a plain path that has one for just this method.
---@param path string
---@param method string
---@return function?
function Router:plain(path, method)
  local route = self._plain[path]
  return route and route.methods[method]
end

--- The handler for a request and the values of its parameters. Without one: the
--- mounted app's route whose turn it is, or the methods that the path takes.
---@param method string
---@param path string  of `router.matched_path`
---@return function? handler
---@return table<string, string>? params  nil if the path has none
---@return neap.http.Route? mounted
---@return table<string, true>? allowed  empty if nothing has this path
function Router:find(method, path)
  local plain = self._plain[path]
  local handler = plain and pick(plain.methods, method)
  if handler then
    return handler
  end
  local params, missed, missed_tail, mounted
  handler, params, missed = search(self._patterns, method, path)
  if not handler then
    handler, params, missed_tail, mounted = search(self._tails, method, path)
  end
  if handler then
    return handler, params
  elseif plain or missed or missed_tail then
    return nil, nil, nil, methods_of(self, path)
  end
  return nil, nil, mounted, no_methods
end

---@return neap.http.Router
function router.new()
  return setmetatable({ _plain = {}, _patterns = {}, _tails = {} }, Router)
end

return router

--- Serving a directory. What a path names is looked up and opened in one step,
--- with links followed that do not leave the directory: no "..", whatever its
--- encoding, and no link leads out of it, also if names change meanwhile. Names
--- that begin with a dot are not served.
local core = require("neap.core")
local response = require("neap.http.response")
local url = require("neap.http.url")
local option = require("neap.args").option

local static = {}

---@class neap.http.StaticOptions
---@field index? string|false  the file that stands for a directory, "index.html" by default
---@field listing? boolean  directories without an index show what is in them
---@field follow? boolean  links may lead out of the directory
---@field hidden? boolean  names that begin with a dot are served too
---@field max_age? integer  seconds for which clients may keep a file without asking

static.options = {
  index = function(value)
    local ok = value == false or type(value) == "string" and not value:find("/", 1, true)
    return not ok and "is neither false nor the name of a file"
  end,
  listing = option.boolean,
  follow = option.boolean,
  hidden = option.boolean,
  max_age = option.integer(0, 0x7fffffff),
}

-- A listing shows no more.
local MAX_LISTED = 10000

-- ---- paths -------------------------------------------------------------------

local function has_hidden(path)
  for segment in path:gmatch("[^/]+") do
    if segment:sub(1, 1) == "." and segment ~= ".well-known" then
      return true
    end
  end
  return false
end

--- Whether a path stays below where it begins.
local function is_inside(path)
  for segment in path:gmatch("[^/]+") do
    if segment == ".." or segment == "." then
      return false
    end
  end
  return true
end

--- Whether a path may be served: most have no part that begins with a dot.
local function is_allowed(path, opts)
  if path:find("//", 1, true) or path:find("%z") then
    return false
  elseif path:byte() ~= 46 and not path:find("/.", 1, true) then
    return true
  end
  return is_inside(path) and (opts.hidden or not has_hidden(path))
end

-- ---- directories ---------------------------------------------------------------

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function html(text)
  return (text:gsub("[&<>\"']", entities))
end

--- What is in a directory; nil if it may not be read.
local function names_in(self, path)
  local names, opts = {}, self.opts
  local root = self.dir
  if opts.follow then
    root, path = nil, self.dir .. "/" .. path
  end
  local entries <close> = core.fs.scandir(path, false, root)
  if not entries then
    return nil
  end
  for name, kind in entries do
    if opts.hidden or name:sub(1, 1) ~= "." then
      names[#names + 1] = kind == "directory" and name .. "/" or name
    end
    if #names == MAX_LISTED then
      break
    end
  end
  table.sort(names)
  return names
end

local function list(names, path)
  local title = html(path)
  local out = {
    ('<!DOCTYPE html>\n<meta charset="utf-8">\n<title>%s</title>\n'):format(title),
    ("<h1>%s</h1>\n<ul>\n"):format(title),
  }
  if path ~= "/" then
    out[#out + 1] = '<li><a href="../">../</a></li>\n'
  end
  for _, name in ipairs(names) do
    local link = url.encode(name):gsub("%%2F", "/")
    out[#out + 1] = ('<li><a href="./%s">%s</a></li>\n'):format(link, html(name))
  end
  out[#out + 1] = "</ul>\n"
  return response.new({ html = table.concat(out) })
end

--- A directory is asked for by a path with a slash at its end, so that links in
--- its pages work.
local function enter(req)
  local query = req.query_string ~= "" and "?" .. req.query_string or ""
  local path = req.raw_path:gsub("^/+", "/")
  return response.redirect(path .. "/" .. query, 301)
end

-- ---- handlers ------------------------------------------------------------------

---@class neap.http.Served  a directory that is served
---@field dir string
---@field opts neap.http.StaticOptions
---@field found boolean  something was found in it
---@field quick boolean  files in it may be fetched without a thread

--- Looks for what a path names; nil and "directory", "other" or an error.
local function fetch(self, req, path)
  local shown = self.dir .. "/" .. path
  local root = self.dir
  if self.opts.follow then
    root, path = nil, shown
  end
  local fetched, err = require("neap.http.file").fetch(req, root, path, shown, self.quick)
  if fetched then
    self.quick = fetched.quick
  elseif type(err) == "table" and not self.found then
    assert(core.fs.stat(self.dir)) -- otherwise it is the app that is wrong
  end
  self.found = true
  return fetched, err
end

local function answer_file(self, fetched, err)
  if fetched then
    return response.of_file(fetched, self.opts.max_age)
  end
  return response.plain(type(err) == "table" and require("neap.http.file").status_of(err) or 404)
end

local function serve_directory(self, req, path)
  local opts = self.opts
  if req.path:sub(-1) ~= "/" then
    return enter(req)
  end
  local index = opts.index == nil and "index.html" or opts.index
  if index then
    local fetched, err = fetch(self, req, path == "" and index or path .. index)
    if fetched or not opts.listing then
      return answer_file(self, fetched, err)
    end
  end
  local names = opts.listing and names_in(self, path)
  return names and list(names, req.path) or response.plain(404)
end

--- The handlers of what is below a prefix, and of the prefix itself.
---@param dir string
---@param opts neap.http.StaticOptions
---@return neap.http.Handler serve
---@return neap.http.Handler enter
function static.handlers(dir, opts)
  local self = { dir = dir, opts = opts, found = false, quick = false }
  local function serve(req)
    local path = req.params.path
    if req._route:find("%z") or not is_allowed(path, opts) then
      return response.plain(404)
    end
    local fetched, err = fetch(self, req, path)
    if err == "directory" then
      return serve_directory(self, req, path)
    end
    return answer_file(self, fetched, err)
  end
  return serve, enter
end

return static

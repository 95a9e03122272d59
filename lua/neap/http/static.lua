--- Serving a directory. What a path names is looked up with all links followed,
--- and must then lie in the directory: no "..", whatever its encoding, and no
--- link leads out of it. Names that begin with a dot are not served.
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
  return not path:find("%z") and not path:find("//", 1, true)
end

--- The file that a path names; nil if there is none that may be served.
local function resolve(root, path, opts)
  if not is_inside(path) or has_hidden(path) and not opts.hidden then
    return nil
  end
  local real = core.fs.realpath(root .. "/" .. path)
  if not real then
    return nil
  elseif opts.follow or real == root or root == "/" or real:sub(1, #root + 1) == root .. "/" then
    return real
  end
  return nil
end

-- ---- directories ---------------------------------------------------------------

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function html(text)
  return (text:gsub("[&<>\"']", entities))
end

local function names_in(dir, opts)
  local names = {}
  local entries <close> = assert(core.fs.scandir(dir))
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

local function list(dir, path, opts)
  local title = html(path)
  local out = {
    ('<!DOCTYPE html>\n<meta charset="utf-8">\n<title>%s</title>\n'):format(title),
    ("<h1>%s</h1>\n<ul>\n"):format(title),
  }
  if path ~= "/" then
    out[#out + 1] = '<li><a href="../">../</a></li>\n'
  end
  for _, name in ipairs(names_in(dir, opts)) do
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

local function send_file(path, opts)
  return response.new({ file = path, max_age = opts.max_age })
end

local function serve_directory(req, real, opts)
  if req.path:sub(-1) ~= "/" then
    return enter(req)
  end
  local index = opts.index == nil and "index.html" or opts.index
  if index and core.fs.exists(real .. "/" .. index) then
    return nil, index
  elseif opts.listing then
    return list(real, req.path, opts)
  end
  return response.plain(404)
end

-- ---- handlers ------------------------------------------------------------------

--- The handlers of what is below a prefix, and of the prefix itself.
---@param dir string
---@param opts neap.http.StaticOptions
---@return neap.http.Handler serve
---@return neap.http.Handler enter
function static.handlers(dir, opts)
  local root
  local function serve(req)
    root = root or assert(core.fs.realpath(dir))
    local path = req._route:find("%z") and ".." or req.params.path
    local real = resolve(root, path, opts)
    local stat = real and core.fs.stat(real)
    if not stat then
      return response.plain(404)
    elseif stat.type == "directory" then
      local answer, index = serve_directory(req, real, opts)
      if answer then
        return answer
      end
      real = resolve(root, (path .. "/" .. index):gsub("/+", "/"), opts)
      return real and send_file(real, opts) or response.plain(404)
    elseif stat.type ~= "file" or path:sub(-1) == "/" then
      return response.plain(404)
    end
    return send_file(real, opts)
  end
  return serve, enter
end

return static

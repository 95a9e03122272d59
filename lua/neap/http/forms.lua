--- Forms: the fields of a body, urlencoded or multipart. Fields are kept in
--- memory, within a limit; files are written to disk as they come, and removed
--- after the request, unless the handler has moved them.
local body = require("neap.http.body")
local errors = require("neap.errors")
local fs = require("neap.fs")
local multipart = require("neap.http.multipart")
local url = require("neap.http.url")

local forms = {}

---@class neap.http.UploadedFile
---@field filename string
---@field type string
---@field size integer
---@field path string

-- Bytes of all fields of a multipart form together that are no files.
local MAX_FIELDS_SIZE = 1024 * 1024
local MAX_FIELDS = 10000

local function too_many(text)
  return nil, errors.new("LIMIT", text, { status = 413 })
end

-- ---- urlencoded ----------------------------------------------------------------

local function read_urlencoded(req)
  local text, err = body.text(req)
  if not text then
    return nil, err
  end
  local _, count = text:gsub("&", "")
  if count >= MAX_FIELDS then
    return too_many(("the form has more than %d fields"):format(MAX_FIELDS))
  end
  return url.parse_query(text)
end

-- ---- multipart -----------------------------------------------------------------

--- Removes the files that are still where they were written.
local function remove_files(files)
  for _, file in ipairs(files) do
    file.handle:close()
    fs.remove(file.path)
  end
end

--- Takes a file's data; at its end the field is there.
local function file_sink(state, part)
  local handle, path = fs.mkstemp("neap-upload-")
  if not handle then
    return nil, path
  end
  local written = 0
  table.insert(state.files, { handle = handle, path = path })
  return function(data)
    if data then
      written = written + #data
      return handle:write(data)
    end
    local ok, err = handle:close()
    if ok == nil and err then
      return nil, err
    end
    url.add_field(state.fields, part.name, {
      filename = part.filename,
      type = part.type or "application/octet-stream",
      size = written,
      path = path,
    })
    return true
  end
end

--- Takes a field's data.
local function field_sink(state, part)
  local pieces = {}
  return function(data)
    if not data then
      url.add_field(state.fields, part.name, table.concat(pieces))
      return true
    end
    state.size = state.size + #data
    if state.size > MAX_FIELDS_SIZE then
      return too_many(("the form's fields have more than %d bytes"):format(MAX_FIELDS_SIZE))
    end
    pieces[#pieces + 1] = data
    return true
  end
end

local function read_multipart(req, boundary)
  local state = { fields = {}, files = {}, size = 0 }
  req._link.cleanup = function()
    remove_files(state.files)
  end
  local read = body.reader(req)
  local ok, err = multipart.read(read, boundary, function(part)
    if not part.name then
      return nil, errors.new("HTTP", "invalid multipart body: a part has no name", { status = 400 })
    end
    return (part.filename and file_sink or field_sink)(state, part)
  end)
  while ok do -- what is behind the last part counts for nothing
    local piece
    piece, err = read()
    ok = piece ~= nil
  end
  if err then
    return nil, err
  end
  return state.fields
end

--- The fields of a request's form.
---@async
---@param req neap.http.Request
---@return table<string, any>? fields
---@return neap.Error? err
function forms.read(req)
  if req._form then
    return req._form
  end
  local content_type = req.headers:get("content-type") or ""
  local kind = content_type:match("^%s*([^;%s]*)"):lower()
  local fields, err
  if kind == "application/x-www-form-urlencoded" then
    fields, err = read_urlencoded(req)
  elseif kind == "multipart/form-data" then
    local boundary = multipart.boundary(content_type)
    if not boundary then
      return nil, errors.new("HTTP", "the multipart form names no boundary", { status = 400 })
    end
    fields, err = read_multipart(req, boundary)
  else
    return nil, errors.new("HTTP", "the body is no form", { status = 415 })
  end
  req._form = fields
  return fields, err
end

return forms

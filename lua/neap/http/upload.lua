--- The bodies of requests: where their bytes come from, and the task that gives
--- them to a transfer piece by piece, as fast as they are taken.
---
--- A source has `data`, the whole body, or `open()`, which begins a reading and
--- returns a function that gives piece after piece, then nil, or nil and an
--- error. `length` is known or nil. What is `once` can be read only once.
local core = require("neap.core")
local errors = require("neap.errors")
local fs = require("neap.fs")
local url = require("neap.http.url")

local upload = {}

---@class neap.http.Source
---@field data? string
---@field open? fun(): fun(): string?, neap.Error?
---@field length? integer
---@field once? boolean
---@field type? string  its Content-Type

local PIECE = 64 * 1024

-- ---- multipart ----------------------------------------------------------------

--- A name as browsers write it between quotes.
local function quoted(text)
  return (text:gsub('[\r\n"]', { ["\r"] = "%0D", ["\n"] = "%0A", ['"'] = "%22" }))
end

local function part_head(boundary, name, value)
  local out = { ('--%s\r\nContent-Disposition: form-data; name="%s"'):format(boundary, quoted(name)) }
  if type(value) == "table" then
    local filename = value.filename or value.path and value.path:match("[^/]*$")
    if filename then
      out[#out + 1] = ('; filename="%s"'):format(quoted(filename))
    end
    local kind = value.type or filename and "application/octet-stream"
    if kind then
      out[#out + 1] = "\r\nContent-Type: " .. kind:gsub("[%c]", "")
    end
  end
  out[#out + 1] = "\r\n\r\n"
  return table.concat(out)
end

local function sorted_names(parts)
  local names = {}
  for name in pairs(parts) do
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- What a part is made of: a text, or the path of a file with its size.
local function add_part(list, boundary, name, value)
  list[#list + 1] = part_head(boundary, name, value)
  if type(value) == "table" and value.path then
    local stat, err = fs.stat(value.path)
    if not stat then
      return nil, err
    end
    list[#list + 1] = { path = value.path, size = stat.size }
  else
    list[#list + 1] = tostring(type(value) == "table" and (value.body or "") or value)
  end
  list[#list + 1] = "\r\n"
  return true
end

local function add_values(list, boundary, name, value)
  local many = type(value) == "table" and value[1] ~= nil
  for _, one in ipairs(many and value or { value }) do
    local ok, err = add_part(list, boundary, name, one)
    if not ok then
      return nil, err
    end
  end
  return true
end

--- Texts and files in order, and their length. Parts are in the order of their
--- names, or of a list of { name, value }.
local function pieces_of(parts, boundary)
  local list = {}
  local ok, err
  for _, part in ipairs(parts) do
    ok, err = add_part(list, boundary, part.name or part[1], part[2] or part)
    if not ok then
      return nil, err
    end
  end
  for _, name in ipairs(sorted_names(parts)) do
    ok, err = add_values(list, boundary, name, parts[name])
    if not ok then
      return nil, err
    end
  end
  list[#list + 1] = ("--%s--\r\n"):format(boundary)
  local length = 0
  for _, piece in ipairs(list) do
    length = length + (type(piece) == "table" and piece.size or #piece)
  end
  return list, length
end

--- Reads a file that is to have `size` bytes.
local function file_reader(path, size)
  local file, left, err = nil, size, nil
  return function()
    if not file then
      file, err = fs.open(path)
      if not file then
        return nil, err
      end
    end
    local data
    data, err = file:read(math.min(PIECE, left + 1))
    if err or not data then
      file:close()
    end
    left = left - #(data or "")
    if not err and (left < 0 or not data and left > 0) then
      file:close()
      return nil, errors.new("HTTP", ("%s has changed while it was sent"):format(path), { path = path })
    end
    return data, err
  end
end

local function multipart_reader(list)
  local i, file = 0, nil
  local function next_piece()
    if file then
      local data, err = file()
      if data or err then
        return data, err
      end
      file = nil
    end
    i = i + 1
    if type(list[i]) == "table" then
      file = file_reader(list[i].path, list[i].size)
      return next_piece()
    end
    return list[i]
  end
  return next_piece
end

local function of_multipart(parts)
  local boundary = {}
  for i = 1, 24 do
    local at = math.random(36)
    boundary[i] = ("0123456789abcdefghijklmnopqrstuvwxyz"):sub(at, at)
  end
  boundary = "neap-" .. table.concat(boundary)
  local list, length = pieces_of(parts, boundary)
  if not list then
    return nil, length
  end
  return {
    open = function() return multipart_reader(list) end,
    length = length,
    type = "multipart/form-data; boundary=" .. boundary,
  }
end

-- ---- other bodies -------------------------------------------------------------

local function reader_of(object)
  return function()
    return object:read(PIECE)
  end
end

local function of_body(body)
  if type(body) == "string" or type(body) == "number" then
    return { data = tostring(body) }
  elseif type(body) == "function" then
    return { open = function() return body end, once = true }
  elseif type(body) == "table" and not (body.read or body.open) and not getmetatable(body) then
    return { data = table.concat(body) }
  elseif body.read then
    return { open = function() return reader_of(body) end, once = true }
  end
  return { open = function() return body end, once = true } -- something to call
end

--- What the options of a request say its body is; nil if there is none, nil and
--- an error for files that cannot be read.
---@async
---@param opts neap.http.RequestOptions
---@return neap.http.Source?
---@return neap.Error? err
function upload.source(opts)
  if opts.body ~= nil then
    return of_body(opts.body)
  elseif opts.json ~= nil then
    return { data = require("neap.http.json").encode(opts.json), type = "application/json" }
  elseif opts.form ~= nil then
    return { data = url.build_query(opts.form), type = "application/x-www-form-urlencoded" }
  elseif opts.multipart ~= nil then
    return of_multipart(opts.multipart)
  end
  return nil
end

--- The same body piece by piece, so that its progress can be told.
---@param source neap.http.Source  with `data`
---@return neap.http.Source
function upload.in_pieces(source)
  local data = source.data
  return {
    open = function()
      local at = 1
      return function()
        local piece = data:sub(at, at + PIECE - 1)
        at = at + #piece
        return piece ~= "" and piece or nil
      end
    end,
    length = #data,
    type = source.type,
  }
end

-- ---- giving it to a transfer ----------------------------------------------------

local function wrong_length(length, sent)
  local text = ("the body has %s bytes than the %d that were announced"):format(
    sent > length and "more" or "fewer", length)
  return errors.new("HTTP", text)
end

--- Writes it all; true, false when the transfer has ended, or nil and an error.
local function write_all(transfer, source, progress)
  local read, sent = source.open(), 0
  while true do
    local piece, err = read()
    if err ~= nil and piece == nil then
      return nil, err
    end
    sent = sent + #(piece or "")
    if source.length and (sent > source.length or not piece and sent < source.length) then
      return nil, wrong_length(source.length, sent)
    elseif not piece then
      transfer:finish()
      return true
    elseif not transfer:write(piece) then
      return false
    elseif progress then
      progress(sent, source.length, "sent")
    end
  end
end

--- Starts the task that gives a source to a transfer. What goes wrong there ends
--- the transfer; `feed.err` then says what it was, with `feed.raised` if it was
--- raised.
---@return table feed
function upload.feed(transfer, source, progress)
  local feed = {}
  feed.task = core.spawn(function()
    local ok, done, err = pcall(write_all, transfer, source, progress)
    if ok and done ~= nil then
      return
    elseif not ok and errors.is_cancelled(done) then
      error(done, 0)
    end
    feed.raised, feed.err = not ok, ok and err or done
    transfer:close()
  end)
  feed.task:set_name("http request's body")
  feed.task:set_daemon(true)
  return feed
end

return upload

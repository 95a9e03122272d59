--- Reading multipart bodies (RFC 7578) as they come: nothing but the piece at
--- hand and a part's fields is kept.
local errors = require("neap.errors")
local headers = require("neap.http.headers")
local url = require("neap.http.url")

local multipart = {}

---@class neap.http.Part
---@field name string?
---@field filename string?  without directories
---@field type string?
---@field headers neap.http.Headers

local MAX_HEADER = 8192
local MAX_PARTS = 1000

local function bad(why)
  return nil, errors.new("HTTP", "invalid multipart body: " .. why, { status = 400 })
end

-- ---- fields with parameters ------------------------------------------------------

--- The text in quotes that begins at a position, and where it ends. Only quotes
--- and backslashes are escaped in it: a name may be a Windows path.
local function quoted(text, at)
  local out = {}
  while at <= #text and text:sub(at, at) ~= '"' do
    if text:find('^\\["\\]', at) then
      at = at + 1
    end
    out[#out + 1] = text:sub(at, at)
    at = at + 1
  end
  return table.concat(out), at + 1
end

--- The parameters of a field's value: `form-data; name="a"` has { name = "a" }.
---@param text string
---@return string kind  what is in front of them, in lower case
---@return table<string, string> parameters
function multipart.parameters(text)
  local kind, at = text:match("^%s*([^;%s]*)%s*()")
  local found = {}
  while true do
    local name, start = text:match("^;%s*([^%s=;]+)%s*=%s*()", at)
    if not name then
      return kind:lower(), found
    end
    local value, rest
    if text:sub(start, start) == '"' then
      value, rest = quoted(text, start + 1)
    else
      value, rest = text:match("^([^;%s]*)()", start)
    end
    found[name:lower()] = found[name:lower()] or value
    at = text:match("^%s*()", rest)
  end
end

--- The boundary that a Content-Type names, or nil.
---@param content_type string
---@return string?
function multipart.boundary(content_type)
  local _, parameters = multipart.parameters(content_type)
  local boundary = parameters.boundary
  return boundary and #boundary >= 1 and #boundary <= 70 and boundary or nil
end

--- The last name of a path, as some clients send all of it.
local function base_name(path)
  return path:match("[^/\\]*$")
end

local function part_of(head)
  local fields = headers.of_head(head)
  local kind, parameters = multipart.parameters(fields:get("content-disposition") or "")
  local filename = parameters.filename
  local extended = parameters["filename*"]
  if extended and extended:lower():find("^utf%-8'") then
    filename = url.decode(extended:match("^[^']*'[^']*'(.*)$") or "")
  end
  return {
    name = kind == "form-data" and parameters.name or nil,
    filename = filename and base_name(filename),
    type = fields:get("content-type"),
    headers = fields,
  }
end

-- ---- the parser ------------------------------------------------------------------

---@class neap.http.PartReader
---@field package _read async fun(): string?, neap.Error?
---@field package _buffer string
---@field package _mark string  in front of each part's head
local Reader = {}
Reader.__index = Reader

--- More bytes; false and an error if none come.
function Reader:fill()
  local piece, err = self._read()
  if not piece then
    return false, err or select(2, bad("it ends early"))
  end
  self._buffer = self._buffer .. piece
  return true
end

--- At least n bytes, or false and an error.
function Reader:need(n)
  while #self._buffer < n do
    local ok, err = self:fill()
    if not ok then
      return false, err
    end
  end
  return true
end

--- Gives what is in front of the next mark to `sink`, and takes both away.
function Reader:pass(sink)
  local mark = self._mark
  while true do
    local at = self._buffer:find(mark, 1, true)
    local keep = at and at - 1 or math.max(#self._buffer - #mark + 1, 0)
    if keep > 0 and sink then
      local ok, err = sink(self._buffer:sub(1, keep))
      if not ok then
        return false, err
      end
    end
    if at then
      self._buffer = self._buffer:sub(at + #mark)
      return true
    end
    self._buffer = self._buffer:sub(keep + 1)
    local ok, err = self:fill()
    if not ok then
      return false, err
    end
  end
end

--- What is behind a mark: "end", or the head of a part; nil and an error.
function Reader:head()
  local ok, err = self:need(2)
  if not ok then
    return nil, err
  elseif self._buffer:sub(1, 2) == "--" then
    return "end"
  end
  while true do
    local start = self._buffer:match("^[ \t]*\r\n()")
    -- a part may have no fields at all
    local from = start and (self._buffer:sub(start, start + 1) == "\r\n" and start - 2 or start)
    local at = from and self._buffer:find("\r\n\r\n", from, true)
    if at then
      local head = self._buffer:sub(start, at + 1)
      self._buffer = self._buffer:sub(at + 4)
      return head
    elseif #self._buffer > MAX_HEADER or not start and #self._buffer > 200 then
      return bad("a part has no proper head")
    end
    ok, err = self:fill()
    if not ok then
      return nil, err
    end
  end
end

--- Reads a body. `open(part)` is called for each part and returns a function
--- that takes its data, and nil at its end; either returns nil and an error to
--- end it all.
---@async
---@param read async fun(): string?, neap.Error?
---@param boundary string
---@param open async fun(part: neap.http.Part): fun(data: string?): any, neap.Error?
---@return true?
---@return neap.Error? err
function multipart.read(read, boundary, open)
  local self = setmetatable({ _read = read, _buffer = "\r\n", _mark = "\r\n--" .. boundary }, Reader)
  local ok, err = self:pass(nil)
  if not ok then
    return nil, err
  end
  for _ = 1, MAX_PARTS do
    local head
    head, err = self:head()
    if not head then
      return nil, err
    elseif head == "end" then
      return true
    end
    -- the mark's own line end may be the end of the head
    self._buffer = "\r\n" .. self._buffer
    local skip, sink = 2, nil
    sink, err = open(part_of(head))
    if not sink then
      return nil, err
    end
    ok, err = self:pass(function(data)
      if skip > 0 then
        local size = #data
        data, skip = data:sub(skip + 1), math.max(skip - size, 0)
      end
      if data == "" then
        return true
      end
      return sink(data)
    end)
    if not ok then
      return nil, err
    end
    ok, err = sink(nil)
    if not ok then
      return nil, err
    end
  end
  return nil, errors.new("LIMIT", ("the body has more than %d parts"):format(MAX_PARTS), { status = 413 })
end

return multipart

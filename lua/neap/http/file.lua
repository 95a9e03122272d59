--- Files as answers: tags, times, conditions and ranges. A small file is opened
--- and read by one request and goes out with its head; a large one is sent as
--- the client takes it: from the kernel's own memory where that can be, else, and
--- also where the client takes no more for now, by way of a buffer.
local answer = require("neap.http.answer")
local compress = require("neap.http.compress")
local conditions = require("neap.http.conditions")
local core = require("neap.core")
local http1 = require("neap.proto.http1")
local mime = require("neap.http.mime")
local response = require("neap.http.response")

local file = {}

local fetch = core.fs.fetch

-- How much is sent at a time, and read by a thread where that must be.
local PIECE = 128 * 1024
-- As much is sent at a time from the kernel's memory; then it is the others' turn.
local TURN = 1024 * 1024
-- Larger files are sent in pieces, which the kernel sends from its memory. A copy
-- in one call with the head is quicker up to here, and the same at 96 KiB.
local WHOLE = 64 * 1024
-- Larger ones are not compressed: that would take long, for each client anew.
local MAX_PACKED = 16 * 1024 * 1024
-- Bytes that a file may have that says it is empty: it is sent from memory.
local MAX_UNSIZED = 1024 * 1024

-- Errors that mean that there is no such file, or none for this client.
local missing = {
  ENOENT = 404, ENOTDIR = 404, EISDIR = 404, ENAMETOOLONG = 404, ELOOP = 404, EXDEV = 404, ENXIO = 404,
  EACCES = 403,
}

-- ---- fetching ------------------------------------------------------------------

---@class neap.http.Fetched  a file that is ready to be sent
---@field source table  the file; a small one has been read
---@field size integer
---@field mtime integer  ns
---@field path string  the response's `file`
---@field quick boolean  files of the same root may be fetched without a thread

--- The status for an error that means that there is no such file; raises others.
---@param err neap.Error
---@return integer status
function file.status_of(err)
  return missing[err.code] or error(err, 0)
end

--- Looks for a file, and reads it if it is small and the request asks for all
--- of it: nil and "directory" or "other" for what is no file, nil and an error.
---@async
---@param req neap.http.Request
---@param root string?  the directory that it must not leave
---@param path string  in `root`
---@param shown string  the whole path
---@param quick boolean?  of an earlier one in this root
---@return neap.http.Fetched?
---@return string|neap.Error?
function file.fetch(req, root, path, shown, quick)
  local all = req.method ~= "HEAD" and not conditions.are_in(req)
  local source, size, mtime, known = fetch(root, path, all and WHOLE or -1, quick)
  if not source then
    return nil, size
  end
  return { source = source, size = size, mtime = mtime, path = shown, quick = known }
end

-- ---- sending -------------------------------------------------------------------

--- Has a thread read what is not in memory.
local function read_ahead(source, first, last)
  local all, err = source:load(first, math.min(last - first + 1, PIECE))
  if not all then
    error(err or "the file became shorter while it was sent", 0)
  end
end

--- Sends some of the bytes first to last of a file as a part of a body: how
--- many, or nil and an error.
local function write_some(context, source, first, last)
  local conn, left = context.conn, last - first + 1
  local n = left > WHOLE and conn:send_file(source, first, math.min(left, TURN)) or 0
  if n > 0 then
    context.direct = true
    if n == TURN and n < left then
      core.sleep(0)
    end
    return n
  end
  n = math.min(left, context.direct and WHOLE or PIECE)
  local ok, err = conn:write_file(source, first, n)
  if not ok and not err then
    read_ahead(source, first, last)
    return 0
  end
  return ok and n, err
end

--- Sends bytes first to last of a file as a part of a body.
local function write_bytes(context, source, first, last)
  local at = first
  while at <= last do
    local n, err = write_some(context, source, at, last)
    if not n then
      return false, err
    end
    at = at + n
    context.sent = context.sent + n
  end
  return true
end

local function send_large(context, res, source, list, kind, first, last)
  local conn = context.conn
  local has_body, err = conn:begin(res.status, kind, last - first + 1, list)
  if err then
    return false, err
  elseif has_body then
    local ok
    ok, err = write_bytes(context, source, first, last)
    if not ok then
      return false, err
    end
  end
  return conn:finish()
end

--- Sends a large file compressed, as it is read.
local function send_packed(context, res, source, size, list, kind)
  local ok, err = context.conn:begin(res.status, kind, nil, list)
  local at = 0
  while ok and at < size do
    local text = assert(source:read(at, math.min(size - at, WHOLE)))
    if text == "" then
      error("the file became shorter while it was sent", 0)
    end
    at = at + #text
    ok, err = answer.write_part(context, text, at == size and "finish" or nil)
    core.sleep(0) -- it was a millisecond's work
  end
  if not ok then
    return false, err
  end
  return context.conn:finish()
end

--- Sends a part of a file, or all of it.
local function send_range(context, res, source, list, kind, first, last)
  local conn, length = context.conn, last - first + 1
  local packs = context.server._compress and compress.is_worth(kind)
  if packs and length > WHOLE and length <= MAX_PACKED then
    context.packer = compress.stream(context.req, res, kind, list)
    if context.packer then
      return send_packed(context, res, source, length, list, kind)
    end
  end
  if length > WHOLE or context.req.method == "HEAD" then
    return send_large(context, res, source, list, kind, first, last)
  elseif packs and length >= 1024 then
    local text = compress.text(context.req, res, kind, list, assert(source:read(first, length)))
    context.sent = #text
    return conn:respond(res.status, kind, text, list)
  end
  context.sent = length
  local ok, err = conn:respond(res.status, kind, source, list, first, length)
  if ok == false then
    read_ahead(source, first, last)
    ok, err = conn:respond(res.status, kind, source, list, first, length)
  end
  return ok, err
end

local function content_range(range, size)
  return ("bytes %d-%d/%d"):format(range[1], range[2], size)
end

--- Sends several ranges, each as a part of its own.
local function send_parts(context, fetched, list, kind, ranges)
  local conn, size = context.conn, fetched.size
  local boundary = core.random_bytes(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  local heads, length = {}, 0
  for i, range in ipairs(ranges) do
    heads[i] = ("%s--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n"):format(
      i > 1 and "\r\n" or "", boundary, kind, content_range(range, size))
    length = length + #heads[i] + range[2] - range[1] + 1
  end
  local ending = ("\r\n--%s--\r\n"):format(boundary)
  local ok, err = conn:begin(206, "multipart/byteranges; boundary=" .. boundary, length + #ending, list)
  for i, range in ipairs(ranges) do
    if ok then
      ok, err = conn:write(heads[i])
    end
    if ok then
      ok, err = write_bytes(context, fetched.source, range[1], range[2])
    end
  end
  if ok then
    ok, err = conn:write(ending)
  end
  if not ok then
    return false, err
  end
  return conn:finish()
end

local function send_status(context, res, list, status)
  res.status = status
  if status == 304 then
    return context.conn:respond(status, nil, nil, list)
  end
  local text = ("%d %s\n"):format(status, http1.reason(status))
  return context.conn:respond(status, "text/plain; charset=utf-8", text, list)
end

local function tag_of(fetched)
  return ('"%x-%x"'):format(fetched.size, fetched.mtime)
end

--- The Content-Type and the fields of a file, besides its tag and its time.
local function plain_fields_of(context, res)
  if res.max_age then
    res.headers:set("Cache-Control", ("public, max-age=%d"):format(res.max_age))
  end
  if res.filename then
    res.headers:set("Content-Disposition", file.disposition(res.filename))
  end
  return answer.wire_fields(context.conn, res.headers, res.type or mime.of(res.filename or res.file))
end

--- The Content-Type and the fields of a file, of which a handler may have given
--- the tag. Its tag and its time are returned too.
local function fields_of(context, res, fetched)
  local headers, tag, seconds = res.headers, nil, fetched.mtime // 1000000000
  if #headers > 0 then
    tag = headers:get("etag")
    headers:remove("etag")
    headers:remove("last-modified")
    headers:remove("accept-ranges")
  end
  tag = tag or tag_of(fetched)
  local kind, list = plain_fields_of(context, res)
  local n = #list
  list[n + 1], list[n + 2] = "ETag", tag
  list[n + 3], list[n + 4] = "Last-Modified", http1.date(seconds)
  list[n + 5], list[n + 6] = "Accept-Ranges", "bytes"
  return kind, list, tag, seconds
end

--- Sends what a request with conditions asks for; all without ranges.
local function send_ranges(context, res, fetched, list, kind, ranges)
  local source, size = fetched.source, fetched.size
  if not ranges then
    return send_range(context, res, source, list, kind, 0, size - 1)
  elseif #ranges == 0 then
    list[#list + 1], list[#list + 2] = "Content-Range", ("bytes */%d"):format(size)
    return send_status(context, res, list, 416)
  end
  res.status = 206
  if #ranges > 1 then
    return send_parts(context, fetched, list, kind, ranges)
  end
  list[#list + 1], list[#list + 2] = "Content-Range", content_range(ranges[1], size)
  return send_range(context, res, source, list, kind, ranges[1][1], ranges[1][2])
end

--- What is in a file that says it is empty, as those of /proc do.
local function read_unsized(source)
  local list, size = {}, 0
  repeat
    local text = assert(source:read(size, WHOLE))
    list[#list + 1], size = text, size + #text
    if size > MAX_UNSIZED then
      error(("a file without a size has more than %d bytes"):format(MAX_UNSIZED), 0)
    end
  until #text < WHOLE
  return table.concat(list)
end

--- Sends what was read of such a file: it has no tag and no ranges, since it may
--- be another text each time.
local function send_unsized(context, res, text)
  local kind, list = plain_fields_of(context, res)
  if context.server._compress and compress.is_worth(kind) and #text >= 1024 then
    text = compress.text(context.req, res, kind, list, text)
  end
  context.sent = #text
  return context.conn:respond(res.status, kind, text, list)
end

local function send_fetched(context, res, fetched)
  local req, size = context.req, fetched.size
  local text = size == 0 and read_unsized(fetched.source) or ""
  if text ~= "" then
    return send_unsized(context, res, text)
  end
  local kind, list, tag, seconds = fields_of(context, res, fetched)
  if res.status ~= 200 or not conditions.are_in(req) then
    return send_range(context, res, fetched.source, list, kind, 0, size - 1)
  end
  local status = conditions.check(req, tag, seconds)
  if status then
    return send_status(context, res, list, status)
  end
  return send_ranges(context, res, fetched, list, kind, conditions.ranges(req, size, tag, seconds))
end

--- A Content-Disposition for a name to save a file under: its plain characters
--- between quotes, and all of it.
---@param name string
---@return string
function file.disposition(name)
  local plain = name:gsub('[%c"\\\x7f-\xff]', "_")
  local full = name:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end)
  return ("attachment; filename=\"%s\"; filename*=UTF-8''%s"):format(plain, full)
end

--- Sends a Response whose `file` is a path; `_fetched` is that file if it has
--- been fetched before.
---@async
---@return boolean? on  whether the connection can go on
function file.send(context, res)
  local fetched, err = res._fetched, nil
  if not fetched or fetched.path ~= res.file then
    fetched, err = file.fetch(context.req, nil, res.file, res.file)
  end
  if not fetched then
    res.status = type(err) == "string" and 404 or file.status_of(err --[[@as neap.Error]])
    return context.conn:respond(res.status, "text/plain; charset=utf-8", response.plain(res.status).text)
  end
  local _ <close> = fetched.source
  return send_fetched(context, res, fetched)
end

return file

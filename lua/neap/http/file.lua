--- Files as answers: tags, times, conditions and ranges. A small file goes out
--- with its head; a large one is read as the client takes it.
local answer = require("neap.http.answer")
local compress = require("neap.http.compress")
local conditions = require("neap.http.conditions")
local core = require("neap.core")
local http1 = require("neap.proto.http1")
local mime = require("neap.http.mime")
local response = require("neap.http.response")

local file = {}

local PIECE = 128 * 1024
-- Larger files are sent as they are, in pieces.
local WHOLE = 64 * 1024

-- Errors that mean that there is no such file, or none for this client.
local missing = { ENOENT = 404, ENOTDIR = 404, EISDIR = 404, ENAMETOOLONG = 404, ELOOP = 404, EACCES = 403 }

local function tag_of(stat)
  return ('"%x-%x"'):format(stat.size, (stat.mtime * 1e6) // 1 | 0)
end

--- Sends bytes first to last of an open file, whose head has gone out.
local function send_bytes(context, open, first, last)
  local left = last - first + 1
  assert(open:seek("set", first))
  while left > 0 do
    local data = assert(open:read(math.min(left, PIECE)), "the file became shorter while it was sent")
    left = left - #data
    context.sent = context.sent + #data
    local ok, err = context.conn:write(data)
    if not ok then
      return false, err
    end
  end
  return context.conn:finish()
end

--- Sends a part of a file, or all of it.
local function send_range(context, res, open, first, last, kind)
  local conn, length = context.conn, last - first + 1
  if length > WHOLE or context.req.method == "HEAD" then
    local has_body, err = answer.begin(context, res, kind, length)
    if err then
      return false, err
    elseif has_body then
      return send_bytes(context, open, first, last)
    end
    return conn:finish()
  end
  local data = ""
  if length > 0 then
    assert(first == 0 or open:seek("set", first))
    data = assert(open:read(length), "the file became shorter while it was read")
  end
  local own, list = answer.wire_fields(conn, res, kind)
  if context.server._compress and #data >= 1024 then
    data = compress.text(context.req, res, own, list, data)
  end
  context.sent = #data
  return conn:respond(res.status, own, data, list)
end

--- Sends an answer without a body, or with a short text.
local function send_status(context, res, status, text)
  res.status = status
  local _, list = answer.wire_fields(context.conn, res, nil)
  return context.conn:respond(status, text and "text/plain; charset=utf-8", text, list)
end

local function send_open(context, res, open, stat)
  local req, headers = context.req, res.headers
  local tag, mtime = headers:get("etag") or tag_of(stat), stat.mtime // 1 | 0
  headers:set("ETag", tag)
  headers:set("Last-Modified", http1.date(mtime))
  headers:set("Accept-Ranges", "bytes")
  if res.max_age then
    headers:set("Cache-Control", ("public, max-age=%d"):format(res.max_age))
  end
  local status = res.status == 200 and conditions.check(req, tag, mtime)
  if status then
    return send_status(context, res, status, status == 412 and "412 Precondition Failed\n" or nil)
  end
  local first, last = 0, stat.size - 1
  if res.status == 200 then
    local from, to = conditions.range(req, stat.size, tag, mtime)
    if from == false then
      headers:set("Content-Range", ("bytes */%d"):format(stat.size))
      return send_status(context, res, 416, "416 Range Not Satisfiable\n")
    elseif from then
      first, last, res.status = from, to, 206
      headers:set("Content-Range", ("bytes %d-%d/%d"):format(first, last, stat.size))
    end
  end
  return send_range(context, res, open, first, last, mime.of(res.filename or res.file))
end

--- The characters of a name that may stand between quotes.
local function disposition(name)
  local plain = name:gsub('[%c"\\\x7f-\xff]', "_")
  local full = name:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end)
  return ("attachment; filename=\"%s\"; filename*=UTF-8''%s"):format(plain, full)
end

--- Opens what can be sent: nil and a status if there is no such file.
local function open_regular(path)
  local open, err = core.fs.open(path, "r")
  if not open then
    return nil, missing[err.code] or error(err, 0)
  end
  local stat = assert(open:stat())
  if stat.type ~= "file" then
    open:close()
    return nil, 404
  end
  return open, stat
end

--- Sends a Response whose `file` is a path.
---@async
---@return boolean? on  whether the connection can go on
function file.send(context, res)
  local open, stat = open_regular(res.file)
  if not open then
    local plain = response.plain(stat --[[@as integer]])
    res.status = stat
    return context.conn:respond(stat, "text/plain; charset=utf-8", plain.text)
  end
  local held <close> = open
  if res.filename then
    res.headers:set("Content-Disposition", disposition(res.filename))
  end
  return send_open(context, res, held, stat)
end

return file

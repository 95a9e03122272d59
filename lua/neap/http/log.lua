--- The access log: a line for each request, in the combined format that log
--- readers know, and the same as a table for those who write their own.
local log = {}

---@class neap.http.LogRecord
---@field peer string
---@field time number  seconds since 1970
---@field method string?  nil where there was no request that could be read
---@field target string?
---@field version string?
---@field status integer
---@field bytes integer  of the answer's body
---@field referer string?
---@field agent string?
---@field id string?  the request's

--- Text that is safe between quotes.
local function quoted(text)
  if not text then
    return "-"
  end
  return (text:gsub('[%c"\\\x7f-\xff]', function(byte)
    return ("\\x%02x"):format(byte:byte())
  end))
end

--- One line of the combined format.
---@param record neap.http.LogRecord
---@return string
function log.format(record)
  local request = "-"
  if record.method then
    request = ("%s %s HTTP/%s"):format(record.method, record.target, record.version)
  end
  return ('%s - - [%s] "%s" %d %s "%s" "%s"'):format(
    record.peer,
    os.date("!%d/%b/%Y:%H:%M:%S +0000", record.time // 1),
    quoted(request),
    record.status,
    record.bytes > 0 and ("%d"):format(record.bytes) or "-",
    quoted(record.referer),
    quoted(record.agent)
  )
end

local function record_of(req, stream, status, bytes)
  local peer = stream:closed() and {} or stream:peername() or {}
  local record = { peer = peer.host or "-", time = os.time(), status = status, bytes = bytes or 0 }
  if req then
    record.method, record.version, record.id = req.method, req.version, req.id
    record.target = req.raw_path .. (req.query_string ~= "" and "?" .. req.query_string or "")
    record.referer, record.agent = req.headers:get("referer"), req.headers:get("user-agent")
  end
  return record
end

--- A function that logs a request and its answer.
---@param to true|fun(line: string, record: neap.http.LogRecord)
function log.new(to)
  local write = to
  if to == true then
    write = function(line)
      io.stderr:write(line .. "\n") -- in one piece: threads write too
    end
  end
  return function(req, stream, status, bytes)
    local record = record_of(req, stream, status, bytes)
    write(log.format(record), record)
  end
end

return log

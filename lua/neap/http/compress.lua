--- Compressing answers for clients that take it. What is compressed already
--- (pictures, archives), and what is short, is left as it is.
---
--- Where a page repeats what a client sends beside a secret, its length can
--- give the secret away: such an app turns `compress` off.
local compress = {}

local kinds = {
  ["application/javascript"] = true,
  ["application/json"] = true,
  ["application/manifest+json"] = true,
  ["application/wasm"] = true,
  ["application/xml"] = true,
  ["application/octet-stream"] = false,
  ["image/svg+xml"] = true,
  ["text/html; charset=utf-8"] = true,
  ["text/plain; charset=utf-8"] = true,
}

--- Whether texts of this media type become shorter.
---@param kind string?
---@return boolean
function compress.is_worth(kind)
  if kinds[kind] ~= nil then
    return kinds[kind]
  end
  local plain = (kind or ""):match("^%s*([^;%s]*)"):lower()
  return plain:sub(1, 5) == "text/" or kinds[plain] or false
end

--- The weights of Accept-Encoding by coding.
local function weights(text)
  local found = {}
  for item in text:gmatch("[^,]+") do
    local coding, rest = item:match("^%s*([^;%s]+)(.*)$")
    if coding then
      local q = rest:match(";%s*[qQ]%s*=%s*([%d.]+)")
      found[coding:lower()] = q and tonumber(q) or (q and 0 or 1)
    end
  end
  return found
end

--- The coding to use for a client: "gzip", "deflate", or nil for none.
---@param accepted string?  the field Accept-Encoding
---@return string?
function compress.choose(accepted)
  if not accepted then
    return nil
  end
  local found = weights(accepted)
  local any = found["*"] or 0
  local gzip = found.gzip or found["x-gzip"] or any
  local deflate = found.deflate or any
  if gzip > 0 and gzip >= deflate then
    return "gzip"
  end
  return deflate > 0 and "deflate" or nil
end

-- Parts of a body, and answers without one.
local excluded = { [204] = true, [206] = true, [304] = true }

local function may_be_compressed(res, kind)
  local headers = res.headers
  return compress.is_worth(kind)
    and not excluded[res.status]
    and not headers:get("content-encoding")
    and not (headers:get("cache-control") or ""):lower():find("no%-transform")
end

--- Other bytes than those the tag is of.
local function weaken_tag(list)
  for i = 1, #list, 2 do
    if list[i]:lower() == "etag" and list[i + 1]:sub(1, 2) ~= "W/" then
      list[i + 1] = "W/" .. list[i + 1]
    end
  end
end

--- The coding for an answer, or nil. That there is a choice is said in a field.
local function negotiate(req, res, kind, list)
  if not may_be_compressed(res, kind) then
    return nil
  end
  list[#list + 1], list[#list + 2] = "Vary", "Accept-Encoding"
  return compress.choose(req.headers:get("accept-encoding"))
end

local function say_coding(list, coding)
  list[#list + 1], list[#list + 2] = "Content-Encoding", coding
  weaken_tag(list)
end

-- Of a text, and of what is compressed as it comes.
local LEVEL, STREAM_LEVEL = 6, 4
-- The window and the memory of a compressor: 128 KiB for a stream; 32 KiB for
-- events, which come on many connections that are mostly silent.
local STREAM_WINDOW, STREAM_MEMORY = 14, 7
local EVENT_WINDOW, EVENT_MEMORY = 12, 5

--- A text as it is to be sent. Fields that this adds are appended to the list.
---@param req neap.http.Request
---@param res neap.http.Response
---@param kind string?  Content-Type
---@param list string[]  fields, name after value
---@param text string
---@return string
function compress.text(req, res, kind, list, text)
  local coding = negotiate(req, res, kind, list)
  if not coding then
    return text
  end
  local z = require("neap.proto.deflate").compressor(coding, LEVEL)
  local shorter = assert(z:push(text, "finish"))
  if #shorter >= #text then
    return text
  end
  say_coding(list, coding)
  return shorter
end

--- A compressor for a body that comes piece by piece, to be closed; nil if it is
--- sent as it is. Fields that this adds are appended to the list.
---@param req neap.http.Request
---@param res neap.http.Response
---@param kind string?  Content-Type
---@param list string[]  fields, name after value
---@return table?
function compress.stream(req, res, kind, list)
  local coding = req.method ~= "HEAD" and negotiate(req, res, kind, list)
  if not coding then
    return nil
  end
  say_coding(list, coding)
  local new = require("neap.proto.deflate").compressor
  if res.events then
    return new(coding, STREAM_LEVEL, EVENT_WINDOW, EVENT_MEMORY)
  end
  return new(coding, STREAM_LEVEL, STREAM_WINDOW, STREAM_MEMORY)
end

return compress

--- The answer to a request of ours: its head, and a body that is read as it
--- comes, whole or in pieces. Compression is undone here, so that what it grows
--- to is bounded and waits for its reader like the rest.
---
--- A body is read once; `text` keeps what it read. Errors of the connection are
--- returned; that the response was closed is raised.
local args = require("neap.args")
local errors = require("neap.errors")
local headers = require("neap.http.headers")

local reply = {}

---@class neap.http.ClientResponse
---@field status integer
---@field reason string
---@field ok boolean  whether the status is one of 200 to 299
---@field version "1.0"|"1.1"|"2"
---@field url string  of the last request, after redirects
---@field headers neap.http.Headers
---@field cookies table<string, string>  that this answer sets
---@field history table[]  the redirects: { status =, url = }
local Reply = { __name = "Response" }
local methods = {}

-- How much compressed data is undone at a time: less where it grows a lot, so
-- that what comes out is of one size.
local LEAST_PIECE, MOST_PIECE = 128, 16 * 1024
local LARGE = 64 * 1024
local ALL = 1 << 20 -- more than a transfer holds before it is paused
local FREE_GROWTH = 16 * 1024 * 1024
local CODINGS = { gzip = "gzip", ["x-gzip"] = "gzip", deflate = "deflate" }

local save_kinds = { resume = args.option.boolean }

reply.MAX_BODY = 1 << 30
reply.MAX_GROWTH = 200

-- ---- errors ---------------------------------------------------------------------

--- The error of a request to a target; `stage` is where it ended.
---@return neap.Error
function reply.error(plan, code, stage, text)
  local target = plan.target
  local message = ("%s %s: %s: %s"):format(plan.method, target.shown, stage, text)
  return errors.new(code, message, {
    op = stage, host = target.host, port = target.port, url = target.text,
  })
end

--- What a transfer failed with, for its caller. What the program did is raised.
local function failed(plan, feed, code, stage, text)
  if feed and feed.err ~= nil then
    if feed.raised then
      error(feed.err, 0)
    end
    return nil, feed.err
  elseif code == "CLOSED" then
    error(reply.error(plan, code, stage, text), 0)
  end
  return nil, reply.error(plan, code, stage, text)
end
reply.failed = failed

-- ---- making -------------------------------------------------------------------

--- How the body is encoded: a list of decompressors, the last coding first; nil
--- if it is plain, or in what nobody here knows.
local function decoders_of(transfer)
  local _, _, text = transfer:lines()
  local fields = headers.of_head(text)
  local list = {}
  for coding in table.concat(fields:get_all("content-encoding"), ","):gmatch("[^,%s]+") do
    local kind = CODINGS[coding:lower()]
    if kind then
      table.insert(list, 1, require("neap.proto.deflate").decompressor(kind))
    elseif coding:lower() ~= "identity" then
      return nil
    end
  end
  return #list > 0 and #list <= 2 and list or nil
end

--- Of a transfer whose head has come.
---@return neap.http.ClientResponse
function reply.new(plan, transfer, feed, status, encoded)
  local opts = plan.opts
  local decoders = encoded and opts.compress ~= false and plan.method ~= "HEAD" and decoders_of(transfer)
  return setmetatable({
    status = status,
    _plan = plan,
    _transfer = transfer,
    _feed = feed,
    _decoders = decoders or false,
    _plain = not decoders and not opts.progress, -- its bytes are handed on as they come
    -- what is absent would be looked for in the class each time
    _closed = false,
    _ended = false,
    _err = false,
    _rest = false,
    _whole = false,
    _piece = 1024,
    _came = 0, -- bytes of body, as they were sent
    _grown = 0, -- and as they are
  }, Reply)
end

-- What is made when it is first asked for.
local late = {}

function late.ok(self)
  return self.status >= 200 and self.status <= 299
end

function late.url(self)
  return self._plan.target.text
end

function late.history()
  return {}
end

function late.reason(self)
  return (self._transfer:lines())
end

function late.version(self)
  return (select(2, self._transfer:lines()))
end

function late.headers(self)
  return headers.of_head((select(3, self._transfer:lines())))
end

function late.cookies(self)
  local cookies = {}
  for _, line in ipairs(self.headers:get_all("set-cookie")) do
    local name, value = line:match("^%s*([^=;]-)%s*=%s*([^;]*)")
    if name then
      cookies[name] = value:match("^(.-)%s*$")
    end
  end
  return cookies
end

function Reply:__index(name)
  local method = methods[name]
  if method then
    return method
  end
  local make = late[name]
  if not make then
    return nil
  end
  local value = make(self)
  rawset(self, name, value)
  return value
end

function Reply:__tostring()
  return ("Response: %d %s"):format(self.status, self.url)
end

-- ---- reading ------------------------------------------------------------------

local function check_open(self)
  if self._closed then
    error(errors.new("CLOSED", "the response is closed"), 3)
  end
end

--- The error that the body ended with is kept: each later read gives it again.
local function body_failed(self, code, stage, text)
  local _, err = failed(self._plan, self._feed, code, stage, text)
  self._err = err
  return nil, err
end

local function give_up(self, code, text)
  self._transfer:close()
  return body_failed(self, code, "body", text)
end

--- How long the body is as it is sent, if it is known.
local function length_of(self)
  if self._plan.method == "HEAD" then
    return 0
  end
  return math.tointeger(tonumber(self.headers:get("content-length")))
end

local function note(self, size)
  self._came = self._came + size
  local progress = self._plan.opts.progress
  if progress then
    progress(self._came, length_of(self), "received")
  end
end

--- Some bytes as they were sent; nil at the end, or nil and an error.
local function raw_piece(self, most)
  local piece, code, stage, text = self._transfer:read(most)
  if code then
    return body_failed(self, code, stage, text)
  elseif piece and not self._plain then
    note(self, #piece)
  end
  return piece
end

--- How many bytes may still come out of the decompressor.
local function room(self)
  local growth = self._plan.opts.max_growth or reply.MAX_GROWTH
  return math.max(FREE_GROWTH, growth * self._came) - self._grown
end

--- Undoes the codings of a piece; `flush` is "finish" at the end.
local function decode(self, piece, flush)
  for _, decoder in ipairs(self._decoders) do
    local out, err = decoder:push(piece, flush, room(self))
    if not out then
      local too_long = errors.code(err) == "LIMIT"
      local text = too_long and "the body grows too much when its compression is undone" or err.message
      return give_up(self, too_long and "LIMIT" or "HTTP", text)
    end
    piece = out
  end
  self._grown = self._grown + #piece
  return piece
end

local function adapt(self, size)
  if size > LARGE then
    self._piece = math.max(self._piece // 4, LEAST_PIECE)
  elseif size < LARGE // 8 then
    self._piece = math.min(self._piece * 2, MOST_PIECE)
  end
end

local function decoded_piece(self)
  while not self._ended do
    local raw, err = raw_piece(self, self._piece)
    if err then
      return nil, err
    elseif not raw then
      self._ended = true
      if self._came == 0 then
        return nil -- nothing was sent that could be compressed
      end
    end
    local piece
    piece, err = decode(self, raw or "", not raw and "finish" or nil)
    if not piece then
      return nil, err
    end
    adapt(self, #piece)
    if piece ~= "" then
      return piece
    end
  end
  return nil
end

--- The next bytes; nil at the end, or nil and an error.
local function next_piece(self, most)
  if self._err then
    return nil, self._err
  elseif self._decoders then
    return decoded_piece(self)
  end
  return raw_piece(self, most)
end

--- Some bytes of the body, at most `n`; nil at the end.
---@async
---@overload async fun(self: neap.http.ClientResponse, n?: integer): string?, neap.Error?
function methods.read(self, n)
  check_open(self)
  n = math.tointeger(n)
  if self._plain and not self._err then
    return raw_piece(self, n or ALL)
  end
  n = n or LARGE
  local rest = self._rest
  if not rest then
    local err
    rest, err = next_piece(self, n)
    if not rest then
      return nil, err
    end
  end
  self._rest = #rest > n and rest:sub(n + 1) or false
  return #rest > n and rest:sub(1, n) or rest
end

local function too_large(self, max)
  return give_up(self, "LIMIT", ("the body has more than %d bytes"):format(max))
end

--- The rest of the body, joined from its pieces.
local function join(self, max)
  local pieces, size = {}, 0
  while true do
    local piece, err = methods.read(self)
    if err then
      return nil, err
    elseif not piece then
      return #pieces == 1 and pieces[1] or table.concat(pieces)
    end
    size = size + #piece
    if size > max then
      return too_large(self, max)
    end
    pieces[#pieces + 1] = piece
  end
end

local function whole(self)
  local max = self._plan.opts.max_body or reply.MAX_BODY
  if not self._plain or self._err then
    return join(self, max)
  end
  local text, code, stage, what = self._transfer:all(max)
  if text then
    return text
  elseif code == "LIMIT" then
    return too_large(self, max)
  end
  return body_failed(self, code, stage, what)
end

--- The whole body, or what is left of it; the same text each time. A body of
--- more than `max_body` bytes is `LIMIT`.
---@async
---@return string? text
---@return neap.Error? err
function methods.text(self)
  if self._whole then
    return self._whole
  end
  check_open(self)
  local text, err = whole(self)
  if not text then
    return nil, err
  end
  self._whole = text or false
  return text
end

--- The value of a body of JSON.
---@async
---@return any value
---@return neap.Error? err
function methods.json(self)
  local text, err = methods.text(self)
  if not text then
    return nil, err
  end
  local value
  value, err = require("neap.http.json").decode(text)
  if err then
    return nil, reply.error(self._plan, "HTTP", "body", err.message)
  end
  return value
end

--- Gives the body piece by piece, as it comes; raises errors.
---@return async fun(): string?
function methods.chunks(self)
  check_open(self)
  return function()
    local piece, err = methods.read(self)
    if err then
      error(err, 0)
    end
    return piece
  end
end

--- Writes the body to a file, which is there only once it is complete.
---@async
---@overload async fun(self, path: string, opts?: neap.http.SaveOptions): true?, neap.Error?
function methods.save(self, ...)
  local path, opts = ...
  path = args.string("save", 1, path, select("#", ...))
  opts = args.options("save", 2, opts, save_kinds)
  check_open(self)
  return require("neap.http.download").save(self, path, opts)
end

--- Gives up what has not been read.
function methods.close(self)
  if self._closed then
    return
  end
  self._closed = true
  self._transfer:close()
  if self._feed then
    self._feed.task:cancel()
  end
end

Reply.__close = methods.close


return reply

--- Reading the body of a request: the whole of it or in pieces, within the
--- limits of the server. An error has the `status` that it is answered with, if
--- the handler lets it pass.
---
--- A body is read once. `req._body` says how far that is: nil, "reading", the
--- whole text, or the error it ended with.
local errors = require("neap.errors")

local body = {}

local function too_large(max)
  return errors.new("LIMIT", ("the body has more than %d bytes"):format(max), { status = 413 })
end

--- Begins reading: the client that waits for 100 Continue gets it. nil and an
--- error if the body is too large, or there was one before.
local function begin(req)
  local state = req._body
  if type(state) == "table" then
    return nil, state
  elseif state ~= nil then
    error(errors.new("INVALID_STATE", "the body has been read"), 3)
  end
  local max = req._link.server._max_body
  if req._length > max then
    req._body = too_large(max)
    return nil, req._body
  end
  req._body = "reading"
  local ok, err = req._link.conn:continue()
  if not ok then
    req._body = err
    return nil, err
  end
  return max
end

--- The next piece; nil at the end, or nil and an error.
local function next_piece(req, left)
  local piece, rest = req._link.conn:read_body()
  if piece and #piece > left then
    piece, rest = nil, too_large(req._link.server._max_body)
  end
  if piece then
    return piece
  elseif type(rest) == "string" then
    req._trailer = rest
    return nil
  end
  req._body = rest or req._body
  return nil, rest
end

local function read_all(req, left)
  local pieces = {}
  while true do
    local piece, err = next_piece(req, left)
    if not piece and err then
      return nil, err
    elseif not piece then
      return table.concat(pieces)
    end
    pieces[#pieces + 1] = piece
    left = left - #piece
    if req._link.conn:body_left() == 0 then
      return #pieces == 1 and piece or table.concat(pieces)
    end
  end
end

--- The whole body; the same text each time.
---@async
function body.text(req)
  if req._text then
    return req._text
  elseif req._length == 0 then
    return ""
  end
  local left, err = begin(req)
  if not left then
    return nil, err
  end
  local text
  text, err = read_all(req, left)
  req._text = text
  return text, err
end

--- A function that gives the pieces, then nil, or nil and an error.
---@async
function body.reader(req)
  local left, err
  local ended = req._length == 0
  return function()
    if not left and not err and not ended then
      left, err = begin(req)
    end
    if ended or err then
      return nil, err
    end
    local piece
    piece, err = next_piece(req, left)
    ended = piece == nil
    left = piece and left - #piece or 0
    return piece, err
  end
end

--- The same as an iterator, which raises errors.
function body.chunks(req)
  local read = body.reader(req)
  return function()
    local piece, err = read()
    if err then
      error(err, 0)
    end
    return piece
  end
end

return body

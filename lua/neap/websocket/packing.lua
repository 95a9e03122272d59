--- Compressed messages: permessage-deflate (RFC 7692): what is offered and
--- agreed on in the handshake, and the packer of a connection.
---
--- A message is compressed and written without a wait in between. If the write
--- raises all the same, `_stale` stays set: what was compressed last may never
--- reach the peer, so the next message does not refer to it.
local deflate = require("neap.proto.deflate")

local packing = {}

local EXTENSION = "permessage-deflate"
--- What a flush ends with; it is not sent.
local TAIL = "\0\0\255\255"
--- Short messages grow, or gain little.
local WORTH_IT = 64
--- 2^12 bytes of history and little memory beside it: 32 KB for a connection
--- that sends, where the most would be 256 KB.
local BITS, MEMORY, LEVEL = 12, 5, 6
local MAX_BITS = 15

---@class neap.websocket.Packer
---@field private _options table  what was agreed on
---@field private _compressor table?  made when first used
---@field private _decompressor table?
---@field private _stale boolean
local Packer = {}
Packer.__index = Packer

---@class neap.websocket.PackOptions
---@field own_takeover boolean  our messages may refer to earlier ones
---@field peer_takeover boolean
---@field own_bits integer
---@field peer_bits integer

---@param options neap.websocket.PackOptions
function packing.new(options)
  return setmetatable({ _options = options, _stale = false }, Packer)
end

--- The compressed message, or nil if that is not worth it. To be followed by
--- `sent` when it is written.
---@return string?
function Packer:pack(message)
  if #message < WORTH_IT then
    return nil
  end
  local options = self._options
  local z = self._compressor
  if not z then
    z = deflate.compressor("raw", LEVEL, options.own_bits, MEMORY)
    self._compressor = z
  elseif self._stale or not options.own_takeover then
    z:reset()
  end
  self._stale = true
  return z:push(message, "sync"):sub(1, -#TAIL - 1)
end

--- The last message that was packed is on its way.
function Packer:sent()
  self._stale = false
end

--- The message that was compressed; `LIMIT` if it is longer than `max` bytes.
---@return string? message
---@return neap.Error? err
function Packer:unpack(packed, max)
  local options = self._options
  local z = self._decompressor
  if not z then
    z = deflate.decompressor("raw", nil, options.peer_bits)
    self._decompressor = z
  end
  local message, err = z:push(packed .. TAIL, nil, max)
  if message and not options.peer_takeover then
    z:reset()
  end
  return message, err
end

function Packer:close()
  if self._compressor then
    self._compressor:close()
  end
  if self._decompressor then
    self._decompressor:close()
  end
end

-- ---- the handshake -----------------------------------------------------------

--- The extensions of a header field: `{ name =, params = { name = value | true } }`;
--- nil if a parameter comes twice.
local function parse(text)
  local list = {}
  for element in text:gmatch("[^,]+") do
    local name, rest = element:match("^%s*([^%s;]+)%s*(.*)$")
    if name then
      local params = {}
      for param in rest:gmatch("[^;]+") do
        local key, value = param:match("^%s*([%w_%-]+)%s*=%s*\"?([%w_%-]*)\"?%s*$")
        key = key or param:match("^%s*([%w_%-]+)%s*$")
        if not key or params[key:lower()] then
          return nil
        end
        params[key:lower()] = value or true
      end
      list[#list + 1] = { name = name:lower(), params = params }
    end
  end
  return list
end

--- The bits that a parameter allows: 15 if there is none; nil if it is wrong.
local function bits_of(value, may_be_empty)
  if value == nil or value == true and may_be_empty then
    return MAX_BITS
  end
  local bits = type(value) == "string" and value:match("^%d%d?$") and math.tointeger(tonumber(value))
  return bits and bits >= 8 and bits <= MAX_BITS and value:sub(1, 1) ~= "0" and bits or nil
end

local known = {
  server_no_context_takeover = true,
  client_no_context_takeover = true,
  server_max_window_bits = true,
  client_max_window_bits = true,
}

local function is_known(params)
  for key in pairs(params) do
    if not known[key] then
      return false
    end
  end
  return type(params.server_no_context_takeover) ~= "string" -- these have no value
    and type(params.client_no_context_takeover) ~= "string"
end

--- What one offer leads to, as the server's options and its answer, or nil.
local function accept_one(params)
  local server_bits = bits_of(params.server_max_window_bits)
  local client_bits = bits_of(params.client_max_window_bits, true)
  -- zlib cannot write with a window of 2^8
  if not is_known(params) or not server_bits or not client_bits or server_bits < 9 then
    return nil
  end
  server_bits = math.min(server_bits, BITS)
  local answer = { EXTENSION, "server_max_window_bits=" .. server_bits }
  if params.client_max_window_bits then
    client_bits = math.min(client_bits, BITS)
    answer[#answer + 1] = "client_max_window_bits=" .. client_bits
  end
  for _, key in ipairs({ "server_no_context_takeover", "client_no_context_takeover" }) do
    if params[key] then
      answer[#answer + 1] = key
    end
  end
  return {
    own_takeover = not params.server_no_context_takeover,
    peer_takeover = not params.client_no_context_takeover,
    own_bits = server_bits,
    peer_bits = client_bits,
  }, table.concat(answer, "; ")
end

--- Of what a client offers, the first that can be accepted.
---@param text string  the header field
---@return neap.websocket.PackOptions? options
---@return string? answer
function packing.accept(text)
  for _, offer in ipairs(parse(text) or {}) do
    if offer.name == EXTENSION then
      local options, answer = accept_one(offer.params)
      if options then
        return options, answer
      end
    end
  end
  return nil
end

--- What a client offers.
packing.OFFER = EXTENSION .. "; client_max_window_bits"

--- What the answer to our offer means, or nil and what is wrong with it.
---@param text string  the header field
---@return neap.websocket.PackOptions? options
---@return string? problem
function packing.agreed(text)
  local list = parse(text)
  if not list or #list ~= 1 or list[1].name ~= EXTENSION then
    return nil, ("the server answered with the extensions '%s'"):format(text)
  end
  local params = list[1].params
  local server_bits = bits_of(params.server_max_window_bits)
  local client_bits = bits_of(params.client_max_window_bits)
  if not is_known(params) or not server_bits or not client_bits or client_bits < 9 then
    return nil, ("the server's parameters are wrong: '%s'"):format(text)
  end
  return {
    own_takeover = not params.client_no_context_takeover,
    peer_takeover = not params.server_no_context_takeover,
    own_bits = math.min(client_bits, BITS),
    peer_bits = server_bits,
  }
end

return packing

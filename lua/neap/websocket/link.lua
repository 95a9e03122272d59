--- What is behind a WebSocket: the codec, the inbox and the task that reads.
---
--- That task belongs to the link alone: it knows nothing of the WebSocket that
--- the program holds, so one that is forgotten is collected, and closed. It
--- reads as long as the inbox has room, hands messages over or stores them,
--- and answers pings and the close frame, whether or not anybody receives.
---
--- `ended` is nil while the link is open; "ours" once close() was called:
--- then the inbox is dropped, and the reader, which is cancelled for it, sends
--- the close frame and waits for the peer's; "theirs" when the peer's came, or
--- the connection failed: then what is in the inbox can still be received, and
--- after it comes the end, with `failure` unless the peer has said goodbye.
local core = require("neap.core")
local errors = require("neap.errors")
local proto = require("neap.proto.ws")

local link = {}

local GOING_AWAY, ABNORMAL, NO_CODE = 1001, 1006, 1005

local checkturn = core.checkturn
local queue = core.waitq()
local park, wake = queue.park, queue.wake
local next_frame = proto.codec(false, 0, 0, false).next

---@class neap.websocket.Link
---@field stream neap.Stream
---@field codec table
---@field packer neap.websocket.Packer?
---@field options neap.websocket.LinkOptions
---@field ended nil|"ours"|"theirs"
---@field failure neap.Error?
---@field close_code integer?
---@field close_reason string?
---@field items table  the inbox: strings are text, { string } is binary
---@field head integer  of the inbox: the first item
---@field tail integer  behind the last
---@field held integer  bytes in it
---@field full boolean?  the reader waits for room
---@field receivers table
---@field room table?  of the reader, made when it first waits
---@field pongs table<string, table<neap.Future, true>>?  pings that are waited for
---@field goodbye string?  the payload of the close frame to send
---@field answered boolean?  the peer's close frame has come
---@field refused boolean?  the peer broke the rules
---@field broken boolean?  nothing can be sent any more
---@field going_away boolean?  we closed with 1001
---@field sent integer  bytes that were written, without pings
---@field silent integer?  how many the peer had taken, since a ping was sent because nothing came
---@field asked integer?  how many were written before that ping
---@field started boolean?
---@field task neap.Task  the reader

---@class neap.websocket.LinkOptions
---@field client boolean
---@field max_message integer
---@field max_frame integer
---@field max_queue integer
---@field ping_interval number|false
---@field ping_timeout number
---@field close_timeout number

local function payload_of(code, reason)
  return code == NO_CODE and "" or string.pack(">I2", code) .. (reason or "")
end

--- The first of these decides how the connection ended.
local function set_end(self, how, code, reason, failure)
  if self.ended then
    return
  end
  self.ended, self.close_code, self.close_reason, self.failure = how, code, reason, failure
  while wake(self.receivers, nil) do
  end
end

local function broke(self, err)
  self.broken = true
  set_end(self, "theirs", ABNORMAL, "", err)
end

--- Ends a connection on which nothing can be sent.
local function give_up(self)
  if not self.ended then
    broke(self, errors.new("TIMEOUT", "websocket: the peer takes nothing"))
    self.task:cancel()
  end
end

local function timed_out(done, ok, err)
  return done and not ok and err.code == "TIMEOUT"
end

--- What a write in a protected call comes to. Where the peer takes nothing for as
--- long as it may be silent, it is waited for once more, as an answer to a ping is,
--- and then the connection ends: also where the peer goes on to send, or nobody
--- reads what it sends.
---@async
---@return boolean done
---@return any ok  or what was raised
---@return neap.Error? err
function link.written(self, done, ok, err)
  if timed_out(done, ok, err) then
    done, ok, err = pcall(self.stream.write, self.stream, "")
    if timed_out(done, ok, err) then
      give_up(self)
    end
  end
  return done, ok, err
end

-- ---- the inbox -----------------------------------------------------------------

local function is_full(self)
  local options = self.options
  return self.tail - self.head >= options.max_queue or self.held > options.max_message
end

--- Hands a message to the first who waits for one, or stores it, and then waits
--- for room.
local function deliver(self, item, size)
  if self.ended or wake(self.receivers, item) then
    return
  end
  self.items[self.tail] = item
  self.tail = self.tail + 1
  self.held = self.held + size
  while is_full(self) and not self.ended do
    self.full = true
    self.room = self.room or core.waitq()
    park(self.room, "websocket inbox")
  end
end

local function take_item(self)
  local head = self.head
  local item = self.items[head]
  self.items[head] = nil
  self.head = head + 1
  self.held = self.held - #(type(item) == "table" and item[1] or item)
  if self.full and not is_full(self) then
    self.full = false
    wake(self.room)
  end
  return item
end

--- The next message and its kind, or nil and what broke the connection.
---@async
function link.receive(self)
  if self.head < self.tail or self.ended then
    checkturn()
  end
  local item
  if self.head < self.tail then
    item = take_item(self)
  elseif not self.ended then
    item = park(self.receivers, "websocket receive")
  end
  if type(item) == "string" then
    return item, "text"
  elseif item then
    return item[1], "binary"
  end
  return nil, self.failure
end

-- ---- what comes ----------------------------------------------------------------

--- Ends the connection with a close frame that says what the peer did wrong.
local function refuse(self, code, why)
  local err = errors.new(code == 1009 and "LIMIT" or "HTTP", "websocket: " .. why, { close_code = code })
  self.goodbye = self.goodbye or payload_of(code, why)
  self.refused = true
  set_end(self, "theirs", code, why, err)
  return true
end

local function unpacked(self, packed, kind)
  local message, err = self.packer:unpack(packed, self.options.max_message)
  if not message then
    if err.code == "LIMIT" then
      return nil, 1009, "the message is too long"
    end
    return nil, 1002, err.message
  elseif kind == "text" and not proto.is_utf8(message) then
    return nil, 1007, "the text is not UTF-8"
  end
  return message
end

--- By kind; each gives true when nothing comes after.
local handlers = {}

local function on_packed(self, packed, kind)
  local message, code, why = unpacked(self, packed, kind)
  if not message then
    return refuse(self, code, why)
  end
  deliver(self, kind == "text" and message or { message }, #message)
end

function handlers.text(self, message, packed)
  if packed then
    return on_packed(self, message, "text")
  end
  deliver(self, message, #message)
end

function handlers.binary(self, message, packed)
  if packed then
    return on_packed(self, message, "binary")
  end
  deliver(self, { message }, #message)
end

function handlers.ping(self, payload)
  if not self.ended then
    local stream, frame = self.stream, self.codec:frame("pong", payload)
    self.sent = self.sent + #frame
    local done, failure = link.written(self, pcall(stream.write, stream, frame))
    if not done then
      error(failure, 0)
    end
  end
end

--- Tells those who wait for an answer to a ping whether it came.
local function tell_pong(self, payload, answered)
  local waiting = self.pongs and self.pongs[payload] or {}
  if self.pongs then
    self.pongs[payload] = nil
  end
  for future in pairs(waiting) do
    if not future:done() then
      future:set_result(answered)
    end
  end
end

function handlers.pong(self, payload)
  tell_pong(self, payload, true)
end

function handlers.close(self, reason, code)
  self.answered = true
  self.goodbye = self.goodbye or payload_of(code, reason)
  if self.ended == "ours" and code ~= NO_CODE then
    self.close_code, self.close_reason = code, reason
  end
  set_end(self, "theirs", code, reason)
  return true
end

function handlers.error(self, why, code)
  return refuse(self, code, why)
end

--- Takes a frame, and those behind it in the same bytes; true when nothing comes
--- after.
local function take_frames(self, kind, payload, more, extra)
  local codec = self.codec
  while kind do
    if handlers[kind](self, payload, extra) then
      return true
    elseif not more then
      return false
    end
    kind, payload, more, extra = next_frame(codec)
  end
  return false
end

--- Takes bytes, or what was left of the last ones.
local function take(self, data)
  return take_frames(self, next_frame(self.codec, data))
end

-- ---- reading -------------------------------------------------------------------

--- Nothing came for a while: a ping, or the end if one was sent before. One that
--- is still on its way behind bytes that the peer takes cannot be answered yet.
local function on_silence(self)
  local taken = self.sent - core.stream_untaken(self.stream)
  if not self.silent then
    self.silent, self.asked = taken, self.sent
    self.stream:timeout(self.options.ping_timeout)
    self.stream:write(self.codec:frame("ping", ""))
  elseif self.silent < self.asked and taken > self.silent then
    self.silent = taken
  else
    broke(self, errors.new("TIMEOUT", "websocket: the peer does not answer pings"))
    return true
  end
end

local function on_sound(self)
  self.silent = nil
  self.stream:timeout(self.options.ping_interval)
end

--- A message for somebody who waits for it, which most are, is handed over right
--- here.
local function read_all(self)
  while true do
    local data, err = self.stream:read()
    if data then
      if self.silent then
        on_sound(self)
      end
      local kind, payload, more, extra = next_frame(self.codec, data)
      local item = kind == "text" and payload or kind == "binary" and { payload }
      if item and not extra and not self.ended and wake(self.receivers, item) then
        kind = nil
        if more and take(self) then
          return
        end
      end
      if kind and take_frames(self, kind, payload, more, extra) then
        return
      end
    elseif err and err.code == "TIMEOUT" then
      if on_silence(self) then
        return
      end
    else
      return broke(self, err or errors.new("EOF", "websocket: the connection ended without a close frame"))
    end
  end
end

-- ---- the end -------------------------------------------------------------------

--- Reads on until the peer has said goodbye; false if it never will.
local function await_answer(self)
  if take(self) then
    return self.answered
  end
  while not self.answered do
    local data = self.stream:read()
    if not data or take(self, data) and not self.answered then
      return false
    end
  end
  return true
end

--- Sends our close frame, waits for the peer's, and lets the peer end the
--- connection where closing it now could cost it what we sent last.
local function say_goodbye(self)
  local stream = self.stream
  stream:timeout(nil)
  stream:write(self.codec:frame("close", self.goodbye))
  if not self.refused and not self.answered and not await_answer(self) then
    return
  end
  stream:shutdown()
  while (self.options.client or self.refused) and stream:read() do
  end
end

local function finish(self)
  if not self.broken then
    pcall(core.timeout, self.options.close_timeout, say_goodbye, self)
  end
  if self.answered or self.refused then
    self.stream:close()
  else
    self.close_code = ABNORMAL
    self.stream:abort()
  end
  self.codec:close()
  if self.packer then
    self.packer:close()
  end
  for payload in pairs(self.pongs or {}) do
    tell_pong(self, payload, false)
  end
end

--- The task of a link.
local function run(self)
  self.started = true
  if not self.ended then
    local ok, err = pcall(read_all, self)
    if not ok and errors.is_cancelled(err) then
      link.close(self, GOING_AWAY, "") -- unless this is why
    elseif not ok then
      broke(self, err)
    end
  end
  core.shield(finish, self)
end

--- Begins the closing handshake. Never waits.
function link.close(self, code, reason)
  if self.ended then
    return
  end
  self.goodbye = payload_of(code, reason)
  self.going_away = code == GOING_AWAY
  set_end(self, "ours", code, reason)
  self.items, self.head, self.tail, self.held = {}, 1, 1, 0
  if self.started then
    self.task:cancel()
  end
end

--- Waits until the connection is gone.
---@async
function link.wait_closed(self)
  core.checkwait()
  pcall(core.await_shielded, self.task)
  core.checkwait() -- unless that was us
end

--- What goes wrong with sending when the link has ended: returned where the
--- peer, the network or a server that is being closed did it, raised where the
--- program itself did.
function link.refuse_send(self)
  if self.ended == "ours" and not self.going_away then
    error(errors.new("CLOSED", "the WebSocket is closed"), 3)
  elseif self.failure then
    return nil, self.failure
  end
  local who = self.going_away and "this end is going away" or "the peer has closed it"
  local text = ("websocket send: %s (%d %s)"):format(who, self.close_code, self.close_reason)
  return nil, errors.new("EPIPE", text, { close_code = self.close_code })
end

---@param options neap.websocket.LinkOptions
---@param pack neap.websocket.PackOptions?
function link.new(stream, options, pack)
  -- what is false at first is left out: with more fields the table would be
  -- twice as large, and there is one for each connection
  local self = {
    stream = stream,
    codec = proto.codec(options.client, options.max_message, options.max_frame, pack ~= nil),
    packer = pack and require("neap.websocket.packing").new(pack),
    options = options,
    items = {},
    head = 1,
    tail = 1,
    held = 0,
    sent = 0,
    receivers = core.waitq(),
  }
  core.stream_pace(stream)
  stream:timeout(options.ping_interval or nil)
  self.task = core.spawn(run, self)
  self.task:set_daemon(true)
  return self
end

return link

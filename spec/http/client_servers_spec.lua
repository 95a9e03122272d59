--- The client and servers that do what they should not: they drop connections
--- of the pool, never come to an end, or break the format.
local case = require("spec.support.case")
local neap = require("neap")

local it, http = case.it, neap.http

local Closing = { __close = function(self)
  self.session:close()
  self.server:close(0)
  self.server:wait_closed()
end }

--- A session, the URL of a server whose connections are for `handler`, and what
--- closes both.
local function serve(handler)
  local server = assert(neap.net.serve("127.0.0.1", 0, handler))
  local session = http.session({ proxy = false, idle_timeout = 10 })
  local url = "http://127.0.0.1:" .. server:address().port
  return session, url, setmetatable({ server = server, session = session }, Closing)
end

local function read_head(stream)
  return stream:readuntil("\r\n\r\n")
end

--- What the body of a GET comes to.
local function get(session, url, opts)
  local res, err = session:get(url, opts)
  if not res then
    return nil, err
  end
  return res:text()
end

--- Answers with some text, and then with another one for ever.
local function endless(start, more)
  return function(stream)
    read_head(stream)
    local ok = stream:write(start)
    while ok do
      ok = stream:write(more)
    end
  end
end

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
local CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"

describe("http.session with a server that drops connections", function()
  it("asks again where one is reset by the second request", function()
    local session, url, _ <close> = serve(function(stream)
      read_head(stream)
      stream:write(OK)
      stream:peek(1) -- what is unread when it is closed resets it
    end)
    for i = 1, 40 do
      assert.equal("ok", get(session, url), i)
    end
  end)

  -- another process: both the answer and the reset are there when we look
  local EARLY = [[
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    peer.recv(1000)
    peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
    peer.close()
]]

  it("takes the answer of one that is reset under an upload", function()
    local child <close> = assert(neap.process.spawn({ "/usr/bin/python3", "-c", EARLY }, { stdout = "pipe" }))
    local output <close> = child.stdout
    local session <close> = http.session({ proxy = false, idle_timeout = 10 })
    local url = "http://127.0.0.1:" .. output:readline()
    local body, taken = ("x"):rep(3 * 1024 * 1024), 0
    for _ = 1, 30 do
      local res, err = session:post(url, { body = body })
      if res then
        taken = taken + 1
        assert.equal(413, res.status)
        assert.equal("big", res:text())
      else -- the reset came just while libcurl was sending
        assert.equal("ECONNRESET", err.code)
      end
    end
    assert.is_true(taken >= 20, taken)
  end)
end)

describe("http.session with a server that finds no end", function()
  it("refuses fields behind a body that are too large", function()
    local session, url, _ <close> = serve(endless(CHUNKED .. "\r\n0\r\n", "X: " .. ("x"):rep(1000) .. "\r\n"))
    local text, err = get(session, url)
    assert.is_nil(text)
    assert.equal("LIMIT", err.code)
  end)

  it("refuses a header that is too large", function()
    local session, url, _ <close> = serve(endless("HTTP/1.1 200 OK\r\n", "X: " .. ("x"):rep(1000) .. "\r\n"))
    local text, err = get(session, url)
    assert.is_nil(text)
    assert.equal("LIMIT", err.code)
  end)

  for what, head in pairs({
    field = "HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(120000) .. "\r\n\r\n",
    status = "HTTP/1.1 200 " .. ("x"):rep(120000) .. "\r\n\r\n",
  }) do
    it("refuses a line of a header that is too long: a " .. what, function()
      local session, url, _ <close> = serve(endless("", head))
      local text, err = get(session, url)
      assert.is_nil(text)
      assert.equal("LIMIT", err.code)
    end)
  end

  it("refuses one interim answer after the other", function()
    local session, url, _ <close> = serve(endless("", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(100)))
    local text, err = get(session, url)
    assert.is_nil(text)
    assert.equal("LIMIT", err.code)
  end)
end)

describe("http.session with a server that breaks the format", function()
  it("refuses a chunk that is longer than its size", function()
    local session, url, _ <close> = serve(function(stream)
      read_head(stream)
      stream:write(CHUNKED .. "XX3\r\nabc\r\n0\r\n\r\n")
      stream:read()
    end)
    local text, err = get(session, url)
    assert.is_nil(text)
    assert.equal("HTTP", err.code)
  end)

  it("refuses what is no frame of HTTP/2", function()
    local session, url, _ <close> = serve(function(stream)
      stream:readexactly(24)
      stream:write(("\0\0\0\4\0\0\0\0\0"):rep(20000)) -- settings, and nothing else
      while stream:read() do
      end
    end)
    local text, err = get(session, url, { version = "2" })
    assert.is_nil(text)
    assert.equal("HTTP", err.code)
  end)
end)

describe("http.session:post", function()
  local function resident()
    for line in io.lines("/proc/self/status") do
      local kib = line:match("^VmRSS:%s+(%d+)")
      if kib then
        return kib // 1024
      end
    end
  end

  it("holds no body of a request that is over", function()
    local session, url, _ <close> = serve(function(stream)
      read_head(stream)
      stream:write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      stream:readall(1)
    end)
    local body = ("x"):rep(16 * 1024 * 1024)
    local kept, before = {}, resident()
    for i = 1, 40 do
      kept[i] = assert(session:post(url, { body = body }))
      assert.equal(413, kept[i].status)
    end
    -- freed memory is kept for a while by the address sanitizer
    assert.is_true(resident() - before < 400, "it grew by " .. resident() - before .. " MiB")
  end)
end)

describe("http.session:get", function()
  it("leaves no socket of a connection that was given up while it was made", function()
    -- its backlog is full, and nobody accepts: what comes next is dropped
    local silent <close> = assert(neap.net.listen("127.0.0.1", 0, { backlog = 1 }))
    local port = silent:address().port
    local fill = { assert(neap.net.connect("127.0.0.1", port)), assert(neap.net.connect("127.0.0.1", port)) }
    local session <close> = http.session({ proxy = false })
    local before = neap.stats().handles
    for _ = 1, 3 do
      local _, err = session:get("http://127.0.0.1:" .. port, { timeout = 0.05 })
      assert.equal("TIMEOUT", err.code)
    end
    neap.sleep(0.01)
    assert.equal(before, neap.stats().handles)
    for _, stream in ipairs(fill) do
      stream:abort()
    end
  end)
end)

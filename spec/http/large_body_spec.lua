--- Bodies that come faster than they are read, taken in all manners: what waits
--- for its reader lies in blocks of 64 KiB that become strings.
local case = require("spec.support.case")
local neap = require("neap")

local it, http = case.it, neap.http

--- A text in which every eight bytes are others.
local function text_of(size)
  local parts = {}
  for i = 1, size // 8 + 1 do
    parts[i] = ("%08d"):format(i)
  end
  return table.concat(parts):sub(1, size)
end

local BODY <const> = text_of(1000003)

--- So that a body has its size on the way.
local PLAIN <const> = { ["accept-encoding"] = "identity" }

--- A server of that body: whole, and in chunks of odd sizes.
local function serve()
  local app = http.app()
  app:get("/whole", function() return BODY end)
  app:get("/chunks", function()
    return { stream = function(write)
      local at, size = 1, 1
      while at <= #BODY do
        write(BODY:sub(at, at + size - 1))
        at = at + size
        size = size * 3 % 70001
      end
    end }
  end)
  local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  return setmetatable({ url = "http://127.0.0.1:" .. server:address().port }, { __close = function()
    server:close(0)
    server:wait_closed()
  end })
end

--- Reads with these sizes in turn (false: none given) until the end.
local function read_with(response, sizes, wait)
  local parts, i = {}, 0
  while true do
    if wait then
      response._transfer:settle() -- as much is there as may be
    end
    local n = sizes[i % #sizes + 1] or nil
    local piece, err = response:read(n)
    assert.is_nil(err)
    if not piece then
      return table.concat(parts)
    end
    assert.is_true(#piece > 0 and #piece <= (n or math.huge))
    parts[#parts + 1] = piece
    i = i + 1
  end
end

local manners = {
  ["as it comes"] = { false },
  ["by 1000 bytes"] = { 1000 },
  ["by a byte less than a block"] = { 65535 },
  ["by blocks"] = { 65536 },
  ["by a byte more than a block"] = { 65537 },
  ["by many sizes"] = { 1, 65536, false, 7, 100000, 65535 },
}

describe("a large body", function()
  for name, sizes in pairs(manners) do
    for _, path in ipairs({ "/whole", "/chunks" }) do
      for _, wait in ipairs({ false, true }) do
        it(("is read %s (%s%s)"):format(name, path, wait and ", slowly" or ""), function()
          local server <close> = serve()
          local response = assert(http.get(server.url .. path))

          assert.is_true(read_with(response, sizes, wait) == BODY)
        end)
      end
    end
  end

  for _, first in ipairs({ 0, 1, 1000, 65536, 70000, 131072 }) do
    it(("is taken whole after %d bytes of it"):format(first), function()
      local server <close> = serve()
      local response = assert(http.get(server.url .. "/whole"))
      response._transfer:settle()
      local parts, size = {}, 0
      while size < first do
        parts[#parts + 1] = assert(response:read(first - size))
        size = size + #parts[#parts]
      end

      assert.is_true(table.concat(parts) .. response:text() == BODY)
    end)
  end

  it("is given up with blocks that nobody has read", function()
    local server <close> = serve()
    local response = assert(http.get(server.url .. "/whole"))
    response._transfer:settle()
    assert.equal(BODY:sub(1, 10), response:read(10))
    response:close()

    assert.has_error(function() response:read() end)
  end)

  it("that is larger than max_body is refused with blocks waiting", function()
    local server <close> = serve()
    local response = assert(http.get(server.url .. "/whole", { max_body = 100000 }))
    response._transfer:settle()
    local text, err = response:text()

    assert.is_nil(text)
    assert.equal("LIMIT", err.code)
  end)

  it("that breaks off gives what came of it", function()
    local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
      stream:readuntil("\r\n\r\n")
      stream:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#BODY))
      stream:write(BODY:sub(1, 500000))
    end))
    local response = assert(http.get("http://127.0.0.1:" .. server:address().port))
    local parts, err = {}
    repeat
      parts[#parts + 1], err = response:read()
    until err or #parts > 500000

    assert.equal("EOF", err.code)
    assert.is_true(table.concat(parts) == BODY:sub(1, 500000))
    server:close(0)
    server:wait_closed()
  end)

  it("waits with its server while nobody reads", function()
    local sent, app = 0, http.app()
    app:get("/", function()
      return { stream = function(write)
        for _ = 1, 1000 do
          write(("x"):rep(65536))
          sent = sent + 65536
        end
      end }
    end)
    local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local response = assert(http.get("http://127.0.0.1:" .. server:address().port))
    response._transfer:settle()
    neap.testing.settle()
    local before = sent
    neap.testing.settle()

    assert.equal(before, sent)
    assert.is_true(sent < 32 << 20, sent)
    response:close()
    server:close(0)
    server:wait_closed()
  end)

  it("dropped unread gives its place to one that waits for it", function()
    local server <close> = serve()
    local session <close> = http.session({ max_connections = 2, headers = PLAIN })
    collectgarbage("stop") -- nothing else would look for garbage here
    local _ <close> = setmetatable({}, { __close = function() collectgarbage("restart") end })

    for _ = 1, 3 do
      assert.equal(200, assert(session:get(server.url .. "/whole")).status)
    end
  end)

  it("that is held keeps its place, and who waits for it the turn", function()
    local server <close> = serve()
    local session <close> = http.session({ max_connections = 1, headers = PLAIN })
    local held = assert(session:get(server.url .. "/whole"))
    local waits = neap.spawn(function() return session:get(server.url .. "/whole"):text() end)
    neap.sleep(1.1) -- garbage is looked for meanwhile

    assert.is_false(waits:done())
    assert.is_true(held:text() == BODY)
    assert.is_true(waits:await() == BODY)
  end)
end)

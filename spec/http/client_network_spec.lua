--- How the client connects: families, local addresses, versions and ciphers of
--- TLS, what it keeps, many at a time, what holds nobody else up.
local black_hole = require("spec.support.black_hole")
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local eyeballs = require("neap.eyeballs")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, http, net = case.it, neap.http, neap.net

local function closing(fn)
  return setmetatable({}, { __close = fn })
end

--- Serves connections by hand: `answer(stream)` is the text for each request.
local function serve(host, port, opts, answer)
  local self = { open = 0, opened = 0, closed = neap.sync.condition() }
  local server = assert(net.serve(host, port, function(stream)
    self.open, self.opened = self.open + 1, self.opened + 1
    while stream:readuntil("\r\n\r\n") do
      local text = answer(stream)
      stream:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#text, text))
    end
    self.open = self.open - 1
    self.closed:acquire()
    self.closed:notify_all()
    self.closed:release()
  end, opts))
  self.port = server:address().port
  return setmetatable(self, { __close = function()
    server:close(0)
    server:wait_closed()
  end })
end

describe("http's option family", function()
  it("takes the addresses of that family alone", function()
    local four <close> = serve("127.0.0.1", 0, nil, function() return "four" end)
    local six <close> = serve("::1", four.port, nil, function() return "six" end)
    local real = eyeballs.resolve
    local _ <close> = closing(function() eyeballs.resolve = real end)
    eyeballs.resolve = function(host, family)
      if host ~= "both.test" then
        return real(host, family)
      end
      local list = { { host = "::1", family = "ipv6" }, { host = "127.0.0.1", family = "ipv4" } }
      return family == "ipv4" and { list[2] } or family == "ipv6" and { list[1] } or list
    end
    local url = ("http://both.test:%d/"):format(six.port)
    for _ = 1, 2 do
      assert.equal("four", http.get(url, { family = "ipv4" }):text())
      assert.equal("six", http.get(url, { family = "ipv6" }):text())
      assert.equal("four", http.get(("http://localhost:%d/"):format(four.port), { family = "ipv4" }):text())
      assert.equal("six", http.get(("http://localhost:%d/"):format(four.port), { family = "ipv6" }):text())
    end
  end)

  it("refuses an address of another family", function()
    local four <close> = serve("127.0.0.1", 0, nil, function() return "four" end)
    local res, err = http.get(("http://127.0.0.1:%d/"):format(four.port), { family = "ipv6" })

    assert.is_nil(res)
    assert.equal("127.0.0.1", err.host)
    assert.equal(0, four.opened)
  end)
end)

describe("http's option bind", function()
  local function peer_of(stream)
    return stream:peername().host
  end

  it("is the address that connections come from", function()
    local server <close> = serve("0.0.0.0", 0, nil, peer_of)
    local url = ("http://127.0.0.1:%d/"):format(server.port)

    assert.equal("127.0.0.7", http.get(url, { bind = "127.0.0.7" }):text())
    assert.equal("127.0.0.1", http.get(url):text())
    local session <close> = http.session({ bind = "127.0.0.8" })
    assert.equal("127.0.0.8", session:get(url):text())
    assert.equal("127.0.0.8", session:get(url):text())
  end)

  it("that is nobody's is an error", function()
    local server <close> = serve("127.0.0.1", 0, nil, peer_of)
    local res, err = http.get(("http://127.0.0.1:%d/"):format(server.port), { bind = "192.0.2.1" })

    assert.is_nil(res)
    assert.equal("connect", err.op)
    assert.equal(0, server.opened)
  end)
end)

describe("http's option tls", function()
  local function agreed(stream)
    return stream:tls_version() .. " " .. stream:cipher()
  end

  --- What both ends agree on, or the error.
  local function agree(client, server)
    server = server or {}
    server.cert, server.key = certs.server.cert, certs.server.key
    local peer <close> = serve("127.0.0.1", 0, { tls = server }, agreed)
    client.ca = certs.ca.cert
    local res, err = http.get(("https://localhost:%d/"):format(peer.port), { tls = client, family = "ipv4" })
    return res and res:text(), err
  end

  it("has the latest version without options", function()
    assert.matches("^1%.3 TLS_", agree({}))
  end)

  it("max_version is the latest that is offered", function()
    assert.matches("^1%.2 ", agree({ max_version = "1.2" }))
  end)

  it("min_version is the least that is taken", function()
    local got, err = agree({ min_version = "1.3" }, { max_version = "1.2" })

    assert.is_nil(got)
    assert.equal("TLS", err.code)
    assert.matches("^1%.3 ", agree({ min_version = "1.3" }))
  end)

  it("ciphers are those that are offered", function()
    local name = "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert.equal("1.2 " .. name, agree({ max_version = "1.2", ciphers = name }))
    name = "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert.equal("1.2 " .. name, agree({ max_version = "1.2", ciphers = name }))
    assert.equal("1.3 TLS_AES_128_GCM_SHA256", agree({ ciphers = "TLS_AES_128_GCM_SHA256" }))
    assert.equal("1.3 TLS_CHACHA20_POLY1305_SHA256", agree({ ciphers = "TLS_CHACHA20_POLY1305_SHA256" }))
  end)

  it("ciphers that the server has none of are an error", function()
    local got, err = agree({ max_version = "1.2", ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" },
      { ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" })

    assert.is_nil(got)
    assert.equal("TLS", err.code)
  end)
end)

describe("http.session's option max_idle", function()
  --- How many connections are left of three that ran side by side.
  local function left_of_three(opts)
    local all = neap.sync.barrier(3)
    local together = true
    local server <close> = serve("127.0.0.1", 0, nil, function()
      if together then
        all:wait()
      end
      return "fine"
    end)
    local url = ("http://127.0.0.1:%d/"):format(server.port)
    local session <close> = http.session(opts)
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = neap.spawn(function() return session:get(url):text() end)
    end
    neap.gather(tasks)
    together = false
    assert.equal("fine", session:get(url):text()) -- on one of them
    assert.equal(3, server.opened)
    local want = opts.max_idle or 3
    server.closed:acquire()
    while server.open > want do
      server.closed:wait()
    end
    server.closed:release()
    neap.testing.settle()
    return server.open
  end

  it("is how many connections are kept", function()
    assert.equal(1, left_of_three({ max_idle = 1 }))
    assert.equal(2, left_of_three({ max_idle = 2 }))
  end)

  it("keeps them all by default", function()
    assert.equal(3, left_of_three({}))
  end)
end)

describe("http's option progress", function()
  --- What it is told of a request with a body of 300 000 bytes.
  local function told(body, length)
    local app = http.app()
    app:post("/", function(req) return tostring(#req:text()) end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local sent, total = {}, nil
    local res = assert(http.post("http://127.0.0.1:" .. server:address().port, {
      body = body,
      headers = length and { ["Content-Length"] = length } or nil,
      progress = function(bytes, all, kind)
        if kind == "sent" then
          sent[#sent + 1], total = bytes, all
        end
      end,
    }))
    assert.equal("300000", res:text())
    server:close(0)
    server:wait_closed()
    for i = 2, #sent do
      assert.is_true(sent[i] > sent[i - 1])
    end
    return sent, total
  end

  it("is told of a body that a function gives", function()
    local i = 0
    local sent, total = told(function()
      i = i + 1
      return i <= 3 and ("x"):rep(100000) or nil
    end)

    assert.same({ 100000, 200000, 300000 }, sent)
    assert.is_nil(total)
  end)

  it("is told how long it will be, where that is known", function()
    local i = 0
    local sent, total = told(function()
      i = i + 1
      return i <= 3 and ("x"):rep(100000) or nil
    end, 300000)

    assert.equal(300000, sent[#sent])
    assert.equal(300000, total)
  end)

  it("is told of a text", function()
    local sent, total = told(("x"):rep(300000))

    assert.is_true(#sent > 2)
    assert.equal(300000, sent[#sent])
    assert.equal(300000, total)
  end)
end)

describe("http.session", function()
  it("runs a thousand requests side by side", function()
    local session <close> = http.session({ max_connections = 1000 })
    local app, most, running, all = http.app(), 0, 0, neap.sync.event()
    app:get("/{n}", function(req)
      running = running + 1
      most = math.max(most, running)
      if running == 1000 then
        all:set()
      end
      all:wait()
      return req.params.n
    end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0, max_connections = 1000, backlog = 1000 }))
    local url = ("http://127.0.0.1:%d/"):format(server:address().port)
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = neap.spawn(function() return session:get(url .. i):text() end)
    end
    for i, text in ipairs(neap.gather(tasks)) do
      assert.equal(tostring(i), text)
    end
    assert.equal(1000, most)
    session:close()
    server:close(0)
    server:wait_closed()
  end)
end)

--- The longest that other tasks wait for a turn while `fn` runs: the least of
--- some tries, for a busy machine holds up one or another itself.
local function longest_turn(fn)
  local least = math.huge
  for _ = 1, 5 do
    local longest, over = 0, false
    local ticking = neap.spawn(function()
      local before = neap.loop.time()
      while not over do
        neap.sleep(0.001)
        local now = neap.loop.time()
        longest, before = math.max(longest, now - before), now
      end
    end)
    fn()
    over = true
    ticking:await()
    least = math.min(least, longest)
    if least < 0.05 then
      break
    end
  end
  return least
end

describe("other tasks", function()
  it("wait for no name that is not answered", function()
    local real = eyeballs.resolve
    local _ <close> = closing(function() eyeballs.resolve = real end)
    eyeballs.resolve = function() neap.sleep(100) end
    local longest = longest_turn(function()
      local session <close> = http.session()
      local tasks = {}
      for i = 1, 10 do
        tasks[i] = neap.spawn(session.get, session, ("http://mute%d.test/"):format(i), { timeout = 0.05 })
      end
      for _, task in ipairs(tasks) do
        local res, err = task:await()
        assert.is_nil(res)
        assert.equal("TIMEOUT", err.code)
      end
    end)

    assert.is_true(longest < 0.05, longest)
  end)

  -- With a name server that is mute, in a mount namespace of the child's own.
  local MUTE = [[
    local neap = require("neap")
    local mute = neap.net.udp({ host = "127.0.0.53", port = 53 })
    if not mute then
      print("no name server")
      return
    end
    local longest, over = 0, false
    local ticking = neap.spawn(function()
      local before = neap.loop.time()
      while not over do
        neap.sleep(0.001)
        local now = neap.loop.time()
        longest, before = math.max(longest, now - before), now
      end
    end)
    local session <close> = neap.http.session()
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = neap.spawn(session.get, session, ("http://mute%d.test/"):format(i), { timeout = 0.2 })
    end
    for _, task in ipairs(tasks) do
      local res, err = task:await()
      assert(not res and err.code == "TIMEOUT" and err.op == "resolve", tostring(err))
    end
    over = true
    ticking:await()
    mute:close()
    print(longest)
  ]]
  local MOUNTED <const> = "mount --bind resolv.conf /etc/resolv.conf && exec \"$0\" mute.lua"

  it("wait for no name server that is mute", function()
    if not os.execute("unshare -m true 2>/dev/null") then
      return pending("there is no mount namespace to be had")
    end
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "mute.lua", MUTE))
    assert(neap.fs.write_file(dir / "resolv.conf", "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"))
    local argv = { "unshare", "-m", "sh", "-c", MOUNTED, child.interpreter() }
    local least = math.huge
    for _ = 1, 3 do
      local done = assert(neap.process.run(argv, { cwd = dir.path }))
      assert.equal(0, done.code, done.stderr)
      if done.stdout == "no name server\n" then
        return pending("port 53 is not to be had")
      end
      least = math.min(least, tonumber(done.stdout))
      if least < 0.05 then
        break
      end
    end

    assert.is_true(least < 0.05, least)
  end)

  it("wait for no connection that is not made, nor for its end", function()
    local nowhere <close> = black_hole.open()
    local port = nowhere.port
    local longest = longest_turn(function()
      local session <close> = http.session()
      local tasks = {}
      for i = 1, 10 do
        tasks[i] = neap.spawn(session.get, session, "http://127.0.0.1:" .. port, { connect_timeout = 0.1 })
      end
      tasks[11] = neap.spawn(session.get, session, "http://127.0.0.1:" .. port)
      for i = 1, 10 do
        local _, err = tasks[i]:await()
        assert.equal("TIMEOUT", err.code)
        assert.equal("connect", err.op)
      end
      tasks[11]:cancel()
      pcall(tasks[11].await, tasks[11])
    end)

    assert.is_true(longest < 0.05, longest)
  end)
end)

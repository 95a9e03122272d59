--- Sessions of the client: pools, limits, cookies, redirects, retries, proxies.
local busted = require("busted")
local case = require("spec.support.case")
local child = require("spec.support.child")
local eyeballs = require("neap.eyeballs")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs

local function closing(fn)
  return setmetatable({}, { __close = fn })
end

describe("http.session", function()
  local peer

  busted.setup(function() peer = http_peer.start() end)
  busted.teardown(function()
    local _ <close> = peer
  end)

  --- The client's port that a server saw.
  local function port_of(session)
    return assert(assert(session:get(peer.url .. "/echo")):json()).port
  end

  local function count_of(key)
    return tonumber(http.get(peer.url .. "/count", { query = { key = key } }):text())
  end

  --- A server that counts requests under way, and answers when told.
  local function gate()
    local self = { running = 0, most = 0, order = {}, open = neap.sync.event() }
    local app = http.app()
    app:get("/{name}", function(req)
      self.running = self.running + 1
      self.most = math.max(self.most, self.running)
      self.order[#self.order + 1] = req.params.name
      self.open:wait()
      self.running = self.running - 1
      return req.params.name
    end)
    self.server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    self.url = "http://127.0.0.1:" .. self.server:address().port
    return setmetatable(self, { __close = function()
      self.server:close(0)
      self.server:wait_closed()
    end })
  end

  local function until_running(g, n)
    while g.running < n do
      neap.sleep(0.001)
    end
  end

  describe("a pool", function()
    it("uses a connection again", function()
      local session <close> = http.session()
      local port = port_of(session)

      assert.equal(port, port_of(session))
      assert.equal(port, port_of(session))
    end)

    it("is not shared with requests in one line", function()
      local url = peer.url .. "/echo"

      assert.not_equal(http.get(url):json().port, http.get(url):json().port)
    end)

    it("tries a connection that turns out dead again on another one", function()
      local session <close> = http.session()
      for _ = 1, 3 do
        assert.equal("bye", session:get(peer.url .. "/bye"):text())
        neap.sleep(0.08) -- the server closes it 50 ms after the answer
      end
      assert.equal("POST", session:post(peer.url .. "/echo", { body = "x" }):json().method)
    end)

    it("sends a streamed body again on another connection", function()
      -- a server that ends each connection at its second request, unread
      local seen = 0
      local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        assert(stream:readuntil("\r\n\r\n"))
        seen = seen + 1
        if seen == 2 then
          stream:readuntil("\r\n0\r\n\r\n")
        end
        stream:write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" .. seen)
        if seen == 1 then
          stream:peek(1)
        end
      end))
      local url = "http://127.0.0.1:" .. server:address().port
      local session <close> = http.session()
      assert.equal("1", session:get(url):text())
      local n = 0
      local res = assert(session:post(url, { body = function()
        n = n + 1
        return n < 4 and "piece" or nil
      end }))

      assert.equal("2", res:text())
      server:close(0)
    end)

    it("runs at most max_connections requests, the others in their order", function()
      local g <close> = gate()
      local session <close> = http.session({ max_connections = 2 })
      local tasks = {}
      for i = 1, 6 do
        tasks[i] = neap.spawn(function() return session:get(g.url .. "/" .. i):text() end)
      end
      until_running(g, 2)
      neap.testing.settle()
      assert.equal(2, g.running)
      g.open:set()
      local texts = {}
      for i, task in ipairs(tasks) do
        texts[i] = task:await()
      end

      assert.same({ "1", "2", "3", "4", "5", "6" }, texts)
      assert.equal(2, g.most)
      table.sort(g.order, function(a, b) return a < b end)
      assert.equal(6, #g.order)
    end)

    it("keeps the order with one at a time", function()
      local g <close> = gate()
      g.open:set()
      local session <close> = http.session({ max_connections = 1 })
      local tasks = {}
      for i = 1, 9 do
        tasks[i] = neap.spawn(function() return session:get(g.url .. "/" .. i):text() end)
      end
      neap.gather(tasks)

      assert.equal("123456789", table.concat(g.order))
      assert.equal(1, g.most)
    end)

    it("runs at most max_per_host to a server, and others pass those that wait", function()
      local a <close> = gate()
      local b <close> = gate()
      local session <close> = http.session({ max_per_host = 1 })
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = neap.spawn(function() return session:get(a.url .. "/" .. i):text() end)
      end
      tasks[4] = neap.spawn(function() return session:get(b.url .. "/b"):text() end)
      until_running(b, 1)
      assert.equal(1, a.running)
      a.open:set()
      b.open:set()

      assert.equal("1 2 3 b", table.concat(neap.gather(tasks), " "))
      assert.equal(1, a.most)
    end)

    it("lets the next one go when one that waits or runs is cancelled", function()
      local g <close> = gate()
      local session <close> = http.session({ max_connections = 1 })
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = neap.spawn(function() return session:get(g.url .. "/" .. i):text() end)
      end
      until_running(g, 1)
      tasks[2]:cancel()
      tasks[1]:cancel()
      g.open:set()

      assert.equal("3", tasks[3]:await())
      assert.same({ "1", "3" }, g.order)
      for i = 1, 2 do
        assert.equal("CANCELLED", neap.error_code(select(2, pcall(tasks[i].await, tasks[i]))))
      end
    end)

    it("counts waiting for a turn in the timeout", function()
      local g <close> = gate()
      local session <close> = http.session({ max_connections = 1 })
      local first = neap.spawn(function() return session:get(g.url .. "/1"):text() end)
      until_running(g, 1)
      local res, err = session:get(g.url .. "/2", { timeout = 0.03 })

      assert.is_nil(res)
      assert.equal("TIMEOUT", err.code)
      assert.equal("queue", err.op)
      g.open:set()
      assert.equal("1", first:await())
    end)

    it("serves a thousand tasks", function()
      local session <close> = http.session({ max_connections = 50 })
      local g <close> = gate()
      g.open:set()
      local tasks = {}
      for i = 1, 1000 do
        tasks[i] = neap.spawn(function() return session:get(g.url .. "/" .. i):text() end)
      end
      for i, text in ipairs(neap.gather(tasks)) do
        assert.equal(tostring(i), text)
      end
      assert.is_true(g.most <= 50)
    end)
  end)

  describe("cancelling", function()
    it("ends a request at once, and the session stays usable", function()
      local session <close> = http.session()
      local task = neap.spawn(function() return session:get(peer.raw .. "/mute") end)
      neap.sleep(0.02)
      local start = neap.loop.time()
      task:cancel()
      local ok, err = pcall(task.await, task)

      assert.is_false(ok)
      assert.equal("CANCELLED", err.code)
      assert.is_true(neap.loop.time() - start < 1)
      assert.equal(200, session:get(peer.url .. "/chain/0").status)
    end)

    it("ends the connection at once", function()
      local gone = neap.sync.event()
      local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
        stream:readuntil("\r\n\r\n")
        stream:write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        stream:read()
        gone:set()
      end))
      local session <close> = http.session()
      local res = assert(session:get("http://127.0.0.1:" .. server:address().port))
      local task = neap.spawn(res.text, res)
      neap.sleep(0.01)
      task:cancel()
      gone:wait()
      pcall(task.await, task)
      server:close(0)
    end)

    it("by a timeout around it", function()
      local session <close> = http.session()
      local ok, err = pcall(neap.timeout, 0.02, session.get, session, peer.raw .. "/mute")

      assert.is_false(ok)
      assert.equal("TIMEOUT", err.code)
      assert.equal(200, session:get(peer.url .. "/chain/0").status)
    end)

    it("ends the task that reads its body", function()
      local session <close> = http.session()
      local reading = neap.future()
      local task = neap.spawn(function()
        return session:post(peer.url .. "/echo", { body = function()
          reading:set_result(true)
          neap.sleep(100)
        end })
      end)
      reading:await()
      task:cancel()
      pcall(task.await, task)
    end)
  end)

  describe("closing", function()
    it("ends what runs and what waits with CLOSED", function()
      local session = http.session({ max_connections = 1 })
      local tasks = {}
      for i = 1, 2 do
        tasks[i] = neap.spawn(function() return session:get(peer.raw .. "/mute") end)
      end
      neap.sleep(0.02)
      session:close()
      session:close()

      for i = 1, 2 do
        local ok, err = pcall(tasks[i].await, tasks[i])
        assert.is_false(ok)
        assert.equal("CLOSED", err.code)
      end
      local ok, err = pcall(session.get, session, peer.url)
      assert.is_false(ok)
      assert.equal("CLOSED", err.code)
      assert.equal("Session: closed", tostring(session))
    end)

    it("leaves a body that came whole readable", function()
      local session = http.session()
      local res = assert(session:get(peer.url .. "/chain/0"))
      assert.equal("the end", res:text())
      session:close()

      assert.equal("the end", res:text())
    end)
  end)

  describe("a redirect", function()
    local function redirect(status, to)
      return ("%s/redirect?status=%d&to=%s"):format(peer.url, status, http.url.encode(to))
    end

    it("is followed, and told of", function()
      local session <close> = http.session()
      local res = assert(session:get(peer.url .. "/chain/3"))

      assert.equal("the end", res:text())
      assert.equal(peer.url .. "/chain/0", res.url)
      assert.equal(3, #res.history)
      assert.same({ status = 302, url = peer.url .. "/chain/3" }, res.history[1])
    end)

    it("is an answer like others with redirects = 0", function()
      local res = assert(http.get(peer.url .. "/chain/3", { redirects = 0 }))

      assert.equal(302, res.status)
      assert.equal("/chain/2", res.headers.location)
    end)

    it("too many are an HTTP error", function()
      local res, err = http.get(peer.url .. "/chain/4", { redirects = 3 })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("more than 3 redirects", err.message)
      assert.equal(200, http.get(peer.url .. "/chain/3", { redirects = 3 }).status)
      assert.is_nil((http.get(peer.url .. "/chain/11")))
    end)

    it("makes a GET of a POST, or keeps it, as the status says", function()
      local function method(status, verb)
        return assert(http[verb](redirect(status, "/echo"), { body = "data" })):json()
      end

      for status, kept in pairs({ [301] = "GET", [302] = "GET", [303] = "GET", [307] = "POST", [308] = "POST" }) do
        local seen = method(status, "post")
        assert.equal(kept, seen.method)
        assert.equal(kept == "POST" and "data" or "", seen.body)
        assert.equal(kept == "POST" and "4" or nil, seen.headers["content-length"])
      end
      assert.equal("PUT", method(302, "put").method)
    end)

    it("does not send a streamed body again", function()
      local res, err = http.post(redirect(307, "/echo"), { body = coroutine.wrap(function() coroutine.yield("x") end) })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("cannot be sent again", err.message)
    end)

    it("to another host carries no credentials", function()
      local secrets = {
        headers = { Authorization = "secret", Cookie = "a=b", ["X-Plain"] = "1" },
        cookies = { c = "d" },
      }
      local there = redirect(302, (peer.url:gsub("127.0.0.1", "localhost")) .. "/echo")
      local seen = assert(http.get(there, secrets)):json().headers
      assert.is_nil(seen.authorization)
      assert.is_nil(seen.cookie)
      assert.equal("1", seen["x-plain"])

      seen = assert(http.get(there, { auth = "a:b" })):json().headers
      assert.is_nil(seen.authorization)
      seen = assert(http.get(there, { bearer = "token" })):json().headers
      assert.is_nil(seen.authorization)

      seen = assert(http.get(redirect(302, "/echo"), secrets)):json().headers
      assert.equal("secret", seen.authorization)
      assert.equal("a=b; c=d", seen.cookie)
    end)

    it("to no http URL is an error", function()
      for _, to in ipairs({ "file:///etc/passwd", "ftp://x/", "http://" }) do
        local res, err = http.get(redirect(302, to))
        assert.is_nil(res)
        assert.equal("HTTP", err.code)
      end
    end)
  end)

  describe("cookies", function()
    it("are kept and sent where they belong", function()
      local session <close> = http.session()
      assert.equal("set", session:get(peer.url .. "/cookies/set?a=1&b=2"):text())

      assert.same({ a = "1", b = "2" }, session:get(peer.url .. "/cookies/show"):json())
      assert.is_nil(session:get(peer.url .. "/echo"):json().headers.cookie)
      assert.equal(2, #session:cookies())
      session:clear_cookies()
      assert.same({}, session:get(peer.url .. "/cookies/show"):json())
    end)

    it("are of one session", function()
      local one <close> = http.session()
      local other <close> = http.session()
      one:get(peer.url .. "/cookies/set?a=1")

      assert.same({}, other:get(peer.url .. "/cookies/show"):json())
    end)

    it("are shown by the answer", function()
      assert.same({ x = "1" }, http.get(peer.url .. "/cookies/set?x=1").cookies)
    end)

    it("are left alone with cookies = false", function()
      local session <close> = http.session({ cookies = false })
      session:get(peer.url .. "/cookies/set?a=1")

      assert.same({}, session:get(peer.url .. "/cookies/show"):json())
    end)

    it("of the options go with all requests", function()
      local session <close> = http.session({ cookies = { a = "1" } })

      assert.same({ a = "1" }, session:get(peer.url .. "/cookies/show"):json())
      assert.same({ a = "1", b = "2" }, session:get(peer.url .. "/cookies/show", { cookies = { b = "2" } }):json())
    end)
  end)

  describe("defaults", function()
    it("are for all requests, those of a request come first", function()
      local session <close> = http.session({
        base_url = peer.url .. "/", headers = { A = "1", B = "2" }, bearer = "t",
      })
      local seen = session:get("echo", { headers = { b = "3" } }):json().headers

      assert.same({ "1", "3", "Bearer t" }, { seen.a, seen.b, seen.authorization })
      assert.equal("1", session:request({ url = "/echo", method = "put" }):json().headers.a)
    end)

    it("give way to the fields of a request one by one", function()
      local session <close> = http.session({
        headers = { ["X-One"] = "1", ["X-Two"] = { "2", "3" }, Cookie = "a=1", ["X-None"] = "" }, bearer = "t",
      })
      local function sent(opts)
        local list = {}
        for _, field in ipairs(assert(session:post(peer.url .. "/echo", opts)):json().fields) do
          local name = field[1]:lower()
          if name ~= "host" and name ~= "user-agent" and name ~= "accept" then
            list[#list + 1] = name .. "=" .. field[2]
          end
        end
        table.sort(list)
        return table.concat(list, " ")
      end

      assert.equal("accept-encoding=gzip, deflate authorization=Bearer t content-length=0 cookie=a=1"
        .. " x-none= x-one=1 x-two=2 x-two=3", sent())
      assert.equal("authorization=Bearer t content-length=2 content-type=application/json cookie=a=1"
        .. " x-none= x-one=1 x-two=2 x-two=3", sent({ json = {}, compress = false }))
      assert.equal("accept-encoding=br authorization=own content-length=4 content-type=text/x cookie=b=2"
        .. " x-none=4 x-one=1 x-two=5", sent({ body = "body", headers = {
          ["x-two"] = 5, ["x-none"] = "4", authorization = "own", ["content-type"] = "text/x", cookie = "b=2",
          ["accept-encoding"] = "br", ["content-length"] = "99", ["transfer-encoding"] = "chunked",
        } }))
    end)

    it("are checked", function()
      assert.error_matches(function() http.session({ max_connections = 0 }) end, "max_connections")
      assert.error_matches(function() http.session({ body = "x" }) end, "unknown option 'body'")
    end)
  end)

  describe("retry", function()
    local function flaky(key, fails)
      return ("%s/flaky?key=%s&fails=%d"):format(peer.url, key, fails)
    end

    it("tries again what may be repeated", function()
      local res = assert(http.get(flaky("a", 2), { retry = { attempts = 3, delay = 0.001 } }))

      assert.equal(200, res.status)
      assert.equal("3", res:text())
    end)

    it("ends with the last answer", function()
      assert.equal(503, http.get(flaky("b", 9), { retry = { attempts = 3, delay = 0.001 } }).status)
      assert.equal(3, count_of("b"))
    end)

    it("is not done unasked, nor for a POST", function()
      assert.equal(503, http.get(flaky("c", 1)).status)
      assert.equal(503, http.post(flaky("d", 1), { retry = { delay = 0.001 } }).status)
      assert.equal(1, count_of("c"))
      assert.equal(1, count_of("d"))
    end)

    it("tries a refused connection again", function()
      local res, err = http.get("http://127.0.0.1:1/", { retry = { attempts = 2, delay = 0.001 } })

      assert.is_nil(res)
      assert.equal("ECONNREFUSED", err.code)
    end)
  end)

  describe("a proxy", function()
    it("gets the requests", function()
      local before = count_of("proxy")
      local res = assert(http.get(peer.url .. "/echo", { proxy = peer.proxy }))

      assert.equal("test", res:json().headers.via)
      assert.equal(before + 1, count_of("proxy"))
    end)

    it("is told its password", function()
      assert(http.get(peer.url .. "/echo", { proxy = (peer.proxy:gsub("//", "//me:secret@")) }))

      assert.equal(1, count_of("proxy-auth"))
    end)

    it("resolves the names of servers", function()
      local res = assert(http.get("http://no.such.host:" .. peer.port .. "/echo", { proxy = peer.proxy }))

      assert.equal(200, res.status)
    end)

    it("tunnels TLS", function()
      local certs = require("spec.support.certs")
      local res = assert(http.get(peer.secure .. "/chain/0", { proxy = peer.proxy, tls = { ca = certs.ca.cert } }))

      assert.equal("the end", res:text())
    end)

    it("that refuses is an HTTP error", function()
      local res, err = http.get("https://forbidden/", { proxy = peer.proxy })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("403", err.message)
    end)

    it("with a bad URL is an error", function()
      for _, bad in ipairs({ "http://", "gopher://x:1" }) do
        local res, err = http.get(peer.url, { proxy = bad })
        assert.is_nil(res)
        assert.equal("HTTP", err.code)
      end
    end)

    local SCRIPT = [[
      local http = require("neap").http
      for i = 1, #arg do
        print(assert(http.get(arg[i], { proxy = nil })):json().headers.via or "direct")
      end
    ]]

    it("comes from the environment, but for no_proxy", function()
      local dir <close> = temp.dir()
      assert(fs.write_file(dir.path .. "/s.lua", SCRIPT))
      local url, port = peer.url .. "/echo", peer.port
      local function run(env, ...)
        local all = { PATH = os.getenv("PATH"), LSAN_OPTIONS = os.getenv("LSAN_OPTIONS") }
        for name, value in pairs(env) do
          all[name] = value
        end
        local result = assert(neap.process.run({ child.interpreter(), dir.path .. "/s.lua", ... }, { env = all }))
        assert.equal(0, result.code, result.stderr)
        return result.stdout
      end

      assert.equal("test\n", run({ http_proxy = peer.proxy }, url))
      assert.equal("test\n", run({ all_proxy = peer.proxy }, url))
      assert.equal("direct\n", run({ HTTP_PROXY = peer.proxy }, url))
      assert.equal("direct\n", run({ https_proxy = peer.proxy }, url))
      assert.equal("direct\ntest\n", run({ http_proxy = peer.proxy, no_proxy = "a.test, 127.0.0.1" },
        url, ("http://x.test:%d/echo"):format(port)))
      assert.equal("direct\n", run({ http_proxy = peer.proxy, no_proxy = "*" }, url))
    end)
  end)

  describe("a name", function()
    --- Puts a resolver in the place of the system's.
    local function resolver(fn)
      local real = eyeballs.resolve
      eyeballs.resolve = fn
      return closing(function() eyeballs.resolve = real end)
    end

    it("is looked up once for all who ask", function()
      local asked = 0
      local _ <close> = resolver(function()
        asked = asked + 1
        neap.sleep(0.01)
        return { { host = "127.0.0.1", family = "ipv4" } }
      end)
      local session <close> = http.session()
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = neap.spawn(session.get, session, ("http://name.test:%d/chain/0"):format(peer.port))
      end
      for _, res in ipairs(neap.gather(tasks)) do
        assert.equal("the end", res:text())
      end

      assert.equal(1, asked)
    end)

    it("that is never answered holds nobody else up", function()
      local _ <close> = resolver(function() neap.sleep(100) end)
      local session <close> = http.session()
      local mute = {}
      for i = 1, 10 do
        mute[i] = neap.spawn(session.get, session, ("http://mute%d.test/"):format(i))
      end
      local least = math.huge -- of some: a busy machine holds up one or another
      for _ = 1, 10 do
        local start = neap.loop.time()
        assert.equal(200, session:get(peer.url .. "/chain/0").status)
        least = math.min(least, neap.loop.time() - start)
      end
      for _, task in ipairs(mute) do
        task:cancel()
        pcall(task.await, task)
      end

      assert.is_true(least < 0.05, least)
    end)

    it("that is not found in time is TIMEOUT", function()
      local _ <close> = resolver(function() neap.sleep(100) end)
      local res, err = http.get("http://mute.test/", { timeout = 0.02 })

      assert.is_nil(res)
      assert.equal("TIMEOUT", err.code)
      assert.equal("resolve", err.op)
    end)
  end)

  it("with a black hole holds nobody else up", function()
    -- a listener whose backlog is full takes no connection
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0, { backlog = 1 }))
    local port, fillers = listener:address().port, {}
    for i = 1, 4 do
      fillers[i] = neap.spawn(neap.net.connect, "127.0.0.1", port, { timeout = 1 })
    end
    neap.sleep(0.02)
    local session <close> = http.session()
    local times = {}
    local hole = neap.spawn(session.get, session, "http://127.0.0.1:" .. port, { connect_timeout = 0.3 })
    while not hole:done() do
      local before = neap.loop.time()
      assert.equal(200, session:get(peer.url .. "/chain/0").status)
      times[#times + 1] = neap.loop.time() - before
    end
    local _, err = hole:await()
    for _, task in ipairs(fillers) do
      task:cancel()
      local ok, stream = pcall(task.await, task)
      if ok and stream then
        stream:abort()
      end
    end

    assert.equal("TIMEOUT", err.code)
    assert.equal("connect", err.op)
    -- the median: a busy machine holds up one or another itself
    table.sort(times)
    assert.is_true(times[#times // 2 + 1] < 0.05, #times)
  end)

end)

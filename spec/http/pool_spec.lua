--- The connections of a session: how many, who waits for them, and their end.
local case = require("spec.support.case")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")

local it, http = case.it, neap.http

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

describe("http.session", function()
  local peer = http_peer.beside()

  --- The client's port that a server saw.
  local function port_of(session)
    return assert(assert(session:get(peer.url .. "/echo")):json()).port
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
end)

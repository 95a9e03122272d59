local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local recorder = require("spec.support.recorder")
local wait_until = require("spec.support.wait_until")

local net, protocol = neap.net, neap.protocol
local settle = neap.testing.settle

local BIG = ("0123456789abcdef"):rep(1024 * 1024) -- more than any socket takes at once

--- A path that nobody else uses.
local function fresh_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

--- What a kind of connection is made with.
local kinds = {
  {
    name = "TCP",
    serve = function(handler) return assert(net.serve("127.0.0.1", 0, handler)) end,
    create_server = function(factory) return assert(protocol.create_server(factory, "127.0.0.1", 0)) end,
    create_connection = function(factory, server)
      return assert(protocol.create_connection(factory, "127.0.0.1", server:address().port))
    end,
    connect = function(server) return assert(net.connect("127.0.0.1", server:address().port)) end,
    resets = true,
  },
  {
    name = "a Unix socket",
    serve = function(handler) return assert(net.serve_unix(fresh_path(), handler)) end,
    create_server = function(factory) return assert(protocol.create_unix_server(factory, fresh_path())) end,
    create_connection = function(factory, server)
      return assert(protocol.create_unix_connection(factory, server:address().path))
    end,
    connect = function(server) return assert(net.connect_unix(server:address().path)) end,
  },
}

local function finish(server)
  server:close(0)
  server:wait_closed()
end

for _, kind in ipairs(kinds) do
  local it = case.it

  --- A client protocol whose peer is a Stream in the spec's own hands.
  local function client(acts)
    local arrived = neap.future()
    local done = neap.future()
    local server = kind.serve(function(stream)
      arrived:set_result(stream)
      done:await()
    end)
    local rec = recorder.new(acts)
    local transport = kind.create_connection(function() return rec end, server)
    local peer = arrived:await()
    return rec, transport, peer, function()
      done:set_result(true)
      transport:abort()
      peer:abort()
      finish(server)
    end
  end

  --- A server protocol whose client is a Stream in the spec's own hands.
  local function server_side(acts)
    local rec = recorder.new(acts)
    local server = kind.create_server(function() return rec end)
    local peer = kind.connect(server)
    wait_until(function() return rec.transport end)
    return rec, peer, function()
      peer:close()
      finish(server)
    end
  end

  describe("a protocol over " .. kind.name, function()
    it("is called in order, from connection_made to connection_lost", function()
      local rec, peer, stop = server_side()

      peer:write("some")
      peer:write("thing")
      peer:shutdown()
      rec.lost:await()

      assert.equal("connection_made data_received eof_received connection_lost", rec:order())
      assert.equal("something", rec:text())
      assert.is_nil(rec.err)
      stop()
    end)

    it("has had connection_made when create_connection returns", function()
      local made
      local rec, transport, _, stop = client({
        connection_made = function()
          neap.sleep(0.001)
          made = true
        end,
      })

      assert.is_true(made)
      assert.equal(rec.transport, transport)
      stop()
    end)

    it("works without any method", function()
      local server = kind.create_server(function() return {} end)
      local peer = kind.connect(server)

      peer:write("x")
      peer:shutdown()

      assert.equal("", peer:readall())
      peer:close()
      finish(server)
    end)

    it("is made by the factory for each connection", function()
      local n = 0
      local server = kind.create_server(function()
        n = n + 1
        local number = n
        return {
          connection_made = function(_, transport)
            transport:write("you are " .. number)
            transport:close()
          end,
        }
      end)

      for i = 1, 3 do
        local peer <close> = kind.connect(server)
        assert.equal("you are " .. i, peer:readall())
      end
      finish(server)
    end)

    it("gets much data whole", function()
      local rec, peer, stop = server_side()

      peer:write(BIG)
      peer:shutdown()
      rec.lost:await()

      assert.is_true(rec:text() == BIG)
      stop()
    end)

    it("is called one at a time when its methods wait", function()
      local received = {}
      local rec, peer, stop = server_side({
        data_received = function(_, data)
          neap.sleep(0.002)
          table.insert(received, data)
        end,
        eof_received = function() neap.sleep(0.002) end,
      })

      for i = 1, 5 do
        peer:write(i .. " ")
        settle()
      end
      peer:shutdown()
      rec.lost:await()

      assert.equal("1 2 3 4 5 ", table.concat(received))
      assert.equal("connection_made data_received eof_received connection_lost", rec:order())
      stop()
    end)

    it("keeps the transport open when eof_received gives true", function()
      local rec, peer, stop = server_side({ eof_received = function() return true end })
      peer:shutdown()
      wait_until(function() return rec:count("eof_received") == 1 end)

      rec.transport:write("still here")
      rec.transport:close()

      assert.equal("still here", peer:readall())
      rec.lost:await()
      stop()
    end)

    it("has its transport closed when eof_received gives nothing", function()
      local rec, peer, stop = server_side({
        eof_received = function(self) self.transport:write("bye") end,
      })

      peer:shutdown()

      assert.equal("bye", peer:readall())
      rec.lost:await()
      assert.is_true(rec.transport:is_closing())
      stop()
    end)

    if kind.resets then
      it("gets the error of a connection that is reset", function()
        local rec, peer, stop = server_side()

        peer:abort()
        rec.lost:await()

        assert.equal("connection_made connection_lost", rec:order())
        assert.equal("ECONNRESET", rec.err.code)
        stop()
      end)
    end

    it("gets the error of a write to a peer that has gone", function()
      local rec, transport, peer, stop = client({ eof_received = function() return true end })
      peer:close()
      wait_until(function() return rec:count("eof_received") == 1 end)

      while not transport:is_closing() do
        transport:write("x")
        neap.sleep(0.001)
      end
      rec.lost:await()

      assert.is_truthy(rec.err.code == "EPIPE" or rec.err.code == "ECONNRESET", tostring(rec.err))
      stop()
    end)

    it("may be replaced", function()
      local other = recorder.new()
      local rec, peer, stop = server_side({
        data_received = function(self) self.transport:set_protocol(other) end,
      })

      peer:write("first")
      wait_until(function() return #rec.data == 1 end)
      peer:write("second")
      peer:shutdown()
      other.lost:await()

      assert.equal("first", rec:text())
      assert.equal("second", other:text())
      assert.equal(0, rec:count("connection_lost"))
      rec.lost:cancel()
      stop()
    end)
  end)

  describe("a method over " .. kind.name .. " that raises", function()
    for _, name in ipairs({ "connection_made", "data_received", "eof_received" }) do
      it("is reported, and ends the transport: " .. name, function()
        local rec, peer, stop

        local contexts = expect.reports(function()
          rec, peer, stop = server_side({ [name] = function() error("no luck", 0) end })
          peer:write("x")
          peer:shutdown()
          rec.lost:await()
        end)

        assert.same({ "no luck" }, contexts.errors)
        assert.matches(name, contexts[1].message)
        assert.matches("traceback", contexts[1].traceback)
        assert.equal(rec.transport, contexts[1].transport)
        assert.equal("no luck", rec.err)
        assert.equal("connection_lost", rec.names[#rec.names])
        stop()
      end)
    end

    it("is reported when it is connection_lost", function()
      local contexts = expect.reports(function()
        local server = kind.create_server(function()
          return { connection_lost = function() error("no luck", 0) end }
        end)
        local peer = kind.connect(server)
        peer:shutdown()
        peer:readall()
        peer:close()
        wait_until(function() return server:connections() == 0 end)
        finish(server)
      end)

      assert.same({ "no luck" }, contexts.errors)
    end)

    it("is reported when it is pause_writing, but not raised in write", function()
      local rec, transport, stop, ok, _

      local contexts = expect.reports(function()
        rec, transport, _, stop = client({ pause_writing = function() error("no luck", 0) end })
        ok = pcall(transport.write, transport, BIG)
        rec.lost:await()
      end)

      assert.is_true(ok)
      assert.same({ "no luck" }, contexts.errors)
      assert.equal("no luck", rec.err)
      stop()
    end)

    it("harms no other connection", function()
      local server = kind.create_server(function()
        local fragile = {}
        function fragile:connection_made(transport) self.transport = transport end
        function fragile:data_received(data)
          if data == "fail" then
            error("as told", 0)
          end
          self.transport:write("fine")
        end
        return fragile
      end)

      local contexts = expect.reports(function()
        local good <close> = kind.connect(server)
        local bad <close> = kind.connect(server)
        bad:write("fail")
        bad:readall()
        good:write("go on")
        assert.equal("fine", good:read())
      end)

      assert.same({ "as told" }, contexts.errors)
      finish(server)
    end)

    it("is reported when it is the factory of a server", function()
      local contexts = expect.reports(function()
        local server = kind.create_server(function() error("no protocol", 0) end)
        local peer <close> = kind.connect(server)
        peer:readall()
        finish(server)
      end)

      assert.same({ "no protocol" }, contexts.errors)
    end)

    it("is raised by create_connection when it is the factory", function()
      local server = kind.serve(function(stream) stream:read() end)

      local err = expect.error(kind.create_connection, function() error("no protocol", 0) end, server)

      assert.equal("no protocol", err)
      finish(server)
    end)

    it("is a factory that makes no table", function()
      local server = kind.serve(function(stream) stream:read() end)

      local err = expect.error(kind.create_connection, function() return 5 end, server)

      assert.matches("must return a table, got number", err)
      finish(server)
    end)
  end)

  describe("flow control over " .. kind.name, function()
    it("pauses above the high mark at once, and resumes below the low one", function()
      local rec, transport, peer, stop = client()

      transport:write(BIG)
      assert.equal("connection_made pause_writing", rec:order())
      assert.is_true(transport:get_write_buffer_size() > 64 * 1024)
      local reading = neap.spawn(peer.readexactly, peer, #BIG)
      wait_until(function() return rec:count("resume_writing") == 1 end)

      assert.is_true(transport:get_write_buffer_size() <= 16 * 1024)
      assert.is_true(reading:await() == BIG)
      assert.equal("connection_made pause_writing resume_writing", rec:order())
      stop()
    end)

    it("keeps a writer that stops when paused within bounds", function()
      local size = 256 * 1024
      local total, most = 100, 0
      local block = BIG:sub(1, size)
      local rec, transport, peer, stop = client({
        pause_writing = function(self) self.full = true end,
        resume_writing = function(self)
          self.full = false
          self:feed()
        end,
      })
      function rec:feed()
        while not self.full and total > 0 do
          total = total - 1
          transport:write(block)
          most = math.max(most, transport:get_write_buffer_size())
        end
        if total == 0 then
          transport:close()
        end
      end

      rec:feed()
      assert.is_true(rec.full)
      local text = peer:readall()
      rec.lost:await()

      assert.equal(100 * size, #text)
      assert.is_true(most <= 64 * 1024 + size)
            assert.equal(rec:count("pause_writing"), rec:count("resume_writing"))
      stop()
    end)

    it("has marks that can be set", function()
      local rec, transport, _, stop = client()

      transport:set_write_buffer_limits(2 * #BIG)
      transport:write(BIG)

      assert.is_true(transport:get_write_buffer_size() > 0)
      assert.equal(0, rec:count("pause_writing"))
      stop()
    end)

    it("pauses when the high mark is set below what is unsent", function()
      local rec, transport, _, stop = client()
      transport:set_write_buffer_limits(2 * #BIG)
      transport:write(BIG)
      assert.equal(0, rec:count("pause_writing"))

      transport:set_write_buffer_limits(0)

      assert.equal(1, rec:count("pause_writing"))
      stop()
    end)

    it("refuses marks that are none", function()
      local _, transport, _, stop = client()

      expect.bad_argument("#2 to 'set_write_buffer_limits'", nil,
        function() transport:set_write_buffer_limits(10, 11) end)
      expect.bad_argument("#1 to 'set_write_buffer_limits'", nil,
        function() transport:set_write_buffer_limits(-1) end)
      expect.bad_argument("#1 to 'set_write_buffer_limits'", nil,
        function() transport:set_write_buffer_limits("x") end)
      stop()
    end)

    it("calls pause_writing after a method that waits in another task", function()
      local gate = neap.future()
      local rec, transport, peer, stop = client({ data_received = function() gate:await() end })
      peer:write("x")
      wait_until(function() return rec:count("data_received") == 1 end)

      transport:write(BIG)
      settle()
      assert.equal(0, rec:count("pause_writing"))
      gate:set_result(true)
      wait_until(function() return rec:count("pause_writing") == 1 end)

      peer:readexactly(#BIG)
      wait_until(function() return rec:count("resume_writing") == 1 end)
      assert.equal("connection_made data_received pause_writing resume_writing", rec:order())
      stop()
    end)

    it("resumes a protocol whose methods always wait", function()
      local rec, transport, peer, stop = client({
        data_received = function() neap.sleep(0) end,
      })
      local chatter = neap.spawn(function()
        while true do
          peer:write("x")
          neap.sleep(0)
        end
      end)
      transport:write(BIG)

      peer:readexactly(#BIG)
      wait_until(function() return rec:count("resume_writing") == 1 end)

      chatter:cancel()
      stop()
    end)

    it("gives no data while reading is paused", function()
      local rec, peer, stop = server_side({
        data_received = function(self) self.transport:pause_reading() end,
      })
      peer:write("first")
      wait_until(function() return #rec.data == 1 end)
      peer:write("second")
      settle()
      assert.equal("first", rec:text())

      rec.transport:resume_reading()
      wait_until(function() return #rec.data == 2 end)

      assert.equal("firstsecond", rec:text())
      stop()
    end)

    it("holds data that comes in the moment of the pause", function()
      local rec, transport, peer, stop = client()
      settle()
      transport:pause_reading()
      peer:write("late")
      settle()
      assert.equal("", rec:text())

      transport:resume_reading()
      wait_until(function() return rec:text() == "late" end)
      stop()
    end)

    it("holds the end while reading is paused", function()
      local rec, transport, peer, stop = client()
      settle()
      transport:pause_reading()
      peer:shutdown()
      settle()
      assert.equal(0, rec:count("eof_received"))

      transport:resume_reading()
      rec.lost:await()

      assert.equal(1, rec:count("eof_received"))
      stop()
    end)

    it("makes a peer wait while reading is paused", function()
      local rec, transport, peer, stop = client()
      transport:pause_reading()
      local writing = neap.spawn(function()
        for _ = 1, 20 do
          peer:write(BIG)
        end
      end)
      settle()
      settle()

      assert.equal("waiting", writing:status())
      assert.equal("", rec:text())
      writing:cancel()
      stop()
    end)
  end)

  describe("a transport over " .. kind.name, function()
    it("sends what was written before it closes", function()
      local rec, transport, peer, stop = client()

      transport:write(BIG)
      transport:close()
      assert.is_true(transport:is_closing())
      local text = peer:readall()
      rec.lost:await()

      assert.is_true(text == BIG)
      assert.is_nil(rec.err)
      stop()
    end)

    it("loses what is unsent when it is aborted", function()
      local rec, transport, peer, stop = client()

      transport:write(BIG)
      transport:abort()
      rec.lost:await()

      local text = peer:readall() or ""
      assert.is_true(#text < #BIG)
      assert.is_nil(rec.err)
      stop()
    end)

    it("calls connection_lost once, however often it is closed", function()
      local rec, transport, _, stop = client()

      transport:close()
      transport:close()
      transport:abort()
      rec.lost:await()
      transport:abort()
      settle()

      assert.equal(1, rec:count("connection_lost"))
      stop()
    end)

    it("receives nothing more after close", function()
      local rec, peer, stop = server_side({
        data_received = function(self)
          self.transport:close()
          neap.sleep(0.001)
        end,
      })

      peer:write("first")
      settle()
      peer:write("second")
      rec.lost:await()

      assert.equal("first", rec:text())
      stop()
    end)

    it("is closed while it writes and the peer goes on sending", function()
      local rec, transport, peer, stop = client()
      local sending = neap.spawn(function()
        for _ = 1, 4 do
          peer:write(BIG)
        end
      end)
      transport:write(BIG)
      transport:close()

      local text = peer:readexactly(#BIG)
      rec.lost:await()

      assert.is_true(text == BIG)
      assert.equal("", rec:text())
      sending:cancel()
      stop()
    end)

    it("ignores what is written once it is closing", function()
      local rec, transport, peer, stop = client()
      transport:close()

      transport:write("x")
      transport:writelines({ "y" })
      transport:write_eof()

      assert.equal("", peer:readall())
      rec.lost:await()
      stop()
    end)

    it("ends its own direction by write_eof", function()
      local rec, transport, peer, stop = client()
      assert.is_true(transport:can_write_eof())
      transport:write("all ")
      transport:writelines({ "there ", 15, "" })
      transport:write_eof()
      transport:write_eof()
      expect.code("INVALID_STATE", transport.write, transport, "more")

      assert.equal("all there 15", peer:readall())
      peer:write("answer")
      wait_until(function() return rec:text() == "answer" end)
      stop()
    end)

    it("knows its addresses and its descriptor", function()
      local rec, transport, peer, stop = client()

      assert.same(peer:sockname(), transport:get_extra_info("peername"))
      assert.same(peer:peername(), transport:get_extra_info("sockname"))
      assert.equal("number", type(transport:get_extra_info("socket")))
      assert.is_nil(transport:get_extra_info("cipher"))
      assert.equal("default", transport:get_extra_info("nothing", "default"))
      transport:close()
      rec.lost:await()
      assert.same(peer:sockname(), transport:get_extra_info("peername"))
      assert.is_nil(transport:get_extra_info("socket"))
      stop()
    end)

    it("refuses what is no data", function()
      local _, transport, _, stop = client()

      expect.bad_argument("#1 to 'write'", "got table", function() transport:write({}) end)
      expect.bad_argument("#1 to 'write'", "got no value", function() transport:write() end)
      expect.bad_argument("#1 to 'writelines'", "got string", function() transport:writelines("x") end)
      expect.bad_argument("#1 to 'writelines'", nil, function() transport:writelines({ "x", {} }) end)
      expect.bad_argument("#1 to 'set_protocol'", "got nil", function() transport:set_protocol(nil) end)
      expect.bad_argument("#1 to 'get_extra_info'", "got no value", function() transport:get_extra_info() end)
      stop()
    end)

    it("says in what state it is", function()
      local rec, transport, _, stop = client()

      assert.matches("^Transport %(open, ", tostring(transport))
      transport:close()
      rec.lost:await()
      assert.matches("^Transport %(closed, ", tostring(transport))
      stop()
    end)

    it("works as a <close> variable", function()
      local rec, transport, _, stop = client()

      do
        local _ <close> = transport
      end
      rec.lost:await()

      assert.is_true(transport:is_closing())
      stop()
    end)

    it("is closed by a callback of the loop", function()
      local rec, transport, _, stop = client()

      neap.loop.call_soon(transport.close, transport)
      rec.lost:await()

      assert.is_nil(rec.err)
      stop()
    end)

    it("is aborted while a method waits, and connection_lost comes after it", function()
      local gate = neap.future()
      local rec, peer, stop = server_side({
        data_received = function(self)
          gate:await()
          table.insert(self.names, "end of data_received")
        end,
      })
      peer:write("x")
      wait_until(function() return rec:count("data_received") == 1 end)

      rec.transport:abort()
      settle()
      assert.equal(0, rec:count("connection_lost"))
      gate:set_result(true)
      rec.lost:await()

      assert.equal("connection_made data_received end of data_received connection_lost", rec:order())
      stop()
    end)
  end)

  describe("the end of a server over " .. kind.name, function()
    it("leaves connections alone when it only closes", function()
      local rec = recorder.new()
      local server = kind.create_server(function() return rec end)
      local peer = kind.connect(server)
      wait_until(function() return rec.transport end)

      server:close()
      peer:write("still")
      peer:shutdown()
      rec.lost:await()

      assert.equal("still", rec:text())
      peer:close()
      server:wait_closed()
    end)

    it("calls connection_lost of those that are cancelled", function()
      local rec = recorder.new({ connection_lost = function() neap.sleep(0.001) end })
      local server = kind.create_server(function() return rec end)
      local peer = kind.connect(server)
      wait_until(function() return rec.transport end)

      local contexts = expect.reports(function() finish(server) end)

      assert.equal("connection_made connection_lost", rec:order())
      assert.is_nil(rec.err)
      assert.equal(0, #contexts)
      peer:close()
    end)
  end)

  describe("create_connection over " .. kind.name .. " that is cancelled", function()
    it("aborts the connection, and calls connection_lost", function()
      local server = kind.serve(function(stream) stream:read() end)
      local rec = recorder.new({ connection_made = function() neap.sleep(0.01) end })
      local task = neap.spawn(kind.create_connection, function() return rec end, server)
      wait_until(function() return rec.transport end)

      task:cancel()
      expect.code("CANCELLED", neap.await, task)
      rec.lost:await()

      assert.equal("connection_made connection_lost", rec:order())
      finish(server)
    end)
  end)
end

describe("the functions of neap.protocol", function()
  local it = case.it

  it("give the error when nobody listens", function()
    local listener = assert(net.listen("127.0.0.1", 0))
    local port = listener:address().port
    listener:close()

    local transport, err = protocol.create_connection(function() return {} end, "127.0.0.1", port)

    assert.is_nil(transport)
    assert.equal("ECONNREFUSED", err.code)
  end)

  it("give the error when the address is taken", function()
    local listener <close> = assert(net.listen("127.0.0.1", 0))

    local server, err = protocol.create_server(function() return {} end, "127.0.0.1", listener:address().port)

    assert.is_nil(server)
    assert.equal("EADDRINUSE", err.code)
  end)

  it("take the options of what they are built on", function()
    local server <close> = assert(protocol.create_server(function() return {} end, "127.0.0.1", 0, {
      max_connections = 1,
    }))

    assert.equal("127.0.0.1", server:address().host)
  end)

  it("refuse bad arguments in their own name", function()
    local make = function() return {} end
    expect.bad_argument("#1 to 'create_server'", "got nil", function() protocol.create_server(nil, "x", 1) end)
    expect.bad_argument("#3 to 'create_server'", "got no value", function() protocol.create_server(make, "x") end)
    expect.bad_argument("#4 to 'create_server'", nil, function() protocol.create_server(make, "x", 1, { no = 1 }) end)
    expect.bad_argument("#1 to 'create_connection'", "got string", function() protocol.create_connection("x") end)
    expect.bad_argument("#2 to 'create_connection'", "got nil",
      function() protocol.create_connection(make, nil, 1) end)
    expect.bad_argument("#3 to 'create_connection'", nil,
      function() protocol.create_connection(make, "x", 65536) end)
    expect.bad_argument("#4 to 'create_connection'", nil,
      function() protocol.create_connection(make, "x", 1, { backlog = 1 }) end)
    expect.bad_argument("#1 to 'create_unix_server'", "got nil", function() protocol.create_unix_server(nil, "x") end)
    expect.bad_argument("#2 to 'create_unix_server'", "got no value",
      function() protocol.create_unix_server(make) end)
    expect.bad_argument("#2 to 'create_unix_connection'", "got nil",
      function() protocol.create_unix_connection(make, nil) end)
    expect.bad_argument("#3 to 'create_unix_connection'", nil,
      function() protocol.create_unix_connection(make, "x", { nodelay = true }) end)
  end)
end)

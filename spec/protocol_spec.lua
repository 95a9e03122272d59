--- Protocols: what is called when, and what happens when it raises.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local kinds = require("spec.support.protocol_kinds")
local neap = require("neap")
local recorder = require("spec.support.recorder")
local wait_until = require("spec.support.wait_until")

local it = case.it
local net, protocol = neap.net, neap.protocol
local settle = neap.testing.settle

local BIG = ("0123456789abcdef"):rep(1024 * 1024) -- more than any socket takes at once

for _, kind in ipairs(kinds) do
  describe("a protocol over " .. kind.name, function()
    it("is called in order, from connection_made to connection_lost", function()
      local rec, peer, stop = kind.server_side()

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
      local rec, transport, _, stop = kind.client({
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
      kind.finish(server)
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
      kind.finish(server)
    end)

    it("gets much data whole", function()
      local rec, peer, stop = kind.server_side()

      peer:write(BIG)
      peer:shutdown()
      rec.lost:await()

      assert.is_true(rec:text() == BIG)
      stop()
    end)

    it("is called one at a time when its methods wait", function()
      local received = {}
      local rec, peer, stop = kind.server_side({
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
      local rec, peer, stop = kind.server_side({ eof_received = function() return true end })
      peer:shutdown()
      wait_until(function() return rec:count("eof_received") == 1 end)

      rec.transport:write("still here")
      rec.transport:close()

      assert.equal("still here", peer:readall())
      rec.lost:await()
      stop()
    end)

    it("has its transport closed when eof_received gives nothing", function()
      local rec, peer, stop = kind.server_side({
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
        local rec, peer, stop = kind.server_side()

        peer:abort()
        rec.lost:await()

        assert.equal("connection_made connection_lost", rec:order())
        assert.equal("ECONNRESET", rec.err.code)
        stop()
      end)
    end

    it("gets the error of a write to a peer that has gone", function()
      local rec, transport, peer, stop = kind.client({ eof_received = function() return true end })
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
      local rec, peer, stop = kind.server_side({
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
          rec, peer, stop = kind.server_side({ [name] = function() error("no luck", 0) end })
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
        kind.finish(server)
      end)

      assert.same({ "no luck" }, contexts.errors)
    end)

    it("is reported when it is pause_writing, but not raised in write", function()
      local rec, transport, stop, ok, _

      local contexts = expect.reports(function()
        rec, transport, _, stop = kind.client({ pause_writing = function() error("no luck", 0) end })
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
      kind.finish(server)
    end)

    it("is reported when it is the factory of a server", function()
      local contexts = expect.reports(function()
        local server = kind.create_server(function() error("no protocol", 0) end)
        local peer <close> = kind.connect(server)
        peer:readall()
        kind.finish(server)
      end)

      assert.same({ "no protocol" }, contexts.errors)
    end)

    it("is raised by create_connection when it is the factory", function()
      local server = kind.serve(function(stream) stream:read() end)

      local err = expect.error(kind.create_connection, function() error("no protocol", 0) end, server)

      assert.equal("no protocol", err)
      kind.finish(server)
    end)

    it("is a factory that makes no table", function()
      local server = kind.serve(function(stream) stream:read() end)

      local err = expect.error(kind.create_connection, function() return 5 end, server)

      assert.matches("must return a table, got number", err)
      kind.finish(server)
    end)
  end)
end

describe("the functions of neap.protocol", function()
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

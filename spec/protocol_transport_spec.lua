--- Transports: what they send, know and refuse, and how they end.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local kinds = require("spec.support.protocol_kinds")
local neap = require("neap")
local recorder = require("spec.support.recorder")
local wait_until = require("spec.support.wait_until")

local it = case.it
local settle = neap.testing.settle

local BIG = ("0123456789abcdef"):rep(1024 * 1024) -- more than any socket takes at once

for _, kind in ipairs(kinds) do
  describe("a transport over " .. kind.name, function()
    it("sends what was written before it closes", function()
      local rec, transport, peer, stop = kind.client()

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
      local rec, transport, peer, stop = kind.client()

      transport:write(BIG)
      transport:abort()
      rec.lost:await()

      local text = peer:readall() or ""
      assert.is_true(#text < #BIG)
      assert.is_nil(rec.err)
      stop()
    end)

    it("calls connection_lost once, however often it is closed", function()
      local rec, transport, _, stop = kind.client()

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
      local rec, peer, stop = kind.server_side({
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
      local rec, transport, peer, stop = kind.client()
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
      local rec, transport, peer, stop = kind.client()
      transport:close()

      transport:write("x")
      transport:writelines({ "y" })
      transport:write_eof()

      assert.equal("", peer:readall())
      rec.lost:await()
      stop()
    end)

    it("ends its own direction by write_eof", function()
      local rec, transport, peer, stop = kind.client()
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
      local rec, transport, peer, stop = kind.client()

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
      local _, transport, _, stop = kind.client()

      expect.bad_argument("#1 to 'write'", "got table", function() transport:write({}) end)
      expect.bad_argument("#1 to 'write'", "got no value", function() transport:write() end)
      expect.bad_argument("#1 to 'writelines'", "got string", function() transport:writelines("x") end)
      expect.bad_argument("#1 to 'writelines'", nil, function() transport:writelines({ "x", {} }) end)
      expect.bad_argument("#1 to 'set_protocol'", "got nil", function() transport:set_protocol(nil) end)
      expect.bad_argument("#1 to 'get_extra_info'", "got no value", function() transport:get_extra_info() end)
      stop()
    end)

    it("says in what state it is", function()
      local rec, transport, _, stop = kind.client()

      assert.matches("^Transport %(open, ", tostring(transport))
      transport:close()
      rec.lost:await()
      assert.matches("^Transport %(closed, ", tostring(transport))
      stop()
    end)

    it("works as a <close> variable", function()
      local rec, transport, _, stop = kind.client()

      do
        local _ <close> = transport
      end
      rec.lost:await()

      assert.is_true(transport:is_closing())
      stop()
    end)

    it("is closed by a callback of the loop", function()
      local rec, transport, _, stop = kind.client()

      neap.loop.call_soon(transport.close, transport)
      rec.lost:await()

      assert.is_nil(rec.err)
      stop()
    end)

    it("is aborted while a method waits, and connection_lost comes after it", function()
      local gate = neap.future()
      local rec, peer, stop = kind.server_side({
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

      local contexts = expect.reports(function() kind.finish(server) end)

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
      kind.finish(server)
    end)
  end)
end

--- The flow control of transports, both ways.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local kinds = require("spec.support.protocol_kinds")
local neap = require("neap")
local wait_until = require("spec.support.wait_until")

local it = case.it
local settle = neap.testing.settle

local BIG = ("0123456789abcdef"):rep(1024 * 1024) -- more than any socket takes at once

for _, kind in ipairs(kinds) do
  describe("flow control over " .. kind.name, function()
    it("pauses above the high mark at once, and resumes below the low one", function()
      local rec, transport, peer, stop = kind.client()

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
      local rec, transport, peer, stop = kind.client({
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
      local rec, transport, _, stop = kind.client()

      transport:set_write_buffer_limits(2 * #BIG)
      transport:write(BIG)

      assert.is_true(transport:get_write_buffer_size() > 0)
      assert.equal(0, rec:count("pause_writing"))
      stop()
    end)

    it("pauses when the high mark is set below what is unsent", function()
      local rec, transport, _, stop = kind.client()
      transport:set_write_buffer_limits(2 * #BIG)
      transport:write(BIG)
      assert.equal(0, rec:count("pause_writing"))

      transport:set_write_buffer_limits(0)

      assert.equal(1, rec:count("pause_writing"))
      stop()
    end)

    it("refuses marks that are none", function()
      local _, transport, _, stop = kind.client()

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
      local rec, transport, peer, stop = kind.client({ data_received = function() gate:await() end })
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
      local rec, transport, peer, stop = kind.client({
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
      local rec, peer, stop = kind.server_side({
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
      local rec, transport, peer, stop = kind.client()
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
      local rec, transport, peer, stop = kind.client()
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
      local rec, transport, peer, stop = kind.client()
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
end

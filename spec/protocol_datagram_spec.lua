local case = require("spec.support.case")
local child = require("spec.support.child")
local expect = require("spec.support.expect")
local neap = require("neap")
local recorder = require("spec.support.recorder")
local wait_until = require("spec.support.wait_until")

local it, net, protocol = case.it, neap.net, neap.protocol

local function open(rec, opts)
  return (assert(protocol.create_datagram_endpoint(function() return rec end, "127.0.0.1", 0, opts)))
end

--- A protocol that sends back what it gets, beside a socket to try it.
local function echo_pair()
  local rec = recorder.new({
    datagram_received = function(self, data, addr) self.transport:sendto(data:upper(), addr) end,
  })
  local transport = open(rec)
  local socket = assert(net.udp({ host = "127.0.0.1" }))
  return rec, transport, socket, transport:get_extra_info("sockname").port
end

local function finish(rec, transport, socket)
  transport:close()
  rec.lost:await()
  socket:close()
end

describe("a datagram protocol", function()
  it("gets datagrams and sends answers", function()
    local rec, transport, socket, port = echo_pair()

    socket:send("hello", "127.0.0.1", port)

    assert.equal("HELLO", (socket:recv()))
    finish(rec, transport, socket)
    assert.equal("connection_made datagram_received connection_lost", rec:order())
    assert.is_nil(rec.err)
  end)

  it("sends to its only peer without an address", function()
    local socket <close> = assert(net.udp({ host = "127.0.0.1" }))
    local rec = recorder.new()
    local address = socket:address()
    local transport = open(rec, { remote_host = address.host, remote_port = address.port })

    transport:sendto("x")

    assert.equal("x", (socket:recv()))
    assert.same(address, transport:get_extra_info("peername"))
    transport:close()
    rec.lost:await()
  end)

  it("sends to a name", function()
    local rec, transport, socket = echo_pair()

    transport:sendto("x", { host = "localhost", port = socket:address().port })
    transport:close()

    assert.equal("x", (socket:recv()))
    finish(rec, transport, socket)
  end)

  it("is called one at a time, in order", function()
    local got = {}
    local rec = recorder.new({
      datagram_received = function(_, data)
        neap.sleep(0.001)
        table.insert(got, data)
      end,
    })
    local transport = open(rec)
    local socket = assert(net.udp())
    for i = 1, 5 do
      socket:send(tostring(i), "127.0.0.1", transport:get_extra_info("sockname").port)
    end

    wait_until(function() return #got == 5 end)

    assert.equal("12345", table.concat(got))
    finish(rec, transport, socket)
    assert.is_nil(rec:order():find("OVERLAP", 1, true))
  end)

  it("gets the errors of the network, and goes on", function()
    local rec = recorder.new({ error_received = function(self, err) self.network_error = err end })
    local gone = assert(net.udp({ host = "127.0.0.1" }))
    local port = gone:address().port
    gone:close()
    local transport = open(rec, { remote_host = "127.0.0.1", remote_port = port })

    transport:sendto("x")
    wait_until(function() return rec.network_error end)

    assert.equal("ECONNREFUSED", rec.network_error.code)
    assert.is_false(transport:is_closing())
    transport:close()
    rec.lost:await()
    assert.is_nil(rec.err)
  end)

  it("gets the error of a datagram that is too long", function()
    local rec, transport, socket, port = echo_pair()

    transport:sendto(("x"):rep(70000), { host = "127.0.0.1", port = port })
    wait_until(function() return rec:count("error_received") == 1 end)

    finish(rec, transport, socket)
  end)

  it("gets no datagram while reading is paused, and all of them afterwards", function()
    local rec, transport, socket, port = echo_pair()
    socket:send("1", "127.0.0.1", port)
    socket:recv()
    transport:pause_reading()
    for i = 2, 4 do
      socket:send(tostring(i), "127.0.0.1", port)
    end
    neap.testing.settle()
    assert.equal(1, rec:count("datagram_received"))

    transport:resume_reading()

    for i = 2, 4 do
      assert.equal(tostring(i), (socket:recv()))
    end
    finish(rec, transport, socket)
  end)

  it("is lost when it is closed while reading is paused", function()
    local rec, transport, socket, port = echo_pair()
    transport:pause_reading()
    socket:send("1", "127.0.0.1", port)
    neap.testing.settle()

    finish(rec, transport, socket)

    assert.equal("connection_made connection_lost", rec:order())
  end)

  it("pauses writing while more than the high mark could not be sent", function()
    local out, err = child.run_embedded("slow_system", [[
      local neap = require("neap")
      local socket = assert(neap.net.udp({ host = "127.0.0.1" }))
      local transport
      local protocol = {
        connection_made = function(_, made) transport = made end,
        pause_writing = function() print("pause", transport:get_write_buffer_size()) end,
        resume_writing = function() print("resume", transport:get_write_buffer_size()) end,
        connection_lost = function(_, lost) print("lost", lost) end,
      }
      assert(neap.protocol.create_datagram_endpoint(function() return protocol end, "127.0.0.1", 0))
      transport:set_write_buffer_limits(10, 4)
      refuse_sends(6)
      for _ = 1, 3 do
        transport:sendto("12345", socket:address())
      end
      transport:close()
      print(#socket:recv() + #socket:recv() + #socket:recv())
    ]])

    assert.equal("", err)
    assert.equal("pause\t15\nresume\t0\nlost\tnil\n15\n", out)
  end)

  it("is reported and aborted when a method raises", function()
    local rec, transport, socket
    local contexts = expect.reports(function()
      rec = recorder.new({ datagram_received = function() error("no luck", 0) end })
      transport, socket = open(rec), assert(net.udp())
      socket:send("x", "127.0.0.1", transport:get_extra_info("sockname").port)
      rec.lost:await()
    end)

    assert.same({ "no luck" }, contexts.errors)
    assert.equal("no luck", rec.err)
    assert.is_true(transport:is_closing())
    socket:close()
  end)

  it("is lost once, when aborted", function()
    local rec, transport, socket = echo_pair()

    transport:abort()
    transport:abort()
    transport:sendto("x", { host = "127.0.0.1", port = 1 })

    finish(rec, transport, socket)
    assert.equal(1, rec:count("connection_lost"))
    assert.matches("^DatagramTransport %(closed", tostring(transport))
  end)

  it("gives the error when the address is taken", function()
    local rec, transport, socket, port = echo_pair()

    local other, err = protocol.create_datagram_endpoint(function() return {} end, "127.0.0.1", port)

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    finish(rec, transport, socket)
  end)

  it("refuses bad arguments", function()
    local rec, transport, socket = echo_pair()
    local make = function() return {} end

    expect.bad_argument("#1 to 'create_datagram_endpoint'", "got nil",
      function() protocol.create_datagram_endpoint(nil) end)
    expect.bad_argument("#3 to 'create_datagram_endpoint'", nil,
      function() protocol.create_datagram_endpoint(make, nil, 70000) end)
    expect.bad_argument("#4 to 'create_datagram_endpoint'", nil,
      function() protocol.create_datagram_endpoint(make, nil, 0, { remote_host = "x" }) end)
    expect.bad_argument("#2 to 'set_write_buffer_limits'", nil,
      function() transport:set_write_buffer_limits(1, 2) end)
    expect.bad_argument("#1 to 'sendto'", "got nil", function() transport:sendto(nil) end)
    expect.bad_argument("#2 to 'sendto'", nil, function() transport:sendto("x", { host = "127.0.0.1" }) end)
    expect.bad_argument("#2 to 'sendto'", "got number", function() transport:sendto("x", 5) end)
    finish(rec, transport, socket)
  end)
end)

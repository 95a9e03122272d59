--- Protocols and transports over TLS.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, protocol = case.it, neap.protocol

local CLIENT = { ca = certs.ca.cert, server_name = "localhost" }
local SERVER = { cert = certs.server.cert, key = certs.server.key }

--- A protocol that echoes, and notes what is called.
local function echo(calls)
  return function()
    local transport
    return {
      connection_made = function(_, made)
        transport = made
        table.insert(calls, "made " .. transport:get_extra_info("tls_version", "plain"))
      end,
      data_received = function(_, data) transport:write(data) end,
      connection_lost = function(_, err) table.insert(calls, "lost " .. tostring(err)) end,
    }
  end
end

--- A protocol that collects; `done` has its data once the connection is lost.
local function collector(done)
  return function()
    local parts = {}
    return {
      data_received = function(_, data) table.insert(parts, data) end,
      connection_lost = function(_, err) done:set_result(table.concat(parts), err) end,
    }
  end
end

local function stop(server)
  server:close(0)
  server:wait_closed()
end

describe("a protocol over TLS", function()
  it("talks over TCP", function()
    local calls, done = {}, neap.future()
    local server = assert(protocol.create_server(echo(calls), "127.0.0.1", 0, { tls = SERVER }))
    local transport = assert(protocol.create_connection(collector(done), "127.0.0.1", server:address().port, {
      tls = CLIENT,
    }))

    transport:write("hello ")
    transport:writelines({ "over ", "TLS" })
    transport:write_eof()

    assert.same({ "hello over TLS" }, { done:await() })
    stop(server)
    assert.same({ "made 1.3", "lost nil" }, calls)
  end)

  it("talks over a Unix socket", function()
    local done = neap.future()
    local path = "@neap-spec-tls-protocol-" .. neap.process.id()
    local server = assert(protocol.create_unix_server(echo({}), path, { tls = SERVER }))
    local transport = assert(protocol.create_unix_connection(collector(done), path, { tls = CLIENT }))

    transport:write("hello")
    transport:write_eof()

    assert.equal("hello", (done:await()))
    stop(server)
  end)

  it("knows the cipher and the peer's certificate", function()
    local server = assert(protocol.create_server(echo({}), "127.0.0.1", 0, { tls = SERVER }))
    local transport = assert(protocol.create_connection(function() return {} end, "127.0.0.1",
      server:address().port, { tls = CLIENT }))

    assert.is_string(transport:get_extra_info("cipher"))
    assert.equal("CN=localhost", transport:get_extra_info("peercert").subject)
    assert.equal("none", transport:get_extra_info("alpn", "none"))

    transport:abort()
    stop(server)
  end)

  it("is not made when the handshake fails", function()
    local calls = {}
    local contexts = expect.reports(function()
      local server = assert(protocol.create_server(echo(calls), "127.0.0.1", 0, { tls = SERVER }))
      local made = false
      local transport, err = protocol.create_connection(function()
        made = true
        return {}
      end, "127.0.0.1", server:address().port, { tls = true })

      assert.is_nil(transport)
      assert.equal("TLS", err.code)
      assert.is_false(made)
      stop(server)
    end)

    assert.same({}, calls)
    assert.same({ errors = {} }, contexts)
  end)

  it("pauses and resumes writing", function()
    local calls = {}
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0, { tls = SERVER }))
    local accepting = neap.spawn(listener.accept, listener)
    local transport = assert(protocol.create_connection(function()
      return {
        pause_writing = function() table.insert(calls, "pause") end,
        resume_writing = function() table.insert(calls, "resume") end,
      }
    end, "127.0.0.1", listener:address().port, { tls = CLIENT }))
    local stream <close> = assert(accepting:await())
    local size = 16 * 1024 * 1024
    transport:write(("x"):rep(size))
    assert.same({ "pause" }, calls)
    assert.is_true(transport:get_write_buffer_size() > 1024 * 1024)

    stream:readexactly(size)
    neap.testing.settle()

    assert.same({ "pause", "resume" }, calls)
    assert.equal(0, transport:get_write_buffer_size())
    transport:close()
    stream:readall()
  end)
end)

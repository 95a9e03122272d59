--- What protocols run over: the kinds of connections, each with both ends of one in
--- a spec's own hands. A kind is a table:
---   name       for `describe`
---   resets     an abort is an ECONNRESET to the peer
---   serve(handler), connect(server)                       with Streams
---   create_server(factory), create_connection(factory, server)  with protocols
---   client(acts), server_side(acts)                       one end of each
---   finish(server)                                        closes it and all it has
local neap = require("neap")
local recorder = require("spec.support.recorder")
local wait_until = require("spec.support.wait_until")

local net, protocol = neap.net, neap.protocol

--- A path that nobody else uses.
local function fresh_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

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
  kind.finish = finish

  --- A client protocol whose peer is a Stream in the spec's own hands.
  ---@param acts? table<string, function>  what happens in a method
  ---@return table recorder
  ---@return neap.Transport transport
  ---@return neap.Stream peer
  ---@return function stop
  function kind.client(acts)
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
  ---@param acts? table<string, function>
  ---@return table recorder
  ---@return neap.Stream peer
  ---@return function stop
  function kind.server_side(acts)
    local rec = recorder.new(acts)
    local server = kind.create_server(function() return rec end)
    local peer = kind.connect(server)
    wait_until(function() return rec.transport end)
    return rec, peer, function()
      peer:close()
      finish(server)
    end
  end
end

return kinds

--- UDP sockets on the loopback, for specs.
local neap = require("neap")

local net = neap.net

local udp = {}

--- A socket on a free port of the loopback, or where the options say.
function udp.bind(opts)
  opts = opts or {}
  opts.host = opts.host or "127.0.0.1"
  return assert(net.udp(opts))
end

--- Two sockets and the port of the second.
function udp.pair(opts)
  local a, b = udp.bind(), udp.bind(opts)
  return a, b, b:address().port
end

--- A port where nobody listens.
function udp.closed_port()
  local socket <close> = udp.bind()
  return socket:address().port
end

return udp

--- The server of peer_server.py beside a spec: `.url`, `.raw`, `.proxy` and
--- `.secure` are where it listens. Closed by `<close>`.
local busted = require("busted")
local certs = require("spec.support.certs")
local neap = require("neap")

local http_peer = {}

local Peer = {
  __close = function(self)
    self.process.stdin:close()
    self.process:kill("TERM")
    neap.shield(self.process.wait, self.process)
    self.process.stdout:close()
  end,
}
Peer.__index = Peer

--- How many requests came with a key, or were of a kind.
---@param key string
---@return integer?
function Peer:count_of(key)
  return tonumber(neap.http.get(self.url .. "/count", { query = { key = key } }):text())
end

function http_peer.start()
  local argv = { "/usr/bin/python3", "spec/support/peer_server.py", certs.server.cert, certs.server.key }
  local child = assert(neap.process.spawn(argv, { stdin = "pipe", stdout = "pipe" }))
  local line = assert(child.stdout:readline(), "the server printed nothing")
  local http, raw, proxy, https = line:match("(%d+) (%d+) (%d+) (%d+)")
  assert(https, line)
  return setmetatable({
    process = child,
    url = "http://127.0.0.1:" .. http,
    raw = "http://127.0.0.1:" .. raw,
    proxy = "http://127.0.0.1:" .. proxy,
    secure = "https://localhost:" .. https,
    secure_port = tonumber(https),
    port = tonumber(http),
  }, Peer)
end

--- One for all cases of the block in which it is called: what `start` gives, from
--- the first of them to the last.
function http_peer.beside()
  local shown, started = {}, nil
  busted.setup(function()
    started = http_peer.start()
    setmetatable(shown, { __index = started })
  end)
  busted.teardown(function()
    local _ <close> = started
  end)
  return shown
end

return http_peer

-- TLS beside a C program on OpenSSL and libuv, interleaved in one run: 16 KiB
-- messages, handshakes, and what an idle connection takes.
--
--   build/neap bench/tls.lua [rounds]
local neap = require("neap")

local ROUNDS = tonumber(arg[1]) or 3
local dir = assert(neap.fs.mkdtemp("bench-tls-"))
local cert, key = dir .. "/cert", dir .. "/key"

local function make_certificate()
  local result = assert(neap.process.run({
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-subj", "/CN=localhost", "-days", "1", "-keyout", key, "-out", cert,
  }))
  assert(result.code == 0, result.stderr)
end

local servers = {
  neap = { arg[-1], "bench/tls_echo.lua", cert, key },
  c = { "build/bench/limits/tls_echo", cert, key },
}

--- The figure of one load on a server of its own.
local function measure(name, ...)
  local command = { "taskset", "-c", "0", table.unpack(servers[name]) }
  local server = assert(neap.process.spawn(command, { stdin = "pipe", stdout = "pipe" }))
  local port = assert(server.stdout:readline())
  local load = assert(neap.process.run({
    "taskset", "-c", "1", "build/bench/load_tls", port, tostring(server.pid), ...,
  }))
  assert(load.code == 0, load.stderr)
  server:kill()
  server:wait()
  server.stdin:close()
  server.stdout:close()
  return tonumber(load.stdout)
end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function compare(title, ...)
  local figures = { neap = {}, c = {} }
  for _ = 1, ROUNDS do
    for name, list in pairs(figures) do
      table.insert(list, measure(name, ...))
    end
  end
  local ours, theirs = median(figures.neap), median(figures.c)
  print(("%-34s %10.0f %10.0f %8.2f"):format(title, ours, theirs, ours / theirs))
end

make_certificate()
print(("%-34s %10s %10s %8s"):format("TLS 1.3", "neap", "C", "ratio"))
compare("16 KiB messages per CPU second", "echo", "16000", "16384")
compare("64 B messages per CPU second", "echo", "40000", "64")
compare("64 KiB messages per CPU second", "echo", "4000", "65536")
compare("full handshakes per CPU second", "handshake", "600")
compare("bytes of an idle connection", "idle", "300")
neap.fs.rmdir(dir, { recursive = true })

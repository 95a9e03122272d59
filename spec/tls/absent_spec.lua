--- A build without OpenSSL: it says so where TLS is asked for, and is whole
--- otherwise. Only what differs is built, in a folder of its own.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")
local temp = require("spec.support.temp")

local it = case.it

local build = os.getenv("NEAP_BUILD") or "build"
local objects = build .. "/obj"

--- Runs a program that must succeed; what it printed.
local function run(argv)
  local result = assert(neap.process.run(argv))
  assert.equal(0, result.code, result.stderr .. result.stdout)
  return result.stdout
end

--- A neap that was built with these settings: the objects are those of the
--- build that runs the specs, as the settings change none of them.
local function build_with(dir, ...)
  run({ "cp", "-Rp", objects, dir / "obj" })
  local path = dir / "neap"
  run({ "make", "-s", "--no-print-directory", "BUILD=" .. dir.path, path, "proto", ... })
  return path
end

-- Prints a line for each call: its name, and what it gave or raised.
local SCRIPT = [[
local neap = require("neap")
local cert, key = ...
local function try(name, fn, ...)
  print(name, select(-1, pcall(fn, ...)))
end
local opts = { tls = { cert = cert, key = key } }
local function protocol() return {} end
try("connect", neap.net.connect, "127.0.0.1", 1, { tls = true })
try("connect_unix", neap.net.connect_unix, "@nothing", { tls = {} })
try("listen", neap.net.listen, "127.0.0.1", 0, opts)
try("serve", neap.net.serve, "127.0.0.1", 0, print, opts)
try("start_tls", function() return neap.net.pair():start_tls() end)
try("neap.tls", function() return neap.tls.context() end)
try("create_connection", neap.protocol.create_connection, protocol, "127.0.0.1", 1, { tls = true })
try("create_server", neap.protocol.create_server, protocol, "127.0.0.1", 0, opts)
if neap.features.http then
  try("https", neap.http.get, "https://127.0.0.1:1/")
  try("wss", neap.http.websocket, "wss://127.0.0.1:1/")
  try("app", function() return neap.http.app():serve({ port = 0, tls = opts.tls }) end)
end
]]

-- What has nothing to do with TLS.
local REST = [[
local neap = require("neap")
local server = neap.net.serve("127.0.0.1", 0, function(stream)
  stream:write(stream:readline(), "\n")
end, { tls = false })
local stream <close> = neap.net.connect("127.0.0.1", server:address().port, { tls = false })
stream:write("hello\n")
print(stream:readline(), stream:cipher(), stream:alpn(), stream:tls_version(), stream:peer_certificate())
server:close()
print(neap.features.tls, neap.features.http)
if neap.features.http then
  local app = neap.http.app():get("/", function() return "page" end)
  local web = app:serve({ host = "127.0.0.1", port = 0 })
  print(neap.http.get("http://127.0.0.1:" .. web:address().port):text())
  web:close(0)
else
  print(select(2, pcall(function() return neap.http end)))
end
]]

describe("a build without TLS", function()
  -- a sanitized one would need the flags it was built with
  if build:find("asan", 1, true) then
    pending("tried with the plain build")
    return
  end

  it("says what is missing where TLS is asked for", function()
    local dir <close> = temp.dir()
    local program = build_with(dir, "TLS=0")

    local lines = run({ program, "-e", SCRIPT, "-", certs.server.cert, certs.server.key })

    local count = 0
    for name, text in lines:gmatch("([^\t\n]+)\t([^\n]*)\n") do
      count = count + 1
      if name == "https" or name == "wss" then
        assert.matches("^TLS: .*: this neap was built without TLS$", text)
      else
        assert.matches("this neap was built without 'tls' %(see neap.features%)$", text)
      end
    end
    assert.equal(neap.features.http and 11 or 8, count)
  end)

  it("does the rest", function()
    local dir <close> = temp.dir()
    local program = build_with(dir, "TLS=0")

    local rest = neap.features.http and "false\ttrue\npage\n" or "false\tfalse\n.-\n"
    assert.matches("^hello\tnil\tnil\tnil\tnil\n" .. rest .. "$", run({ program, "-e", REST }))
    assert.equal("absent\n", run({ program, "-e", "print(pcall(require, 'neap.proto.tls') and 'there' or 'absent')" }))
  end)

  it("does it without HTTP and without the line editor, too", function()
    local dir <close> = temp.dir()
    local program = build_with(dir, "TLS=0", "HTTP=0", "EDIT=0")

    local missing = "this neap was built without 'http' %(see neap.features%)"
    assert.matches("^hello\tnil\tnil\tnil\tnil\nfalse\tfalse\n[^\n]*" .. missing .. "\n$", run({ program, "-e", REST }))
  end)
end)

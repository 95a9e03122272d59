--- Requests that go through a proxy.
local case = require("spec.support.case")
local child = require("spec.support.child")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs

describe("http.session", function()
  local peer = http_peer.beside()

  describe("a proxy", function()
    it("gets the requests", function()
      local before = peer:count_of("proxy")
      local res = assert(http.get(peer.url .. "/echo", { proxy = peer.proxy }))

      assert.equal("test", res:json().headers.via)
      assert.equal(before + 1, peer:count_of("proxy"))
    end)

    it("is told its password", function()
      assert(http.get(peer.url .. "/echo", { proxy = (peer.proxy:gsub("//", "//me:secret@")) }))

      assert.equal(1, peer:count_of("proxy-auth"))
    end)

    it("resolves the names of servers", function()
      local res = assert(http.get("http://no.such.host:" .. peer.port .. "/echo", { proxy = peer.proxy }))

      assert.equal(200, res.status)
    end)

    it("tunnels TLS", function()
      local certs = require("spec.support.certs")
      local res = assert(http.get(peer.secure .. "/chain/0", { proxy = peer.proxy, tls = { ca = certs.ca.cert } }))

      assert.equal("the end", res:text())
    end)

    it("that refuses is an HTTP error", function()
      local res, err = http.get("https://forbidden/", { proxy = peer.proxy })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("403", err.message)
    end)

    it("with a bad URL is an error", function()
      for _, bad in ipairs({ "http://", "gopher://x:1" }) do
        local res, err = http.get(peer.url, { proxy = bad })
        assert.is_nil(res)
        assert.equal("HTTP", err.code)
      end
    end)

    local SCRIPT = [[
      local http = require("neap").http
      for i = 1, #arg do
        print(assert(http.get(arg[i], { proxy = nil })):json().headers.via or "direct")
      end
    ]]

    it("comes from the environment, but for no_proxy", function()
      local dir <close> = temp.dir()
      assert(fs.write_file(dir.path .. "/s.lua", SCRIPT))
      local url, port = peer.url .. "/echo", peer.port
      local function run(env, ...)
        local all = { PATH = os.getenv("PATH"), LSAN_OPTIONS = os.getenv("LSAN_OPTIONS") }
        for name, value in pairs(env) do
          all[name] = value
        end
        local result = assert(neap.process.run({ child.interpreter(), dir.path .. "/s.lua", ... }, { env = all }))
        assert.equal(0, result.code, result.stderr)
        return result.stdout
      end

      assert.equal("test\n", run({ http_proxy = peer.proxy }, url))
      assert.equal("test\n", run({ all_proxy = peer.proxy }, url))
      assert.equal("direct\n", run({ HTTP_PROXY = peer.proxy }, url))
      assert.equal("direct\n", run({ https_proxy = peer.proxy }, url))
      assert.equal("direct\ntest\n", run({ http_proxy = peer.proxy, no_proxy = "a.test, 127.0.0.1" },
        url, ("http://x.test:%d/echo"):format(port)))
      assert.equal("direct\n", run({ http_proxy = peer.proxy, no_proxy = "*" }, url))
    end)
  end)
end)

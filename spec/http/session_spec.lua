--- Sessions of the client: redirects, cookies, defaults, retries.
local case = require("spec.support.case")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")

local it, http = case.it, neap.http

describe("http.session", function()
  local peer = http_peer.beside()

  describe("a redirect", function()
    local function redirect(status, to)
      return ("%s/redirect?status=%d&to=%s"):format(peer.url, status, http.url.encode(to))
    end

    it("is followed, and told of", function()
      local session <close> = http.session()
      local res = assert(session:get(peer.url .. "/chain/3"))

      assert.equal("the end", res:text())
      assert.equal(peer.url .. "/chain/0", res.url)
      assert.equal(3, #res.history)
      assert.same({ status = 302, url = peer.url .. "/chain/3" }, res.history[1])
    end)

    it("is an answer like others with redirects = 0", function()
      local res = assert(http.get(peer.url .. "/chain/3", { redirects = 0 }))

      assert.equal(302, res.status)
      assert.equal("/chain/2", res.headers.location)
    end)

    it("too many are an HTTP error", function()
      local res, err = http.get(peer.url .. "/chain/4", { redirects = 3 })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("more than 3 redirects", err.message)
      assert.equal(200, http.get(peer.url .. "/chain/3", { redirects = 3 }).status)
      assert.is_nil((http.get(peer.url .. "/chain/11")))
    end)

    it("makes a GET of a POST, or keeps it, as the status says", function()
      local function method(status, verb)
        return assert(http[verb](redirect(status, "/echo"), { body = "data" })):json()
      end

      for status, kept in pairs({ [301] = "GET", [302] = "GET", [303] = "GET", [307] = "POST", [308] = "POST" }) do
        local seen = method(status, "post")
        assert.equal(kept, seen.method)
        assert.equal(kept == "POST" and "data" or "", seen.body)
        assert.equal(kept == "POST" and "4" or nil, seen.headers["content-length"])
      end
      assert.equal("PUT", method(302, "put").method)
    end)

    it("does not send a streamed body again", function()
      local res, err = http.post(redirect(307, "/echo"), { body = coroutine.wrap(function() coroutine.yield("x") end) })

      assert.is_nil(res)
      assert.equal("HTTP", err.code)
      assert.matches("cannot be sent again", err.message)
    end)

    it("to another host carries no credentials", function()
      local secrets = {
        headers = { Authorization = "secret", Cookie = "a=b", ["X-Plain"] = "1" },
        cookies = { c = "d" },
      }
      local there = redirect(302, (peer.url:gsub("127.0.0.1", "localhost")) .. "/echo")
      local seen = assert(http.get(there, secrets)):json().headers
      assert.is_nil(seen.authorization)
      assert.is_nil(seen.cookie)
      assert.equal("1", seen["x-plain"])

      seen = assert(http.get(there, { auth = "a:b" })):json().headers
      assert.is_nil(seen.authorization)
      seen = assert(http.get(there, { bearer = "token" })):json().headers
      assert.is_nil(seen.authorization)

      seen = assert(http.get(redirect(302, "/echo"), secrets)):json().headers
      assert.equal("secret", seen.authorization)
      assert.equal("a=b; c=d", seen.cookie)
    end)

    it("to no http URL is an error", function()
      for _, to in ipairs({ "file:///etc/passwd", "ftp://x/", "http://" }) do
        local res, err = http.get(redirect(302, to))
        assert.is_nil(res)
        assert.equal("HTTP", err.code)
      end
    end)
  end)

  describe("cookies", function()
    it("are kept and sent where they belong", function()
      local session <close> = http.session()
      assert.equal("set", session:get(peer.url .. "/cookies/set?a=1&b=2"):text())

      assert.same({ a = "1", b = "2" }, session:get(peer.url .. "/cookies/show"):json())
      assert.is_nil(session:get(peer.url .. "/echo"):json().headers.cookie)
      assert.equal(2, #session:cookies())
      session:clear_cookies()
      assert.same({}, session:get(peer.url .. "/cookies/show"):json())
    end)

    it("are of one session", function()
      local one <close> = http.session()
      local other <close> = http.session()
      one:get(peer.url .. "/cookies/set?a=1")

      assert.same({}, other:get(peer.url .. "/cookies/show"):json())
    end)

    it("are shown by the answer", function()
      assert.same({ x = "1" }, http.get(peer.url .. "/cookies/set?x=1").cookies)
    end)

    it("are left alone with cookies = false", function()
      local session <close> = http.session({ cookies = false })
      session:get(peer.url .. "/cookies/set?a=1")

      assert.same({}, session:get(peer.url .. "/cookies/show"):json())
    end)

    it("of the options go with all requests", function()
      local session <close> = http.session({ cookies = { a = "1" } })

      assert.same({ a = "1" }, session:get(peer.url .. "/cookies/show"):json())
      assert.same({ a = "1", b = "2" }, session:get(peer.url .. "/cookies/show", { cookies = { b = "2" } }):json())
    end)
  end)

  describe("defaults", function()
    it("are for all requests, those of a request come first", function()
      local session <close> = http.session({
        base_url = peer.url .. "/", headers = { A = "1", B = "2" }, bearer = "t",
      })
      local seen = session:get("echo", { headers = { b = "3" } }):json().headers

      assert.same({ "1", "3", "Bearer t" }, { seen.a, seen.b, seen.authorization })
      assert.equal("1", session:request({ url = "/echo", method = "put" }):json().headers.a)
    end)

    it("give way to the fields of a request one by one", function()
      local session <close> = http.session({
        headers = { ["X-One"] = "1", ["X-Two"] = { "2", "3" }, Cookie = "a=1", ["X-None"] = "" }, bearer = "t",
      })
      local function sent(opts)
        local list = {}
        for _, field in ipairs(assert(session:post(peer.url .. "/echo", opts)):json().fields) do
          local name = field[1]:lower()
          if name ~= "host" and name ~= "user-agent" and name ~= "accept" then
            list[#list + 1] = name .. "=" .. field[2]
          end
        end
        table.sort(list)
        return table.concat(list, " ")
      end

      assert.equal("accept-encoding=gzip, deflate authorization=Bearer t content-length=0 cookie=a=1"
        .. " x-none= x-one=1 x-two=2 x-two=3", sent())
      assert.equal("authorization=Bearer t content-length=2 content-type=application/json cookie=a=1"
        .. " x-none= x-one=1 x-two=2 x-two=3", sent({ json = {}, compress = false }))
      assert.equal("accept-encoding=br authorization=own content-length=4 content-type=text/x cookie=b=2"
        .. " x-none=4 x-one=1 x-two=5", sent({ body = "body", headers = {
          ["x-two"] = 5, ["x-none"] = "4", authorization = "own", ["content-type"] = "text/x", cookie = "b=2",
          ["accept-encoding"] = "br", ["content-length"] = "99", ["transfer-encoding"] = "chunked",
        } }))
    end)

    it("are checked", function()
      assert.error_matches(function() http.session({ max_connections = 0 }) end, "max_connections")
      assert.error_matches(function() http.session({ body = "x" }) end, "unknown option 'body'")
    end)
  end)

  describe("retry", function()
    local function flaky(key, fails)
      return ("%s/flaky?key=%s&fails=%d"):format(peer.url, key, fails)
    end

    it("tries again what may be repeated", function()
      local res = assert(http.get(flaky("a", 2), { retry = { attempts = 3, delay = 0.001 } }))

      assert.equal(200, res.status)
      assert.equal("3", res:text())
    end)

    it("ends with the last answer", function()
      assert.equal(503, http.get(flaky("b", 9), { retry = { attempts = 3, delay = 0.001 } }).status)
      assert.equal(3, peer:count_of("b"))
    end)

    it("is not done unasked, nor for a POST", function()
      assert.equal(503, http.get(flaky("c", 1)).status)
      assert.equal(503, http.post(flaky("d", 1), { retry = { delay = 0.001 } }).status)
      assert.equal(1, peer:count_of("c"))
      assert.equal(1, peer:count_of("d"))
    end)

    it("tries a refused connection again", function()
      local res, err = http.get("http://127.0.0.1:1/", { retry = { attempts = 2, delay = 0.001 } })

      assert.is_nil(res)
      assert.equal("ECONNREFUSED", err.code)
    end)
  end)
end)

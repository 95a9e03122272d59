--- The client with an aiohttp server, and with one that is none.
local case = require("spec.support.case")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs

describe("http", function()
  local peer = http_peer.beside()

  local function echo(method, opts)
    return assert(assert(http[method](peer.url .. "/echo", opts)):json())
  end

  describe("get", function()
    it("gives the answer's parts", function()
      local res = assert(http.get(peer.url .. "/chain/0"))

      assert.equal(200, res.status)
      assert.equal("OK", res.reason)
      assert.is_true(res.ok)
      assert.equal("1.1", res.version)
      assert.equal(peer.url .. "/chain/0", res.url)
      assert.equal("text/plain; charset=utf-8", res.headers["content-type"])
      assert.equal("the end", res:text())
      assert.equal("the end", res:text())
      assert.equal("Response: 200 " .. peer.url .. "/chain/0", tostring(res))
    end)

    it("takes a 404 for an answer", function()
      local res = assert(http.get(peer.url .. "/nowhere"))

      assert.equal(404, res.status)
      assert.equal("Not Found", res.reason)
      assert.is_false(res.ok)
    end)

    it("encodes a table of a query", function()
      local seen = echo("get", { query = { b = "x y&z", a = { 1, 2 } } })

      assert.equal("/echo?a=1&a=2&b=x%20y%26z", seen.path)
    end)

    it("adds a query to the URL's own", function()
      local res = assert(http.get(peer.url .. "/echo?a=1", { query = "b=2" }))

      assert.equal("/echo?a=1&b=2", res:json().path)
    end)

    it("sends its fields, lists repeated", function()
      local seen = echo("get", { headers = { ["X-One"] = "1", ["X-List"] = { "a", "b" }, ["X-Empty"] = "" } })

      assert.equal("1", seen.headers["x-one"])
      assert.equal("", seen.headers["x-empty"])
      local list = {}
      for _, field in ipairs(seen.fields) do
        if field[1] == "X-List" then
          list[#list + 1] = field[2]
        end
      end
      assert.same({ "a", "b" }, list)
      assert.matches("^neap/", seen.headers["user-agent"])
    end)

    it("reads an old server's answer until its end", function()
      local res = assert(http.get(peer.raw .. "/old"))

      assert.equal("1.0", res.version)
      assert.equal("Fine", res.reason)
      assert.equal("until the end", res:text())
    end)

    it("skips interim answers", function()
      local res = assert(http.get(peer.raw .. "/interim"))

      assert.equal(200, res.status)
      assert.is_nil(res.headers.link)
      assert.equal("ok", res:text())
    end)

    it("leaves nothing behind when the body is not read", function()
      for _ = 1, 5 do
        assert(http.get(peer.url .. "/chunks?n=1000"))
      end
      collectgarbage()
      collectgarbage()
    end)
  end)

  describe("a request", function()
    it("has any method", function()
      for _, name in ipairs({ "put", "delete", "patch", "options", "post" }) do
        assert.equal(name:upper(), echo(name).method)
      end
      local res = assert(http.request({ method = "PURGE", url = peer.url .. "/echo" }))
      assert.equal("PURGE", res:json().method)
    end)

    it("with HEAD has no body in its answer", function()
      local res = assert(http.head(peer.url .. "/large?size=1000"))

      assert.equal("1000", res.headers["content-length"])
      assert.equal("", res:text())
    end)

    it("sends a string", function()
      local seen = echo("post", { body = "bytes\0\255", headers = { ["Content-Type"] = "x/y" } })

      assert.equal("7", seen.headers["content-length"])
      assert.equal("x/y", seen.headers["content-type"])
      assert.equal("bytes\0ÿ", seen.body)
    end)

    it("sends an empty body with a length", function()
      assert.equal("0", echo("post").headers["content-length"])
    end)

    it("sends JSON", function()
      local seen = echo("post", { json = { a = { 1, 2 } } })

      assert.equal("application/json", seen.headers["content-type"])
      assert.equal('{"a":[1,2]}', seen.body)
    end)

    it("sends a form", function()
      local res = assert(http.post(peer.url .. "/form", { form = { a = "1 &", ["ü"] = "=" } }))

      assert.same({ a = "1 &", ["ü"] = "=" }, res:json())
    end)

    it("sends multipart with files of text and from disk", function()
      local dir <close> = temp.dir()
      local path = dir.path .. "/data.bin"
      assert(fs.write_file(path, ("0123456789"):rep(50000)))
      local res = assert(http.post(peer.url .. "/form", {
        multipart = {
          plain = "text",
          made = { filename = 'a "b".txt', type = "text/plain", body = "hello" },
          disk = { path = path },
        },
      }))

      local seen = res:json()
      assert.equal("text", seen.plain)
      assert.same({ "data.bin", "application/octet-stream", 500000, "01234567890123456789" }, seen.disk)
      assert.same({ "text/plain", 5, "hello" }, { table.unpack(seen.made, 2) })
    end)

    it("returns the error of a file that is missing", function()
      local res, err = http.post(peer.url .. "/form", { multipart = { f = { path = "/nonexistent" } } })

      assert.is_nil(res)
      assert.equal("ENOENT", err.code)
    end)

    it("streams what a function gives", function()
      local n = 0
      local seen = echo("post", { body = function()
        n = n + 1
        neap.sleep(0)
        return n <= 100 and ("%d,"):format(n) or nil
      end })

      assert.equal("chunked", seen.headers["transfer-encoding"])
      assert.matches("^1,2,.*,100,$", seen.body)
    end)

    it("streams a file", function()
      local dir <close> = temp.dir()
      assert(fs.write_file(dir.path .. "/f", ("x"):rep(300000)))
      local file <close> = assert(fs.open(dir.path .. "/f"))

      assert.equal(300000, #echo("put", { body = file, headers = { ["Content-Length"] = 300000 } }).body)
    end)

    it("raises what the function of its body raises", function()
      local problem = {}
      local ok, err = pcall(http.post, peer.url .. "/echo", { body = function() error(problem) end })

      assert.is_false(ok)
      assert.equal(problem, err)
    end)

    it("returns the error that its body returns", function()
      local problem = neap.error("EIO", "broken")
      local res, err = http.post(peer.url .. "/echo", { body = function() return nil, problem end })

      assert.is_nil(res)
      assert.equal(problem, err)
    end)

    it("authenticates", function()
      local url = peer.url .. "/basic"
      local with_user = url:gsub("//", "//user:pa%%3Ass@")

      assert.equal(401, http.get(url).status)
      assert.equal("welcome", http.get(url, { auth = "user:pa:ss" }):text())
      assert.equal("welcome", http.get(url, { auth = { "user", "pa:ss" } }):text())
      assert.equal("welcome", http.get(url, { auth = { user = "user", password = "pa:ss" } }):text())
      assert.equal("welcome", http.get(with_user):text())
      assert.equal("Bearer abc", echo("get", { bearer = "abc" }).headers.authorization)
    end)

    it("does not show the password in the answer's url", function()
      assert.equal(peer.url .. "/basic", http.get((peer.url:gsub("//", "//user:pa%%3Ass@")) .. "/basic").url)
    end)

    it("sends cookies", function()
      assert.equal("a=1; b=2", echo("get", { cookies = { a = "1", b = "2" } }).headers.cookie)
    end)
  end)

  describe("an argument", function()
    local function refused(pattern, fn, ...)
      local ok, err = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(pattern, err)
    end

    it("of a wrong type is refused", function()
      refused("bad argument #1 to 'get' %(string expected, got no value%)", http.get)
      refused("bad argument #2 to 'post' %(table expected, got number%)", http.post, "http://x/", 1)
      refused("bad argument #2 to 'get' %(table expected, got boolean%)", http.get, "http://x/", false)
      refused("unknown option 'foo'", http.get, "http://x/", { foo = 1 })
      refused("option 'timeout' %(number expected, got string%)", http.get, "http://x/", { timeout = "1" })
      refused("option 'headers' has an invalid value for 'A'", http.get, "http://x/", { headers = { A = "1\r\nB: 2" } })
      refused("the option 'url' is missing", http.request, {})
    end)

    it("with two bodies is refused", function()
      local text = "bad argument #%d to '%s' %%(a request has one body, not 'body' and 'json'%%)"
      local session <close> = http.session()
      local two = { body = "x", json = {} }

      refused(text:format(2, "post"), http.post, "http://x/", two)
      refused(text:format(2, "put"), session.put, session, "http://x/", two)
      two.url = "http://x/"
      refused(text:format(1, "request"), http.request, two)
      refused(text:format(1, "request"), session.request, session, two)
    end)

    it("that is no URL is a returned error", function()
      local bad = { "", "nothing", "http://", "http://a b/", "ftp://x/", "file:///etc/passwd", "http://x:0/" }
      for _, url in ipairs(bad) do
        local res, err = http.get(url)
        assert.is_nil(res)
        assert.equal("HTTP", err.code)
        assert.matches("bad URL", err.message)
      end
    end)
  end)

  describe("an answer", function()
    it("is read in pieces", function()
      local out = {}
      for piece in assert(http.get(peer.url .. "/chunks?n=1000")):chunks() do
        out[#out + 1] = piece
      end
      local text = table.concat(out)

      assert.equal("chunk 0\n", text:sub(1, 8))
      assert.equal("chunk 999\n", text:sub(-10))
    end)

    it("is read by a number of bytes", function()
      local res <close> = assert(http.get(peer.url .. "/large?size=100"))

      assert.equal("012", res:read(3))
      assert.equal("3456", res:read(4))
      assert.equal(93, #res:text())
    end)

    for _, kind in ipairs({ "gzip", "deflate", "raw", "both", "identity" }) do
      it("is decompressed: " .. kind, function()
        local res = assert(http.get(peer.url .. "/compressed?as=" .. kind))

        assert.equal(("compressed text "):rep(10000), res:text())
      end)
    end

    it("is left as it is without compress", function()
      local res = assert(http.get(peer.url .. "/compressed?as=gzip", { compress = false }))

      assert.equal("\31\139", res:text():sub(1, 2))
    end)

    it("that is badly compressed is an error", function()
      for _, kind in ipairs({ "broken", "cut" }) do
        local text, err = assert(http.get(peer.url .. "/compressed?as=" .. kind)):text()
        assert.is_nil(text)
        assert.equal("HTTP", err.code)
      end
    end)

    it("that grows too much is an error", function()
      local text, err = assert(http.get(peer.url .. "/compressed?as=bomb")):text()

      assert.is_nil(text)
      assert.equal("LIMIT", err.code)
      assert.equal(100 << 20, #assert(http.get(peer.url .. "/compressed?as=bomb", { max_growth = 2000 })):text())
    end)

    it("larger than max_body is an error", function()
      local text, err = assert(http.get(peer.url .. "/large?size=100000", { max_body = 99999 })):text()

      assert.is_nil(text)
      assert.equal("LIMIT", err.code)
      assert.equal(100000, #http.get(peer.url .. "/large?size=100000", { max_body = 100000 }):text())
    end)

    it("that is no JSON is an error", function()
      local value, err = assert(http.get(peer.url .. "/chain/0")):json()

      assert.is_nil(value)
      assert.equal("HTTP", err.code)
    end)

    it("that is closed cannot be read", function()
      local res = assert(http.get(peer.url .. "/large?size=10000000"))
      res:close()
      res:close()
      local ok, err = pcall(res.text, res)

      assert.is_false(ok)
      assert.equal("CLOSED", err.code)
    end)

    it("reports its progress", function()
      local last, total
      local res = assert(http.get(peer.url .. "/large?size=1000000", {
        progress = function(n, of, kind)
          assert.equal("received", kind)
          last, total = n, of
        end,
      }))
      res:text()

      assert.same({ 1000000, 1000000 }, { last, total })
    end)
  end)

  describe("an error", function()
    local function fails(url, opts)
      local res, err = http.get(url, opts)
      if res then
        res, err = res:text()
      end
      assert.is_nil(res)
      return err
    end

    it("says what happened, with which host, at which stage", function()
      local err = fails("http://127.0.0.1:1/x")

      assert.equal("ECONNREFUSED", err.code)
      assert.equal("ECONNREFUSED: GET 127.0.0.1:1: connect: connection refused", tostring(err))
      assert.same({ "connect", "127.0.0.1", 1 }, { err.op, err.host, err.port })
    end)

    it("tells of a name that does not resolve", function()
      local err = fails("http://nothing.invalid/")

      assert.equal("ENOTFOUND", err.code)
      assert.equal("resolve", err.op)
    end)

    for name, code in pairs({
      nothing = "EOF", garbage = "HTTP", head = "EOF", short = "EOF", chunk = "EOF", badchunk = "HTTP",
      bighead = "LIMIT", reset = "ECONNRESET",
    }) do
      it(("is %s for an answer that is '%s'"):format(code, name), function()
        assert.equal(code, fails(peer.raw .. "/" .. name).code)
      end)
    end

    it("comes after what came of a body", function()
      local res = assert(http.get(peer.raw .. "/short"))

      assert.equal("only this", res:read())
      local piece, err = res:read()
      assert.is_nil(piece)
      assert.equal("EOF", err.code)
    end)

    it("is TIMEOUT when the head does not come", function()
      local err = fails(peer.raw .. "/mute", { timeout = 0.05 })
      assert.equal("TIMEOUT", err.code)
      assert.equal("request", err.op)
      assert.equal("TIMEOUT", fails(peer.raw .. "/mute", { first_byte_timeout = 0.05 }).code)
      assert.equal("TIMEOUT", fails(peer.raw .. "/mute", { idle_timeout = 0.05 }).code)
    end)

    it("is TIMEOUT when the body does not come", function()
      local err = fails(peer.url .. "/slow?after=10", { timeout = 0.1 })
      assert.equal("TIMEOUT", err.code)
      assert.equal("body", err.op)
      assert.equal("TIMEOUT", fails(peer.url .. "/slow?after=10", { idle_timeout = 0.1 }).code)
    end)
  end)
end)

local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local neap = require("neap")
local web = require("spec.support.web")
local www = require("spec.support.www")

local LARGE, WHEN, with_files, get = www.LARGE, www.WHEN, www.with_files, www.get
local it, http, fs = case.it, neap.http, neap.fs
local request, answer = web.request, web.answer

describe("http.static", function()
  it("serves files", with_files(function(_, app)
    local got = get(app, "/a.txt")
    assert.equal(200, got.status)
    assert.equal("0123456789", got.body)
    assert.equal("text/plain; charset=utf-8", got.fields["content-type"])
    assert.equal("Sun, 09 Sep 2001 01:46:40 GMT", got.fields["last-modified"])
    assert.equal("bytes", got.fields["accept-ranges"])
    assert.is_truthy(got.fields.etag:find('^"%x+%-%x+"$'))
    assert.equal(LARGE, get(app, "/large.bin").body)
    assert.equal("application/octet-stream", get(app, "/large.bin").fields["content-type"])
    assert.equal("", get(app, "/none").body)
    assert.equal("odd", get(app, "/%C3%A4%20b&%3C.txt").body)
    assert.equal("0123456789", get(app, "/inner.txt").body)
  end))

  it("serves the index of a directory, with a slash behind its path", with_files(function(_, app)
    assert.equal("<p>index", get(app, "/").body)
    assert.equal("<p>sub", get(app, "/sub/").body)
    local got = get(app, "/sub?x=1")
    assert.equal(301, got.status)
    assert.equal("/sub/?x=1", got.fields.location)
    assert.equal(404, get(app, "/empty/").status)
    assert.equal(404, get(app, "/a.txt/").status)
  end))

  it("redirects to its own paths alone", with_files(function(_, app)
    for _, path in ipairs({ "//sub", "///sub", "/\\sub" }) do
      local location = get(app, path).fields.location
      assert.is_true(location == nil or location:sub(1, 2) ~= "//", location)
    end
  end))

  it("serves below a prefix", with_files(function(dir)
    local app = http.app():static("/files/", dir / "www")
    assert.equal("0123456789", get(app, "/files/a.txt").body)
    assert.equal("/files/", get(app, "/files").fields.location)
    assert.equal(404, get(app, "/a.txt").status)
    local outer = http.app():mount("/x", app)
    assert.equal("0123456789", get(outer, "/x/files/a.txt").body)
    assert.equal("/x/files/sub/", get(outer, "/x/files/sub").fields.location)
  end))

  it("answers HEAD without reading, and 405 to a POST", with_files(function(_, app)
    local got = answer(app, request("HEAD /large.bin"))
    assert.equal(tostring(#LARGE), got.fields["content-length"])
    got = answer(app, request("POST /a.txt"))
    assert.equal(405, got.status)
    assert.equal("GET, HEAD, OPTIONS", got.fields.allow)
  end))

  for _, path in ipairs({
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E%2Fsecret.txt",
    "/sub/../../secret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt",
    "/./../secret.txt",
    "/....//secret.txt",
    "/%252e%252e/secret.txt",
    "/..%c0%afsecret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/..%5csecret.txt",
    "//../secret.txt",
    "/../www-more.txt",
    "/link.txt",
    "/up/secret.txt",
    "/up/",
    "/.secret",
    "/%2esecret",
    "/.git/config",
    "/sub%2findex.html",
    "/a.txt%2f",
    "/sub//index.html",
    "/sub/./index.html",
  }) do
    it("does not serve " .. path, with_files(function(_, app)
      local got = get(app, path)
      assert.equal(404, got.status)
      assert.is_nil(got.body:find("secret"))
    end))
  end

  it("does not serve what an encoded zero cuts off", with_files(function(_, app)
    assert.equal(400, get(app, "/a.txt%00.html").status)
  end))

  it("follows links out and serves hidden names if told to", with_files(function(dir)
    local app = http.app():static("/", dir / "www", { follow = true, hidden = true })
    assert.equal("secret", get(app, "/link.txt").body)
    assert.equal("secret", get(app, "/.secret").body)
    assert.equal(404, get(app, "/../secret.txt").status)
  end))

  it("compresses larger texts as they are read, up to 16 MiB", with_files(function(dir, app)
    local function inflate(bytes)
      return assert(require("neap.proto.deflate").decompressor("gzip"):push(bytes, "finish"))
    end
    local text = {}
    for i = 1, 50000 do
      text[i] = "line " .. i
    end
    text = table.concat(text, "\n")
    fs.write_file(dir / "www/long.txt", text)
    fs.write_file(dir / "www/longest.txt", ("x"):rep(16 * 1024 * 1024 + 1))
    local plain = get(app, "/long.txt")
    assert.equal(text, plain.body)
    local got = get(app, "/long.txt", { "Accept-Encoding: gzip" })
    assert.equal("gzip", got.fields["content-encoding"])
    assert.equal("W/" .. plain.fields.etag, got.fields.etag)
    assert.equal(text, inflate(got.body))
    assert.is_nil(get(app, "/longest.txt", { "Accept-Encoding: gzip" }).fields["content-encoding"])
    local part = get(app, "/long.txt", { "Range: bytes=5-99999", "Accept-Encoding: gzip" })
    assert.equal(text:sub(6, 100000), part.body)
    assert.is_nil(get(app, "/large.bin", { "Accept-Encoding: gzip" }).fields["content-encoding"])
  end))

  it("serves what links that stay inside lead to", with_files(function(dir, app)
    fs.symlink(dir / "www/sub", dir / "www/absolute")
    fs.symlink("../www/a.txt", dir / "www/around.txt")
    assert.equal("<p>sub", get(app, "/absolute/").body)
    assert.equal("0123456789", get(app, "/around.txt").body)
  end))

  it("sees at once that a file is another", with_files(function(dir, app)
    local before = get(app, "/a.txt")
    fs.write_file(dir / "www/a.txt", "9876543210", { atomic = true })
    fs.utime(dir / "www/a.txt", WHEN, WHEN)
    assert.equal("9876543210", get(app, "/a.txt").body)
    fs.write_file(dir / "www/a.txt", "abcdefghij")
    local after = get(app, "/a.txt", { "If-None-Match: " .. before.fields.etag })
    assert.same({ 200, "abcdefghij" }, { after.status, after.body })
    fs.remove(dir / "www/a.txt")
    assert.equal(404, get(app, "/a.txt").status)
  end))

  it("never serves what a name that is exchanged leads to outside", with_files(function(dir, app)
    assert(fs.write_file(dir / "exchange.lua", [[
      local fs, dir = require("neap").fs, ...
      while true do
        for _, target in ipairs({ "a.txt", "../secret.txt" }) do
          assert(fs.symlink(target, dir .. "/next"))
          assert(fs.rename(dir .. "/next", dir .. "/name"))
        end
      end
    ]]))
    local _ <close> = neap.process.spawn({ child.interpreter(), dir / "exchange.lua", dir / "www" })
    local seen = {}
    while (seen["0123456789"] or 0) < 50 or (seen["404 Not Found\n"] or 0) < 50 do
      local body = get(app, "/name").body
      seen[body] = (seen[body] or 0) + 1
    end
    assert.is_nil(seen.secret)
  end))

  it("ends the connection when a file becomes shorter while it is sent", with_files(function(dir, app)
    local path = dir / "www/shrinks"
    assert(fs.write_file(path, ("x"):rep(8000000)))
    local client <close>, theirs = neap.testing.stream_pair()
    local stderr = {}
    neap.loop.set_exception_handler(function(context) stderr[#stderr + 1] = tostring(context.error) end)
    local task = neap.spawn(require("neap.http.server").serve_stream, app, theirs)
    client:write(request("GET /shrinks"))
    assert(client:readexactly(1000))
    assert(fs.write_file(path, "short"))
    local _, err = client:readall()
    task:await()
    neap.loop.set_exception_handler(nil)
    assert.equal("ECONNRESET", err and err.code)
    assert.is_truthy(stderr[1]:find("the file became shorter while it was sent", 1, true))
  end))

  it("says so when the directory is not there", with_files(function(dir)
    local said
    neap.loop.set_exception_handler(function(context) said = context.error end)
    local got = get(http.app():static("/", dir / "wrong"), "/a.txt")
    neap.loop.set_exception_handler(nil)
    assert.same({ 500, "ENOENT" }, { got.status, said.code })
  end))

  it("lists directories if told to", with_files(function(dir)
    local app = http.app():static("/", dir / "www", { listing = true, index = false })
    local body = get(app, "/").body
    assert.is_truthy(body:find('<a href="./a.txt">a.txt</a>', 1, true))
    assert.is_truthy(body:find('<a href="./sub/">sub/</a>', 1, true))
    assert.is_truthy(body:find('<a href="./%C3%A4%20b%26%3C.txt">ä b&amp;&lt;.txt</a>', 1, true))
    assert.is_nil(body:find("secret", 1, true))
    assert.is_truthy(get(app, "/sub/").body:find('<a href="./index.html">', 1, true))
    assert.equal(404, get(app, "/up/").status)
    assert.equal(404, get(app, "/none/").status)
    local all = http.app():static("/", dir / "www", { listing = true, index = false, follow = true })
    assert.is_truthy(get(all, "/up/").body:find("secret.txt", 1, true))
  end))

  it("lets clients keep files for a while if told to", with_files(function(dir)
    local app = http.app():static("/", dir / "www", { max_age = 60 })
    assert.equal("public, max-age=60", get(app, "/a.txt").fields["cache-control"])
  end))

  it("compresses small texts under another tag", with_files(function(_, app)
    local plain = get(app, "/page.html")
    local got = get(app, "/page.html", { "Accept-Encoding: gzip" })
    assert.equal("gzip", got.fields["content-encoding"])
    assert.equal("W/" .. plain.fields.etag, got.fields.etag)
    assert.equal("Accept-Encoding", plain.fields.vary)
    assert.is_true(#got.body < #plain.body)
    assert.equal(304, get(app, "/page.html", { "If-None-Match: " .. got.fields.etag }).status)
  end))
end)

describe("http files, asked for under conditions:", function()
  local BEFORE, AT = "Sun, 09 Sep 2001 01:46:39 GMT", "Sun, 09 Sep 2001 01:46:40 GMT"
  local AFTER = "Monday, 10-Sep-01 01:46:40 GMT"

  for name, wanted in pairs({
    ["If-None-Match with its tag"] = { 304, "If-None-Match: TAG" },
    ["If-None-Match with its weak tag"] = { 304, "If-None-Match: W/TAG" },
    ["If-None-Match with a list"] = { 304, 'If-None-Match: "x", TAG' },
    ["If-None-Match with *"] = { 304, "If-None-Match: *" },
    ["If-None-Match with another tag"] = { 200, 'If-None-Match: "x"' },
    ["If-None-Match before If-Modified-Since"] = { 200, 'If-None-Match: "x"', "If-Modified-Since: " .. AFTER },
    ["If-Modified-Since at its time"] = { 304, "If-Modified-Since: " .. AT },
    ["If-Modified-Since after it"] = { 304, "If-Modified-Since: " .. AFTER },
    ["If-Modified-Since before it"] = { 200, "If-Modified-Since: " .. BEFORE },
    ["If-Modified-Since in the form of C"] = { 304, "If-Modified-Since: Sun Sep  9 01:46:40 2001" },
    ["If-Modified-Since that is no date"] = { 200, "If-Modified-Since: yesterday" },
    ["If-Match with its tag"] = { 200, "If-Match: TAG" },
    ["If-Match with its weak tag"] = { 412, "If-Match: W/TAG" },
    ["If-Match with *"] = { 200, "If-Match: *" },
    ["If-Match with another tag"] = { 412, 'If-Match: "x"' },
    ["If-Unmodified-Since at its time"] = { 200, "If-Unmodified-Since: " .. AT },
    ["If-Unmodified-Since before it"] = { 412, "If-Unmodified-Since: " .. BEFORE },
  }) do
    it(name .. " gives " .. wanted[1], with_files(function(_, app)
      local tag = get(app, "/a.txt").fields.etag
      local fields = {}
      for i = 2, #wanted do
        fields[#fields + 1] = wanted[i]:gsub("TAG", function() return tag end)
      end
      local got = get(app, "/a.txt", fields)
      assert.equal(wanted[1], got.status)
      if wanted[1] == 304 then
        assert.equal(tag, got.fields.etag)
        assert.equal("", got.body)
      end
    end))
  end
end)

describe("http files over", function()
  for name, tls in pairs({ TCP = false, TLS = { cert = certs.server.cert, key = certs.server.key } }) do
    it(name .. " come whole, however many at a time", with_files(function(dir, app)
      assert(fs.write_file(dir / "www/huge.bin", LARGE:rep(10)))
      local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0, tls = tls }))
      local url = ("%s://127.0.0.1:%d/huge.bin"):format(tls and "https" or "http", server:address().port)
      do
        local session <close> = http.session({ tls = { ca = certs.ca.cert } })
        neap.map({ false, "bytes=1000-2999999", false, "bytes=5-9,2000000-3000000" }, function(range)
          local res = assert(session:get(url, range and { headers = { Range = range } } or nil))
          local text = assert(res:text())
          if not range then
            assert.is_true(text == LARGE:rep(10))
          elseif res.headers["content-range"] then
            assert.is_true(text == LARGE:rep(10):sub(1001, 3000000))
          else
            assert.is_truthy(text:find(LARGE:rep(10):sub(2000001, 3000001), 1, true))
          end
        end)
      end
      server:close(0)
      server:wait_closed()
    end))
  end

  it("a connection whose client is slow are read as it takes them", with_files(function(dir, app)
    assert(fs.write_file(dir / "www/huge.bin", LARGE:rep(10)))
    local client <close>, theirs = neap.testing.stream_pair()
    local task = neap.spawn(require("neap.http.server").serve_stream, app, theirs)
    client:write(request("GET /huge.bin"))
    client:shutdown()
    neap.testing.settle()

    local got = { client:readuntil("\r\n\r\n") and nil }
    for piece in client:chunks() do
      got[#got + 1] = piece
      neap.sleep(0)
    end
    task:await()
    assert.is_true(table.concat(got) == LARGE:rep(10))
  end))
end)

describe("http file answers", function()
  it("is read to its end where it says that it has no bytes", function()
    local app = http.app():static("/proc", "/proc", { follow = true })
    app:get("/version", function() return { file = "/proc/version" } end)
    app:get("/large", function() return { file = "/proc/self/pagemap" } end)
    local version = assert(fs.read_file("/proc/version"))
    for _, path in ipairs({ "/version", "/proc/version" }) do
      for _, fields in ipairs({ {}, { "Range: bytes=0-3" }, { "If-None-Match: *" } }) do
        local got = get(app, path, fields)
        assert.equal(200, got.status)
        assert.equal(version, got.body)
        assert.is_nil(got.fields.etag)
        assert.is_nil(got.fields["accept-ranges"])
      end
      local head = answer(app, request("HEAD " .. path))
      assert.equal(tostring(#version), head.fields["content-length"])
      assert.equal("", head.body)
    end
    local failure
    neap.loop.set_exception_handler(function(context) failure = context.error end)
    local got = get(app, "/large")
    neap.loop.set_exception_handler(nil)
    assert.equal(500, got.status)
    assert.equal("a file without a size has more than 1048576 bytes", failure)
  end)

  it("have the type of the name, or a given one, and a name to save it under", with_files(function(dir)
    local app = http.app()
    app:get("/a", function() return { file = dir / "www/a.txt" } end)
    app:get("/b", function() return { file = dir / "www/a.txt", type = "text/css", filename = 'ä"b.pdf' } end)
    app:get("/c", function() return { file = dir / "www/a.txt", status = 404 } end)
    app:get("/d", function() return { file = dir / "none" } end)
    app:get("/e", function() return { file = dir / "www" } end)

    assert.equal("text/plain; charset=utf-8", get(app, "/a").fields["content-type"])
    local got = get(app, "/b")
    assert.equal("text/css", got.fields["content-type"])
    assert.equal(
      "attachment; filename=\"___b.pdf\"; filename*=UTF-8''%C3%A4%22b.pdf",
      got.fields["content-disposition"]
    )
    assert.equal(404, get(app, "/c").status)
    assert.equal("0123456789", get(app, "/c").body)
    assert.equal(404, get(app, "/d").status)
    assert.equal(404, get(app, "/e").status)
  end))
end)

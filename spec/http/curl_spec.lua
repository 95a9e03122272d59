--- An app of ours and curl, which is strict about what it gets.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")
local peer = require("spec.support.peer")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs
local curl = peer.curl

local LARGE = ("0123456789abcdef"):rep(40000)

local function app_of(dir)
  local app = http.app()
  app:get("/", function() return "hello" end)
  app:get("/empty", function() return "" end)
  app:get("/nothing", function() end)
  app:get("/large", function() return { body = LARGE } end)
  app:get("/text", function() return ("some text "):rep(500) end)
  app:get("/json", function() return { json = { a = 1 } } end)
  app:get("/stream", function()
    return {
      stream = function(write)
        for i = 1, 1000 do
          write(("%d\n"):format(i))
        end
      end,
      trailers = { ["X-Lines"] = "1000" },
    }
  end)
  app:get("/redirect/{n:%d+}", function(req)
    local n = tonumber(req.params.n)
    return http.redirect(n > 1 and "/redirect/" .. (n - 1) or "/")
  end)
  app:get("/cookie", function(req)
    return { text = req.cookies.c or "none", cookies = { c = "1" } }
  end)
  app:get("/auth", function(req)
    if req.headers:get("authorization") ~= "Basic bWU6cHc=" then
      return { status = 401, headers = { ["WWW-Authenticate"] = 'Basic realm="x"' } }
    end
    return "in"
  end)
  app:get("/query", function(req)
    return (req.query.a or "") .. "|" .. (req.query.b or "")
  end)
  app:get("/agent", function(req) return req.headers:get("user-agent") end)
  app:get("/version", function(req) return req.version end)
  app:get("/fails", function() error("inside") end)
  app:route("*", "/method", function(req) return req.method end)
  app:route("*", "/echo", function(req)
    return { body = assert(req:text()), type = req.headers:get("content-type") }
  end)
  app:post("/form", function(req)
    local form = assert(req:form())
    local file = form.file
    return file and ("%s %s %d"):format(file.filename, file.type, file.size) or form.a .. "|" .. form.b
  end)
  app:post("/unread", function() return "no thanks" end)
  app:static("/static", dir)
  return app
end

--- Runs a body with the app's URL and a folder that is served.
local function with_app(body, opts)
  return function()
    local dir <close> = temp.dir()
    fs.write_file(dir / "file.txt", "0123456789")
    opts = opts or {}
    opts.host, opts.port = "127.0.0.1", 0
    local server <close> = assert(app_of(dir.path):serve(opts))
    neap.loop.set_exception_handler(function() end)
    local ok, err = pcall(body, "http://127.0.0.1:" .. server:address().port, dir)
    neap.loop.set_exception_handler(nil)
    server:close(0)
    server:wait_closed()
    assert(ok, err)
  end
end

local CODE = { "-w", " %{http_code}" }

--- What curl prints for these arguments, with the status behind it.
local function status_of(...)
  local out, code = curl(CODE[1], CODE[2], ...)
  assert.equal(0, code, out)
  return out
end

describe("curl", function()
  -- name, what it prints (with the status), arguments, the last of which is the path
  for _, wanted in ipairs({
    { "gets a text", "hello 200", "/" },
    { "gets an empty text", " 200", "/empty" },
    { "gets nothing", " 204", "/nothing" },
    { "gets JSON", '{"a":1} 200', "/json" },
    { "gets a page in HTTP/1.0", "hello 200", "-0", "/" },
    { "says its version", "1.0 200", "-0", "/version" },
    { "is told 404", "404 Not Found\n 404", "/none" },
    { "is told 405", "405 Method Not Allowed\n 405", "-X", "DELETE", "/" },
    { "sends a query", "1 2|ü 200", "-G", "--data-urlencode", "a=1 2", "--data-urlencode", "b=ü", "/query" },
    { "sends its name", "me/1 200", "-A", "me/1", "/agent" },
    { "sends PUT", "PUT 200", "-X", "PUT", "/method" },
    { "sends PATCH", "PATCH 200", "-X", "PATCH", "/method" },
    { "sends OPTIONS", "OPTIONS 200", "-X", "OPTIONS", "/method" },
    { "sends a method of WebDAV", "PROPFIND 200", "-X", "PROPFIND", "/method" },
    { "is refused a method that nobody knows", "501 Not Implemented: the method is unknown\n 501",
      "-X", "BREW", "/method" },
    { "posts a body", "abc 200", "-d", "abc", "/echo" },
    { "posts an empty body", " 200", "-d", "", "/echo" },
    { "posts a chunked body", "abc 200", "-H", "Transfer-Encoding: chunked", "-d", "abc", "/echo" },
    { "posts an empty chunked body", " 200", "-H", "Transfer-Encoding: chunked", "-d", "", "/echo" },
    { "posts JSON", "{} 200", "-H", "Content-Type: application/json", "-d", "{}", "/echo" },
    { "posts a form", "x y|& 200", "-d", "a=x+y", "--data-urlencode", "b=&", "/form" },
    { "posts a multipart form", "1|2 200", "-F", "a=1", "-F", "b=2", "/form" },
    { "waits for 100 Continue", "abc 200", "-H", "Expect: 100-continue", "-d", "abc", "/echo" },
    { "posts what nobody reads", "no thanks 200", "-d", "abc", "/unread" },
    { "is asked to log in", " 401", "/auth" },
    { "logs in", "in 200", "-u", "me:pw", "/auth" },
    { "logs in after it was asked", "in 200", "--anyauth", "-u", "me:pw", "/auth" },
    { "follows redirects", "hello 200", "-L", "/redirect/5" },
    { "is told where a redirect leads", " 302", "/redirect/1" },
    { "takes gzip", ("some text "):rep(500) .. " 200", "--compressed", "/text" },
    { "asks for deflate", ("some text "):rep(500) .. " 200",
      "--compressed", "-H", "Accept-Encoding: deflate", "/text" },
    { "gets a file", "0123456789 200", "/static/file.txt" },
    { "gets a range", "234 206", "-r", "2-4", "/static/file.txt" },
    { "gets the end of a file", "89 206", "-r", "-2", "/static/file.txt" },
    { "does not leave the folder", "404 Not Found\n 404", "--path-as-is", "/static/../../etc/passwd" },
    { "does not leave the folder, encoded", "404 Not Found\n 404", "/static/%2e%2e/%2e%2e/etc/passwd" },
    { "sends many fields", "hello 200", "-H", "A: " .. ("x"):rep(8000), "/" },
    { "sends a field too large", "431 Request Header Fields Too Large: the header is too large\n 431",
      "-H", "A: " .. ("x"):rep(20000), "/" },
    { "sends an absolute target", "hello 200", "--request-target", "http://x/", "/" },
    { "asks for what a server can", " 204", "-X", "OPTIONS", "--request-target", "*", "/" },
    { "sends a Host with a port", "hello 200", "-H", "Host: x:81", "/" },
    { "sends no Host", "400 Bad Request: Host is missing\n 400", "-H", "Host:", "/" },
    { "asks to switch to h2c, which is passed over", "hello 200", "--http2", "/" },
  }) do
    it(wanted[1], with_app(function(url)
      local arguments = { table.unpack(wanted, 3) }
      arguments[#arguments] = url .. arguments[#arguments]
      assert.equal(wanted[2], status_of(table.unpack(arguments)))
    end))
  end

  it("is told that a handler failed", with_app(function(url)
    assert.matches("^500 Internal Server Error\nRequest: %x+\n 500$", status_of(url .. "/fails"))
  end))

  it("gets a head alone", with_app(function(url)
    local head = curl("-I", url .. "/large")
    assert.matches("^HTTP/1.1 200 OK\r\n", head)
    assert.matches("\r\nContent%-Length: 640000\r\n", head)
  end))

  it("gets a large body", with_app(function(url)
    assert.equal(LARGE, (curl(url .. "/large")))
  end))

  it("posts a large body", with_app(function(url, dir)
    fs.write_file(dir / "large", LARGE)
    assert.equal(LARGE, (curl("--data-binary", "@" .. dir / "large", url .. "/echo")))
    assert.equal(LARGE, (curl("-T", dir / "large", url .. "/echo")))
    assert.equal(LARGE, (curl("-H", "Transfer-Encoding: chunked", "-T", dir / "large", url .. "/echo")))
  end))

  it("uploads a file", with_app(function(url, dir)
    fs.write_file(dir / "up.bin", LARGE)
    assert.equal(
      "up.bin application/octet-stream 640000",
      (curl("-F", "file=@" .. dir / "up.bin", url .. "/form"))
    )
    assert.equal("n text/css 10", (curl("-F", "file=@" .. dir / "file.txt;filename=n;type=text/css", url .. "/form")))
  end))

  it("is told that a body is too large, and why", with_app(function(url, dir)
    fs.write_file(dir / "large", LARGE)
    local out = curl("-w", " %{http_code}", "--data-binary", "@" .. dir / "large", url .. "/echo")
    assert.equal("413 Content Too Large: the body has more than 1000 bytes\n 413", out)
    out = curl("-w", " %{http_code}", "-H", "Expect:", "-T", dir / "large", url .. "/echo")
    assert.matches(" 413$", out)
  end, { max_body = 1000 }))

  it("reads a stream with its trailer", with_app(function(url)
    local out = curl(url .. "/stream")
    assert.equal(1000, select(2, out:gsub("\n", "")))
    assert.matches("X%-Lines: 1000", (curl("--raw", url .. "/stream")))
  end))

  it("uses a connection again", with_app(function(url)
    local out = curl("-w", "<%{num_connects}>", url .. "/", url .. "/empty", url .. "/nothing", url .. "/stream",
      url .. "/json")
    local connects = {}
    for count in out:gmatch("<(%d+)>") do
      connects[#connects + 1] = count
    end
    assert.equal("1 0 0 0 0", table.concat(connects, " "))
  end))

  it("keeps cookies", with_app(function(url, dir)
    local jar = dir / "jar"
    assert.equal("none", (curl("-c", jar, "-b", jar, url .. "/cookie")))
    assert.equal("1", (curl("-c", jar, "-b", jar, url .. "/cookie")))
  end))

  it("asks whether a file has changed", with_app(function(url, dir)
    local function status(...)
      return (curl("-o", dir / "out", "-w", "%{http_code}", url .. "/static/file.txt", ...))
    end
    assert.equal("200", status("--etag-save", dir / "tag"))
    assert.equal("304", status("--etag-compare", dir / "tag"))
    assert.equal("304", status("-z", dir / "file.txt"))
  end))

  it("resumes a download", with_app(function(url, dir)
    fs.write_file(dir / "part", "01234")
    curl("-C", "-", "-o", dir / "part", url .. "/static/file.txt")
    assert.equal("0123456789", fs.read_file(dir / "part"))
  end))

  for name, version in pairs({ ["HTTP/1.1"] = "--http1.1", ["HTTP/1.0"] = "--http1.0" }) do
    it("speaks " .. name .. " behind TLS", with_app(function(url)
      local out, code = curl(version, "--cacert", certs.ca.cert, url:gsub("^http", "https") .. "/large")
      assert.equal(0, code, out)
      assert.equal(LARGE, out)
    end, { tls = { cert = certs.server.cert, key = certs.server.key } }))
  end

  it("sends twenty requests side by side", with_app(function(url)
    local out, code = curl("-Z", url .. "/json?[1-20]")
    assert.equal(0, code)
    assert.equal(('{"a":1}'):rep(20), out)
  end))
end)

--- The client with servers of others and our own: TLS, HTTP/2, large bodies.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")
local temp = require("spec.support.temp")

local it, http, fs, process = case.it, neap.http, neap.fs, neap.process
local trusted = { ca = certs.ca.cert }

local Child = { __close = function(self)
  self.process:kill("TERM")
  neap.shield(self.process.wait, self.process)
  if self.process.stdout then
    self.process.stdout:close()
  end
end }

describe("http over TLS", function()
  local peer = http_peer.beside()

  local function text(opts, url)
    local res, err = http.get(url or peer.secure .. "/chain/0", { tls = opts })
    if not res then
      return nil, err
    end
    return res:text()
  end

  it("verifies chain and name", function()
    assert.equal("the end", text(trusted))
    assert.equal("the end", text({ ca = certs.ca.pem }))
    for _, opts in ipairs({ true, { ca = certs.self.cert } }) do
      local got, err = text(opts)
      assert.is_nil(got)
      assert.equal("TLS", err.code)
      assert.equal("TLS handshake", err.op)
      assert.equal("localhost", err.host)
    end
  end)

  it("refuses a name that the certificate has not", function()
    local got, err = text({ ca = certs.ca.cert, server_name = "other.test" })

    assert.is_nil(got)
    assert.equal("TLS", err.code)
  end)

  it("verifies server_name in the place of the host", function()
    local server <close> = assert(http.app():get("/", function(req) return req.host end):serve({
      host = "127.0.0.1", port = 0, tls = { cert = certs.other.cert, key = certs.other.key },
    }))
    local address = "127.0.0.1:" .. server:address().port
    local url = "https://" .. address .. "/"

    assert.is_nil((text(trusted, url)))
    assert.equal("127.0.0.1", (text({ ca = certs.ca.cert, server_name = "other.test" }, url)):match("^[^:]+"))
    server:close(0)
    server:wait_closed()
  end)

  it("verifies nothing when told so", function()
    assert.equal("the end", text({ verify = false }))
  end)

  it("takes a context", function()
    local context = assert(neap.tls.context(trusted))

    assert.equal("the end", text(context))
    assert.is_nil((text(assert(neap.tls.context()))))
  end)

  it("returns the error of a file that is missing", function()
    local got, err = text({ ca = "/nonexistent.pem" })

    assert.is_nil(got)
    assert.equal("ENOENT", err.code)
  end)

  it("offers the versions of TLS that it may", function()
    local app = http.app()
    app:get("/", function() return "fine" end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0, tls = {
      cert = certs.server.cert, key = certs.server.key, max_version = "1.2",
    } }))
    local url = ("https://127.0.0.1:%d/"):format(server:address().port)

    assert.equal("fine", text(trusted, url))
    local got, err = text({ ca = certs.ca.cert, min_version = "1.3" }, url)
    assert.is_nil(got)
    assert.equal("TLS", err.code)
    server:close(0)
    server:wait_closed()
  end)

  it("shows its certificate", function()
    local app = http.app()
    app:get("/", function() return "welcome" end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0, tls = {
      cert = certs.server.cert, key = certs.server.key, ca = certs.ca.cert, verify = "require",
    } }))
    local url = ("https://127.0.0.1:%d/"):format(server:address().port)
    local function with(more)
      more.ca = certs.ca.cert
      return text(more, url)
    end

    assert.equal("welcome", with({ cert = certs.client.cert, key = certs.client.key }))
    assert.is_nil((with({})))
    server:close(0)
    server:wait_closed()
  end)

  it("logs its keys where it is told to", function()
    local dir <close> = temp.dir()
    assert(text({ ca = certs.ca.cert, keylog = dir / "keys" }))

    assert.matches("CLIENT_[%u_]+ %x+ %x+\n", assert(fs.read_file(dir / "keys")))
  end)

  it("with a server that speaks none is an error", function()
    local got, err = text(trusted, (peer.url:gsub("http:", "https:")))

    assert.is_nil(got)
    assert.equal("TLS", err.code)
  end)

  for _, version in ipairs({ "1.2", "1.3" }) do
    it("with a server that misses our certificate is an error of TLS " .. version, function()
      local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream) stream:readall() end, { tls = {
        cert = certs.server.cert, key = certs.server.key, ca = certs.ca.cert,
        verify = "require", max_version = version,
      } }))
      local got, err = text(trusted, "https://localhost:" .. server:address().port)

      assert.is_nil(got)
      assert.equal("TLS", err.code)
    end)
  end

  it("drops credentials when a redirect leaves it", function()
    local to = http.url.encode(peer.url .. "/echo")
    local res = assert(http.get(peer.secure .. "/redirect?status=302&to=" .. to, {
      tls = trusted, headers = { Authorization = "secret" },
    }))

    assert.is_nil(res:json().headers.authorization)
  end)
end)

describe("http with nginx", function()
  local CONFIG = [[
    daemon off; master_process off; pid %s/pid; error_log stderr crit;
    events {}
    http { access_log off; client_body_temp_path %s/body; proxy_temp_path %s/p; fastcgi_temp_path %s/f;
      uwsgi_temp_path %s/u; scgi_temp_path %s/s; gzip on; gzip_types *; gzip_min_length 1;
      types { text/plain txt; }
      server { listen 127.0.0.1:%d ssl http2; listen 127.0.0.1:%d;
        ssl_certificate %s; ssl_certificate_key %s; root %s;
        location /put/ { client_max_body_size 100m; return 200 "got"; }
        location /version { return 200 "$server_protocol"; } } }
  ]]

  local function free_port()
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
    return listener:address().port
  end

  local function nginx(dir)
    local secure, plain = free_port(), free_port()
    local d = dir.path
    assert(fs.write_file(d .. "/conf", CONFIG:format(d, d, d, d, d, d, secure, plain,
      certs.server.cert, certs.server.key, d)))
    local path = fs.exists("/usr/sbin/nginx") and "/usr/sbin/nginx" or "nginx"
    local child = assert(process.spawn({ path, "-c", d .. "/conf", "-e", "stderr" }, { stderr = "null" }))
    local self = setmetatable({ process = child }, Child)
    repeat
      local stream = neap.net.connect("127.0.0.1", plain)
      if stream then
        stream:close()
      end
    until stream
    self.secure, self.plain = "https://localhost:" .. secure, "http://127.0.0.1:" .. plain
    return self
  end

  it("speaks HTTP/2 where ALPN agrees on it", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a.txt", ("some text "):rep(1000)))
    local server <close> = nginx(dir)
    local session <close> = http.session({ tls = trusted })
    local res = assert(session:get(server.secure .. "/a.txt"))

    assert.equal("2", res.version)
    assert.equal("gzip", res.headers["content-encoding"])
    assert.equal(("some text "):rep(1000), res:text())
    assert.equal("HTTP/2.0", session:get(server.secure .. "/version"):text())
    assert.equal("HTTP/1.1", session:get(server.secure .. "/version", { version = "1.1" }):text())
    assert.equal("HTTP/1.1", http.get(server.secure .. "/version", {
      tls = { ca = certs.ca.cert, alpn = { "http/1.1" } },
    }):text())
    assert.equal("HTTP/1.1", session:get(server.plain .. "/version"):text())
  end)

  it("runs many requests on one connection of HTTP/2", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "large.bin", ("x"):rep(1 << 20)))
    local server <close> = nginx(dir)
    local session <close> = http.session({ tls = trusted, compress = false })
    local tasks = {}
    for i = 1, 50 do
      tasks[i] = neap.spawn(function()
        local n = 0
        for piece in assert(session:get(server.secure .. "/large.bin")):chunks() do
          n = n + #piece
        end
        return n
      end)
    end
    for _, size in ipairs(neap.gather(tasks)) do
      assert.equal(1 << 20, size)
    end
    assert.equal(404, session:get(server.secure .. "/nothing").status)
  end)

  it("resumes a download by ranges", function()
    local dir <close> = temp.dir()
    local data = {}
    for i = 1, 100000 do
      data[i] = ("%09d\n"):format(i)
    end
    data = table.concat(data)
    assert(fs.write_file(dir / "data.bin", data))
    local server <close> = nginx(dir)
    local session <close> = http.session({ compress = false })
    local url = server.plain .. "/data.bin"
    local etag = session:head(url).headers.etag
    assert(fs.write_file(dir / "copy.part", data:sub(1, 600000)))
    assert(fs.write_file(dir / "copy.part.info", etag))

    local saved = assert(session:get(url):save(dir / "copy", { resume = true }))
    assert.is_true(saved)
    assert.equal(data, fs.read_file(dir / "copy"))
    assert.is_false(fs.exists(dir / "copy.part"))
    assert.is_false(fs.exists(dir / "copy.part.info"))
  end)
end)

describe("http with python's http.server", function()
  it("gets files and listings", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "a.txt", "hello"))
    local child = assert(process.spawn(
      { "/usr/bin/python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", dir.path },
      { stdout = "pipe", stderr = "null" }))
    local _ <close> = setmetatable({ process = child }, Child)
    local port = assert(child.stdout:readline()):match("port (%d+)")
    local url = "http://127.0.0.1:" .. port
    local session <close> = http.session()

    assert.equal("hello", session:get(url .. "/a.txt"):text())
    assert.equal("1.0", assert(session:get(url .. "/a.txt")).version)
    assert.matches("a%.txt", session:get(url .. "/"):text())
    assert.equal(404, session:get(url .. "/b").status)
    assert.equal(501, session:post(url .. "/").status)
  end)
end)

describe("a response's save", function()
  local peer = http_peer.beside()

  local function names(dir)
    local list = {}
    for name in assert(fs.scandir(dir.path)) do
      list[#list + 1] = name
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("writes the body to a file", function()
    local dir <close> = temp.dir()
    local res = assert(http.get(peer.url .. "/large?size=3000000"))

    assert.is_true(res:save(dir / "f"))
    assert.equal(3000000, fs.stat(dir / "f").size)
    assert.equal("f", names(dir))
  end)

  it("leaves the file alone when the body breaks off", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "f", "before"))
    local ok, err = assert(http.get(peer.raw .. "/short")):save(dir / "f")

    assert.is_nil(ok)
    assert.equal("EOF", err.code)
    assert.equal("before", fs.read_file(dir / "f"))
    assert.equal("f", names(dir))
  end)

  it("leaves the file alone when it is cancelled", function()
    local dir <close> = temp.dir()
    local res = assert(http.get(peer.url .. "/slow?after=100"))
    local task = neap.spawn(res.save, res, dir / "f")
    while names(dir) == "" do
      neap.sleep(0.001)
    end
    task:cancel()
    pcall(task.await, task)

    assert.equal("", names(dir))
  end)

  it("goes on where a body broke off", function()
    local dir <close> = temp.dir()
    local session <close> = http.session()
    local before = tonumber(http.get(peer.url .. "/count?key=ranges"):text())
    local url = peer.url .. "/ranged?cut=100000"
    local ok, err = assert(session:get(url)):save(dir / "f", { resume = true })
    assert.is_nil(ok)
    assert.is_truthy(err.code == "EOF" or err.code == "ECONNRESET", err)
    assert.is_true(fs.stat(dir / "f.part").size > 0)

    assert(assert(session:get(url)):save(dir / "f", { resume = true }))
    assert.equal(assert(http.get(peer.url .. "/ranged")):text(), fs.read_file(dir / "f"))
    assert.equal("f", names(dir))
    assert.equal(before + 1, tonumber(http.get(peer.url .. "/count?key=ranges"):text()))
  end)

  it("begins anew when the body has changed", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "f.part", "old data"))
    assert(fs.write_file(dir / "f.part.info", '"old"'))
    assert(assert(http.get(peer.url .. "/ranged")):save(dir / "f", { resume = true }))

    assert.equal(300000, fs.stat(dir / "f").size)
    assert.equal("f", names(dir))
  end)

  it("says which folder is missing", function()
    local ok, err = assert(http.get(peer.url .. "/chain/0")):save("/nonexistent/f")

    assert.is_nil(ok)
    assert.equal("ENOENT", err.code)
  end)
end)

describe("http streams", function()
  it("an answer no faster than it is read", function()
    local written = 0
    local app = http.app()
    app:get("/", function()
      return { stream = function(write)
        local piece = ("x"):rep(65536)
        for _ = 1, 1000 do
          if not write(piece) then
            return
          end
          written = written + #piece
        end
      end }
    end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local session <close> = http.session()
    local res <close> = assert(session:get("http://127.0.0.1:" .. server:address().port, { compress = false }))
    assert(res:read(1))
    neap.sleep(0.1)
    local held = written
    neap.sleep(0.05)

    assert.equal(held, written)
    assert.is_true(written < 20000000, written)
    local n = 1
    for piece in res:chunks() do
      n = n + #piece
    end
    assert.equal(65536000, n)
    server:close(0)
    server:wait_closed()
  end)

  it("a request no faster than it is taken", function()
    local go = neap.sync.event()
    local app = http.app()
    app:post("/", function(req)
      go:wait()
      local n = 0
      for piece in req:chunks() do
        n = n + #piece
      end
      return tostring(n)
    end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0, max_body = 1 << 30 }))
    local session <close> = http.session()
    local given, piece = 0, ("x"):rep(65536)
    local task = neap.spawn(session.post, session, "http://127.0.0.1:" .. server:address().port, {
      body = function()
        given = given + 1
        return given <= 1000 and piece or nil
      end,
    })
    neap.sleep(0.1)
    local held = given
    neap.sleep(0.05)

    assert.equal(held, given)
    assert.is_true(given < 300, given)
    go:set()
    assert.equal("65536000", task:await():text())
    server:close(0)
    server:wait_closed()
  end)

  it("both ways at once", function()
    local app = http.app()
    app:post("/", function(req)
      return { stream = function(write)
        for piece in req:chunks() do
          write(piece:upper())
        end
      end }
    end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local session <close> = http.session({ compress = false })
    local words = neap.sync.queue()
    local res <close> = assert(session:post("http://127.0.0.1:" .. server:address().port, {
      body = function() return words:get() or nil end,
    }))
    for _, word in ipairs({ "one", "two", "three" }) do
      words:put(word)
      assert.equal(word:upper(), res:read())
    end
    words:put(false)
    assert.is_nil(res:read())
    server:close(0)
    server:wait_closed()
  end)

  it("an answer into a request", function()
    local app = http.app()
    app:get("/", function() return ("data "):rep(100000) end)
    app:post("/", function(req) return tostring(#assert(req:text())) end)
    local server <close> = assert(app:serve({ host = "127.0.0.1", port = 0 }))
    local url = "http://127.0.0.1:" .. server:address().port
    local session <close> = http.session()

    assert.equal("500000", session:post(url, { body = assert(session:get(url)) }):text())
    server:close(0)
    server:wait_closed()
  end)
end)

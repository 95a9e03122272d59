--- An app of ours with clients, proxies and attackers of others.
local case = require("spec.support.case")
local neap = require("neap")
local peer = require("spec.support.peer")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs

-- Seconds that are little beside the ten of an attack, also on a busy machine.
local AT_ONCE = 4

local function app_of()
  local app = http.app()
  app:get("/", function() return "hello" end)
  app:get("/json", function(req) return { json = { a = req.query.a } } end)
  app:get("/text", function() return ("some text "):rep(500) end)
  app:get("/large", function() return { body = ("x"):rep(1 << 20) } end)
  app:post("/echo", function(req) return { body = assert(req:text()) } end)
  app:post("/sum", function(req)
    local sum = 0
    for piece in req:chunks() do
      for i = 1, #piece do
        sum = sum + piece:byte(i)
      end
    end
    return tostring(sum)
  end)
  app:post("/form", function(req)
    local form = assert(req:form())
    local file = form.file
    return { json = { a = form.a, name = file.filename, type = file.type, size = file.size } }
  end)
  app:get("/stream", function()
    return {
      stream = function(write)
        for i = 1, 20000 do
          write(("line %d\n"):format(i))
        end
      end,
    }
  end)
  app:get("/endless", function()
    return {
      stream = function(write)
        repeat
          local ok = write(("x"):rep(65536))
        until not ok
      end,
    }
  end)
  app:get("/cookie", function(req)
    return { text = req.cookies.c or "none", cookies = { c = "v" } }
  end)
  app:get("/seen", function(req)
    return ("%s %s %s"):format(req.version, req.host, req.headers:get("x-forwarded-for") or "-")
  end)
  return app
end

local function with_app(opts, body)
  return function()
    opts.host, opts.port = "127.0.0.1", 0
    local server <close> = assert(app_of():serve(opts))
    local port = server:address().port
    local ok, err = pcall(body, "http://127.0.0.1:" .. port, port, server)
    server:close(0)
    server:wait_closed()
    assert(ok, err)
  end
end

local function number(text, pattern)
  return tonumber((assert(text:match(pattern), text)))
end

describe("http with", function()
  it("aiohttp's client", with_app({}, function(url)
    assert.equal("fine\n", (peer.run("/usr/bin/python3", "spec/http/aiohttp_client.py", url)))
  end))

  it("wrk", with_app({}, function(url)
    local out = peer.run("wrk", "-t1", "-c64", "-d1", url .. "/")
    assert.is_true(number(out, "(%d+) requests in") > 1000, out)
    assert.is_nil(out:find("Non-2xx", 1, true), out)
    assert.is_nil(out:find("Socket errors", 1, true), out)
  end))

  it("wrk that pipelines", with_app({}, function(url)
    local dir <close> = temp.dir()
    fs.write_file(dir / "pipeline.lua", [[
      init = function()
        local list = {}
        for i = 1, 16 do list[i] = wrk.format("GET", "/json?a=" .. i) end
        all = table.concat(list)
      end
      request = function() return all end
    ]])
    local out = peer.run("wrk", "-t1", "-c8", "-d1", "-s", dir / "pipeline.lua", url)
    assert.is_true(number(out, "(%d+) requests in") > 1000, out)
    assert.is_nil(out:find("Socket errors", 1, true), out)
  end))

  it("ab, with and without keep-alive", with_app({}, function(url)
    for _, keep in ipairs({ "-k", "-d" }) do
      local out = peer.run("ab", keep, "-q", "-n", "2000", "-c", "50", url .. "/")
      assert.equal(2000, number(out, "Complete requests: +(%d+)"))
      assert.equal(0, number(out, "Failed requests: +(%d+)"))
      assert.equal(keep == "-k" and 2000 or nil, tonumber(out:match("Keep%-Alive requests: +(%d+)")))
    end
  end))

  describe("nginx in front", function()
    local CONFIG = [[
      daemon off; master_process off; pid DIR/pid; error_log DIR/error.log;
      events { worker_connections 200; }
      http {
        access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f;
        uwsgi_temp_path DIR/u; scgi_temp_path DIR/s; client_max_body_size 10m;
        upstream app { server 127.0.0.1:BACK; keepalive 8; }
        server {
          listen unix:DIR/sock;
          location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $host; proxy_set_header X-Forwarded-For me; }
          location /old/ { proxy_pass http://127.0.0.1:BACK/; proxy_request_buffering off; }
        }
      }
    ]]

    --- Starts nginx on a socket in a folder, and stops it.
    local function with_nginx(port, body)
      local dir <close> = temp.dir()
      local values = { DIR = dir.path, BACK = tostring(port) }
      fs.write_file(dir / "nginx.conf", (CONFIG:gsub("%f[%u](%u%u+)%f[%U]", values)))
      local program = { "/usr/sbin/nginx", "-p", dir.path, "-c", dir / "nginx.conf" }
      local nginx <close> = assert(neap.process.spawn(program, { stderr = "null", stdout = "null" }))
      neap.timeout(10, function()
        while not fs.exists(dir / "sock") do
          neap.sleep(0.01)
        end
      end)
      local function curl(...)
        return (peer.curl("--unix-socket", dir / "sock", ...))
      end
      body(curl, dir)
      nginx:kill("TERM")
      nginx:wait()
    end

    it("passes requests on", with_app({}, function(_, port, server)
      with_nginx(port, function(curl, dir)
        assert.equal("hello", curl("http://site/"))
        assert.equal("1.1 site me", curl("http://site/seen"))
        assert.matches("^1.0 ", curl("http://site/old/seen"))
        assert.equal("abc", curl("-d", "abc", "http://site/echo"))
        fs.write_file(dir / "large", ("y"):rep(3000000))
        assert.equal(3000000, #curl("-T", dir / "large", "-X", "POST", "http://site/echo"))
        assert.equal(3000000, #curl("-T", dir / "large", "-X", "POST", "http://site/old/echo"))
        assert.equal(1 << 20, #curl("http://site/large"))
        assert.equal(20000, select(2, curl("http://site/stream"):gsub("\n", "")))
        assert.equal(20000, select(2, curl("http://site/old/stream"):gsub("\n", "")))
        assert.equal("404", curl("-o", "/dev/null", "-w", "%{http_code}", "http://site/none"))
        assert.is_true(server:connections() <= 8)
      end)
    end))
  end)

  describe("slowhttptest", function()
    --- Attacks with 50 connections, and looks meanwhile whether others are
    --- served at once.
    local function attack(url, seconds, ...)
      local program = { "slowhttptest", "-c", "50", "-r", "50", "-l", tostring(seconds), "-u", url, ... }
      local attacker <close> = assert(neap.process.spawn(program, { stdout = "null", stderr = "null" }))
      local longest = 0
      neap.sleep(0.3)
      for _ = 1, 10 do
        local began = neap.loop.time()
        assert.equal("hello", (peer.curl(url:match("^http://[^/]+"))))
        longest = math.max(longest, neap.loop.time() - began)
        neap.sleep(0.05)
      end
      return attacker, longest
    end

    local function wait_for_connections(server, most)
      neap.timeout(10, function()
        while server:connections() > most do
          neap.sleep(0.02)
        end
      end)
    end

    local limits = { header_timeout = 1, body_timeout = 1, write_timeout = 1 }

    it("with slow heads is cut off, and others are served", with_app(limits, function(url, _, server)
      local attacker <close>, longest = attack(url .. "/", 10, "-H", "-i", "1", "-x", "10")
      assert.is_true(longest < AT_ONCE, longest)
      wait_for_connections(server, 0)
      attacker:kill("KILL")
    end))

    it("with slow bodies is cut off, and others are served", with_app(limits, function(url, _, server)
      local attacker <close>, longest = attack(url .. "/echo", 10, "-B", "-i", "1", "-s", "8192", "-t", "POST")
      assert.is_true(longest < AT_ONCE, longest)
      wait_for_connections(server, 0)
      attacker:kill("KILL")
    end))

    it("with slow reading is cut off, and others are served", with_app(limits, function(url, _, server)
      local attacker <close>, longest = attack(
        url .. "/endless", 10, "-X", "-w", "10", "-y", "20", "-n", "5", "-z", "10", "-k", "1"
      )
      assert.is_true(longest < AT_ONCE, longest)
      wait_for_connections(server, 0)
      attacker:kill("KILL")
    end))
  end)
end)

--- The examples of the HTTP client, run as programs.
local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")
local peer = require("spec.support.peer")
local temp = require("spec.support.temp")

local it, http, fs = case.it, neap.http, neap.fs

local function run(name, ...)
  return (peer.run(child.interpreter(), "examples/" .. name .. ".lua", ...))
end

local function with_app(fill, body)
  local app = http.app()
  fill(app)
  local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
  local ok, err = pcall(body, "http://127.0.0.1:" .. server:address().port)
  server:close(0)
  server:wait_closed()
  assert(ok, err)
end

describe("the example", function()
  it("http_client gets ten pages, at most three at a time", function()
    local running, most = 0, 0
    with_app(function(app)
      app:get("/{n}", function(req)
        running = running + 1
        most = math.max(most, running)
        neap.sleep(0.005)
        running = running - 1
        return req.params.n
      end)
    end, function(url)
      local out = run("http_client", url .. "/")
      assert.equal(10, select(2, out:gsub("200 OK, %d bytes?", "")))
    end)
    assert.equal(3, most)
    assert.equal(10, select(2, run("http_client"):gsub("200 OK, [78]00 bytes", "")))
  end)

  it("http_query asks with a query", function()
    local seen
    with_app(function(app)
      app:get("/2", function(req)
        seen = req.path .. "?" .. req.query_string
        return "fine"
      end)
    end, function(url)
      assert.equal("200\t/2?age=20&name=jerry\nfine", run("http_query", url))
    end)
    assert.equal("/2?age=20&name=jerry", seen)
    assert.equal("200\t/2?age=20&name=jerry\njerry is 20\n", run("http_query"))
  end)

  it("download saves a file, and shows how far it is", function()
    local dir <close> = temp.dir()
    assert(fs.write_file(dir / "data.bin", ("0123456789"):rep(100000)))
    with_app(function(app)
      app:static("/", dir.path)
    end, function(url)
      local out = run("download", url .. "/data.bin", dir / "copy")
      assert.matches("%[" .. ("#"):rep(30) .. "%] 1%.0 MB\nsaved as ", out)
    end)
    assert.equal(fs.read_file(dir / "data.bin"), fs.read_file(dir / "copy"))
  end)

  it("crawler visits each page of a site once", function()
    with_app(function(app)
      app:get("/", function()
        return { html = '<a href="a">a</a> <a href="/b#x">b</a> <a href="http://x.test/">x</a>' }
      end)
      app:get("/a", function() return { html = '<a href="/">up</a> <a href="gone">gone</a>' } end)
      app:get("/b", function() return "text" end)
    end, function(url)
      local lines = {}
      for line in run("crawler", url .. "/"):gmatch("[^\n]+") do
        lines[#lines + 1] = line:gsub(url, "")
      end
      table.sort(lines)
      assert.same({ "200\t/", "200\t/a", "200\t/b", "4 pages", "404\t/gone" }, lines)
    end)
  end)

  it("reverse_proxy passes requests on, with bodies both ways", function()
    with_app(function(app)
      app:get("/hello", function(req)
        return { text = "hello " .. (req.query.name or "?"), headers = { ["X-Own"] = "yes" } }
      end)
      app:post("/size", function(req) return tostring(#assert(req:text())) end)
      app:get("/large", function() return ("x"):rep(3000000) end)
    end, function(url)
      local proxy <close> = peer.example("reverse_proxy", url, "0")
      local session <close> = http.session({ base_url = proxy.url })
      local res = assert(session:get("/hello?name=you"))
      assert.same({ 200, "yes", "hello you" }, { res.status, res.headers["x-own"], res:text() })
      assert.equal("2000000", session:post("/size", { body = ("y"):rep(2000000) }):text())
      assert.equal(3000000, #session:get("/large"):text())
      assert.equal(404, session:get("/nothing").status)
    end)
  end)
end)

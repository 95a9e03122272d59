--- Runs the examples of the web, with curl as their client.
local case = require("spec.support.case")
local neap = require("neap")
local peer = require("spec.support.peer")
local temp = require("spec.support.temp")

local it, fs = case.it, neap.fs
local curl = peer.curl

describe("the example", function()
  it("http_hello greets, and ends in order at SIGTERM", function()
    local server <close> = peer.example("http_hello", "0")

    assert.equal("hello\n", (curl(server.url)))
    assert.equal("hello, a b\n", (curl(server.url .. "/hello/a%20b")))

    assert.equal(0, (server:stop()))
  end)

  it("http_items answers 201 and 200", function()
    local server <close> = peer.example("http_items", "0")

    assert.equal("/ 201", (curl("-w", " %{http_code}", server.url .. "/")))
    assert.equal("12301 200", (curl("-w", " %{http_code}", server.url .. "/12301?name=x")))

    local code, out = server:stop()
    assert.equal(0, code)
    assert.equal("id = 12301, query = name=x\n", out)
  end)

  it("http_json keeps notes and checks them", function()
    local server <close> = peer.example("http_json", "0")
    local url = server.url .. "/notes"
    local function ask(...)
      return (curl("-w", " %{http_code}", ...))
    end

    assert.equal(' 201', ask("-d", '{"text":"milk"}', "-o", "/dev/null", url))
    assert.equal('{"error":"\'text\' must be a string that is not empty"} 422', ask("-d", '{"text":1}', url))
    assert.matches("^400 Bad Request: invalid JSON.* 400$", ask("-d", "{", url))
    assert.matches('"text":"milk"', ask(url .. "/1"), 1, true)
    assert.matches('"done":true.* 200$', ask("-X", "PUT", "-d", '{"text":"tea","done":true}', url .. "/1"))
    assert.matches('"count":1', ask(url), 1, true)
    assert.equal(" 204", ask("-X", "DELETE", url .. "/1"))
    assert.equal('{"error":"no such note"} 404', ask(url .. "/1"))
    assert.matches(" 405$", ask("-X", "PATCH", url))
  end)

  it("http_stream streams both ways", function()
    local server <close> = peer.example("http_stream", "0")

    assert.equal("ABC", (curl("-d", "abc", server.url .. "/upper")))
    assert.equal("ABC", (curl("-H", "Transfer-Encoding: chunked", "-d", "abc", server.url .. "/upper")))
    local out = curl(server.url .. "/count/20000")
    assert.equal(20000, select(2, out:gsub("\n", "")))
  end)

  it("sse_clock sends events", function()
    local server <close> = peer.example("sse_clock", "0", "0.01")

    assert.matches("EventSource", (curl(server.url)), 1, true)
    local stream <close> = assert(neap.net.connect("127.0.0.1", server.port))
    stream:write("GET /events HTTP/1.0\r\n\r\n")
    assert.matches("text/event-stream", stream:readuntil("\r\n\r\n"), 1, true)
    assert.matches("^event: tick\nid: 1\ndata: %d%d:%d%d:%d%d\n\n$", stream:readuntil("\n\n"))
    assert.matches("^event: tick\nid: 2\n", stream:readuntil("\n\n"))
  end)

  it("upload keeps files", function()
    local dir <close> = temp.dir()
    fs.mkdir(dir / "kept")
    fs.write_file(dir / "a.bin", ("\0\1\2\3"):rep(500000))
    fs.write_file(dir / "b.txt", "b")
    local server <close> = peer.example("upload", dir / "kept", "0")

    local names = curl("-F", "file=@" .. dir / "a.bin", "-F", "file=@" .. dir / "b.txt", server.url)

    local a, b = names:match("^(a%.bin%-%w+)\n(b%.txt%-%w+)\n$")
    assert.equal(fs.read_file(dir / "a.bin"), fs.read_file(dir / "kept/" .. a))
    assert.equal("b", fs.read_file(dir / "kept/" .. b))
    assert.matches(" 422$", (curl("-w", " %{http_code}", "-F", "x=1", server.url)))
  end)

  it("static_site serves a directory and logs", function()
    local dir <close> = temp.dir()
    fs.write_file(dir / "a.txt", "text")
    local server <close> = peer.example("static_site", dir.path, "0")

    assert.equal("text", (curl(server.url .. "/a.txt")))
    assert.matches('href="./a.txt"', (curl(server.url)), 1, true)

    local code, out = server:stop()
    assert.equal(0, code)
    assert.matches('^127.0.0.1 %- %- %[.-%] "GET /a.txt HTTP/1.1" 200 4 "%-" "curl/', out)
  end)
end)

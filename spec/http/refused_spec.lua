--- Requests that RFC 9112 calls invalid or ambiguous, each breaking another
--- rule. Behind each comes a proper request, which must not be answered: what
--- follows a message whose end is in doubt is no request.
local case = require("spec.support.case")
local neap = require("neap")
local web = require("spec.support.web")

local it = case.it

local HOST = "Host: test\r\n"
local PROBE = "GET /probe HTTP/1.1\r\n" .. HOST .. "\r\n"

--- A request with these field lines, which have their ends.
local function with(fields, body)
  return "POST /body HTTP/1.1\r\n" .. HOST .. fields .. "\r\n" .. (body or "")
end

local function line(text)
  return text .. "\r\n" .. HOST .. "\r\n"
end

local function chunked(body)
  return with("Transfer-Encoding: chunked\r\n", body)
end

-- name, status, request
local cases = {
  -- the request line
  { "no version (HTTP/0.9)", 400, "GET /\r\n\r\n" },
  { "no target", 400, line("GET HTTP/1.1") },
  { "no method", 400, line("/ HTTP/1.1") },
  { "an empty method", 400, line(" / HTTP/1.1") },
  { "two spaces before the target", 400, line("GET  / HTTP/1.1") },
  { "two spaces before the version", 400, line("GET /  HTTP/1.1") },
  { "a space behind the version", 400, line("GET / HTTP/1.1 ") },
  { "a tab before the target", 400, line("GET\t/ HTTP/1.1") },
  { "a tab before the version", 400, line("GET /\tHTTP/1.1") },
  { "a space in front of the request", 400, line(" GET / HTTP/1.1") },
  { "three empty lines in front of the request", 400, "\r\n\r\n\r\n" .. PROBE },
  { "a bare LF in front of the request", 400, "\n" .. PROBE },
  { "a version in small letters", 400, line("GET / http/1.1") },
  { "a version without a minor number", 400, line("GET / HTTP/1") },
  { "a version with two minor digits", 400, line("GET / HTTP/1.11") },
  { "a version with a comma", 400, line("GET / HTTP/1,1") },
  { "a version that is no number", 400, line("GET / HTTP/x.1") },
  { "the version 2.0", 505, line("GET / HTTP/2.0") },
  { "the version 0.9", 505, line("GET / HTTP/0.9") },
  { "the version 1.2", 505, line("GET / HTTP/1.2") },
  { "the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
  { "another protocol", 400, line("GET / ICE/1.0") },
  { "a method with a colon", 400, line("GE:T / HTTP/1.1") },
  { "a method with a slash", 400, line("GE/T / HTTP/1.1") },
  { "a method beyond ASCII", 400, line("G\xc3\x84T / HTTP/1.1") },
  { "a method with a zero byte", 400, line("GE\0T / HTTP/1.1") },
  { "a method in small letters", 501, line("get / HTTP/1.1") },
  { "a method that nobody knows", 501, line("BREW / HTTP/1.1") },
  { "a bare LF behind the request line", 400, "GET / HTTP/1.1\n" .. HOST .. "\r\n" },
  { "a bare CR behind the request line", 400, "GET / HTTP/1.1\r" .. HOST .. "\r\n" },
  { "two CR behind the request line", 400, "GET / HTTP/1.1\r\r\n" .. HOST .. "\r\n" },
  { "the start of a TLS handshake", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
  -- the target
  { "a target without a slash", 400, line("GET x HTTP/1.1") },
  { "a target that is a query", 400, line("GET ?x HTTP/1.1") },
  { "a target with a fragment", 400, line("GET /#x HTTP/1.1") },
  { "a target with a zero byte", 400, line("GET /\0 HTTP/1.1") },
  { "a target with a control character", 400, line("GET /\x01 HTTP/1.1") },
  { "a target with DEL", 400, line("GET /\x7f HTTP/1.1") },
  { "a target beyond ASCII", 400, line("GET /\xc3\xa4 HTTP/1.1") },
  { "a target with a bare CR", 400, line("GET /\rx HTTP/1.1") },
  { "a target with a quote", 400, line('GET /" HTTP/1.1') },
  { "a target with a backslash", 400, line("GET /a\\..\\b HTTP/1.1") },
  { "a target with <", 400, line("GET /<x> HTTP/1.1") },
  { "a target with a bad encoding", 400, line("GET /%zz HTTP/1.1") },
  { "a target with half an encoding", 400, line("GET /%4 HTTP/1.1") },
  { "a target with an encoded zero", 400, line("GET /%00 HTTP/1.1") },
  { "a query with a bad encoding", 400, line("GET /?%g1 HTTP/1.1") },
  { "* for anything but OPTIONS", 400, line("GET * HTTP/1.1") },
  { "a target of another scheme", 400, line("GET ftp://test/ HTTP/1.1") },
  { "a target without a host", 400, line("GET http:///x HTTP/1.1") },
  { "a target with a user", 400, line("GET http://me@test/ HTTP/1.1") },
  { "a target with a bad port", 400, line("GET http://test:x/ HTTP/1.1") },
  { "a target with a port too high", 400, line("GET http://test:65536/ HTTP/1.1") },
  { "a host and port for anything but CONNECT", 400, line("GET test:80 HTTP/1.1") },
  { "a path for CONNECT", 400, line("CONNECT / HTTP/1.1") },
  { "CONNECT without a port", 400, line("CONNECT test HTTP/1.1") },
  { "CONNECT", 501, line("CONNECT test:80 HTTP/1.1") },
  -- Host
  { "no Host", 400, "GET / HTTP/1.1\r\n\r\n" },
  { "two Hosts", 400, with("Host: test\r\n") },
  { "two different Hosts", 400, with("Host: other\r\n") },
  { "an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
  { "a Host with a space", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
  { "a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
  { "a Host with a user", 400, "GET / HTTP/1.1\r\nHost: me@test\r\n\r\n" },
  { "a Host that is a list", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" },
  { "a Host with a bad port", 400, "GET / HTTP/1.1\r\nHost: test:8o\r\n\r\n" },
  { "a Host with an open bracket", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" },
  { "a Host with more behind the bracket", 400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n" },
  -- fields
  { "a space before the colon", 400, with("X : y\r\n") },
  { "a tab before the colon", 400, with("X\t: y\r\n") },
  { "a space before the colon of Content-Length", 400, with("Content-Length : 5\r\n", "hello") },
  { "a space before the colon of Transfer-Encoding", 400,
    with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n") },
  { "a line without a colon", 400, with("X\r\n") },
  { "a field without a name", 400, with(": y\r\n") },
  { "a name with a space", 400, with("X Y: z\r\n") },
  { "a name beyond ASCII", 400, with("\xc3\x84: z\r\n") },
  { "a name with a quote", 400, with('X"Y: z\r\n') },
  { "a name with a zero byte", 400, with("X\0: z\r\n") },
  { "a name with a control character", 400, with("X\x0b: z\r\n") },
  { "a value with a zero byte", 400, with("X: a\0b\r\n") },
  { "a value with a bare CR", 400, with("X: a\rb\r\n") },
  { "a value with DEL", 400, with("X: a\x7f\r\n") },
  { "a value with a control character", 400, with("X: a\x01\r\n") },
  { "a bare LF behind a field", 400, with("X: a\nY: b\r\n") },
  { "a bare LF behind the head", 400, "GET / HTTP/1.1\r\n" .. HOST .. "\n" },
  { "a folded line with a space", 400, with("X: a\r\n b\r\n") },
  { "a folded line with a tab", 400, with("X: a\r\n\tb\r\n") },
  { "a folded first line", 400, "GET / HTTP/1.1\r\n X: a\r\n" .. HOST .. "\r\n" },
  -- Content-Length
  { "two equal Content-Lengths", 400, with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello") },
  { "two different Content-Lengths", 400, with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello") },
  { "a list of Content-Lengths", 400, with("Content-Length: 5, 5\r\n", "hello") },
  { "a Content-Length with a sign", 400, with("Content-Length: +5\r\n", "hello") },
  { "a negative Content-Length", 400, with("Content-Length: -5\r\n", "hello") },
  { "a hexadecimal Content-Length", 400, with("Content-Length: 0x5\r\n", "hello") },
  { "a Content-Length with a fraction", 400, with("Content-Length: 5.0\r\n", "hello") },
  { "a Content-Length of words", 400, with("Content-Length: five\r\n", "hello") },
  { "a Content-Length with a space inside", 400, with("Content-Length: 5 5\r\n", "hello") },
  { "an empty Content-Length", 400, with("Content-Length:\r\n") },
  { "a Content-Length beyond 64 bits", 413, with("Content-Length: 18446744073709551621\r\n", "hello") },
  -- Transfer-Encoding
  { "both lengths", 400, with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
  { "both lengths, the other way round", 400,
    with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") },
  { "chunked twice", 400, with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n") },
  { "chunked in two fields", 400,
    with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
  { "chunked before another coding", 400, with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n") },
  { "chunked, then identity in a field of its own", 400,
    with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n") },
  { "a coding that is not chunked", 400, with("Transfer-Encoding: gzip\r\n", "x") },
  { "a coding that looks like chunked", 400, with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n") },
  { "chunked with a parameter", 400, with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n") },
  { "chunked in quotes", 400, with('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n") },
  { "chunked behind a vertical tab", 400, with("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n") },
  { "an empty Transfer-Encoding", 400, with("Transfer-Encoding:\r\n", "0\r\n\r\n") },
  { "an empty element of Transfer-Encoding", 400, with("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n") },
  { "another coding before chunked", 501, with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n") },
  { "chunked in HTTP/1.0", 400,
    "POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" },
  -- chunks
  { "a chunk without a size", 400, chunked("\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a size of words", 400, chunked("five\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a negative size", 400, chunked("-5\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a plus", 400, chunked("+5\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with 0x", 400, chunked("0x5\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a space before its size", 400, chunked(" 5\r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a space behind its size", 400, chunked("5 \r\nhello\r\n0\r\n\r\n") },
  { "a chunk with a size beyond 64 bits", 400, chunked("10000000000000005\r\nhello\r\n0\r\n\r\n") },
  { "a chunk's size with a bare LF", 400, chunked("5\nhello\r\n0\r\n\r\n") },
  { "a chunk's size with a bare CR", 400, chunked("5\rhello\r\n0\r\n\r\n") },
  { "a chunk longer than its size", 400, chunked("4\r\nhello\r\n0\r\n\r\n") },
  { "a chunk shorter than its size", 400, chunked("6\r\nhello\r\n0\r\n\r\n") },
  { "a chunk that ends with a bare LF", 400, chunked("5\r\nhello\n0\r\n\r\n") },
  { "a chunk that ends with two LF", 400, chunked("5\r\nhello\n\n0\r\n\r\n") },
  { "a chunk extension without a semicolon", 400, chunked("5 x=y\r\nhello\r\n0\r\n\r\n") },
  { "a chunk extension with a bare LF", 400, chunked("5;x=\ny\r\nhello\r\n0\r\n\r\n") },
  { "a chunk extension with a zero byte", 400, chunked("5;x=\0\r\nhello\r\n0\r\n\r\n") },
  { "a chunk extension without end", 400, chunked("5;" .. ("x"):rep(5000) .. "\r\nhello\r\n0\r\n\r\n") },
  { "many chunk extensions", 400, chunked(("1;" .. ("x"):rep(900) .. "\r\na\r\n"):rep(30) .. "0\r\n\r\n") },
  { "a trailer with a space before the colon", 400, chunked("0\r\nX : y\r\n\r\n") },
  { "a trailer with a folded line", 400, chunked("0\r\nX: y\r\n z\r\n\r\n") },
  { "a trailer with a bare LF", 400, chunked("0\r\nX: y\n\r\n") },
  { "a trailer without a colon", 400, chunked("0\r\nXY\r\n\r\n") },
  -- limits
  { "a request line too long", 414, line("GET /" .. ("x"):rep(20000) .. " HTTP/1.1") },
  { "a field too long", 431, with("X: " .. ("y"):rep(20000) .. "\r\n") },
  { "too many fields", 431, with(("X: y\r\n"):rep(101)) },
  { "a trailer too long", 431, chunked("0\r\nX: " .. ("y"):rep(20000) .. "\r\n\r\n") },
  { "a trailer of too many fields", 431, chunked("0\r\n" .. ("X: y\r\n"):rep(101) .. "\r\n") },
  { "a body too large", 413, with("Content-Length: 100000000\r\n", "hello") },
  { "a body that grows too large", 413,
    chunked(("8000\r\n" .. ("x"):rep(0x8000) .. "\r\n"):rep(5) .. "0\r\n\r\n") },
  { "an expectation that is not known", 417, with("Expect: tea\r\n") },
}

local function app_of(seen)
  local app = neap.http.app()
  app:get("/probe", function()
    seen.probe = true
    return "probe"
  end)
  app:get("/", function() return "root" end)
  app:post("/body", function(req) return "body " .. #assert(req:text()) end)
  return app
end

describe("http, of what is refused:", function()
  local names = {}
  for _, wrong in ipairs(cases) do
    local name, status, bytes = table.unpack(wrong)
    assert(not names[name], name)
    names[name] = true

    it(("%s is answered with %d, and nothing after it"):format(name, status), function()
      local seen = {}

      local list = web.answers(web.talk(app_of(seen), bytes .. PROBE, { max_body = 100000 }))

      assert.equal(1, #list)
      assert.equal(status, list[1].status, list[1].body)
      assert.equal("close", list[1].fields.connection)
      assert.is_nil(seen.probe)
    end)
  end

  it("the probe alone is answered", function()
    local seen = {}
    assert.equal("probe", web.answer(app_of(seen), PROBE).body)
    assert.is_true(seen.probe)
  end)

  it("a request that ends early is answered with 400", function()
    assert.equal(400, web.answer(app_of({}), "GET / HTTP/1.1\r\nHos").status)
  end)

  it("the bytes of a case may come one by one", function()
    for _, bytes in ipairs({ cases[1][3], with("X : y\r\n"), with("X: a\r\n b\r\n"), chunked("4\r\nhello\r\n") }) do
      local pieces = {}
      for byte in (bytes .. PROBE):gmatch(".") do
        pieces[#pieces + 1] = byte
      end
      local list = web.answers(web.talk(app_of({}), pieces))
      assert.equal(1, #list)
      assert.equal(400, list[1].status)
    end
  end)
end)

describe("http, of what is unusual but valid:", function()
  for name, wanted in pairs({
    ["an empty line in front"] = { "\r\n" .. PROBE, "probe" },
    ["two empty lines in front"] = { "\r\n\r\n" .. PROBE, "probe" },
    ["no space behind the colon"] = { "GET /probe HTTP/1.1\r\nHost:test\r\n\r\n", "probe" },
    ["tabs around a value"] = { "GET /probe HTTP/1.1\r\nHost:\ttest \t\r\n\r\n", "probe" },
    ["an absolute target"] = { "GET http://test/probe HTTP/1.1\r\nHost: other\r\n\r\n", "probe" },
    ["an absolute target in capitals"] = { "GET HTTP://TEST:80/probe HTTP/1.1\r\nHost: test\r\n\r\n", "probe" },
    ["an absolute target without a path"] = { "GET http://test HTTP/1.1\r\nHost: test\r\n\r\n", "root" },
    ["an IPv6 Host"] = { "GET /probe HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "probe" },
    ["a Host with an empty port"] = { "GET /probe HTTP/1.1\r\nHost: test:\r\n\r\n", "probe" },
    ["HTTP/1.0 without a Host"] = { "GET /probe HTTP/1.0\r\n\r\n", "probe" },
    ["an empty value"] = { "GET /probe HTTP/1.1\r\nHost: test\r\nX:\r\n\r\n", "probe" },
    ["bytes beyond ASCII in a value"] = { "GET /probe HTTP/1.1\r\nHost: test\r\nX: \xff\r\n\r\n", "probe" },
    ["a Content-Length with zeros in front"] = { with("Content-Length: 0005\r\n", "hello"), "body 5" },
    ["a Content-Length of 0"] = { with("Content-Length: 0\r\n"), "body 0" },
    ["a chunked body"] = { chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "body 11" },
    ["CHUNKED in capitals"] = { with("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"), "body 0" },
    ["a chunk's size with zeros and capitals"] = { chunked("000A\r\n0123456789\r\n0\r\n\r\n"), "body 10" },
    ["chunk extensions"] = { chunked('5;a;b=c ; d="e"\r\nhello\r\n0;x\r\n\r\n'), "body 5" },
    ["a trailer"] = { chunked("0\r\nX: y\r\n\r\n"), "body 0" },
    ["braces in a query"] = { "GET /probe?{|}[]^` HTTP/1.1\r\nHost: test\r\n\r\n", "probe" },
  }) do
    it(name, function()
      local list = web.answers(web.talk(app_of({}), wanted[1] .. PROBE))
      assert.equal(200, list[1].status, list[1].body)
      assert.equal(wanted[2], list[1].body)
      if not wanted[1]:find("HTTP/1.0", 1, true) then
        assert.equal("probe", list[2].body)
      end
    end)
  end
end)

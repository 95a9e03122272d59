local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local web = require("spec.support.web")

local it, http, fs = case.it, neap.http, neap.fs
local request, answer = web.request, web.answer

--- An app that answers a POST with what `fn(req)` returns.
local function posts(fn)
  return http.app():post("/", fn)
end

local function post(app, fields, body, opts)
  return answer(app, request("POST /", fields, body), opts)
end

local function chunked(pieces)
  local out = { "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" }
  for _, piece in ipairs(pieces) do
    out[#out + 1] = ("%x\r\n%s\r\n"):format(#piece, piece)
  end
  out[#out + 1] = "0\r\n\r\n"
  return table.concat(out)
end

describe("http request bodies:", function()
  describe("text", function()
    local app = posts(function(req)
      local text = assert(req:text())
      return { body = text }
    end)

    it("gives a counted body", function()
      assert.equal("a\0b", post(app, {}, "a\0b").body)
      assert.equal("", post(app, {}, "").body)
      assert.equal("", answer(app, request("POST /")).body)
    end)

    it("gives a chunked body", function()
      assert.equal("hello world", answer(app, chunked({ "hello", " ", "world" })).body)
      assert.equal("", answer(app, chunked({})).body)
    end)

    it("gives a body that comes in pieces", function()
      local text = request("POST /", {}, "hello world")
      local pieces = {}
      for i = 1, #text, 3 do
        pieces[#pieces + 1] = text:sub(i, i + 2)
      end
      assert.equal("hello world", answer(app, pieces).body)
    end)

    it("gives a chunked body byte by byte", function()
      local pieces = {}
      for byte in chunked({ "hello", " world" }):gmatch(".") do
        pieces[#pieces + 1] = byte
      end
      assert.equal("hello world", answer(app, pieces).body)
    end)

    it("gives a megabyte", function()
      local text = ("0123456789abcdef"):rep(65536)
      assert.equal(text, post(app, {}, text).body)
    end)

    it("gives the same again", function()
      local twice = posts(function(req)
        return req:text() .. req:text()
      end)
      assert.equal("xx", post(twice, {}, "x").body)
    end)

    it("returns LIMIT for too large a body", function()
      local err
      local small = posts(function(req)
        local _
        _, err = req:text()
        return "told"
      end)
      assert.equal("told", post(small, {}, "12345", { max_body = 4 }).body)
      assert.equal("LIMIT", err.code)
      assert.equal("told", answer(small, chunked({ "123", "45" }), { max_body = 4 }).body)
      assert.equal("LIMIT", err.code)
      assert.equal("told", post(small, {}, "1234", { max_body = 4 }).body)
      assert.is_nil(err)
    end)

    it("returns EOF for a body that ends early", function()
      local err
      local early = posts(function(req)
        local _
        _, err = req:text()
        return "x"
      end)
      web.talk(early, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nabc")
      assert.equal("EOF", err.code)
    end)
  end)

  describe("json", function()
    it("gives the value", function()
      local value
      local app = posts(function(req)
        value = assert(req:json())
      end)
      post(app, {}, '{"a": [1, 2.5, "x", true], "n": 12}')
      assert.same({ a = { 1, 2.5, "x", true }, n = 12 }, value)
      assert.equal("integer", math.type(value.n))
    end)

    it("is an error that is answered with 400 for what is none", function()
      local app = posts(function(req)
        return { json = assert(req:json()) }
      end)
      for _, text in ipairs({ "{", "", "[1,]", "nan", '{"a":NaN}' }) do
        local got = post(app, {}, text)
        assert.equal(400, got.status, text)
        assert.is_truthy(got.body:find("invalid JSON", 1, true))
      end
    end)
  end)

  describe("chunks", function()
    it("gives pieces as they come", function()
      local pieces = {}
      local app = posts(function(req)
        for piece in req:chunks() do
          pieces[#pieces + 1] = piece
        end
        return "done"
      end)
      local head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n"
      assert.equal("done", answer(app, { head .. "ab", "cd", "ef" }).body)
      assert.same({ "ab", "cd", "ef" }, pieces)
    end)

    it("raises what is answered with 400 and 413", function()
      local app = posts(function(req)
        for _ in req:chunks() do
        end
        return "done"
      end)
      assert.equal(413, post(app, {}, "12345", { max_body = 4 }).status)
      assert.equal(400, answer(app, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n").status)
    end)

    it("holds the client back while nobody reads", function()
      local go = neap.sync.event()
      local app = posts(function(req)
        go:wait()
        local size = 0
        for piece in req:chunks() do
          size = size + #piece
        end
        return tostring(size)
      end)
      local server = assert(app:serve({ host = "127.0.0.1", port = 0 }))
      local client <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
      local size = 15 * 1024 * 1024
      client:write(("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"):format(size))
      local sender = neap.spawn(function()
        return client:write(("x"):rep(size))
      end)
      neap.sleep(0.05)
      assert.is_false(sender:done())
      go:set()
      sender:await()
      assert.is_truthy(client:readuntil("\r\n\r\n"))
      assert.equal(tostring(size), client:readexactly(#tostring(size)))
      client:close()
      server:close(0)
      server:wait_closed()
    end)

    it("raises INVALID_STATE for a body that was read", function()
      local app = posts(function(req)
        for _ in req:chunks() do
        end
        expect.code("INVALID_STATE", req.text, req)
        return "ok"
      end)
      assert.equal("ok", post(app, {}, "x").body)
    end)
  end)

  it("a trailer is in req.trailers", function()
    local app = posts(function(req)
      req:text()
      return tostring(req.trailers:get("x-sum")) .. #req.trailers
    end)
    local bytes = chunked({ "a" }):sub(1, -3) .. "X-Sum: 7\r\nY: z\r\n\r\n"
    assert.equal("72", answer(app, bytes).body)
  end)

  describe("what a handler does not read", function()
    local app = posts(function() return "first" end):get("/", function() return "second" end)

    it("is skipped if it is short", function()
      local list = web.answers(web.talk(app, request("POST /", {}, "GET / HTTP/1.1\r\n") .. request("/")))
      assert.equal("first", list[1].body)
      assert.equal("second", list[2].body)
    end)

    it("ends the connection if it is long, or of unknown length", function()
      for _, bytes in ipairs({ request("POST /", {}, ("x"):rep(100000)), chunked({ "x" }) }) do
        local list = web.answers(web.talk(app, bytes .. request("/")))
        assert.equal(1, #list)
        assert.equal("close", list[1].fields.connection)
      end
    end)
  end)

  describe("Expect: 100-continue", function()
    local function talk_to(app)
      local client, theirs = neap.testing.stream_pair()
      neap.spawn(require("neap.http.server").serve_stream, app, theirs, { max_body = 100 })
      return client
    end
    local head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: %d\r\n\r\n"

    it("is answered when the handler reads", function()
      local client <close> = talk_to(posts(function(req) return req:text() end))
      client:write(head:format(5))
      assert.equal("HTTP/1.1 100 Continue\r\n\r\n", client:readuntil("\r\n\r\n"))
      client:write("hello")
      assert.is_truthy(client:readuntil("\r\n\r\n"):find("^HTTP/1.1 200"))
      assert.equal("hello", client:readexactly(5))
    end)

    it("is not where the handler does not read, and the connection ends", function()
      local client <close> = talk_to(posts(function() return "no" end))
      client:write(head:format(5))
      local text = client:readuntil("\r\n\r\n")
      assert.is_truthy(text:find("^HTTP/1.1 200"))
      assert.is_truthy(text:find("Connection: close", 1, true))
    end)

    it("is not where the body is too large", function()
      local client <close> = talk_to(posts(function(req) return assert(req:text()) end))
      client:write(head:format(500))
      assert.is_truthy(client:readuntil("\r\n\r\n"):find("^HTTP/1.1 413"))
    end)

    it("means nothing in HTTP/1.0", function()
      local got = answer(
        posts(function(req) return req:text() end),
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
      )
      assert.equal(200, got.status)
      assert.equal("hi", got.body)
    end)
  end)

  describe("form", function()
    local form
    local seen
    local app = posts(function(req)
      form = assert(req:form())
      seen = {}
      for name, value in pairs(form) do
        if type(value) == "table" and value.path then
          seen[name] = fs.read_file(value.path)
        end
      end
      return "ok"
    end)
    local URLENCODED = "Content-Type: application/x-www-form-urlencoded"

    it("gives urlencoded fields", function()
      assert.equal("ok", post(app, { URLENCODED .. "; charset=utf-8" }, "a=1&b=x+y%21&a=2&c").body)
      assert.same({ a = { "1", "2" }, b = "x y!", c = "" }, form)
    end)

    local MULTIPART = 'Content-Type: multipart/form-data; boundary="B o"'

    local function multipart(parts)
      local out = {}
      for _, part in ipairs(parts) do
        out[#out + 1] = "--B o\r\n" .. part[1] .. "\r\n\r\n" .. part[2] .. "\r\n"
      end
      return table.concat(out) .. "--B o--\r\n"
    end

    it("gives multipart fields and files", function()
      local body = multipart({
        { 'Content-Disposition: form-data; name="a"', "1" },
        { 'Content-Disposition: form-data; name="a"', "2\r\n3" },
        { 'content-disposition: form-data; filename="x.bin"; name=f\r\nContent-Type: image/png', "\0\1\r\n--B" },
        { 'Content-Disposition: form-data; name="e\\"q"', "" },
      })
      assert.equal("ok", post(app, { MULTIPART }, body).body)
      assert.same({ "1", "2\r\n3" }, form.a)
      assert.equal("", form['e"q'])
      assert.equal("x.bin", form.f.filename)
      assert.equal("image/png", form.f.type)
      assert.equal(7, form.f.size)
      assert.equal("\0\1\r\n--B", seen.f)
      assert.is_false(fs.exists(form.f.path))
    end)

    it("gives the same however it is cut", function()
      local body = multipart({
        { 'Content-Disposition: form-data; name="a"', "\r\n\r\n--B x\r\n-" },
        { 'Content-Disposition: form-data; name="f"; filename="n"', ("\r\n--B"):rep(50) },
        { 'Content-Disposition: form-data; name="b"', "" },
      })
      local head = ("POST / HTTP/1.1\r\nHost: x\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n"):format(MULTIPART)
      for size = 1, 30, 3 do
        local out = { head }
        for i = 1, #body, size do
          local piece = body:sub(i, i + size - 1)
          out[#out + 1] = ("%x\r\n%s\r\n"):format(#piece, piece)
        end
        out[#out + 1] = "0\r\n\r\n"
        local list = web.answers(web.talk(app, table.concat(out) .. request("POST /", { URLENCODED }, "z=1")))
        assert.equal("ok", list[1].body)
        assert.equal("ok", list[2].body)
        assert.same({ z = "1" }, form)
      end
      assert.equal("ok", answer(app, request("POST /", { MULTIPART }, body)).body)
      assert.equal("\r\n\r\n--B x\r\n-", form.a)
      assert.equal(("\r\n--B"):rep(50), seen.f)
      assert.equal("", form.b)
    end)

    it("keeps the name of a file without its directories", function()
      for sent, name in pairs({
        ['filename="../../etc/passwd"'] = "passwd",
        ['filename="C:\\\\x\\\\y.txt"'] = "y.txt",
        ["filename=\"a\"; filename*=UTF-8''%C3%A4%2Fb.txt"] = "b.txt",
        ['filename=""'] = "",
      }) do
        local body = multipart({ { 'Content-Disposition: form-data; name="f"; ' .. sent, "x" } })
        assert.equal("ok", post(app, { MULTIPART }, body).body)
        assert.equal(name, form.f.filename)
      end
    end)

    it("takes a file that the handler moves", function()
      local to = os.tmpname()
      local mover = posts(function(req)
        assert(fs.rename(assert(req:form()).f.path, to))
      end)
      local part = { 'Content-Disposition: form-data; name="f"; filename="x"', "moved" }
      post(mover, { MULTIPART }, multipart({ part }))
      assert.equal("moved", fs.read_file(to))
      fs.remove(to)
    end)

    for name, wrong in pairs({
      ["no boundary"] = { "Content-Type: multipart/form-data", "x", 400 },
      ["no part"] = { MULTIPART, "hello", 400 },
      ["a part that does not end"] = { MULTIPART, '--B o\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', 400 },
      ["a head that does not end"] = { MULTIPART, "--B o\r\nContent-Disposition: form-data", 400 },
      ["a part without a name"] = { MULTIPART, "--B o\r\n\r\nx\r\n--B o--", 400 },
      ["a head too long"] = { MULTIPART, "--B o\r\nX: " .. ("y"):rep(9000) .. "\r\n\r\nx\r\n--B o--", 400 },
      ["fields too large"] = {
        MULTIPART, multipart({ { "Content-Disposition: form-data; name=a", ("x"):rep(1100000) } }), 413,
      },
      ["too many parts"] = {
        MULTIPART, ("--B o\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"):rep(1001) .. "--B o--", 413,
      },
      ["too many fields"] = { URLENCODED, ("a&"):rep(20000), 413 },
      ["another type"] = { "Content-Type: text/plain", "a=1", 415 },
    }) do
      it("refuses " .. name, function()
        assert.equal(wrong[3], post(app, { wrong[1] }, wrong[2]).status)
      end)
    end
  end)
end)

--- Answers that are compressed.
local case = require("spec.support.case")
local neap = require("neap")
local serve_stream = require("neap.http.server").serve_stream
local web = require("spec.support.web")

local it, http = case.it, neap.http
local request, answer, settle = web.request, web.answer, neap.testing.settle

describe("http.server answers", function()
  describe("are compressed", function()
    local text = ("hello "):rep(1000)
    local app = http.app()
    app:get("/", function() return text end)
    app:get("/short", function() return "hello" end)
    app:get("/png", function() return { body = text, type = "image/png" } end)
    app:get("/tagged", function() return { text = text, headers = { ETag = '"x"' } } end)

    local function inflate(kind, bytes)
      return assert(require("neap.proto.deflate").decompressor(kind):push(bytes, "finish"))
    end

    for _, coding in ipairs({ "gzip", "deflate" }) do
      it("with " .. coding .. " for those who take it", function()
        local got = answer(app, request("/", { "Accept-Encoding: br, " .. coding }))
        assert.equal(coding, got.fields["content-encoding"])
        assert.equal("Accept-Encoding", got.fields.vary)
        assert.equal(text, inflate(coding, got.body))
      end)
    end

    it("not for others, nor where it does not help", function()
      assert.equal(text, answer(app, request("/")).body)
      for _, accept in ipairs({ "br", "gzip;q=0", "identity" }) do
        assert.equal(text, answer(app, request("/", { "Accept-Encoding: " .. accept })).body)
      end
      assert.is_nil(answer(app, request("/short", { "Accept-Encoding: gzip" })).fields["content-encoding"])
      assert.is_nil(answer(app, request("/png", { "Accept-Encoding: gzip" })).fields["content-encoding"])
      local off = answer(app, request("/", { "Accept-Encoding: gzip" }), { compress = false })
      assert.is_nil(off.fields["content-encoding"])
    end)

    it("as they come, each piece at once", function()
      local more = neap.future()
      app:get("/slow", function()
        return { type = "text/plain", stream = function(write)
          write("one ")
          more:await()
          write("")
          write("two")
        end }
      end)
      local client <close>, theirs = neap.testing.stream_pair()
      local task = neap.spawn(serve_stream, app, theirs)
      client:write(request("/slow", { "Accept-Encoding: gzip" }))
      client:shutdown()
      settle()

      local head = client:readuntil("\r\n\r\n")
      assert.is_truthy(head:find("\r\nContent-Encoding: gzip\r\n", 1, true))
      local z = require("neap.proto.deflate").decompressor("gzip")
      local size = tonumber(client:readline(), 16)
      assert.equal("one ", z:push(client:readexactly(size)))
      more:set_result()
      task:await()
      local rest = web.dechunk("\r\n" == client:readexactly(2) and client:readall(), 1)
      assert.equal("two", z:push(rest, "finish"))
    end)

    it("event by event", function()
      app:get("/events", function()
        return { events = function(send)
          for i = 1, 3 do
            send("event " .. i)
          end
        end }
      end)
      local got = answer(app, request("/events", { "Accept-Encoding: gzip" }))
      assert.equal("gzip", got.fields["content-encoding"])
      assert.equal("data: event 1\n\ndata: event 2\n\ndata: event 3\n\n", inflate("gzip", got.body))
    end)

    it("not as they come where that is not to be", function()
      for name, fields in pairs({
        length = { ["Content-Length"] = #text, ["Content-Type"] = "text/plain" },
        encoded = { ["Content-Encoding"] = "br", ["Content-Type"] = "text/plain" },
        ["no-transform"] = { ["Cache-Control"] = "no-transform", ["Content-Type"] = "text/plain" },
        binary = {},
      }) do
        app:get("/" .. name, function()
          return { headers = fields, stream = function(write) write(text) end }
        end)
        assert.equal(text, answer(app, request("/" .. name, { "Accept-Encoding: gzip" })).body)
      end
      local plain = answer(app, request("HEAD /slow", { "Accept-Encoding: gzip" }))
      assert.is_nil(plain.fields["content-encoding"])
    end)

    it("for clients without chunks, too", function()
      local got = answer(app, "GET /events HTTP/1.0\r\nAccept-Encoding: deflate\r\n\r\n")
      assert.is_nil(got.fields["transfer-encoding"])
      assert.is_truthy(inflate("deflate", got.body):find("event 3", 1, true))
    end)

    it("under a weak tag", function()
      assert.equal('W/"x"', answer(app, request("/tagged", { "Accept-Encoding: gzip" })).fields.etag)
    end)
  end)
end)

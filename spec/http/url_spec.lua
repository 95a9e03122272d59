local expect = require("spec.support.expect")
local url = require("neap.http.url")

describe("http.url", function()
  describe("parse", function()
    it("gives the parts", function()
      assert.same({
        scheme = "http",
        userinfo = "me:pw",
        host = "example.com",
        port = 8080,
        path = "/a/b",
        query = "x=1&y",
        fragment = "top",
      }, url.parse("HTTP://me:pw@Example.COM:8080/a/b?x=1&y#top"))
    end)

    it("gives the path / where none is written", function()
      assert.same({ scheme = "http", host = "h", path = "/" }, url.parse("http://h"))
      assert.same({ scheme = "http", host = "h", path = "/", query = "q" }, url.parse("http://h?q"))
    end)

    it("takes the brackets off an IPv6 address", function()
      local parts = assert(url.parse("http://[::1]:81/"))
      assert.equal("::1", parts.host)
      assert.equal(81, parts.port)
    end)

    it("encodes what is beyond ASCII in a path", function()
      assert.equal("/%C3%A4", url.parse("http://h/ä").path)
    end)

    for name, text in pairs({
      ["without a scheme"] = "example.com/",
      ["without a host"] = "http:///x",
      ["without an authority"] = "mailto:me",
      ["with a space"] = "http://h/a b",
      ["with a line end"] = "http://h/\r\nX: y",
      ["with a zero byte"] = "http://h/\0",
      ["with a port of letters"] = "http://h:http/",
      ["with a port beyond 65535"] = "http://h:65536/",
      ["with the port 0"] = "http://h:0/",
      ["with an unfinished IPv6 address"] = "http://[::1/",
      ["with a bad percent-encoding"] = "http://h/%zz",
      ["with a host beyond ASCII"] = "http://hä/",
      ["of a megabyte"] = "http://h/" .. ("a"):rep(1 << 20),
    }) do
      it("returns an error for one " .. name, function()
        local parts, err = url.parse(text)
        assert.is_nil(parts)
        assert.equal("HTTP", err.code)
        assert.is_truthy(err.message:find("^bad URL '"))
      end)
    end

    it("refuses what is no string", function()
      expect.bad_argument("#1 to 'parse'", "string expected, got no value", function()
        url.parse()
      end)
    end)
  end)

  it("encodes and decodes any bytes", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local text = table.concat(bytes)
    assert.equal(text, url.decode(url.encode(text)))
    assert.equal("a%20b%2Fc~", url.encode("a b/c~"))
  end)

  it("leaves a bad percent-encoding as it is", function()
    assert.equal("%zz %", url.decode("%zz%20%"))
  end)

  it("reads queries", function()
    assert.same({}, url.parse_query(""))
    assert.same(
      { a = { "1", "2", "3" }, b = "", c = "", ["d e"] = "f g", ["&"] = "=" },
      url.parse_query("a=1&a=2&b&c=&d+e=f%20g&a=3&&%26=%3D")
    )
  end)

  it("reads random queries as the rules say", function()
    local function decode(text)
      return (text:gsub("%+", " "):gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
    end
    local function expected(text)
      local fields = {}
      for part in text:gmatch("[^&]+") do
        local key, value = part:match("^([^=]*)=(.*)$")
        key, value = decode(key or part), decode(value or "")
        local before = fields[key]
        if type(before) == "table" then
          table.insert(before, value)
        else
          fields[key] = before and { before, value } or value
        end
      end
      return fields
    end
    local pieces = { "a", "b", "=", "=", "&", "&", "+", "%", "%4", "%41", "%2b", "%zz", "%00", "\0", "\xff", "aaaa" }
    math.randomseed(7)
    for _ = 1, 2000 do
      local text = {}
      for i = 1, math.random(0, 12) do
        text[i] = pieces[math.random(#pieces)]
      end
      text = table.concat(text)
      assert.same(expected(text), url.parse_query(text), text)
    end
  end)

  it("writes queries that it can read", function()
    local fields = { a = { "1", "2" }, b = "", ["c d"] = "&=+ä" }
    assert.equal("a=1&a=2&b=&c%20d=%26%3D%2B%C3%A4", url.build_query(fields))
    assert.same(fields, url.parse_query(url.build_query(fields)))
  end)

  -- The examples of RFC 3986, 5.4
  describe("join", function()
    for reference, target in pairs({
      ["g:h"] = "g:h",
      ["g"] = "http://a/b/c/g",
      ["./g"] = "http://a/b/c/g",
      ["g/"] = "http://a/b/c/g/",
      ["/g"] = "http://a/g",
      ["//g"] = "http://g",
      ["?y"] = "http://a/b/c/d;p?y",
      ["g?y"] = "http://a/b/c/g?y",
      ["#s"] = "http://a/b/c/d;p?q#s",
      ["g#s"] = "http://a/b/c/g#s",
      ["g?y#s"] = "http://a/b/c/g?y#s",
      [";x"] = "http://a/b/c/;x",
      ["g;x"] = "http://a/b/c/g;x",
      [""] = "http://a/b/c/d;p?q",
      ["."] = "http://a/b/c/",
      ["./"] = "http://a/b/c/",
      [".."] = "http://a/b/",
      ["../"] = "http://a/b/",
      ["../g"] = "http://a/b/g",
      ["../.."] = "http://a/",
      ["../../g"] = "http://a/g",
      ["../../../g"] = "http://a/g",
      ["/./g"] = "http://a/g",
      ["/../g"] = "http://a/g",
      ["g."] = "http://a/b/c/g.",
      ["..g"] = "http://a/b/c/..g",
      ["./g/."] = "http://a/b/c/g/",
      ["g/../h"] = "http://a/b/c/h",
      ["g?y/../x"] = "http://a/b/c/g?y/../x",
    }) do
      it("makes " .. target .. " of '" .. reference .. "'", function()
        assert.equal(target, url.join("http://a/b/c/d;p?q", reference))
      end)
    end

    it("takes a base without a path", function()
      assert.equal("http://a/g", url.join("http://a", "g"))
    end)
  end)
end)

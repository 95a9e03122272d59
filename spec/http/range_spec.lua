--- Parts of files.
local case = require("spec.support.case")
local web = require("spec.support.web")
local www = require("spec.support.www")

local LARGE, with_files, get = www.LARGE, www.with_files, www.get
local it = case.it
local request, answer = web.request, web.answer

describe("http ranges:", function()
  for range, wanted in pairs({
    ["bytes=0-3"] = { 206, "0123", "bytes 0-3/10" },
    ["bytes=4-"] = { 206, "456789", "bytes 4-9/10" },
    ["bytes=-3"] = { 206, "789", "bytes 7-9/10" },
    ["bytes=-100"] = { 206, "0123456789", "bytes 0-9/10" },
    ["bytes=9-100"] = { 206, "9", "bytes 9-9/10" },
    ["Bytes = 0-0"] = { 206, "0", "bytes 0-0/10" },
    ["bytes=10-"] = { 416, nil, "bytes */10" },
    ["bytes=-0"] = { 416, nil, "bytes */10" },
    ["bytes=5-4"] = { 200, "0123456789" },
    ["bytes=-"] = { 200, "0123456789" },
    ["bytes=, 2-3,"] = { 206, "23", "bytes 2-3/10" },
    ["bytes=20-30,2-3"] = { 206, "23", "bytes 2-3/10" },
    ["bytes=20-30,10-"] = { 416, nil, "bytes */10" },
    ["bytes=0-1,a"] = { 200, "0123456789" },
    ["bytes=0-1,5-4"] = { 200, "0123456789" },
    ["bytes="] = { 200, "0123456789" },
    ["bytes=0-6,5-9"] = { 200, "0123456789" }, -- more than the whole
    ["bytes=0-0,0-0,0-0,0-0"] = { 200, "0123456789" },
    ["bytes=a-b"] = { 200, "0123456789" },
    ["items=0-1"] = { 200, "0123456789" },
    ["bytes=99999999999999999999-"] = { 200, "0123456789" },
  }) do
    it(("%s gives %d"):format(range, wanted[1]), with_files(function(_, app)
      local got = get(app, "/a.txt", { "Range: " .. range })
      assert.equal(wanted[1], got.status)
      assert.equal(wanted[3], got.fields["content-range"])
      if wanted[2] then
        assert.equal(wanted[2], got.body)
      end
    end))
  end

  --- The parts of an answer with several ranges: { range, body }.
  local function parts_of(got)
    local boundary = got.fields["content-type"]:match("^multipart/byteranges; boundary=(%x+)$")
    assert.equal(#got.body, tonumber(got.fields["content-length"]))
    local parts, at = {}, 1
    local pattern = "^\r?\n?%-%-" .. boundary
      .. "\r\nContent%-Type: ([^\r]+)\r\nContent%-Range: bytes ((%d+)%-(%d+)/%d+)\r\n\r\n()"
    while true do
      local kind, range, first, last, from = got.body:match(pattern, at)
      if not kind then
        assert.equal("\r\n--" .. boundary .. "--\r\n", got.body:sub(at))
        return parts
      end
      at = from + last - first + 1
      parts[#parts + 1] = { kind, range, got.body:sub(from, at - 1) }
    end
  end

  it("are asked for in any case of letters", with_files(function(_, app)
    assert.equal(206, get(app, "/a.txt", { "rAnGe: bytes=0-1" }).status)
    assert.equal(304, get(app, "/a.txt", { "iF-nOnE-mAtCh: *" }).status)
  end))

  for range, wanted in pairs({
    ["bytes=0-1,5-9"] = { { "0-1/10", "01" }, { "5-9/10", "56789" } },
    ["bytes=-2,0-0, 20-,4-5"] = { { "8-9/10", "89" }, { "0-0/10", "0" }, { "4-5/10", "45" } },
    ["bytes=0-2,1-1,2-3"] = { { "0-2/10", "012" }, { "1-1/10", "1" }, { "2-3/10", "23" } },
  }) do
    it(("%s gives %d parts"):format(range, #wanted), with_files(function(_, app)
      local got = get(app, "/a.txt", { "Range: " .. range })
      assert.equal(206, got.status)
      assert.is_nil(got.fields["content-range"])
      local parts = parts_of(got)
      for i, part in ipairs(wanted) do
        assert.same({ "text/plain; charset=utf-8", part[1], part[2] }, parts[i])
      end
      assert.equal(#wanted, #parts)
    end))
  end

  it("several of a large file", with_files(function(_, app)
    local parts = parts_of(get(app, "/large.bin", { "Range: bytes=5-199999,300000-300009" }))
    assert.equal(LARGE:sub(6, 200000), parts[1][3])
    assert.equal(LARGE:sub(300001, 300010), parts[2][3])
  end))

  it("64 at most", with_files(function(_, app)
    local function status(count)
      local list = {}
      for i = 1, count do
        list[i] = ("%d-%d"):format(i * 10, i * 10 + 2)
      end
      return get(app, "/large.bin", { "Range: bytes=" .. table.concat(list, ",") }).status
    end
    assert.same({ 206, 200 }, { status(64), status(65) })
  end))

  it("several are not compressed, nor is any for HEAD", with_files(function(_, app)
    local got = get(app, "/page.html", { "Range: bytes=0-2000,3000-3100", "Accept-Encoding: gzip" })
    assert.is_nil(got.fields["content-encoding"])
    assert.equal(("<p>text"):rep(1000):sub(1, 2001), parts_of(got)[1][3])
    assert.equal(200, answer(app, request("HEAD /a.txt", { "Range: bytes=0-1,5-9" })).status)
  end))

  it("of a large file", with_files(function(_, app)
    local got = get(app, "/large.bin", { "Range: bytes=100000-299999" })
    assert.equal(LARGE:sub(100001, 300000), got.body)
  end))

  it("hold if the file is the same", with_files(function(_, app)
    local tag = get(app, "/a.txt").fields.etag
    local function status(if_range)
      local one = get(app, "/a.txt", { "Range: bytes=0-0", "If-Range: " .. if_range }).status
      assert.equal(one, get(app, "/a.txt", { "Range: bytes=0-0,2-2", "If-Range: " .. if_range }).status)
      return one
    end
    assert.equal(206, status(tag))
    assert.equal(200, status("W/" .. tag))
    assert.equal(200, status('"x"'))
    assert.equal(206, status("Sun, 09 Sep 2001 01:46:40 GMT"))
    assert.equal(200, status("Sun, 09 Sep 2001 01:46:41 GMT"))
  end))
end)

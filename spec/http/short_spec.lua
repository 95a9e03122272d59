--- Short answers take a short way. A server with a log takes the long one for
--- them: what a client sees, and what is reported, must be the same.
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local web = require("spec.support.web")

local it, http = case.it, neap.http

local function no_log() end

--- The bytes of the answers without what changes with time, and the messages of
--- what was reported.
local function seen(value, log, requests)
  local app, text = http.app(), nil
  app:route("*", "/", function() return value end)
  local reports = expect.reports(function()
    text = web.talk(app, requests or web.request("/"):rep(2), { access_log = log })
  end)
  local errors = {}
  for i, report in ipairs(reports) do
    local message = report.message:gsub("request %x+", "request")
    errors[i] = message .. ": " .. tostring(report.error):gsub("^[^:]*:%d+", "")
  end
  return text:gsub("\r\nDate: [^\r]*", ""):gsub("Request: %S+", ""):gsub("X%-Request%-Id: %S+", ""), errors
end

local many = {}
for i = 1, 20 do
  many["X-" .. i] = "v" .. i
end

local values = {
  ["a text"] = { text = "hello" },
  ["an empty text"] = { text = "" },
  ["a page"] = { html = "<p>", status = 201 },
  ["a value"] = { json = { a = 1, b = "x" } },
  ["false as a value"] = { json = false },
  ["a long value"] = { json = { ("x"):rep(3000) }, status = 202, headers = { A = "1" } },
  ["bytes with a type"] = { body = "\0\1", type = "x/y" },
  ["a text with a type"] = { text = "a", type = "text/css" },
  ["a number for a text"] = { text = 12 },
  ["a status that has no body"] = { text = "gone", status = 204 },
  ["a status alone"] = { status = 404 },
  ["nothing"] = {},
  ["a field"] = { text = "a", headers = { ["X-A"] = "b" } },
  ["fields"] = { text = "a", headers = { ["X-C"] = "d", ["X-A"] = "b", ["X-AB"] = "c", B = "e" } },
  ["no fields"] = { text = "a", headers = {} },
  ["many fields"] = { text = "a", headers = many },
  ["a field that is a number"] = { text = "a", headers = { ["X-A"] = 5 } },
  ["a field with several values"] = { text = "a", headers = { ["X-A"] = { "b", "c" }, ["X-B"] = "d" } },
  ["fields in a list"] = { text = "a", headers = { { "X-B", "1" }, { "X-A", "2" }, { "X-B", "3" } } },
  ["Headers"] = { text = "a", headers = http.headers.new({ ["X-A"] = "b", ["X-B"] = "c" }) },
  ["a Content-Type"] = { text = "a", headers = { ["content-Type"] = "x/z", ["X-A"] = "b" } },
  ["a Content-Type and a type"] = { text = "a", type = "x/y", headers = { ["Content-Type"] = "x/z" } },
  ["a Content-Length"] = { text = "a", headers = { ["Content-Length"] = "9" } },
  ["a Transfer-Encoding"] = { text = "a", headers = { ["Transfer-Encoding"] = "chunked" } },
  ["a Connection"] = { text = "a", headers = { Connection = "close" } },
  ["a field called Date"] = { text = "a", headers = { Date = "today" } },
  ["a cookie"] = { text = "a", cookies = { a = "b" } },
  ["a Response"] = http.response({ text = "a", status = 299, headers = { ["X-A"] = "b" } }),
  ["a Response without fields"] = http.response({ json = 12 }),
  ["an unknown field"] = { text = "a", txt = "b" },
  ["two bodies"] = { text = "a", html = "b" },
  ["two bodies, one a value"] = { json = "a", text = "b" },
  ["a bad status"] = { text = "a", status = 99 },
  ["a status that is a text"] = { text = "a", status = "200" },
  ["a bad name"] = { text = "a", headers = { ["X A"] = "b" } },
  ["an empty name"] = { text = "a", headers = { [""] = "b" } },
  ["a name that is a number"] = { text = "a", headers = { [7] = "b" } },
  ["a bad value of a field"] = { text = "a", headers = { ["X-A"] = "b\r\nX-B: c" } },
  ["a bad type"] = { text = "a", type = "x\r\n" },
  ["what has no JSON"] = { json = print },
  ["a headers that is none"] = { text = "a", headers = 5 },
}

describe("a short answer", function()
  for name, value in pairs(values) do
    it(("that is %s is the same as on the long way"):format(name), function()
      local text, errors = seen(value)
      local long_text, long_errors = seen(value, no_log)

      assert.equal(long_text, text)
      assert.same(long_errors, errors)
      assert.is_truthy(text:find("^HTTP/1%.1 %d%d%d "))
    end)
  end

  it("to HEAD has no body, on both ways", function()
    local requests = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
    local text = seen({ text = "hello" }, nil, requests)

    assert.equal(seen({ text = "hello" }, no_log, requests), text)
    assert.is_truthy(text:find("Content-Length: 5\r\n", 1, true))
    assert.is_truthy(text:find("\r\n\r\n$"))
  end)

  it("sends fields in the order of their names", function()
    local text = seen({ text = "a", headers = { ["X-C"] = "3", B = "1", ["X-A"] = "2" } })

    assert.is_truthy(text:find("\r\nB: 1\r\nX-A: 2\r\nX-C: 3\r\n", 1, true))
  end)
end)

local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")
local web = require("spec.support.web")

local it, http = case.it, neap.http
local request, answer = web.request, web.answer

--- An app whose every route says its name and parameters.
local function app_of(routes)
  local app = http.app()
  for _, route in ipairs(routes) do
    app:route(route[1], route[2], function(req)
      local names = {}
      for name, value in pairs(req.params) do
        names[#names + 1] = name .. "=" .. value
      end
      table.sort(names)
      return route[1] .. " " .. route[2] .. " " .. table.concat(names, ",")
    end)
  end
  return app
end

local function get(app, path)
  return answer(app, request(path))
end

describe("http.app", function()
  describe("routes", function()
    it("find a plain path", function()
      local app = app_of({ { "GET", "/" }, { "GET", "/a/b" } })

      assert.equal("GET / ", get(app, "/").body)
      assert.equal("GET /a/b ", get(app, "/a/b?x=1").body)
      assert.equal(404, get(app, "/a").status)
      assert.equal(404, get(app, "/a/b/").status)
    end)

    it("take parameters", function()
      local app = app_of({ { "GET", "/{x}" }, { "GET", "/n/{n:%d+}" }, { "GET", "/f/{a}-{b}.txt" } })

      assert.equal("GET /{x} x=hello", get(app, "/hello").body)
      assert.equal("GET /n/{n:%d+} n=42", get(app, "/n/42").body)
      assert.equal(404, get(app, "/n/x").status)
      assert.equal(404, get(app, "/n/").status)
      assert.equal("GET /f/{a}-{b}.txt a=1,b=2", get(app, "/f/1-2.txt").body)
      assert.equal(404, get(app, "/f/1-2xtxt").status)
    end)

    it("take all that is left", function()
      local app = app_of({ { "GET", "/files/{path*}" }, { "GET", "/files/x" } })

      assert.equal("GET /files/{path*} path=a/b/c", get(app, "/files/a/b/c").body)
      assert.equal("GET /files/{path*} path=", get(app, "/files/").body)
      assert.equal("GET /files/x ", get(app, "/files/x").body)
    end)

    it("prefer plain paths, then the first that was added", function()
      local app = app_of({ { "GET", "/{a*}" }, { "GET", "/{b}" }, { "GET", "/{c:.+}" }, { "GET", "/x" } })

      assert.equal("GET /x ", get(app, "/x").body)
      assert.equal("GET /{b} b=y", get(app, "/y").body)
      assert.equal("GET /{c:.+} c=y/z", get(app, "/y/z").body)
      assert.equal("GET /{a*} a=", get(app, "/").body)
    end)

    it("decode parameters, but an encoded slash separates nothing", function()
      local app = app_of({ { "GET", "/{x}" }, { "GET", "/ä b" } })

      assert.equal("GET /{x} x=a b/c%", get(app, "/a%20b%2fc%25").body)
      assert.equal("GET /ä b ", get(app, "/%C3%A4%20b").body)
    end)

    it("answer HEAD like GET, without the body", function()
      local app = app_of({ { "GET", "/" }, { "HEAD", "/own" }, { "GET", "/own" } })

      local head = answer(app, request("HEAD /"))
      assert.equal(200, head.status)
      assert.equal("6", head.fields["content-length"])
      assert.equal(tostring(#"HEAD /own "), answer(app, request("HEAD /own")).fields["content-length"])
    end)

    it("refuse other methods and say which there are", function()
      local app = app_of({ { "GET", "/a" }, { "POST", "/a" }, { "PUT", "/{x}" }, { "POST", "/p" } })

      local refused = answer(app, request("DELETE /a"))
      assert.equal(405, refused.status)
      assert.equal("GET, HEAD, OPTIONS, POST, PUT", refused.fields.allow)
      assert.equal("OPTIONS, POST, PUT", answer(app, request("GET /p")).fields.allow)
      assert.equal("PUT /{x} x=a", answer(app, request("PUT /a")).body)
    end)

    it("answer OPTIONS", function()
      local app = app_of({ { "GET", "/a" }, { "OPTIONS", "/b" } })

      local options = answer(app, request("OPTIONS /a"))
      assert.equal(204, options.status)
      assert.equal("GET, HEAD, OPTIONS", options.fields.allow)
      assert.equal("OPTIONS /b ", answer(app, request("OPTIONS /b")).body)
      assert.equal(204, answer(app, request("OPTIONS *")).status)
      assert.equal(404, answer(app, request("OPTIONS /none")).status)
    end)

    it("of any method answer those without their own", function()
      local app = app_of({ { "*", "/a" }, { "POST", "/a" } })

      assert.equal("* /a ", answer(app, request("DELETE /a")).body)
      assert.equal("POST /a ", answer(app, request("POST /a")).body)
    end)
  end)

  describe("middleware", function()
    it("runs around the routes, the first outermost", function()
      local log, app = {}, app_of({ { "GET", "/" } })
      for _, name in ipairs({ "a", "b" }) do
        app:use(function(req, next)
          table.insert(log, name .. " " .. req.path)
          local result = next(req)
          table.insert(log, name .. " done")
          return result
        end)
      end

      assert.equal("GET / ", get(app, "/").body)
      assert.same({ "a /", "b /", "b done", "a done" }, log)
    end)

    it("sees what is not found, and can answer itself", function()
      local app = app_of({ { "GET", "/" } })
      app:use(function(req, next)
        local res = http.response(next(req))
        res.headers["X-Status"] = res.status
        return res
      end)
      app:use(function(req, next)
        return req.path == "/no" and { status = 403, text = "no" } or next(req)
      end)

      assert.equal("404", get(app, "/missing").fields["x-status"])
      assert.equal("403", get(app, "/no").fields["x-status"])
      assert.equal("200", get(app, "/").fields["x-status"])
    end)

    it("can hand values to the handler", function()
      local app = http.app()
      app:use(function(req, next)
        req.user = "me"
        return next(req)
      end)
      app:get("/", function(req) return req.user end)

      assert.equal("me", get(app, "/").body)
    end)
  end)

  describe("a mounted app", function()
    it("answers below its prefix", function()
      local sub = http.app()
      sub:get("/", function(req) return "root " .. req.path end)
      sub:get("/{x}", function(req) return "x=" .. req.params.x .. " " .. req.path end)
      local app = app_of({ { "GET", "/" }, { "GET", "/subs" } }):mount("/sub/", sub)

      assert.equal("root /sub", get(app, "/sub").body)
      assert.equal("root /sub/", get(app, "/sub/").body)
      assert.equal("x=1 /sub/1", get(app, "/sub/1").body)
      assert.equal(404, get(app, "/sub/1/2").status)
      assert.equal("GET /subs ", get(app, "/subs").body)
      assert.equal(405, answer(app, request("POST /sub/1")).status)
    end)

    it("has middleware of its own, in apps in apps", function()
      local function tagged(name)
        return http.app():use(function(req, next)
          return name .. " " .. next(req)
        end)
      end
      local inner = tagged("inner"):get("/x", function() return "x" end)
      local outer = tagged("outer"):mount("/b", inner)
      local app = http.app():mount("/a", outer):get("/y", function() return "y" end)

      assert.equal("outer inner x", get(app, "/a/b/x").body)
      assert.equal("y", get(app, "/y").body)
    end)
  end)

  describe("what handlers return", function()
    local function app_returning(value)
      return http.app():get("/", function() return value end)
    end

    for name, wanted in pairs({
      ["a string"] = { "hi", 200, "text/plain; charset=utf-8", "hi" },
      ["nothing"] = { nil, 204, nil, "" },
      ["a status alone"] = { { status = 201 }, 201, nil, "" },
      ["text"] = { { text = "t" }, 200, "text/plain; charset=utf-8", "t" },
      ["html"] = { { html = "<p>" }, 200, "text/html; charset=utf-8", "<p>" },
      ["json"] = { { json = { a = { 1, 2 } }, status = 202 }, 202, "application/json", '{"a":[1,2]}' },
      ["json false"] = { { json = false }, 200, "application/json", "false" },
      ["bytes"] = { { body = "\0\1" }, 200, "application/octet-stream", "\0\1" },
      ["a type"] = { { body = "x", type = "text/css" }, 200, "text/css", "x" },
      ["a type among the headers"] = {
        { body = "x", headers = { ["content-type"] = "text/css" } }, 200, "text/css", "x",
      },
      ["a response"] = { http.response({ status = 404, text = "x" }), 404, "text/plain; charset=utf-8", "x" },
      ["a redirect"] = { http.redirect("/a b"), 302, nil, "" },
    }) do
      it(name, function()
        local got = get(app_returning(wanted[1]), "/")

        assert.equal(wanted[2], got.status)
        if wanted[3] then
          assert.equal(wanted[3], got.fields["content-type"])
        end
        assert.equal(wanted[4], got.body)
        assert.is_truthy(got.fields.date:find("^%a+, %d%d %a+ %d%d%d%d %d%d:%d%d:%d%d GMT$"))
      end)
    end

    it("headers with one value or more", function()
      local got = web.talk(
        app_returning({ text = "x", headers = { ["X-A"] = "1", ["X-B"] = { "2", "3" } } }),
        request("/")
      )

      assert.is_truthy(got:find("\r\nX-A: 1\r\n", 1, true))
      assert.is_truthy(got:find("\r\nX-B: 2\r\nX-B: 3\r\n", 1, true))
    end)

    it("a redirect with its status and place", function()
      local got = get(app_returning(http.redirect("http://x/ä", 308)), "/")

      assert.equal(308, got.status)
      assert.equal("http://x/%C3%A4", got.fields.location)
    end)

    for name, value in pairs({
      ["a number"] = 1,
      ["a boolean"] = true,
      ["an unknown field"] = { txt = "x" },
      ["two bodies"] = { text = "x", json = {} },
      ["a status that is none"] = { status = 99 },
      ["a header that ends its line"] = { headers = { X = "a\r\nY: b" } },
      ["a header's name with a colon"] = { headers = { ["X: a\r\nY"] = "b" } },
      ["a zero in a header"] = { headers = { X = "a\0" } },
      ["a function where JSON should be"] = { json = print },
    }) do
      it("not " .. name .. ": 500", function()
        local status
        local reports = expect.reports(function()
          status = get(app_returning(value), "/").status
        end)

        assert.equal(500, status)
        assert.equal(1, #reports)
      end)
    end
  end)

  describe("a handler that raises", function()
    it("gets a 500 that shows nothing, and is reported with the request's id", function()
      local app = http.app():get("/", function() error("secret") end)
      local got
      local reports = expect.reports(function()
        got = get(app, "/")
      end)

      assert.equal(500, got.status)
      assert.is_nil(got.body:find("secret"))
      assert.is_nil(got.body:find("lua"))
      local id = got.fields["x-request-id"]
      assert.is_truthy(got.body:find(id, 1, true))
      assert.equal(1, #reports)
      assert.is_truthy(reports[1].message:find(id, 1, true))
      assert.is_truthy(tostring(reports.errors[1]):find("secret"))
      assert.is_true(reports[1].handler)
      assert.is_truthy(reports[1].traceback:find("app_spec"))
    end)

    it("harms no other request of the connection", function()
      local app = app_of({ { "GET", "/" } }):get("/bad", function() error("x") end)
      expect.reports(function()
        local list = web.answers(web.talk(app, request("/bad") .. request("/")))
        assert.equal(500, list[1].status)
        assert.equal("GET / ", list[2].body)
      end)
    end)

    for name, wanted in pairs({
      ["HTTP is answered with 400"] = { neap.error("HTTP", "no such thing"), 400 },
      ["LIMIT is answered with 413"] = { neap.error("LIMIT", "too much"), 413 },
    }) do
      it(name, function()
        local app = http.app():get("/", function() error(wanted[1], 0) end)
        local reports = expect.reports(function()
          assert.equal(wanted[2], get(app, "/").status)
        end)
        assert.equal(0, #reports)
      end)
    end
  end)

  describe("arguments", function()
    local app = http.app()
    local nothing = function() end

    it("are checked", function()
      expect.bad_argument("#1 to 'get'", "a path begins with '/'", function() app:get("x", nothing) end)
      expect.bad_argument("#2 to 'get'", "function expected, got no value", function() app:get("/") end)
      expect.bad_argument("#1 to 'get'", "'{' is not closed", function() app:get("/{x", nothing) end)
      expect.bad_argument("#1 to 'get'", "a parameter needs a name", function() app:get("/{}", nothing) end)
      expect.bad_argument("#1 to 'get'", "{name*} must come last", function() app:get("/{x*}/y", nothing) end)
      expect.bad_argument("#1 to 'get'", "the pattern of a parameter must not capture", function()
        app:get("/{x:(a)}", nothing)
      end)
      expect.bad_argument("#1 to 'get'", "the pattern of a parameter is malformed", function()
        app:get("/{x:[a}", nothing)
      end)
      expect.bad_argument("#1 to 'route'", "a method has capital letters", function()
        app:route("get", "/", nothing)
      end)
      expect.bad_argument("#1 to 'use'", "function expected, got nil", function() app:use(nil) end)
      expect.bad_argument("#2 to 'mount'", "App expected, got table", function() app:mount("/x", {}) end)
      expect.bad_argument("#1 to 'response'", "string, table or nil expected, got number", function()
        http.response(1)
      end)
      expect.bad_argument("#2 to 'redirect'", "out of range (300 to 399)", function()
        http.redirect("/", 400)
      end)
    end)

    it("cannot name a route twice", function()
      local twice = app_of({ { "GET", "/{x}" } })
      expect.bad_argument("#1 to 'get'", "there is a handler of GET /{x} already", function()
        twice:get("/{x}", nothing)
      end)
    end)

    it("of serve are checked", function()
      expect.bad_argument("#1 to 'serve'", "unknown option 'prot'", function() app:serve({ prot = 1 }) end)
      expect.bad_argument("#1 to 'serve'", "option 'tls' has the unknown option 'crt'", function()
        app:serve({ tls = { crt = "x" } })
      end)
      expect.bad_argument("#1 to 'serve'", "option 'workers' out of range (1 to 256)", function()
        app:serve({ workers = 0 })
      end)
      expect.bad_argument("#1 to 'serve'", "option 'idle_timeout' must be more than 0 seconds", function()
        app:serve({ idle_timeout = 0 })
      end)
    end)
  end)
end)

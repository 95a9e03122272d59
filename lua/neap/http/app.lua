--- An app: routes, middleware, mounted apps. `app:serve` and `app:run` make a
--- server of it.
local args = require("neap.args")
local response = require("neap.http.response")
local router = require("neap.http.router")
local socket_options = require("neap.websocket.options")

local app = {}

---@alias neap.http.Handler async fun(req: neap.http.Request): string|neap.http.Response|table|nil
---@alias neap.http.Middleware async fun(req: neap.http.Request, next: neap.http.Handler): any

---@class neap.http.App
---@field package _router neap.http.Router
---@field package _middleware neap.http.Middleware[]
---@field package _run function?  (self, req): the routes behind the middleware
local App = { __name = "App" }
App.__index = App

-- ---- what answers a request -----------------------------------------------------

local function allow_list(allowed)
  local names = {}
  for method in pairs(allowed) do
    names[#names + 1] = method
  end
  if not allowed.OPTIONS then
    names[#names + 1] = "OPTIONS"
  end
  table.sort(names)
  return table.concat(names, ", ")
end

--- No handler takes this method: 404, 405, or OPTIONS answered for them all.
local function refuse(req, allowed)
  if req.path == "*" then
    return response.new(nil)
  elseif next(allowed) == nil then
    return response.plain(404)
  end
  local fields = { Allow = allow_list(allowed) }
  if req.method == "OPTIONS" then
    return response.new({ status = 204, headers = fields })
  end
  return response.plain(405, nil, fields)
end

local function route(self, req)
  local path = req._route
  local quick = self._router:plain(path, req.method)
  if quick then
    return quick(req)
  end
  local handler, params, mounted, allowed = self._router:find(req.method, path)
  if handler then
    if params then
      local before = rawget(req, "params") -- of an app around this one
      req.params = params
      if before then
        for name, value in pairs(before) do
          params[name] = params[name] or value
        end
      end
    end
    return handler(req)
  elseif not mounted then
    return refuse(req, allowed)
  end
  local rest = path:sub(#mounted.prefix + 1)
  req._route = rest == "" and "/" or rest
  return mounted.app:_handle(req)
end

--- Puts the middleware around the routes, the first one outermost.
local function compose(self)
  if #self._middleware == 0 then
    return route
  end
  local function run(req)
    return route(self, req)
  end
  for i = #self._middleware, 1, -1 do
    local middleware, inner = self._middleware[i], run
    run = function(req)
      return middleware(req, inner)
    end
  end
  return function(_, req)
    return run(req)
  end
end

--- What the handler of a request, or the middleware around it, returns.
---@package
function App:_handle(req)
  local run = self._run
  if not run then
    run = compose(self)
    self._run = run
  end
  return run(self, req)
end

-- ---- routes ------------------------------------------------------------------

local function add(self, name, first, method, path, fn, count)
  path = args.string(name, first, path, count)
  args.callable(name, first + 1, fn, count)
  local ok, problem = self._router:add(method, path, fn)
  if not ok then
    args.fail(name, first, problem)
  end
end

for _, name in ipairs({ "get", "post", "put", "delete", "patch", "head", "options" }) do
  local method = name:upper()

  --- Adds the handler of a method and a path.
  ---@param self neap.http.App
  ---@param ... any  path, handler
  ---@return neap.http.App self
  App[name] = function(self, ...)
    local path, fn = ...
    add(self, name, 1, method, path, fn, select("#", ...))
    return self
  end
end

--- The same for any method; "*" is all that have no handler of their own.
---@overload fun(self: neap.http.App, method: string, path: string, fn: neap.http.Handler): neap.http.App
function App:route(...)
  local method, path, fn = ...
  local count = select("#", ...)
  method = args.string("route", 1, method, count)
  if method ~= "*" and not method:find("^%u[%u-]*$") then
    args.fail("route", 1, "a method has capital letters")
  end
  add(self, "route", 2, method, path, fn, count)
  return self
end

--- Adds middleware: `function(req, next) ... return next(req) end`. What it
--- returns is the response; the first that was added is the outermost.
---@overload fun(self: neap.http.App, middleware: neap.http.Middleware): neap.http.App
function App:use(...)
  args.callable("use", 1, (...), select("#", ...))
  table.insert(self._middleware, (...))
  self._run = nil
  return self
end

--- Lets another app answer what is below a path. Its routes do not see the
--- prefix; `req.path` has it.
---@overload fun(self: neap.http.App, prefix: string, other: neap.http.App): neap.http.App
function App:mount(...)
  local prefix, other = ...
  local count = select("#", ...)
  prefix = args.string("mount", 1, prefix, count)
  if getmetatable(other) ~= App then
    args.refuse("mount", 2, other, count, "App")
  elseif other == self then
    args.fail("mount", 2, "an app cannot be mounted in itself")
  elseif prefix:sub(1, 1) ~= "/" or prefix:find("{", 1, true) then
    args.fail("mount", 1, "a prefix begins with '/' and has no parameters")
  end
  self._router:mount((prefix:gsub("/+$", "")), other)
  return self
end

--- Serves the files of a directory below a path; see `neap.http.static`.
---@overload fun(self: neap.http.App, prefix: string, dir: string, opts?: neap.http.StaticOptions): neap.http.App
function App:static(...)
  local prefix, dir, opts = ...
  local count = select("#", ...)
  local static = require("neap.http.static")
  prefix = args.string("static", 1, prefix, count)
  dir = args.string("static", 2, dir, count)
  opts = args.options("static", 3, opts, static.options)
  if prefix:sub(1, 1) ~= "/" or prefix:find("{", 1, true) then
    args.fail("static", 1, "a prefix begins with '/' and has no parameters")
  end
  prefix = prefix:gsub("/+$", "")
  local serve, enter = static.handlers(dir, opts)
  local ok, problem = self._router:add("GET", prefix .. "/{path*}", serve)
  if ok and prefix ~= "" then
    ok, problem = self._router:add("GET", prefix, enter)
  end
  if not ok then
    args.fail("static", 1, problem)
  end
  return self
end

---@alias neap.http.SocketHandler async fun(ws: table, req: neap.http.Request)

--- Lets a function talk over a WebSocket: `fn(ws, req)`.
---@param ... any  path, fn, opts (neap.WebSocketAcceptOptions)
---@return neap.http.App
function App:websocket(...)
  local path, fn, opts = ...
  local count = select("#", ...)
  args.callable("websocket", 2, fn, count)
  args.options("websocket", 3, opts, socket_options.accept)
  add(self, "websocket", 1, "GET", path, function()
    return response.new({ status = 426, websocket = { fn = fn, opts = opts } })
  end, count)
  return self
end

-- ---- serving -----------------------------------------------------------------

--- Serves the app on a port. With `workers`, that many threads do, to which
--- the app is copied: routes, middleware and their upvalues, as `neap.thread`
--- copies. They share nothing; what cannot be copied is an argument error. A
--- worker that dies is reported and replaced; `connections()` of such a server
--- waits for what its workers say.
---@async
---@overload async fun(self: neap.http.App, opts?: neap.http.ServeOptions): neap.http.Server?, neap.Error?
function App:serve(...)
  local server = require("neap.http.server")
  local opts = args.options("serve", 1, (...), server.options)
  local problem = server.problem_of(self, opts)
  if problem then
    args.fail("serve", 1, problem)
  end
  return server.new(self, opts)
end

--- Serves the app until SIGINT or SIGTERM, then lets what is under way finish,
--- for at most `grace` seconds (a second signal: no longer), and returns true. The
--- program ends with its main task then; other tasks are cancelled.
---@async
---@overload async fun(self: neap.http.App, opts?: neap.http.RunOptions): true?, neap.Error?
function App:run(...)
  local server = require("neap.http.server")
  local opts = args.options("run", 1, (...), server.run_options)
  local problem = server.problem_of(self, opts)
  if problem then
    args.fail("run", 1, problem)
  end
  return server.run(self, opts)
end

---@return neap.http.App
function app.new()
  return setmetatable({ _router = router.new(), _middleware = {} }, App)
end

return app

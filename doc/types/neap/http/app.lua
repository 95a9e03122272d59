---@meta _

-- Apps: routes and middleware.

--- Routes, middleware and mounted apps. A path is text with `{name}` for anything but
--- "/", `{name:%d+}` for what a Lua pattern matches, and at its end `{name*}` for all
--- that is left. 404, 405 with `Allow`, HEAD and OPTIONS are answered by themselves.
---@class neap.http.App
local App = {}

--- The handler of GET, and of HEAD, for a path.
---
--- ```lua
--- local app = http.app()
--- app:get("/users/{id:%d+}", function(req) return "user " .. req.params.id end)
--- print(ask(app, "GET /users/7")) --> 200 user 7
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:get(path, fn) end

--- The handler of POST for a path.
---
--- ```lua
--- local app = http.app()
--- app:post("/words", function(req) return { status = 201, text = req:text() } end)
--- print(ask(app, "POST /words", {}, "hello")) --> 201 hello
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:post(path, fn) end

--- The handler of PUT for a path.
---
--- ```lua
--- local app = http.app()
--- app:put("/files/{path*}", function(req) return req.params.path end)
--- print(ask(app, "PUT /files/a/b")) --> 200 a/b
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:put(path, fn) end

--- The handler of DELETE for a path.
---
--- ```lua
--- local app = http.app()
--- app:delete("/users/{id}", function() return nil end)
--- print(ask(app, "DELETE /users/7")) --> 204
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:delete(path, fn) end

--- The handler of PATCH for a path.
---
--- ```lua
--- local app = http.app()
--- app:patch("/users/{id}", function(req) return "changed " .. req.params.id end)
--- print(ask(app, "PATCH /users/7")) --> 200 changed 7
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:patch(path, fn) end

--- The handler of HEAD for a path, where that of GET will not do.
---
--- ```lua
--- local app = http.app()
--- app:head("/large", function() return { headers = { ["X-Size"] = "9000000" } } end)
--- print(ask(app, "HEAD /large")) --> 200
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:head(path, fn) end

--- The handler of OPTIONS for a path.
---
--- ```lua
--- local app = http.app()
--- app:options("/", function() return { headers = { Allow = "GET" } } end)
--- print(ask(app, "OPTIONS /")) --> 200
--- ```
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:options(path, fn) end

--- The handler of any method for a path; "*" is all that have no handler of their own.
---
--- ```lua
--- local app = http.app()
--- app:route("PURGE", "/cache", function(req) return req.method end)
--- print(ask(app, "PURGE /cache")) --> 200 PURGE
--- ```
---@param method string  in capital letters, or "*"
---@param path string
---@param fn neap.http.Handler
---@return neap.http.App self
function App:route(method, path, fn) end

--- Adds middleware. The first that was added is the outermost.
---
--- ```lua
--- local app = http.app()
--- app:use(function(req, next)
---   if not req.headers.authorization then return { status = 401, text = "who are you?" } end
---   return next(req)
--- end)
--- app:get("/", function() return "welcome" end)
--- print(ask(app, "GET /")) --> 401 who are you?
--- print(ask(app, "GET /", { "Authorization: me" })) --> 200 welcome
--- ```
---@param middleware neap.http.Middleware
---@return neap.http.App self
function App:use(middleware) end

--- Lets another app answer what is below a path. Its routes do not see the prefix;
--- `req.path` has it.
---
--- ```lua
--- local blog, app = http.app(), http.app()
--- blog:get("/latest", function(req) return req.path end)
--- app:mount("/blog", blog)
--- print(ask(app, "GET /blog/latest")) --> 200 /blog/latest
--- ```
---@param prefix string
---@param other neap.http.App
---@return neap.http.App self
function App:mount(prefix, other) end

--- Serves the files of a directory below a path. No "..", and no link, leads out of it.
---
--- ```lua
--- neap.fs.write_file(dir .. "/a.txt", "hello")
--- local app = http.app()
--- app:static("/files", dir)
--- print(ask(app, "GET /files/a.txt")) --> 200 hello
--- ```
---@param prefix string
---@param dir string
---@param opts? neap.http.StaticOptions
---@return neap.http.App self
function App:static(prefix, dir, opts) end

--- Lets a function talk over a WebSocket. It is closed when the function ends.
---
--- ```lua
--- local app = http.app()
--- app:websocket("/echo", function(socket, req)
---   for message, kind in socket:messages() do
---     socket:send(message, kind)
---   end
--- end)
--- print(ask(app, "GET /echo")) --> 426 426 Upgrade Required
--- ```
---@param path string
---@param fn neap.http.SocketHandler
---@param opts? neap.WebSocketAcceptOptions
---@return neap.http.App self
function App:websocket(path, fn, opts) end

--- Serves the app on a port, in tasks of its own.
---
--- With `workers`, that many threads serve it, each with a loop and a listener of its
--- own. The app is copied to each as `neap.thread` copies: routes, middleware, and
--- their upvalues, so that they share nothing but channels; what cannot be copied is an
--- argument error that names the route. `tls` is then a table of options. A worker that
--- dies is reported to the exception handler and replaced. After `close` the server
--- also waits for what handlers have spawned.
---
--- ```lua
--- local app = http.app()
--- app:get("/", function() return "hello" end)
--- local server <close> = assert(app:serve { host = "127.0.0.1", port = 0 })
--- local stream <close> = assert(neap.net.connect("127.0.0.1", server:address().port))
--- stream:write("GET / HTTP/1.1\r\nHost: me\r\n\r\n")
--- print(stream:readline()) --> HTTP/1.1 200 OK
--- ```
---@async
---@param opts? neap.http.ServeOptions
---@return neap.http.Server? server
---@return neap.Error? err
function App:serve(opts) end

--- Serves the app until SIGINT or SIGTERM, then lets what is under way finish, for at
--- most `grace` seconds (a second signal: no longer), and returns true. The program ends
--- with its main task then; other tasks are cancelled.
---
--- ```lua
--- local app, killer = http.app(), nil
--- print(app:run {
---   host = "127.0.0.1",
---   port = 0,
---   ready = function(server)
---     print("listening at " .. server:address().host) --> listening at 127.0.0.1
---     killer = neap.spawn(neap.process.run, "kill -TERM " .. neap.process.id(), { shell = true })
---   end,
--- }) --> true
--- killer:await()
--- ```
---@async
---@param opts? neap.http.RunOptions
---@return true? ok
---@return neap.Error? err
function App:run(opts) end

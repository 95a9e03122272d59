---@meta neap.http

--- HTTP: apps and their servers, requests to servers of others, WebSockets, URLs.
---
--- In the examples `ask(app, "GET /path")` gives the status of an app's answer and its
--- text; `ask(app, line, fields, body)` sends a list of fields and a body, too. `dir`
--- is an empty directory, `ws` a client's WebSocket to a server that sends back what it
--- gets, and `site` the URL of a server that says hello at `/`.
---@class neap.http
---@field url neap.http.url  URLs and their parts
---@field headers neap.http.headers  making header fields
local http = {}

--- What handles a request: it returns a string, a table, a Response, or nil for an
--- answer without content. What it raises is logged and answered with 500; an `HTTP`
--- or `LIMIT` error that leaves it, with 400 or 413.
---@alias neap.http.Handler async fun(req: neap.http.Request): string|neap.http.Response|table|nil

--- What stands between a server and the handlers: it returns `next(req)`, or another
--- answer.
---@alias neap.http.Middleware async fun(req: neap.http.Request, next: neap.http.Handler): any

--- What talks over a WebSocket of a route.
---@alias neap.http.SocketHandler async fun(ws: neap.WebSocket, req: neap.http.Request)

--- The options of `app:serve`.
---@class neap.http.ServeOptions
---@field host? string  nil is every interface
---@field port? integer  8080 by default; 0 takes a free one
---@field tls? neap.Tls|false  with `cert`
---@field workers? integer  1 by default, 256 at most. With more, that many threads serve, each with a copy of the app
---@field max_connections? integer  10000 by default; further ones are answered with 503. Workers get equal parts
---@field max_header_size? integer  bytes of a request line and its fields, 16384 by default, 65536 at most
---@field max_headers? integer  fields, 100 by default
---@field max_body? integer  bytes, 16 MiB by default
---@field header_timeout? number  seconds for a request's head, 15 by default
---@field body_timeout? number  seconds a body may keep us waiting, 30 by default; each KiB gives one back
---@field idle_timeout? number  seconds between requests, 60 by default
---@field write_timeout? number  seconds a client may take nothing of an answer, 60 by default
---@field compress? boolean  true by default: text is compressed for clients that take it
---@field access_log? boolean|fun(line: string, record: neap.http.LogRecord)  true writes to stderr
---@field backlog? integer  connections that wait to be accepted
---@field reuse_port? boolean  several processes may listen on the port
---@field fd? integer  a socket that is bound already, instead of host and port

--- The options of `app:run`: those of `app:serve`, and two more.
---@class neap.http.RunOptions: neap.http.ServeOptions
---@field grace? number  seconds for what is under way when a signal comes, 10 by default
---@field ready? fun(server: neap.http.Server)  called when it listens

--- What the option `access_log` is given of a request.
---@class neap.http.LogRecord
---@field peer string
---@field time number  seconds since 1970
---@field method? string  nil where there was no request that could be read
---@field target? string
---@field version? string
---@field status integer
---@field bytes integer  of the answer's body
---@field referer? string
---@field agent? string
---@field id? string  the request's

--- The options of `app:static`.
---@class neap.http.StaticOptions
---@field index? string|false  the file that stands for a directory, "index.html" by default
---@field listing? boolean  directories without an index show what is in them
---@field follow? boolean  links may lead out of the directory
---@field hidden? boolean  names that begin with a dot are served too
---@field max_age? integer  seconds for which clients may keep a file without asking

--- The options of `app:websocket`.
---@class neap.WebSocketAcceptOptions
---@field max_message? integer  bytes of the longest message to receive, 1 MiB by default
---@field max_frame? integer  bytes of the longest frame, as `max_message` by default
---@field max_queue? integer  messages that wait to be received, 16 by default
---@field ping_interval? number|false  seconds of silence before a ping, 20 by default; who takes nothing of what is sent for twice that is gone
---@field ping_timeout? number  seconds to wait for its answer, 20 by default
---@field close_timeout? number  seconds that closing may take, 5 by default
---@field compress? boolean  permessage-deflate, true by default
---@field subprotocols? string[]  in the order of preference
---@field headers? table  more fields for the handshake
---@field origins? string[]  of pages that may connect; any by default
---@field on_open? fun(ws: neap.WebSocket)  called before the handler

--- The options of `http.websocket`.
---@class neap.WebSocketConnectOptions
---@field max_message? integer  bytes of the longest message to receive, 1 MiB by default
---@field max_frame? integer  bytes of the longest frame, as `max_message` by default
---@field max_queue? integer  messages that wait to be received, 16 by default
---@field ping_interval? number|false  seconds of silence before a ping, 20 by default; who takes nothing of what is sent for twice that is gone
---@field ping_timeout? number  seconds to wait for its answer, 20 by default
---@field close_timeout? number  seconds that closing may take, 5 by default
---@field compress? boolean  permessage-deflate, true by default
---@field subprotocols? string[]  in the order of preference
---@field headers? table  more fields for the handshake
---@field timeout? number  seconds for connecting and the handshake, 30 by default
---@field tls? neap.Tls  for wss
---@field origin? string

-- ---- making things ---------------------------------------------------------

--- A new app, without routes.
---
--- ```lua
--- local app = http.app()
--- app:get("/", function() return "hello" end)
--- print(ask(app, "GET /")) --> 200 hello
--- ```
---@return neap.http.App app
function http.app() end

--- A Response of what a handler may return. Raises what is no response. Handlers need
--- not call it; middleware can, to look at what a handler returned and to change it.
---
--- ```lua
--- local response = http.response({ status = 201, text = "made" })
--- print(response.status, response.text) --> 201 made
--- ```
---@param value neap.http.Response|table|string|nil
---@return neap.http.Response response
function http.response(value) end

--- A redirect to a URL.
---
--- ```lua
--- local app = http.app()
--- app:get("/old", function() return http.redirect("/new", 301) end)
--- print(ask(app, "GET /old")) --> 301
--- ```
---@param url string
---@param status? integer  300 to 399, 302 by default
---@return neap.http.Response response
function http.redirect(url, status) end

-- ---- asking servers --------------------------------------------------------

--- The options of `http.get` and the like.
---@class neap.http.RequestOptions
---@field headers? table  fields, as `http.headers.new` takes them
---@field query? table|string  added to the URL's
---@field body? string|string[]|fun(): string?|neap.Stream|neap.File  a function gives piece after piece, then nil
---@field json? any  sent as JSON
---@field form? table  sent urlencoded
---@field multipart? table  name to text, to a file `{ filename =, type =, path = | body = }`, or to a list of such
---@field timeout? number  seconds for all of it, the body included
---@field connect_timeout? number  seconds for name, connection and TLS, 30 by default
---@field first_byte_timeout? number  seconds until the head of the answer
---@field idle_timeout? number  seconds in which nothing comes or goes, 120 by default
---@field redirects? integer  how many are followed, 10 by default; 0: none
---@field tls? neap.Tls|false
---@field proxy? string|false  a URL; false: none; by default that of the environment
---@field auth? string|table  "user:password", { user, password } or { user =, password = }
---@field bearer? string  a token
---@field cookies? table<string, string>|false  to send besides those of the session; false: none are sent or kept
---@field compress? boolean  whether to take a compressed answer, true by default
---@field max_body? integer  bytes that `text` and `json` take, 1 GiB by default
---@field max_growth? integer  how many times its compressed size a body may have, 200 by default; 16 MiB it may always
---@field max_header_size? integer  bytes, 256 KiB by default
---@field progress? fun(bytes: integer, total: integer?, kind: "received"|"sent")
---@field retry? integer|neap.http.RetryOptions  how many times to try again where that is safe
---@field version? "1.1"|"2"  "1.1" offers nothing else; "2" without TLS speaks it at once
---@field family? "ipv4"|"ipv6"
---@field bind? string  a local address

--- The options of `http.request`: those of `http.get`, and what is asked for.
---@class neap.http.WholeRequest: neap.http.RequestOptions
---@field method? string  "GET" by default
---@field url string

--- The option `retry`.
---@class neap.http.RetryOptions
---@field attempts? integer  tries in all, 3 by default
---@field delay? number  seconds before the second try, 0.25 by default; it doubles
---@field max_delay? number  seconds, 30 by default
---@field statuses? integer[]  answers after which to try again; 429, 502, 503 and 504 by default

--- The options of `http.session`: defaults of its requests, and its limits.
---@class neap.http.SessionOptions
---@field base_url? string  what relative URLs are joined to
---@field max_connections? integer  requests that run at once, 100 by default
---@field max_per_host? integer  of them to one server; no limit by default
---@field max_idle? integer  connections that are kept, as `max_connections` by default
---@field headers? table  as of a request, like those below
---@field timeout? number
---@field connect_timeout? number
---@field first_byte_timeout? number
---@field idle_timeout? number
---@field redirects? integer
---@field tls? neap.Tls|false
---@field proxy? string|false
---@field auth? string|table
---@field bearer? string
---@field cookies? table<string, string>|false
---@field compress? boolean
---@field max_body? integer
---@field max_growth? integer
---@field max_header_size? integer
---@field progress? fun(bytes: integer, total: integer?, kind: "received"|"sent")
---@field retry? integer|neap.http.RetryOptions
---@field version? "1.1"|"2"
---@field family? "ipv4"|"ipv6"
---@field bind? string

--- Asks for a URL. Any answer is a response, whatever its status; an error is that
--- there was none. A bad URL is an error, too.
---
--- ```lua
--- local response = assert(http.get(site .. "/", { timeout = 10 }))
--- print(response.status, response:text()) --> 200 hello
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.get(url, opts) end

--- Sends a POST, mostly with one of `body`, `json`, `form` and `multipart`.
---
--- ```lua
--- local response = assert(http.post(site .. "/echo", { json = { n = 1 } }))
--- print(response:json().n) --> 1
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.post(url, opts) end

--- Sends a PUT.
---
--- ```lua
--- print(assert(http.put(site .. "/echo", { body = "new" })):text()) --> new
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.put(url, opts) end

--- Sends a DELETE.
---
--- ```lua
--- print(assert(http.delete(site .. "/none")).status) --> 404
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.delete(url, opts) end

--- Sends a PATCH.
---
--- ```lua
--- print(assert(http.patch(site .. "/echo", { form = { a = "b c" } })):text()) --> a=b%20c
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.patch(url, opts) end

--- Sends a HEAD: the answer has no body.
---
--- ```lua
--- local response = assert(http.head(site .. "/"))
--- print(response.headers["Content-Length"], #response:text()) --> 5 0
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.head(url, opts) end

--- Sends an OPTIONS.
---
--- ```lua
--- print(assert(http.options(site .. "/")).headers.allow) --> GET, HEAD, OPTIONS
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.options(url, opts) end

--- Sends the request that a table describes.
---
--- ```lua
--- local response = assert(http.request {
---   method = "POST",
---   url = site .. "/echo",
---   headers = { ["Content-Type"] = "text/plain" },
---   body = "hello",
--- })
--- print(response:text()) --> hello
--- ```
---@async
---@param request neap.http.WholeRequest
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function http.request(request) end

--- A session: its requests share connections, cookies and defaults. Any number of
--- tasks use it at a time; requests beyond its limits wait in the order in which they
--- came.
---
--- ```lua
--- local session <close> = http.session { base_url = site, timeout = 10 }
--- local pages = neap.map({ "/", "/", "/" }, function(path)
---   return assert(session:get(path)):text()
--- end)
--- print(table.concat(pages, " ")) --> hello hello hello
--- ```
---@param opts? neap.http.SessionOptions
---@return neap.http.Session session
function http.session(opts) end

--- Opens a WebSocket. A server that refuses is an error with the code `HTTP`, and its
--- `status` and `headers`.
---
--- ```lua
--- local app = http.app()
--- app:websocket("/clock", function(socket) socket:send("12:00") end)
--- local server <close> = assert(app:serve { host = "127.0.0.1", port = 0 })
--- local url = ("ws://127.0.0.1:%d/clock"):format(server:address().port)
--- local socket <close> = assert(http.websocket(url))
--- print(socket:receive()) --> 12:00 text
--- ```
---@async
---@param url string  ws: or wss:
---@param opts? neap.WebSocketConnectOptions
---@return neap.WebSocket? ws
---@return neap.Error? err
function http.websocket(url, opts) end

-- ---- App -------------------------------------------------------------------

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
--- most `grace` seconds (a second signal: no longer), and returns true.
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

-- ---- Server ----------------------------------------------------------------

--- What `app:serve` gives. It lives, and keeps the program alive, until it is closed.
---@class neap.http.Server
local Server = {}

--- Where it listens.
---
--- ```lua
--- local server <close> = assert(http.app():serve { host = "127.0.0.1", port = 0 })
--- print(server:address().host) --> 127.0.0.1
--- ```
---@return neap.Address address
function Server:address() end

--- How many connections are open. With `workers` it waits for what they say.
---
--- ```lua
--- local server <close> = assert(http.app():serve { host = "127.0.0.1", port = 0 })
--- print(server:connections()) --> 0
--- ```
---@return integer count
function Server:connections() end

--- Waits until it is closed.
---
--- ```lua
--- local server = assert(http.app():serve { host = "127.0.0.1", port = 0 })
--- neap.loop.call_soon(server.close, server)
--- server:serve_forever()
--- print("closed") --> closed
--- ```
---@async
function Server:serve_forever() end

--- Waits until it is closed and the last connection has ended.
---
--- ```lua
--- local server = assert(http.app():serve { host = "127.0.0.1", port = 0 })
--- server:close()
--- server:wait_closed()
--- print(server:connections()) --> 0
--- ```
---@async
function Server:wait_closed() end

--- Stops accepting, closes idle connections, and lets the others finish the request
--- that they are at. What is left after `grace` seconds, if given, is cancelled. Does
--- not wait.
---
--- ```lua
--- local server = assert(http.app():serve { host = "127.0.0.1", port = 0 })
--- server:close(5)
--- server:wait_closed()
--- print("closed") --> closed
--- ```
---@param grace? number  seconds
function Server:close(grace) end

-- ---- Request ---------------------------------------------------------------

--- What a handler sees of a request. Handlers and middleware may keep values of their
--- own in it.
---@class neap.http.Request
---@field method string
---@field path string  decoded
---@field raw_path string  as it was sent
---@field query table<string, string|string[]>  a repeated key has a list, one without a value ""
---@field query_string string  "" without one
---@field headers neap.http.Headers
---@field params table<string, string>  of the route
---@field peer neap.Address
---@field version string  "1.1"
---@field cookies table<string, string>
---@field host string  of the target or the field Host, with its port
---@field id string  names the request in the log; X-Request-Id where it is a plain word
---@field trailers neap.http.Headers  behind a chunked body that was read to its end
---@field [string] any  what handlers and middleware keep in it
local Request = {}

--- The whole body.
---
--- ```lua
--- local app = http.app()
--- app:post("/", function(req) return assert(req:text()):upper() end)
--- print(ask(app, "POST /", {}, "hello")) --> 200 HELLO
--- ```
---@async
---@return string? text
---@return neap.Error? err  `LIMIT` for too large a body, `HTTP` for an invalid one
function Request:text() end

--- The value of a body of JSON. Integers of 64 bits keep all their digits, other
--- numbers are floats; null is `require("cjson").null`. An empty array is written as
--- one again: its metatable has `__jsontype = "array"`.
---
--- ```lua
--- local app = http.app()
--- app:post("/", function(req) return { json = { sum = assert(req:json()).a + 1 } } end)
--- print(ask(app, "POST /", {}, '{"a":1}')) --> 200 {"sum":2}
--- print(ask(app, "POST /", {}, "{"):sub(1, 3)) --> 400
--- ```
---@async
---@return any value
---@return neap.Error? err
function Request:json() end

--- The fields of a form, urlencoded or multipart. A repeated field has a list. An
--- uploaded file is a table with `filename`, `type`, `size` and `path`; it is removed
--- after the request.
---
--- ```lua
--- local app = http.app()
--- app:post("/", function(req) return "hello " .. assert(req:form()).name end)
--- local fields = { "Content-Type: application/x-www-form-urlencoded" }
--- print(ask(app, "POST /", fields, "name=Ann+Lee")) --> 200 hello Ann Lee
--- ```
---@async
---@return table<string, any>? fields
---@return neap.Error? err
function Request:form() end

--- An iterator over the body as it comes, which raises what is wrong with it.
---
--- ```lua
--- local app = http.app()
--- app:post("/", function(req)
---   local size = 0
---   for data in req:chunks() do size = size + #data end
---   return tostring(size)
--- end)
--- print(ask(app, "POST /", {}, ("x"):rep(1000))) --> 200 1000
--- ```
---@return async fun(): string? iterator
function Request:chunks() end

--- Whether the body has this media type; "text/*" is any text.
---
--- ```lua
--- local app = http.app()
--- app:post("/", function(req) return tostring(req:is("text/*")) end)
--- print(ask(app, "POST /", { "Content-Type: text/html" }, "<p>")) --> 200 true
--- ```
---@param kind string
---@return boolean
function Request:is(kind) end

-- ---- Response --------------------------------------------------------------

--- What a handler returns: `http.response` makes one, and a plain table with these
--- fields will do. At most one of `text`, `html`, `json`, `body`, `file`, `stream`,
--- `events` is there.
---@class neap.http.Response
---@field status? integer  200 by default
---@field headers? neap.http.Headers|table  a value may be a list
---@field text? string  text/plain
---@field html? string  text/html
---@field json? any  a value for JSON; an empty table is an object, unless its metatable has `__jsontype = "array"`
---@field body? string  bytes; application/octet-stream unless the headers say otherwise
---@field file? string  the path of a file. One that says it has no bytes, as those of `/proc` do, is read to its end, 1 MiB at most
---@field stream? async fun(write: async fun(data: string): true?, neap.Error?)  the body, piece by piece
---@field events? async fun(send: async fun(event: string|table): true?, neap.Error?)  server-sent events; a table has `event`, `id`, `retry`, `data`
---@field trailers? table  fields behind a stream, or a function that returns them
---@field type? string  the Content-Type, if the headers do not say it
---@field cookies? table<string, string|neap.http.Cookie|false>  to be set; false removes one

--- A cookie that a Response sets.
---@class neap.http.Cookie
---@field value string
---@field path? string  "/" by default
---@field domain? string
---@field max_age? integer  seconds; without it the cookie ends with the browser's session
---@field expires? number  seconds since 1970
---@field secure? boolean
---@field http_only? boolean  true by default: scripts of the page do not see it
---@field same_site? "lax"|"strict"|"none"  "lax" by default

-- ---- Headers ---------------------------------------------------------------

--- Making header fields.
---@class neap.http.headers
local headers = {}

--- Fields of a table of names and values (a list of values repeats the name), or of a
--- list of `{ name, value }`, or a copy of other Headers.
---
--- ```lua
--- local fields = http.headers.new({ ["Content-Type"] = "text/html" })
--- print(fields["content-type"]) --> text/html
--- ```
---@param fields? table|neap.http.Headers
---@return neap.http.Headers headers
function headers.new(fields) end

--- Header fields: names in any case, values in the order in which they came. A field's
--- first value can be read and set as `headers["Content-Type"]`; `pairs` gives all, `#` says how
--- many there are.
---@class neap.http.Headers
---@operator len: integer
---@field [string] string?  the first value of a field
local Headers = {}

--- The first value of a field, or nil.
---
--- ```lua
--- local fields = http.headers.new({ Accept = "text/html" })
--- print(fields:get("ACCEPT")) --> text/html
--- ```
---@param name string
---@return string? value
function Headers:get(name) end

--- All values of a field, in order; an empty list if there is none.
---
--- ```lua
--- local fields = http.headers.new({ Via = { "a", "b" } })
--- print(table.concat(fields:get_all("via"), " ")) --> a b
--- ```
---@param name string
---@return string[] values
function Headers:get_all(name) end

--- Adds a value, or those of a list, to those that a field has.
---
--- ```lua
--- local fields = http.headers.new({ Via = "a" })
--- fields:add("Via", "b")
--- print(#fields:get_all("Via")) --> 2
--- ```
---@param name string
---@param value string|number|string[]
function Headers:add(name, value) end

--- Makes this value, or these of a list, the only ones of a field; nil removes it.
---
--- ```lua
--- local fields = http.headers.new({ Via = { "a", "b" } })
--- fields:set("Via", "c")
--- print(#fields:get_all("Via"), fields.via) --> 1 c
--- ```
---@param name string
---@param value string|number|string[]|nil
function Headers:set(name, value) end

--- Removes a field with all its values.
---
--- ```lua
--- local fields = http.headers.new({ Via = "a" })
--- fields:remove("via")
--- print(fields:get("via")) --> nil
--- ```
---@param name string
function Headers:remove(name) end

-- ---- Session ---------------------------------------------------------------

--- Requests that share connections, cookies and defaults. `<close>` closes it.
---@class neap.http.Session
local Session = {}

--- Asks for a URL.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:get("/")):text()) --> hello
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:get(url, opts) end

--- Sends a POST.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:post("/echo", { body = "hello" })):text()) --> hello
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:post(url, opts) end

--- Sends a PUT.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:put("/echo", { body = "new" })):text()) --> new
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:put(url, opts) end

--- Sends a DELETE.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:delete("/none")).status) --> 404
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:delete(url, opts) end

--- Sends a PATCH.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:patch("/echo", { body = "a bit" })):text()) --> a bit
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:patch(url, opts) end

--- Sends a HEAD.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:head("/")).status) --> 200
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:head(url, opts) end

--- Sends an OPTIONS.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:options("/")).headers.allow) --> GET, HEAD, OPTIONS
--- ```
---@async
---@param url string
---@param opts? neap.http.RequestOptions
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:options(url, opts) end

--- Sends the request that a table describes.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- print(assert(session:request({ method = "POST", url = "/echo", body = "hello" })):text()) --> hello
--- ```
---@async
---@param request neap.http.WholeRequest
---@return neap.http.ClientResponse? response
---@return neap.Error? err
function Session:request(request) end

--- Opens a WebSocket, with the session's base URL, fields, credentials, cookies,
--- TLS and timeout. It goes through no proxy.
---
--- ```lua
--- local session <close> = http.session()
--- local socket <close> = assert(session:websocket(site:gsub("^http", "ws") .. "/socket"))
--- socket:send("hello")
--- print(socket:receive()) --> hello text
--- ```
---@async
---@param url string
---@param opts? neap.WebSocketConnectOptions
---@return neap.WebSocket? ws
---@return neap.Error? err
function Session:websocket(url, opts) end

--- The cookies that servers have set.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- assert(session:get("/cookie")):close()
--- local cookie = session:cookies()[1]
--- print(cookie.name, cookie.value) --> visitor 7
--- ```
---@return table[] cookies  each with `name`, `value`, `domain`, `path`, `secure`, `expires`
function Session:cookies() end

--- Forgets the cookies that servers have set.
---
--- ```lua
--- local session <close> = http.session { base_url = site }
--- assert(session:get("/cookie")):close()
--- session:clear_cookies()
--- print(#session:cookies()) --> 0
--- ```
function Session:clear_cookies() end

--- Ends its requests and connections. Whoever waits for one gets `CLOSED`.
---
--- ```lua
--- local session = http.session()
--- session:close()
--- print(select(2, pcall(session.get, session, site)).code) --> CLOSED
--- ```
function Session:close() end

--- The answer to a request of ours. A body is read once; `text` keeps what it read.
--- Compression is undone. Errors of the connection are returned.
---@class neap.http.ClientResponse
---@field status integer
---@field reason string
---@field ok boolean  whether the status is one of 200 to 299
---@field version "1.0"|"1.1"|"2"
---@field url string  of the last request, after redirects
---@field headers neap.http.Headers
---@field cookies table<string, string>  that this answer sets
---@field history table[]  the redirects, each with `status` and `url`
local ClientResponse = {}

--- The whole body, or what is left of it; the same text each time. More than
--- `max_body` bytes are the error `LIMIT`.
---
--- ```lua
--- local response = assert(http.get(site))
--- print(response:text(), response:text()) --> hello hello
--- ```
---@async
---@return string? text
---@return neap.Error? err
function ClientResponse:text() end

--- The value of a body of JSON. Integers of 64 bits keep all their digits, other
--- numbers are floats; null is `require("cjson").null`. An empty array is written as
--- one again: its metatable has `__jsontype = "array"`.
---
--- ```lua
--- print(assert(http.get(site .. "/json")):json().sum) --> 42
--- ```
---@async
---@return any value
---@return neap.Error? err
function ClientResponse:json() end

--- Some bytes of the body, at most `n`; nil at the end.
---
--- ```lua
--- local response <close> = assert(http.get(site))
--- print((response:read(4))) --> hell
--- ```
---@async
---@param n? integer
---@return string? data
---@return neap.Error? err
function ClientResponse:read(n) end

--- An iterator over the body as it comes, which raises errors.
---
--- ```lua
--- local size = 0
--- for data in assert(http.get(site)):chunks() do size = size + #data end
--- print(size) --> 5
--- ```
---@return async fun(): string? iterator
function ClientResponse:chunks() end

--- The options of `response:save`.
---@class neap.http.SaveOptions
---@field resume? boolean  keep what came of a body that breaks off, and go on from there

--- Writes the body to a file, which is there only once it is complete.
---
--- ```lua
--- assert(assert(http.get(site)):save(dir .. "/page"))
--- print(neap.fs.read_file(dir .. "/page")) --> hello
--- ```
---@async
---@param path string
---@param opts? neap.http.SaveOptions
---@return true? ok
---@return neap.Error? err
function ClientResponse:save(path, opts) end

--- Gives up what has not been read.
---
--- ```lua
--- local response = assert(http.get(site))
--- response:close()
--- print(response.status) --> 200
--- ```
function ClientResponse:close() end

-- ---- WebSocket -------------------------------------------------------------

--- A connection that carries messages. Pings are answered by themselves, fragments
--- joined, sizes limited. Closed when it is collected.
---@class neap.WebSocket
---@field close_code? integer  once it is closed: what the peer said, or 1006 if it said nothing
---@field close_reason? string
---@field subprotocol? string  the one that was agreed on
---@field extensions? string  what was agreed on
---@field headers? neap.http.Headers  of the server's answer, for a client
local WebSocket = {}

--- Sends a message; waits while too much is unsent. Messages go out whole and in the
--- order of the calls. Returns an error once the peer has closed or is gone; raises
--- `CLOSED` after our own `close`.
---
--- ```lua
--- print(ws:send("hello")) --> true
--- print(ws:send("\0\255", "binary")) --> true
--- print(ws:receive()) --> hello text
--- ```
---@async
---@param message string
---@param kind? "text"|"binary"  "text" by default, which is UTF-8
---@return true? ok
---@return neap.Error? err
function WebSocket:send(message, kind) end

--- The next message and its kind. nil when the connection was closed: `close_code`
--- says why; nil and an error if it broke.
---
--- ```lua
--- ws:send("hello")
--- print(ws:receive()) --> hello text
--- ```
---@async
---@return string? message
---@return "text"|"binary"|neap.Error|nil kind
function WebSocket:receive() end

--- An iterator over messages and their kinds, until the connection is closed; it raises
--- what broke it.
---
--- ```lua
--- ws:send("hello")
--- for message in ws:messages() do
---   print(message) --> hello
---   ws:close()
--- end
--- ```
---@return async fun(): string?, string? iterator
function WebSocket:messages() end

--- Sends a ping. With a timeout it waits for the answer, and gives the seconds that
--- took.
---
--- ```lua
--- print(ws:ping()) --> true
--- print(math.type(ws:ping("are you there?", 5))) --> float
--- ```
---@async
---@param payload? string  125 bytes at most
---@param timeout? number  seconds
---@return true|number? ok
---@return neap.Error? err
function WebSocket:ping(payload, timeout) end

--- Says goodbye; nothing can be sent or received from then on. It does not wait: the
--- connection ends when the peer has answered, or after `close_timeout`.
---
--- ```lua
--- ws:close(4000, "enough")
--- ws:wait_closed()
--- print(ws:closed()) --> true
--- ```
---@param code? integer  1000 by default; 3000 to 4999 are free to use
---@param reason? string  UTF-8, 123 bytes at most
function WebSocket:close(code, reason) end

--- Waits until the connection is gone, whoever closed it.
---
--- ```lua
--- ws:close()
--- ws:wait_closed()
--- print(ws.close_code) --> 1000
--- ```
---@async
function WebSocket:wait_closed() end

--- Whether it is closed.
---
--- ```lua
--- print(ws:closed()) --> false
--- ```
---@return boolean
function WebSocket:closed() end

--- The address of the peer.
---
--- ```lua
--- print(ws:peername().host) --> 127.0.0.1
--- ```
---@return neap.Address? address
---@return neap.Error? err
function WebSocket:peername() end

-- ---- URLs ------------------------------------------------------------------

--- The parts of URLs. What is no URL is an error with the code `HTTP`.
---@class neap.http.url
local url = {}

--- The parts of a URL.
---@class neap.http.Url
---@field scheme string  in lower case
---@field host string  in lower case; an IPv6 address without its brackets
---@field port? integer  as written
---@field path string  as written, with its percent-encoding; "/" if there is none
---@field query? string  without its "?"
---@field fragment? string  without its "#"
---@field userinfo? string  as written

--- The parts of an absolute URL.
---
--- ```lua
--- local parts = assert(http.url.parse("https://example.com:8443/a?b=c"))
--- print(parts.host, parts.port, parts.path, parts.query) --> example.com 8443 /a b=c
--- ```
---@param text string
---@return neap.http.Url? parts
---@return neap.Error? err
function url.parse(text) end

--- What a reference means at a base: the target of a link or of a redirect.
---
--- ```lua
--- print(http.url.join("http://example.com/a/b", "../c")) --> http://example.com/c
--- ```
---@param base string
---@param reference string
---@return string url
function url.join(base, reference) end

--- Text as one part of a URL: a segment of a path, a key or a value of a query.
---
--- ```lua
--- print(http.url.encode("a b/c")) --> a%20b%2Fc
--- ```
---@param text string
---@return string encoded
function url.encode(text) end

--- Undoes percent-encoding. What is no valid one stays as it is.
---
--- ```lua
--- print(http.url.decode("a%20b")) --> a b
--- ```
---@param text string
---@return string decoded
function url.decode(text) end

--- The text of a query: keys in alphabetical order; a list repeats its key.
---
--- ```lua
--- print(http.url.build_query({ q = "a b", tag = { "x", "y" } })) --> q=a%20b&tag=x&tag=y
--- ```
---@param fields table<string, string|number|boolean|table>
---@return string query
function url.build_query(fields) end

--- The fields of a query or of a urlencoded form. A repeated key has a list, a key
--- without a value "".
---
--- ```lua
--- local fields = http.url.parse_query("q=a+b&tag=x&tag=y")
--- print(fields.q, fields.tag[2]) --> a b y
--- ```
---@param text string
---@return table<string, string|string[]> fields
function url.parse_query(text) end

return http

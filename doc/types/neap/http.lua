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

return http

---@meta _

-- neap.http: requests to servers of others.

---@class neap.http
local http = {}

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

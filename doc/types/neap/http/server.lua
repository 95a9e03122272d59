---@meta _

-- Servers of apps: requests and responses.

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

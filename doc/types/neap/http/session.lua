---@meta _

-- Sessions of a client, and the answers it gets.

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

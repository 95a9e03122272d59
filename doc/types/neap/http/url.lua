---@meta _

-- URLs and their parts.

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

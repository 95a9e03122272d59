---@meta _

-- Header fields.

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

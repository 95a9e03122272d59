--- Requests in one line: each has a session of its own, which ends with the
--- answer. For several requests to a server, a session saves connecting again.
local args = require("neap.args")
local options = require("neap.http.client_options")
local session = require("neap.http.session")

local client = {}

-- What ends with the request unless an answer came.
local Guard = {
  __close = function(guard)
    if guard.session then
      guard.session:close()
    end
  end,
}

local SMALL = 64 * 1024

--- A small body is waited for, so that a program which does not look at it
--- leaves no connection behind.
local function is_small(response)
  local length = tonumber(response.headers:get("content-length"))
  return length and length <= SMALL
end

local function run(method, text, opts)
  local own = session.make({})
  local guard <close> = setmetatable({ session = own }, Guard)
  local response, err = session.run(own, method, text, opts)
  if not response then
    return nil, err
  end
  if is_small(response) then
    response._transfer:settle()
  end
  guard.session = nil
  own._once = true
  own._pool:once()
  return response
end

local function verb(name)
  local method = name:upper()
  client[name] = function(...)
    local text, opts = ...
    text = args.string(name, 1, text, select("#", ...))
    if opts ~= nil then
      args.options(name, 2, opts, options.request)
    end
    local problem = opts and options.conflict(opts)
    if problem then
      args.fail(name, 2, problem)
    end
    return run(method, text, opts)
  end
end

--- http.get(url [, opts]), http.post and so on: the answer, whatever its status,
--- or nil and an error if there is none.
for _, name in ipairs({ "get", "post", "put", "delete", "patch", "head", "options" }) do
  verb(name)
end

--- Sends the request that a table describes.
---@async
---@overload async fun(request: neap.http.RequestOptions): neap.http.ClientResponse?, neap.Error?
function client.request(...)
  local opts = ...
  args.table("request", 1, opts, select("#", ...))
  args.options("request", 1, opts, options.whole)
  local problem = not opts.url and "the option 'url' is missing" or options.conflict(opts)
  if problem then
    args.fail("request", 1, problem)
  end
  return run(session.split(opts))
end

return client

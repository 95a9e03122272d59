--- Following redirects: what the next request is, and what of this one it may
--- carry. Credentials and cookies that the program gave for one server do not
--- reach another one (another scheme, host or port).
local core = require("neap.core")
local exchange = require("neap.http.exchange")
local reply = require("neap.http.reply")
local target = require("neap.http.target")
local url = require("neap.http.url")

local redirects = {}

local MOST = 10
local DRAIN = 64 * 1024 -- of a redirect's own body
local DRAIN_TIME = 0.25 -- seconds

local STATUSES = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Fields that are for one server alone, and those that describe a body.
local SECRET = { authorization = true, cookie = true, ["proxy-authorization"] = true }
local OF_BODY = {
  ["content-type"] = true, ["content-length"] = true, ["content-encoding"] = true,
  ["content-language"] = true, ["content-location"] = true, ["transfer-encoding"] = true, expect = true,
}

local function name_of(field)
  return field:match("^([^:;]*)"):lower()
end

local function without(fields, unwanted)
  local kept = {}
  for _, field in ipairs(fields) do
    if not unwanted[name_of(field)] then
      kept[#kept + 1] = field
    end
  end
  return kept
end

--- Reads the body of a redirect, if that is quick, so that its connection can be
--- used again.
local function drain(response)
  local transfer = response._transfer
  if not transfer:state() then
    pcall(core.timeout, DRAIN_TIME, transfer.all, transfer, DRAIN)
  end
  response:close()
end

local function next_method(method, status)
  if status == 303 and method ~= "HEAD" or status <= 302 and method == "POST" then
    return "GET"
  end
  return method
end

--- The plan that a redirect asks for.
local function next_plan(plan, response, location)
  local where, err = target.parse(url.join(plan.target.text, location))
  if not where then
    return nil, reply.error(plan, "HTTP", "redirect", err.message)
  end
  local new = setmetatable({ target = where, common = false }, { __index = plan })
  new.method = next_method(plan.method, response.status)
  if where.origin ~= plan.target.origin then
    new.fields = without(new.fields, SECRET)
    new.same_origin, new.cookie = false, false
  end
  new.fields = without(new.fields, { host = true })
  if new.method ~= plan.method then
    new.source = false
    new.fields = without(new.fields, OF_BODY)
  elseif plan.source and plan.source.once then
    return nil, reply.error(plan, "HTTP", "redirect", "the body was read from a stream and cannot be sent again")
  end
  return new
end

--- Runs a request and those that its redirects ask for.
---@async
---@return neap.http.ClientResponse?
---@return neap.Error? err
function redirects.follow(plan)
  local history
  while true do
    local response, err = exchange.run(plan)
    if not response then
      return nil, err
    end
    local most = STATUSES[response.status] and (plan.opts.redirects or MOST) or 0
    local location = most > 0 and response.headers:get("location")
    if not location then
      response.history = history -- there is an empty one otherwise
      return response
    end
    drain(response)
    history = history or {}
    if #history >= most then
      return nil, reply.error(plan, "HTTP", "redirect", ("more than %d redirects"):format(most))
    end
    history[#history + 1] = { status = response.status, url = plan.target.text }
    plan, err = next_plan(plan, response, location)
    if not plan then
      return nil, err
    end
  end
end

return redirects

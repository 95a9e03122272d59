--- Trying again, for requests that ask for it: only with methods that may be
--- repeated, only while the body can be sent again, and only after what may pass:
--- a connection that failed, or an answer that says so.
local core = require("neap.core")
local redirects = require("neap.http.redirects")

local retry = {}

local METHODS = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true, TRACE = true }
local CODES = {
  ECONNREFUSED = true, ECONNRESET = true, ECONNABORTED = true, EPIPE = true, ETIMEDOUT = true,
  EHOSTUNREACH = true, ENETUNREACH = true, ENETDOWN = true, EAI_AGAIN = true, EOF = true, TIMEOUT = true,
}
local STATUSES = { 429, 502, 503, 504 }
local ATTEMPTS, DELAY, MAX_DELAY = 3, 0.25, 30

local function settings_of(option)
  if type(option) == "number" then
    return { attempts = option + 1, delay = DELAY, max_delay = MAX_DELAY, statuses = STATUSES }
  end
  return {
    attempts = option.attempts or ATTEMPTS,
    delay = option.delay or DELAY,
    max_delay = option.max_delay or MAX_DELAY,
    statuses = option.statuses or STATUSES,
  }
end

local function may_pass(settings, response, err)
  if not response then
    return CODES[err.code]
  end
  for _, status in ipairs(settings.statuses) do
    if response.status == status then
      return true
    end
  end
  return false
end

--- Seconds that an answer asks to wait, or nil.
local function asked_delay(response)
  local value = response and response.headers:get("retry-after")
  return value and tonumber(value:match("^%d+$")) or nil
end

--- Seconds before the next try.
local function delay_of(settings, try, response)
  local delay = settings.delay * 2 ^ (try - 1)
  delay = delay * (0.5 + math.random() / 2) -- so that many do not come at once
  return math.min(math.max(delay, asked_delay(response) or 0), settings.max_delay)
end

--- Runs a plan, several times if its options ask for it.
---@async
---@return neap.http.ClientResponse?
---@return neap.Error? err
function retry.run(plan)
  local option = plan.opts.retry
  if not option or not METHODS[plan.method] or plan.source and plan.source.once then
    return redirects.follow(plan)
  end
  local settings = settings_of(option)
  for try = 1, settings.attempts do
    local response, err = redirects.follow(plan)
    if try == settings.attempts or not may_pass(settings, response, err) then
      return response, err
    end
    local delay = delay_of(settings, try, response)
    if plan.deadline and core.now() + delay >= plan.deadline then
      return response, err
    elseif response then
      response:close()
    end
    core.sleep(delay)
  end
end

return retry

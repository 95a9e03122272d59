--- Connecting to a name with several addresses, as RFC 8305 ("happy eyeballs")
--- says: the addresses in the order of the resolver with the families
--- alternating, the next attempt 250 ms after the last one or as soon as one
--- fails, and the first connection wins.
local combine = require("neap.combine")
local core = require("neap.core")

local eyeballs = {
  --- Seconds before the next address is tried as well.
  delay = 0.25,
  --- How names become addresses; a spec may put its own function here.
  resolve = core.resolve,
}

--- What one connect keeps while it runs. `over` once nothing more is wanted:
--- a connection that arrives then is dropped.
---@class neap.eyeballs.Attempts
local Attempts = {}

--- Ends the attempts that are left, and waits until they have ended.
function Attempts:__close()
  self.over = true
  for _, task in ipairs(self.tasks) do
    task:cancel()
  end
  core.shield(combine.wait, self.tasks)
  if self.stream and not self.taken then
    self.stream:abort()
  end
end

local function attempt(attempts, address)
  local stream, err = attempts.connect(address)
  if not stream then
    table.insert(attempts.errors, err)
  elseif attempts.over then
    stream:abort()
  else
    attempts.over = true
    attempts.stream = stream
  end
end

--- The addresses so that families alternate, in the order within each family
--- and beginning with the family of the first.
---@param addresses { host: string, family: string }[]
---@return { host: string, family: string }[]
function eyeballs.interleave(addresses)
  local first, other = {}, {}
  for _, address in ipairs(addresses) do
    table.insert(address.family == addresses[1].family and first or other, address)
  end
  local list = {}
  for i = 1, math.max(#first, #other) do
    table.insert(list, first[i])
    table.insert(list, other[i])
  end
  return list
end

--- An address without a route tells less than one that refused.
local unreachable = { ENETUNREACH = true, EHOSTUNREACH = true, EADDRNOTAVAIL = true, EAFNOSUPPORT = true }

local function telling_error(errs)
  for _, err in ipairs(errs) do
    if not unreachable[err.code] then
      return err
    end
  end
  return errs[1]
end

--- Waits until an attempt has ended, for at most `seconds`; the attempts that
--- have not. Raises what one raised.
local function wait_for_one(pending, seconds)
  local ended
  ended, pending = combine.wait(pending, { when = "first", timeout = seconds })
  for _, task in ipairs(ended) do
    core.await(task)
  end
  return pending
end

--- The first connection that `connect` gets to one of the addresses.
---@async
---@param addresses { host: string, family: string }[]  at least one
---@param connect fun(address: { host: string }): neap.Stream?, neap.Error?
---@return neap.Stream? stream
---@return neap.Error? err
function eyeballs.connect(addresses, connect)
  if #addresses == 1 then
    return connect(addresses[1])
  end
  local list = eyeballs.interleave(addresses)
  local attempts <close> = setmetatable({ connect = connect, tasks = {}, errors = {} }, Attempts)
  local pending = {}
  for i, address in ipairs(list) do
    local task = core.spawn(attempt, attempts, address)
    table.insert(attempts.tasks, task)
    table.insert(pending, task)
    pending = wait_for_one(pending, i < #list and eyeballs.delay or nil)
    if attempts.stream then
      break
    end
  end
  while #pending > 0 and not attempts.stream do
    pending = wait_for_one(pending)
  end
  if attempts.stream then
    attempts.taken = true
    return attempts.stream
  end
  return nil, telling_error(attempts.errors)
end

return eyeballs

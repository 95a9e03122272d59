--- The addresses of hosts for a session: looked up once for all who ask at the
--- same time, and kept for a while. Numbers need no lookup, nor does localhost.
local core = require("neap.core")
local eyeballs = require("neap.eyeballs")

local names = {}

--- Seconds that addresses are kept: the system tells no time to live.
names.KEPT = 60
local MAX_KEPT = 1000

local Names = {}
Names.__index = Names

--- Whether libcurl knows the addresses by itself.
local function is_known(host)
  return host == "localhost" or host:sub(-10) == ".localhost" or core.numeric_family(host) ~= nil
end

---@return table names
function names.new()
  return setmetatable({ known = {}, count = 0, pending = {} }, Names)
end

function Names:keep(key, list)
  if self.count >= MAX_KEPT then
    self.known, self.count = {}, 0
  end
  if not self.known[key] then
    self.count = self.count + 1
  end
  self.known[key] = { list = list, ends = core.now() + names.KEPT }
end

--- The list of addresses, as libcurl takes them; nil if none is needed.
local function listed(addresses)
  local list = {}
  for _, address in ipairs(eyeballs.interleave(addresses)) do
    list[#list + 1] = address.host:find(":", 1, true) and "[" .. address.host .. "]" or address.host
  end
  return table.concat(list, ",")
end

function Names:look_up(key, host, family)
  local addresses, err = eyeballs.resolve(host, family)
  self.pending[key] = nil
  if not addresses then
    return nil, err
  end
  local list = listed(addresses)
  self:keep(key, list)
  return list, core.now() + names.KEPT
end

local function key_of(host, family)
  return family and host .. " " .. family or host
end

--- The addresses of a host without a lookup: "" if libcurl needs none, nil if
--- they are not known; and until when that holds.
---@return string? list
---@return number? ends
function Names:known_addresses(host, family)
  local known = self.known[key_of(host, family)]
  if known and core.now() < known.ends then
    return known.list, known.ends
  elseif is_known(host) then
    self:keep(key_of(host, family), "")
    return "", core.now() + names.KEPT
  end
  return nil
end

--- The addresses of a host, looked up.
---@async
---@param host string
---@param family? "ipv4"|"ipv6"
---@return string? list
---@return number|neap.Error|nil ends  until when that holds, or why there is none
function Names:addresses(host, family)
  local key = key_of(host, family)
  local task = self.pending[key]
  if not task or task:done() then
    task = core.spawn(self.look_up, self, key, host, family)
    task:set_daemon(true)
    self.pending[key] = task
  end
  return core.await(task)
end

return names

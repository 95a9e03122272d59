--- One request and the head of its answer: what a plan says, as options of
--- libcurl, and a transfer with them.
---
--- A plan is one request to one target: { session, method, target, opts, fields,
--- source, deadline, same_origin, common }. `opts` are those of the request over
--- those of its session. Plans with the same table `common` ask for the same:
--- `common.number` is what the transfers know that by, until `common.ends`, when
--- the addresses are looked up again.
local core = require("neap.core")
local curl = require("neap.proto.curl")
local errors = require("neap.errors")
local proxy = require("neap.http.proxy")
local reply = require("neap.http.reply")
local upload = require("neap.http.upload")

local exchange = {}

local CONNECT_TIMEOUT = 30
local IDLE_TIMEOUT = 120

-- Numbers of libcurl.
local HTTP_1_1, HTTP_2_TLS, HTTP_2_KNOWN = 2, 4, 5
local FAMILIES = { ipv4 = 1, ipv6 = 2 }
local TLS_VERSIONS = { ["1.2"] = 6, ["1.3"] = 7 }
local MAX_SHIFT = 16

-- ---- where to ------------------------------------------------------------------

--- The proxy of a plan, or nil; nil and an error for a bad one.
local function proxy_of(plan)
  local option = plan.opts.proxy
  if option == false then
    return nil
  elseif option then
    return proxy.parse(option)
  end
  local target = plan.target
  local known = target.environment_proxy -- of a process it does not change
  if known == nil then
    local err
    known, err = proxy.of_environment(target.scheme, target.host, target.port)
    if err then
      return nil, err
    end
    target.environment_proxy = known or false
  end
  return known or nil
end

local function bracketed(host)
  return host:find(":", 1, true) and "[" .. host .. "]" or host
end

local function timed_out(plan, stage)
  return reply.error(plan, "TIMEOUT", stage, "timed out")
end

--- The error of a name that was not found, or not in time.
local function unresolved(plan, err)
  if errors.code(err) == "TIMEOUT" then
    return timed_out(plan, "resolve")
  end
  return reply.error(plan, err.code, "resolve", err.message)
end

--- The addresses of a name, in the time there is for connecting.
local function addresses_of(plan, host, seconds)
  local names, family = plan.session._names, plan.opts.family
  local ok, list, ends = pcall(core.timeout, seconds, names.addresses, names, host, family)
  if not ok then
    if errors.code(list) ~= "TIMEOUT" then
      error(list, 0)
    end
    ends, list = list, nil
  end
  if not list then
    return nil, unresolved(plan, ends)
  end
  return list, ends
end

--- Adds what libcurl has to know of a name; until when that holds.
local function add_addresses(plan, out, host, port, seconds)
  local list, ends = plan.session._names:known_addresses(host, plan.opts.family)
  if not list then
    list, ends = addresses_of(plan, host, seconds)
  end
  if not list then
    return nil, ends
  elseif list ~= "" then
    out.resolve = out.resolve or {}
    table.insert(out.resolve, ("+%s:%d:%s"):format(host, port, list))
  end
  return ends
end

--- The name to verify is another one than the host's.
local function rename(plan, out, name)
  local target = plan.target
  if not target.secure or name == target.host then
    return
  end
  out.url = target.text:gsub("^(https://)[^/?]*", "%1" .. bracketed(name) .. ":" .. target.port, 1)
  out.connect_to = { ("::%s:%d"):format(bracketed(target.host), target.port) }
  out.fields = table.move(out.fields, 1, #out.fields, 1, {})
  table.insert(out.fields, "Host: " .. target.shown_host)
end

--- Adds proxy and addresses; until when they hold.
local function add_route(plan, out, seconds)
  local target, proxy_ends = plan.target, math.huge
  local via, err = proxy_of(plan)
  if err then
    return nil, err
  end
  if via then
    out.proxy, out.proxy_user, out.proxy_password = via.url, via.user, via.password
    proxy_ends, err = add_addresses(plan, out, via.host, via.port, seconds)
    if not proxy_ends or via.resolves then
      return proxy_ends, err
    end
  end
  local ends
  ends, err = add_addresses(plan, out, target.host, target.port, seconds)
  return ends and math.min(ends, proxy_ends), err
end

-- ---- TLS ------------------------------------------------------------------------

local function tls_version(opts)
  local least = TLS_VERSIONS[opts.min_version or "1.2"]
  local most = opts.max_version and TLS_VERSIONS[opts.max_version]
  if not least or opts.max_version and not most then
    return nil, errors.new("TLS", "the version of TLS is none of 1.2 and 1.3")
  end
  return least | (most and most << MAX_SHIFT or 0)
end

--- Adds what libcurl is told for the option `tls`; nil and an error for files
--- that cannot be read.
local function add_tls(plan, out, value)
  local fields, opts = require("neap.tls").client_fields(value)
  if not fields then
    return nil, opts
  end
  local version, err = tls_version(opts)
  if not version then
    return nil, err
  end
  out.tls_version = version
  out.unverified = opts.verify == false or nil
  out.ca, out.cert, out.key, out.key_password = fields.ca, fields.cert, fields.key, opts.password
  out.ciphers, out.ciphersuites = fields.ciphers, fields.ciphersuites
  out.keylog = opts.keylog
  if opts.alpn and not table.concat(opts.alpn, " "):find("%f[%w]h2%f[%W]") then
    out.version = HTTP_1_1
  end
  if opts.handshake_timeout then
    out.connect = math.min(out.connect, opts.handshake_timeout)
  end
  if opts.server_name then
    rename(plan, out, opts.server_name)
  end
  return true
end

local MISSING = "this neap was built without TLS"

-- ---- options -------------------------------------------------------------------

local function http_version(plan)
  local version = plan.opts.version
  if version == "1.1" or not plan.target.secure and version ~= "2" then
    return HTTP_1_1
  end
  return plan.target.secure and HTTP_2_TLS or HTTP_2_KNOWN
end

local function add_credentials(plan, out)
  local opts, target = plan.opts, plan.target
  local auth = opts.auth
  if target.user then
    out.user, out.password = target.user, target.password
  elseif auth and plan.same_origin then
    if type(auth) == "string" then
      out.user, out.password = auth:match("^([^:]*):(.*)$")
    else
      out.user, out.password = auth.user or auth[1], auth.password or auth[2] or ""
    end
  end
end

local function add_body(plan, out)
  local source = plan.source
  if source and source.data then
    out.body = source.data
  elseif source then
    out.upload = source.length or -1
  elseif plan.method == "HEAD" then
    out.no_body = true
  end
end

--- How many seconds a plan has left; nil: as many as it likes.
local function left_of(plan)
  return plan.deadline and math.max(plan.deadline - core.now(), 0)
end

--- What the transfer is told.
local function options_of(plan)
  local opts = plan.opts
  local out = {
    url = plan.target.text,
    method = plan.method,
    fields = plan.fields,
    version = http_version(plan),
    pipewait = plan.target.secure, -- for a connection that several requests can use
    connect = opts.connect_timeout or CONNECT_TIMEOUT,
    first_byte = opts.first_byte_timeout,
    idle = opts.idle_timeout or IDLE_TIMEOUT,
    max_head = opts.max_header_size,
    cookie = plan.cookie,
    family = FAMILIES[opts.family],
    interface = opts.bind and "host!" .. opts.bind,
  }
  add_credentials(plan, out)
  add_body(plan, out)
  local tls = opts.tls
  if tls and tls ~= true then
    local ok, err = add_tls(plan, out, tls)
    if not ok then
      return nil, err
    end
  end
  return out
end

-- ---- running -------------------------------------------------------------------

local Guard = {
  __close = function(guard)
    if guard.feed then
      guard.feed.task:cancel()
    end
  end,
}

--- A transfer for which all has to be said.
local function begin_anew(plan)
  local out, err = options_of(plan)
  if not out then
    return nil, err
  end
  local ends
  local left = left_of(plan)
  ends, err = add_route(plan, out, left and math.min(left, out.connect) or out.connect)
  if not ends then
    return nil, err
  end
  local common, session, number = plan.common, plan.session, 0
  if common then
    if core.now() >= common.ends then
      session._plans = session._plans + 1
      common.number, common.ends = session._plans, ends
    end
    number = common.number
  end
  local transfer = curl.transfer(session._pool)
  transfer:start(out, plan.target.origin, number, left_of(plan), plan.opts.cookies == false)
  return transfer
end

--- A transfer that has begun, or nil and an error.
local function begin(plan)
  local common = plan.common
  if common and core.now() < common.ends then
    local transfer = curl.begin(plan.session._pool, common.number, plan.target.origin, left_of(plan))
    if transfer then
      return transfer
    end
  end
  if plan.target.secure and not package.preload["neap.tls"] then
    return nil, reply.error(plan, "TLS", "connect", MISSING)
  end
  return begin_anew(plan)
end

--- The answer, once its head is there.
local function answer(plan, transfer, feed)
  local status, encoded, stage, text = transfer:head()
  if not status then
    return reply.failed(plan, feed, encoded, stage, text)
  end
  return reply.new(plan, transfer, feed, status, encoded)
end

--- Runs one request up to the head of its answer.
---@async
---@return neap.http.ClientResponse?
---@return neap.Error? err
function exchange.run(plan)
  local transfer, err = begin(plan)
  if not transfer then
    return nil, err
  end
  local source = plan.source
  if not source or source.data then
    return answer(plan, transfer, false)
  end
  local guard <close> = setmetatable({ feed = upload.feed(transfer, source, plan.opts.progress) }, Guard)
  local response
  response, err = answer(plan, transfer, guard.feed)
  if response then
    guard.feed = nil
  end
  return response, err
end

return exchange

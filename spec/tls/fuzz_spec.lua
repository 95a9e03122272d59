--- Noise at each state of a handshake, in both roles: an error or nothing, in
--- bounded time, and nothing is left. The noise is the same in each run; the
--- keys are not.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local neap = require("neap")

local tls, stream_pair = neap.tls, neap.testing.stream_pair

local RUNS = 1500

local server_context = assert(tls.context({
  cert = certs.server.cert, key = certs.server.key, alpn = { "a", "b" }, verify = "request", ca = certs.ca.cert,
}))

local client_contexts = {}
for i, version in ipairs({ "1.2", "1.3" }) do
  client_contexts[i] = assert(tls.context({
    ca = certs.ca.cert, server_name = "localhost", alpn = { "b" }, max_version = version,
    cert = certs.client.cert, key = certs.client.key,
  }))
end

local function random_bytes(n)
  local bytes = {}
  for i = 1, n do
    bytes[i] = string.char(math.random(0, 255))
  end
  return table.concat(bytes)
end

--- Ways to spoil a piece of what is sent.
local mutations = {
  function(data, at) -- another byte
    return data:sub(1, at - 1) .. random_bytes(1) .. data:sub(at + 1)
  end,
  function(data, at) -- one bit
    return data:sub(1, at - 1) .. string.char(data:byte(at) ~ (1 << math.random(0, 7))) .. data:sub(at + 1)
  end,
  function(data, at) -- more
    return data:sub(1, at - 1) .. random_bytes(math.random(1, 40)) .. data:sub(at)
  end,
  function(data, at) -- less
    return data:sub(1, at - 1) .. data:sub(at + math.random(1, 40))
  end,
  function(data, at) -- noise from here on
    return data:sub(1, at - 1) .. random_bytes(#data - at + 1)
  end,
  function(data) -- twice
    return data .. data
  end,
  function(data, at) -- cut off there; nothing follows
    return data:sub(1, at - 1), true
  end,
}

--- Copies to the end; the piece number `n` is spoiled.
local function relay(from, to, n)
  local count = 0
  while true do
    local data = from:read()
    if not data then
      return to:shutdown()
    end
    count = count + 1
    local cut
    if count == n then
      data, cut = mutations[math.random(#mutations)](data, math.random(#data))
    end
    if not to:write(data) or cut then
      return to:shutdown()
    end
  end
end

--- Takes a part in a handshake and says something; errors are fine.
local function take_part(stream, opts)
  if stream:start_tls(opts) then
    stream:write("hello")
    stream:shutdown()
    local data
    repeat
      data = stream:read()
    until not data
  end
  stream:close()
end

local function one_run(i)
  local client, near = stream_pair()
  local server, far = stream_pair()
  local to_server = math.random() < 0.5
  local piece = math.random(1, 4)
  neap.gather({
    function() take_part(client, client_contexts[i % 2 + 1]) end,
    function() take_part(server, { server = true, context = server_context }) end,
    function() relay(near, far, to_server and piece) end,
    function() relay(far, near, not to_server and piece) end,
  })
  for _, stream in ipairs({ near, far }) do
    stream:abort()
  end
end

describe("a handshake that is disturbed", function()
  case.timed("ends, whatever comes", function()
    math.randomseed(7)
    for i = 1, RUNS do
      neap.timeout(60, one_run, i)
    end
    math.randomseed()
  end)

  for role, opts in pairs({
    server = { server = true, context = server_context },
    client = client_contexts[2],
  }) do
    case.timed("by noise alone ends: a " .. role, function()
      math.randomseed(11)
      for _ = 1, RUNS do
        local a, b = stream_pair()
        local text = random_bytes(math.random(1, 300))
        if math.random() < 0.7 then -- that looks like a record
          text = string.pack(">BBBs2", math.random(20, 24), 3, math.random(0, 4), text)
        end
        b:write(text)
        b:shutdown()
        neap.timeout(60, take_part, a, opts)
        b:abort()
      end
      math.randomseed()
    end)
  end

  case.it("leaves the contexts as they were", function()
    for _, context in ipairs(client_contexts) do
      local a, b = stream_pair()
      local other = neap.spawn(b.start_tls, b, { server = true, context = server_context })

      assert.is_true(a:start_tls(context))
      assert.is_true(other:await())

      a:abort()
      b:abort()
    end
  end)
end)

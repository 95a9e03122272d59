--- Requests that were mutated at random and cut at random places: whatever
--- comes, the server answers in proper HTTP or hangs up, and never mixes up what
--- it was sent. NEAP_FUZZ=N makes more runs, NEAP_FUZZ_SEED=N other ones.
local case = require("spec.support.case")
local neap = require("neap")
local serve_stream = require("neap.http.server").serve_stream
local web = require("spec.support.web")

local it, http = case.it, neap.http

local RUNS = tonumber(os.getenv("NEAP_FUZZ")) or 3000
local SEED = tonumber(os.getenv("NEAP_FUZZ_SEED")) or 12345

-- A generator of our own: the same numbers in every Lua.
local state
local function random(n)
  state = (state * 6364136223846793005 + 1442695040888963407) & math.maxinteger
  return (state >> 32) % n + 1
end

local function pick(list)
  return list[random(#list)]
end

local samples = {
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /x/1?a=b&c=%20 HTTP/1.1\r\nHost: a:80\r\nUser-Agent: f\r\nAccept: */*\r\nCookie: a=b; c=d\r\n\r\n",
  "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
  "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    .. "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n",
  "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    .. "Content-Length: 7\r\n\r\na=1&b=2",
  "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 59\r\n\r\n"
    .. '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n',
  "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: x\r\n\r\n",
}

local morsels = {
  "\r\n", "\n", "\r", "\0", " ", "\t", ":", "%", "%00", "%2e", "/", "..", "?", "#", ",", ";", "0", "-1", "+",
  "\xff", "Host: a\r\n", "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "HTTP/1.1",
  "chunked", "Expect: 100-continue\r\n", "99999999999999999999", "ffffffffffffffff", "\r\n\r\n", "0\r\n\r\n",
}

local mutations = {
  function(text, at) -- a byte is another
    return text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1)
  end,
  function(text, at) -- some are missing
    return text:sub(1, at - 1) .. text:sub(at + random(4))
  end,
  function(text, at) -- something is between
    return text:sub(1, at) .. pick(morsels) .. text:sub(at + 1)
  end,
  function(text, at) -- a part is there twice
    return text:sub(1, at + random(20)) .. text:sub(at)
  end,
  function(text, at) -- the end is missing
    return text:sub(1, at)
  end,
  function(text) -- a line is elsewhere
    local line = text:match("\n([^\n]*\n)", random(#text)) or ""
    local at = random(#text)
    return text:sub(1, at) .. line .. text:sub(at + 1)
  end,
}

local function mutate(text)
  for _ = 1, random(4) - 1 do
    if #text > 0 then
      text = pick(mutations)(text, random(#text))
    end
  end
  return text
end

local function app_of()
  local app = http.app()
  app:get("/", function() return "root" end)
  app:get("/x/{n}", function(req)
    return tostring(req.query.a) .. tostring(req.cookies.a) .. req.host .. req.params.n
  end)
  app:route("*", "/echo", function(req)
    return { stream = function(write)
      for piece in req:chunks() do
        write(piece)
      end
    end }
  end)
  app:route("*", "/form", function(req)
    return { json = assert(req:form()) }
  end)
  app:route("*", "/unread", function() return "unread" end)
  app:websocket("/ws", function() end)
  return app
end

--- Sends a text in pieces that end at random places; everything that came back.
local function talk(app, text)
  local client, theirs = neap.testing.stream_pair()
  local open <close> = client
  local task = neap.spawn(serve_stream, app, theirs, { max_body = 1000 })
  local at = 1
  while at <= #text do
    local size = random(4) == 1 and #text or random(30)
    if not open:write(text:sub(at, at + size - 1)) then
      break
    end
    at = at + size
    for _ = 1, random(3) - 1 do
      neap.sleep(0)
    end
  end
  open:shutdown()
  local got = {}
  local data = open:read()
  while data do
    got[#got + 1] = data
    data = open:read()
  end
  task:await()
  return table.concat(got)
end

--- Whether what came back is a row of proper answers; a last one that was
--- broken off, as its handler failed, may be cut.
local function check(answer)
  local at = 1
  while at <= #answer do
    local head, rest = answer:match("^(HTTP/1%.1 %d%d%d [%w' -]*\r\n.-)\r\n\r\n()", at)
    if not head then
      return nil, "no head at " .. at
    end
    for line in head:sub((head:find("\r\n", 1, true) or #head) + 2):gmatch("([^\r\n]+)") do
      if not line:find("^[%w-]+: [^%c]*$") then
        return nil, "no field: " .. line
      end
    end
    local status = tonumber(head:match("^%S+ (%d+)"))
    local length = tonumber(head:match("\r\nContent%-Length: (%d+)"))
    at = rest
    if head:find("\r\nTransfer-Encoding: chunked", 1, true) then
      local size, data = answer:match("^(%x+)\r\n()", at)
      while size and tonumber(size, 16) > 0 do
        at = data + tonumber(size, 16) + 2
        size, data = answer:match("^(%x+)\r\n()", at)
      end
      if not size then
        return at > #answer or nil, "no chunk at " .. at
      end
      at = data + 2
    elseif length and answer:sub(at, at + 4) ~= "HTTP/" and status ~= 204 then
      at = at + length
    elseif not length and status >= 200 and status ~= 204 then
      return true -- until the end
    end
  end
  return true
end

describe("http under noise", function()
  it("answers properly or hangs up", function()
    local app = app_of()
    local failure
    neap.loop.set_exception_handler(function(context)
      failure = failure or tostring(context.error) .. (context.traceback or "")
    end)
    for run = 1, RUNS do
      state = SEED + run
      local parts = {}
      for i = 1, random(3) do
        parts[i] = mutate(pick(samples))
      end
      local text = table.concat(parts)
      local answer = talk(app, text)
      local ok, problem = check(answer)
      if not ok or failure then
        neap.loop.set_exception_handler(nil)
        error(("run %d: %s\n%q\n%q"):format(run, problem or failure, text, answer))
      end
    end
    neap.loop.set_exception_handler(nil)
  end)

  it("knows the samples", function()
    for _, sample in ipairs(samples) do
      local list = web.answers(web.talk(app_of(), sample), { sample:match("^%u+") })
      assert.is_true(list[#list].status < 300 or sample:find("/ws", 1, true) ~= nil, sample)
    end
  end)
end)

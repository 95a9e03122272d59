--- Names that requests look up, and servers that do not answer.
local black_hole = require("spec.support.black_hole")
local case = require("spec.support.case")
local eyeballs = require("neap.eyeballs")
local http_peer = require("spec.support.http_peer")
local neap = require("neap")

local it, http = case.it, neap.http

describe("http.session", function()
  local peer = http_peer.beside()

  describe("a name", function()
    --- Puts a resolver in the place of the system's.
    local function resolver(fn)
      local real = eyeballs.resolve
      eyeballs.resolve = fn
      return setmetatable({}, { __close = function() eyeballs.resolve = real end })
    end

    it("is looked up once for all who ask", function()
      local asked = 0
      local _ <close> = resolver(function()
        asked = asked + 1
        neap.sleep(0.01)
        return { { host = "127.0.0.1", family = "ipv4" } }
      end)
      local session <close> = http.session()
      local tasks = {}
      for i = 1, 20 do
        tasks[i] = neap.spawn(session.get, session, ("http://name.test:%d/chain/0"):format(peer.port))
      end
      for _, res in ipairs(neap.gather(tasks)) do
        assert.equal("the end", res:text())
      end

      assert.equal(1, asked)
    end)

    it("that is never answered holds nobody else up", function()
      local _ <close> = resolver(function() neap.sleep(100) end)
      local session <close> = http.session()
      local mute = {}
      for i = 1, 10 do
        mute[i] = neap.spawn(session.get, session, ("http://mute%d.test/"):format(i))
      end
      local least = math.huge -- of some: a busy machine holds up one or another
      for _ = 1, 10 do
        local start = neap.loop.time()
        assert.equal(200, session:get(peer.url .. "/chain/0").status)
        least = math.min(least, neap.loop.time() - start)
      end
      for _, task in ipairs(mute) do
        task:cancel()
        pcall(task.await, task)
      end

      assert.is_true(least < 0.05, least)
    end)

    it("that is not found in time is TIMEOUT", function()
      local _ <close> = resolver(function() neap.sleep(100) end)
      local res, err = http.get("http://mute.test/", { timeout = 0.02 })

      assert.is_nil(res)
      assert.equal("TIMEOUT", err.code)
      assert.equal("resolve", err.op)
    end)
  end)

  it("with a black hole holds nobody else up", function()
    local nowhere <close> = black_hole.open()
    local port = nowhere.port
    local session <close> = http.session()
    local times = {}
    local hole = neap.spawn(session.get, session, "http://127.0.0.1:" .. port, { connect_timeout = 0.3 })
    while not hole:done() do
      local before = neap.loop.time()
      assert.equal(200, session:get(peer.url .. "/chain/0").status)
      times[#times + 1] = neap.loop.time() - before
    end
    local _, err = hole:await()

    assert.equal("TIMEOUT", err.code)
    assert.equal("connect", err.op)
    -- the median: a busy machine holds up one or another itself
    table.sort(times)
    assert.is_true(times[#times // 2 + 1] < 0.05, #times)
  end)
end)

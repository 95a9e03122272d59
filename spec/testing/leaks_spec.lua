local expect = require("spec.support.expect")
local neap = require("neap")

local testing = neap.testing

local HERE = "spec/testing/leaks_spec%.lua:%d+"

--- What no_leaks says of what `fn` leaves; `fn` returns what ends it.
local function complaint(fn)
  local cleanup
  local text = expect.error(testing.no_leaks, function()
    cleanup = fn()
  end)
  cleanup()
  testing.settle()
  return text
end

describe("testing.no_leaks", function()
  it("says where a task was spawned, and where it waits", function()
    local text = complaint(function()
      local task = neap.spawn(function() neap.future():await() end)
      task:set_name("lost")
      return function() task:cancel() end
    end)

    assert.matches("left behind:\n\tTask lost: waiting on future %(spawned at " .. HERE
      .. ", now at " .. HERE .. "%)$", text)
  end)

  it("names a timer", function()
    local text = complaint(function()
      local timer = neap.loop.call_later(3600, print)
      return function() timer:cancel() end
    end)

    assert.matches("left behind:\n\ttimer callback%-%d+ %(made at " .. HERE .. "%)$", text)
  end)

  it("names a stream", function()
    local text = complaint(function()
      local a, b = testing.stream_pair()
      b:close()
      return function() a:close() end
    end)

    assert.matches("left behind:\n\tmemory stream %(made at " .. HERE .. "%)$", text)
  end)

  it("waits for what was closed and is not gone yet", function()
    local listener <close> = assert(neap.net.listen("127.0.0.1", 0))
    local peer = neap.spawn(function()
      local theirs <close> = assert(listener:accept())
      theirs:write("nobody reads this")
      neap.sleep(0.1)
    end)

    testing.no_leaks(function()
      local stream = assert(neap.net.connect("127.0.0.1", listener:address().port))
      stream:write("x")
      neap.wait_readable(stream:fileno())
      stream:close() -- the peer may not lose the x, so its end is awaited
    end)
    assert.is_true(peer:done())
  end)

  it("names a listener", function()
    local text = complaint(function()
      local listener = assert(neap.net.listen("127.0.0.1", 0))
      return function() listener:close() end
    end)

    assert.matches("\n\tlistener %(made at " .. HERE .. "%)\n", text)
  end)

  it("names a socket", function()
    local text = complaint(function()
      local udp = assert(neap.net.udp())
      return function() udp:close() end
    end)

    assert.matches("\n\tUDP socket %(made at " .. HERE .. "%)\n", text)
  end)

  it("names the server's task", function()
    local text = complaint(function()
      local server = assert(neap.net.serve("127.0.0.1", 0, print))
      return function()
        server:close()
        server:wait_closed()
      end
    end)

    assert.matches("\n\tTask server 127[^\n]* %(spawned at " .. HERE .. "%)\n", text)
  end)

  it("says what a descriptor is", function()
    local text = complaint(function()
      local file = io.open("LICENSE")
      return function() file:close() end
    end)

    assert.matches("left behind:\n\tdescriptor %d+ %([^\n]*LICENSE%)$", text)
  end)

  it("names all that is left", function()
    local text = complaint(function()
      local task = neap.spawn(neap.sleep, 3600)
      local timer = neap.loop.call_later(3600, print)
      return function()
        task:cancel()
        timer:cancel()
      end
    end)

    assert.matches("\n\tTask task%-%d+: waiting on sleep [^\n]*\n\ttimer callback", text)
  end)

  it("does not count what was there before", function()
    local task = neap.spawn(neap.sleep, 3600)
    local a, b = testing.stream_pair()
    testing.settle()

    testing.no_leaks(neap.sleep, 0)

    task:cancel()
    a:close()
    b:close()
    testing.settle()
  end)
end)

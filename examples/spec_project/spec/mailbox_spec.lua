local mailbox = require("mailbox")
local neap = require("neap")

local testing = neap.testing

describe("a mailbox", function()
  local client, queue, server

  before_each(function()
    local stream
    client, stream = testing.stream_pair()
    queue = neap.sync.queue()
    server = neap.spawn(mailbox.serve, stream, queue)
  end)

  after_each(function()
    client:close()
    server:await()
  end)

  it("gives back what was put", function()
    client:write("put hello\nget\n")

    assert.equal("ok", client:readline())
    assert.equal("hello", client:readline())
  end)

  it("waits until there is something", function()
    client:write("get\n")
    testing.settle()
    assert.matches("waiting on queue get", tostring(server))

    queue:put("later")

    assert.equal("later", client:readline())
  end)

  it("asks what is meant", function()
    client:write("take\n")

    assert.equal("what?", client:readline())
  end)
end)

describe("mailbox.persist", function()
  it("waits longer before each new attempt, which takes no time here", function()
    testing.virtual_clock(function()
      local start = neap.loop.time()

      local answer, attempts = mailbox.persist(function() neap.sleep(3600) end, 5)

      assert.is_nil(answer)
      assert.equal(5, attempts)
      assert.near(5 + 1 + 2 + 4 + 8 + 16, neap.loop.time() - start, 1e-6)
    end)
  end)

  it("leaves nothing behind", function()
    testing.no_leaks(function()
      assert.equal("yes", mailbox.persist(function() return "yes" end, 3))
    end)
  end)
end)

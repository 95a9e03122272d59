local case = require("spec.support.case")
local expect = require("spec.support.expect")
local waiters = require("spec.support.waiter_conformance")
local neap = require("neap")

local it = case.it
local sync = neap.sync
local settle = neap.testing.settle

describe("an event", function()
  waiters.all_at_once({
    new = sync.event,
    wait = function(event) event:wait() end,
    wake = function(event) event:set() end,
  })

  it("is not set at first", function()
    assert.is_false(sync.event():is_set())
  end)

  it("is set after set", function()
    local event = sync.event()

    event:set()
    event:set()

    assert.is_true(event:is_set())
  end)

  it("is not set after clear", function()
    local event = sync.event()
    event:set()

    event:clear()
    event:clear()

    assert.is_false(event:is_set())
  end)

  it("wakes all who wait, also if clear follows at once", function()
    local event, woken = sync.event(), 0
    for _ = 1, 3 do
      neap.spawn(function()
        event:wait()
        woken = woken + 1
      end)
    end
    settle()

    event:set()
    event:clear()
    settle()

    assert.equal(3, woken)
    assert.is_false(event:is_set())
  end)

  it("lets who comes while it is set go on without a wait", function()
    local event, turned = sync.event(), false
    event:set()
    neap.spawn(function() turned = true end)

    event:wait()
    event:wait()

    assert.is_false(turned)
    neap.sleep(0)
  end)

  it("parks who comes after clear until the next set", function()
    local event, woken = sync.event(), false
    event:set()
    event:clear()
    neap.spawn(function()
      event:wait()
      woken = true
    end)
    settle()
    assert.is_false(woken)

    event:set()
    settle()

    assert.is_true(woken)
  end)

  it("says what it is and how many wait", function()
    local event = sync.event()
    local task = neap.spawn(event.wait, event)
    settle()

    assert.equal("event wait", task:waiting_on())
    assert.equal("Event: not set, 1 waiting", tostring(event))

    event:set()
    neap.await(task)

    assert.equal("Event: set", tostring(event))
  end)

  it("refuses a call without itself", function()
    local event = sync.event()

    local err = expect.error(function() event.wait() end)

    assert.matches("calling 'wait' on bad self %(Event expected, got no value%)", err)
  end)
end)

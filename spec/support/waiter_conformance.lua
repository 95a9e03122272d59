--- What holds for every call that waits on a primitive: the first to come is
--- the first to be served, and a waiter that goes away takes nothing along.
---
--- A kind of waiter is a table of functions:
---   new()      an object on which `wait` parks
---   wait(o)    the call under test; takes what a wake-up brings
---   wake(o)    hands over to one waiter (or, `all_at_once`, to all);
---              does not wait itself
---   left(o)    how many wake-ups the object still holds for later waiters;
---              absent where one that nobody waits for is not kept
---
--- Where the system wakes, see system_waiter_conformance.
local assert = require("luassert")
local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed
local settle = neap.testing.settle

local conformance = {}

--- Spawns `count` tasks that wait on `object` and log their number once served.
local function park(kind, object, log, count)
  local tasks = {}
  for i = 1, count do
    tasks[i] = neap.spawn(function()
      kind.wait(object)
      table.insert(log, i)
    end)
  end
  settle()
  return tasks
end

local function cancel_all(tasks)
  for _, task in ipairs(tasks) do
    task:cancel()
  end
  settle()
end

--- Cases that hold for every kind.
local function common(kind)
  it("says what a task waits on", function()
    local object = kind.new()
    local task = park(kind, object, {}, 1)[1]

    assert.equal("waiting", task:status())
    assert.matches("%a", task:waiting_on())
    cancel_all({ task })
  end)

  it("raises CANCELLED in a waiter that is cancelled", function()
    local object, log = kind.new(), {}
    local task = park(kind, object, log, 1)[1]

    assert.is_true(task:cancel())

    expect.code("CANCELLED", neap.await, task)
    assert.same({}, log)
  end)

  it("raises CANCELLED in a task that was cancelled before", function()
    local object = kind.new()
    local task = neap.spawn(function()
      neap.current_task():cancel()
      kind.wait(object)
    end)

    expect.code("CANCELLED", neap.await, task)
  end)

  timed("raises TIMEOUT past a deadline", function()
    local object = kind.new()

    expect.code("TIMEOUT", neap.timeout, 1, kind.wait, object)
  end)

  timed("waits on as if nothing had been after a timeout", function()
    local object = kind.new()
    pcall(neap.timeout, 1, kind.wait, object)
    local log = {}
    park(kind, object, log, 1)

    kind.wake(object)
    settle()

    assert.same({ 1 }, log)
  end)

  it("leaves nobody behind when all waiters are cancelled", function()
    local object, log = kind.new(), {}
    cancel_all(park(kind, object, log, 3))
    park(kind, object, log, 1)

    kind.wake(object)
    settle()

    assert.same({ 1 }, log)
  end)

  it("waits inside a coroutine of the script", function()
    local object = kind.new()
    local task = neap.spawn(function()
      return coroutine.wrap(function()
        kind.wait(object)
        return "served"
      end)()
    end)
    settle()

    kind.wake(object)

    assert.equal("served", neap.await(task))
  end)
end

--- Random steps of waiters, wake-ups, cancellations and turns; returns how many
--- were served and how many wake-ups there were.
local function random_steps(kind, object, count)
  local served, wakes, tasks = 0, 0, {}
  local state = 42
  local function random(n)
    state = state * 16807 % 2147483647
    return state % n + 1
  end
  local function wait()
    if pcall(neap.timeout, random(5), kind.wait, object) then
      served = served + 1
    end
  end
  local steps = {
    function() table.insert(tasks, neap.spawn(wait)) end,
    function() wakes = wakes + (pcall(kind.wake, object) and 1 or 0) end,
    function()
      local task = tasks[random(#tasks + 1)]
      return task and task:cancel()
    end,
    function() neap.sleep(random(3) - 1) end,
  }
  for _ = 1, count do
    steps[random(#steps)]()
  end
  neap.sleep(10)
  return served, wakes
end

--- Cases for a kind whose `wake` serves one waiter.
function conformance.one_at_a_time(kind)
  common(kind)

  it("serves its waiters in the order in which they came", function()
    local object, log = kind.new(), {}
    park(kind, object, log, 5)

    for _ = 1, 5 do
      kind.wake(object)
    end
    settle()

    assert.same({ 1, 2, 3, 4, 5 }, log)
  end)

  it("serves one waiter per wake-up", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 3)

    kind.wake(object)
    settle()
    assert.same({ 1 }, log)

    kind.wake(object)
    settle()
    assert.same({ 1, 2 }, log)
    cancel_all(tasks)
  end)

  it("lets nobody overtake a waiter that has been woken", function()
    local object, log = kind.new(), {}
    park(kind, object, log, 1)

    kind.wake(object)
    local newcomer = neap.spawn(function()
      kind.wait(object)
      table.insert(log, "newcomer")
    end)
    settle()

    assert.same({ 1 }, log)
    kind.wake(object)
    neap.await(newcomer)
    assert.same({ 1, "newcomer" }, log)
  end)

  it("lets the task that wakes not overtake the woken", function()
    local object, log = kind.new(), {}
    park(kind, object, log, 1)

    local greedy = neap.spawn(function()
      kind.wake(object)
      kind.wait(object)
      table.insert(log, "greedy")
    end)
    settle()

    assert.same({ 1 }, log)
    kind.wake(object)
    neap.await(greedy)
  end)

  it("skips a waiter that was cancelled", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 3)

    tasks[1]:cancel()
    settle()
    kind.wake(object)
    kind.wake(object)
    settle()

    assert.same({ 2, 3 }, log)
  end)

  it("skips a waiter that was cancelled in the same turn before", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 3)

    tasks[1]:cancel()
    kind.wake(object)
    settle()

    assert.same({ 2 }, log)
    cancel_all(tasks)
  end)

  it("keeps the order when one in the middle is cancelled", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 4)

    tasks[2]:cancel()
    for _ = 1, 3 do
      kind.wake(object)
    end
    settle()

    assert.same({ 1, 3, 4 }, log)
  end)

  it("loses no wake-up when the woken waiter is cancelled in the same turn", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 2)

    kind.wake(object)
    tasks[1]:cancel()
    settle()

    assert.equal(1, #log)
    cancel_all(tasks)
  end)

  it("loses no wake-up when all that were woken are cancelled", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 4)

    kind.wake(object)
    kind.wake(object)
    tasks[1]:cancel()
    tasks[2]:cancel()
    settle()

    assert.equal(2, #log)
    cancel_all(tasks)
  end)

  timed("loses no wake-up that comes at the moment of the deadline", function()
    local object, served = kind.new(), 0
    for _ = 1, 2 do
      neap.spawn(function()
        if pcall(neap.timeout, 1, kind.wait, object) then
          served = served + 1
        end
      end)
    end
    local log = {}
    neap.sleep(0.5)
    local patient = park(kind, object, log, 2)
    neap.loop.call_later(0.5, function()
      kind.wake(object)
      kind.wake(object)
    end)

    neap.sleep(2)

    assert.equal(2, served + #log)
    cancel_all(patient)
  end)

  if not kind.left then
    return
  end

  it("takes nothing when cancelled before it waits", function()
    local object = kind.new()
    kind.wake(object)
    local before = kind.left(object)
    local task = neap.spawn(function()
      neap.current_task():cancel()
      kind.wait(object)
    end)
    settle()

    assert.is_true(task:cancelled())
    assert.equal(before, kind.left(object))
    kind.wait(object)
    assert.equal(before - 1, kind.left(object))
  end)

  it("keeps a wake-up that comes after the last waiter was cancelled", function()
    local object = kind.new()
    cancel_all(park(kind, object, {}, 2))

    kind.wake(object)

    assert.equal(1, kind.left(object))
    kind.wait(object)
  end)

  it("keeps or delivers a wake-up whose only waiter is cancelled in the same turn", function()
    local object, log = kind.new(), {}
    local task = park(kind, object, log, 1)[1]

    kind.wake(object)
    task:cancel()
    settle()

    assert.equal(1, #log + kind.left(object))
  end)

  timed("loses nothing in a thousand random steps", function()
    local object = kind.new()

    local served, wakes = random_steps(kind, object, 1000)

    assert.is_true(served > 20)
    assert.equal(wakes, served + kind.left(object))
  end)
end

--- Cases for a kind whose `wake` serves all who wait.
function conformance.all_at_once(kind)
  common(kind)

  it("serves all waiters in the order in which they came", function()
    local object, log = kind.new(), {}
    park(kind, object, log, 5)

    kind.wake(object)
    settle()

    assert.same({ 1, 2, 3, 4, 5 }, log)
  end)

  it("does not serve a waiter that was cancelled", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 4)

    tasks[1]:cancel()
    settle()
    tasks[3]:cancel()
    kind.wake(object)
    settle()

    assert.same({ 2, 4 }, log)
  end)

  it("serves the others when one is cancelled in the same turn", function()
    local object, log = kind.new(), {}
    local tasks = park(kind, object, log, 3)

    kind.wake(object)
    tasks[2]:cancel()
    settle()

    local others = {}
    for _, i in ipairs(log) do
      if i ~= 2 then
        table.insert(others, i)
      end
    end
    assert.same({ 1, 3 }, others)
  end)
end

return conformance

--- Tasks that use the primitives, with timeouts that hit them at any moment, in
--- orders that seeds choose: nothing is lost, nothing is given twice.
local case = require("spec.support.case")
local neap = require("neap")
local new_random = require("spec.support.random")

local timed = case.timed
local sync = neap.sync

local Unshuffle = { __close = function() neap.testing.shuffle(false) end }

--- Runs `body(random)` for a few seeds; `random(n)` gives 1 to n.
local function for_seeds(body)
  for seed = 1, 8 do
    local _ <close> = setmetatable({}, Unshuffle)
    neap.testing.shuffle(seed)
    body(new_random(seed))
  end
end

--- Calls `fn(...)`, often under a deadline of a few milliseconds; true unless
--- that passed.
local function try(random, fn, ...)
  local ok, err
  if random(2) == 1 then
    ok, err = pcall(neap.timeout, random(4) / 1000, fn, ...)
    assert(ok or neap.error_code(err) == "TIMEOUT", err)
  else
    ok, err = true, fn(...)
  end
  return ok, err
end

local function nap(random)
  neap.sleep(random(3) / 1000)
end

for name, new in pairs({
  queue = sync.queue,
  lifo_queue = sync.lifo_queue,
  priority_queue = sync.priority_queue,
}) do
  timed("sync." .. name .. " gives each item once", function()
    for_seeds(function(random)
      local queue, put, got = new(random(4) - 1), {}, {}
      local consumers = neap.task_group(function(group)
        for producer = 1, 3 do
          group:spawn(function()
            for i = 1, 20 do
              local item = producer * 100 + i
              put[item] = try(random, queue.put, queue, item) or nil
              nap(random)
            end
          end)
        end
        return neap.spawn(neap.map, { 1, 2, 3 }, function()
          while true do
            local ok, item = try(random, queue.get, queue)
            if ok and item == nil then
              return
            elseif ok then
              assert.is_nil(got[item])
              got[item] = true
              queue:task_done()
            end
          end
        end)
      end)

      queue:join()
      queue:close()
      neap.await(consumers)

      assert.same(put, got)
    end)
  end)
end

timed("sync.lock and sync.bounded_semaphore let no more through than they may", function()
  for_seeds(function(random)
    for most, object in ipairs({ sync.lock(), sync.bounded_semaphore(2) }) do
      local inside, list = 0, {}
      local function enter()
        local _ <close> = object:guard()
        inside = inside + 1
        assert(inside <= most)
        pcall(nap, random)
        inside = inside - 1
      end
      for i = 1, 10 do
        list[i] = function()
          for _ = 1, 10 do
            try(random, enter)
          end
        end
      end

      neap.gather(list)

      assert.equal(0, inside)
      assert.is_false(object:locked())
    end
  end)
end)

timed("sync.condition loses no notification", function()
  for_seeds(function(random)
    local condition, items, taken, list = sync.condition(), 0, 0, {}
    local function take()
      local _ <close> = condition:guard()
      condition:wait_for(function() return items > 0 end)
      items, taken = items - 1, taken + 1
    end
    for i = 1, 10 do
      list[i] = function()
        for _ = 1, 5 do
          nap(random)
          local _ <close> = condition:guard()
          items = items + 1
          condition:notify()
        end
      end
      list[10 + i] = function()
        while taken + items < 50 or items > 0 do
          pcall(neap.timeout, random(6) / 1000, take)
        end
      end
    end

    neap.gather(list)

    assert.equal(50, taken)
    assert.is_false(condition:locked())
  end)
end)

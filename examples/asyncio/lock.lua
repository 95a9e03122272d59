-- A lock that a callback releases, so that two tasks that wait for it get it,
-- one after the other: one through a guard, one by hand.
--
-- Run: neap examples/asyncio/lock.lua
-- Prints
--   acquiring the lock before starting tasks
--   lock acquired: true
--   waiting for tasks
--   task 1 waiting for the lock
--   task 2 waiting for the lock
--   callback releasing lock
--   task 1 acquired lock
--   task 1 released lock
--   task 2 acquired lock
--   task 2 released lock
local neap = require "neap"

local lock = neap.sync.lock()

local function unlock()
  print("callback releasing lock")
  lock:release()
end

local function task1()
  print("task 1 waiting for the lock")
  do
    local _ <close> = lock:guard()
    print("task 1 acquired lock")
  end
  print("task 1 released lock")
end

local function task2()
  print("task 2 waiting for the lock")
  lock:acquire()
  print("task 2 acquired lock")
  print("task 2 released lock")
  lock:release()
end

print("acquiring the lock before starting tasks")
lock:acquire()
print("lock acquired: " .. tostring(lock:locked()))
neap.loop.call_later(0.02, unlock)
print("waiting for tasks")
neap.wait { task1, task2 }

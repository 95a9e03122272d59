--- What tasks share: locks, events, conditions, semaphores, barriers, queues.
--- All are fair: first come, first served.
local barrier = require("neap.sync.barrier")
local condition = require("neap.sync.condition")
local event = require("neap.sync.event")
local lock = require("neap.sync.lock")
local queue = require("neap.sync.queue")
local semaphore = require("neap.sync.semaphore")

local sync = {}

sync.lock = lock.new
sync.event = event.new
sync.condition = condition.new
sync.semaphore = semaphore.new
sync.bounded_semaphore = semaphore.bounded
sync.barrier = barrier.new
sync.queue = queue.fifo
sync.priority_queue = queue.priority
sync.lifo_queue = queue.lifo

return sync

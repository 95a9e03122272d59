-- What alloc_fail.c runs: a little of everything, all errors caught.
local ok, neap = pcall(require, "neap")
if not ok then
  return
end

local function try(fn, ...)
  pcall(fn, ...)
end

neap.loop.set_exception_handler(function() end)
try(neap.gather, { neap.async(neap.sleep)(0), function() end })
try(neap.timeout, 0, neap.sleep, 1)
try(neap.task_group, function(group)
  group:spawn(error, "child")
  group:spawn(neap.sleep, 1)
  neap.sleep(1)
end)
try(function()
  local queue = neap.sync.queue(1)
  local task = neap.spawn(function()
    for i = 1, 3 do
      queue:put(i)
    end
    queue:close()
  end)
  for _ in queue:items() do
  end
  task:await()
end)
try(function()
  for _ in
    coroutine.wrap(function()
      neap.sleep(0)
      coroutine.yield(1)
    end)
  do
  end
end)
try(function()
  local future = neap.future()
  future:add_done_callback(function() end)
  future:set_result(1, 2, 3)
  future:await()
end)
try(function()
  local a, b = neap.net.pair()
  a:write("hello\n")
  b:readline()
  a:close()
  b:close()
end)
if neap.features.http then -- an idle connection, whose task gives its stack back
  try(neap.testing.virtual_clock, function()
    local a, b = neap.testing.stream_pair()
    local client <close> = a
    local function serve(conn)
      repeat
        while conn:read_head() do
          conn:respond(200, "text/plain", "ok")
        end
      until not conn:rest(serve)
      b:close()
    end
    neap.spawn(serve, require("neap.proto.http1").group({ idle_timeout = 2, header_timeout = 2 }):accept(b, true))
    for _ = 1, 2 do
      client:write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      neap.sleep(1)
    end
  end)
end
neap.spawn(error, "nobody takes it")

-- One wait of each class, for close.c: the class as "file:variable", its name,
-- and a script that gets some task into it. `make lint` fails when a class of
-- src is missing here. A script that loops is in that wait at most times.
local function file(class, name, body)
  return {
    class, name,
    [[local temp = os.tmpname()
      os.remove(temp) -- whatever becomes of the open
      local f <close> = assert(neap.fs.open(temp, "w+"))
      os.remove(temp)
      f:write(("line\n"):rep(20000))
      while true do f:seek("set") ]] .. body .. " end",
  }
end

local pair = "local a, b = neap.net.pair() "
local listener = "local l = neap.net.listen('127.0.0.1', 0) "
  .. "local port = l:address().port "
-- A TLS server at `port`, whose answers to a client's hello go nowhere.
local hello = [[local certs = require("spec.support.certs")
  local server = assert(neap.net.listen("127.0.0.1", 0, {
    tls = { cert = certs.server.cert, key = certs.server.key },
  }))
  local plain = neap.net.connect("127.0.0.1", server:address().port)
  local stream = server:accept()
  local a, b = neap.net.pair()
  neap.spawn(a.start_tls, a, { server_name = "localhost" }):set_daemon(true)
  plain:write(b:read()) ]]
local udp = "local s = neap.net.udp({ host = '127.0.0.1' }) "
  .. "local port = s:address().port "

return {
  { "core/timer.c:sleep_class", "sleep", "neap.sleep(100)" },
  { "core/timer.c:sleep_class", "sleep", "neap.sleep(math.huge)" },
  { "core/future.c:await_class", "future", "neap.future():await()" },
  { "core/future.c:await_class", "future", "neap.spawn(neap.sleep, 100):await()" },
  {
    "core/future.c:await_class", "future",
    [[local a, b
      a = neap.spawn(function() b:await() end)
      b = neap.spawn(function() a:await() end)
      a:await()]],
  },
  { "core/multi.c:multi_class", "futures", "neap.gather({ neap.future(), neap.future() })" },
  {
    "core/group.c:group_class", "task group",
    "neap.task_group(function(g) g:spawn(neap.sleep, 100) end)",
  },
  { "core/event.c:event_class", "event wait", "neap.sync.event():wait()" },
  { "core/waitq.c:waitq_class", "wait queue", "neap.loop.run_forever()" },
  { "core/queue.c:put_class", "queue put", "local q = neap.sync.queue(1) q:put(1) q:put(2)" },
  { "core/queue.c:get_class", "queue get", "neap.sync.queue():get()" },
  { "core/queue.c:join_class", "queue join", "local q = neap.sync.queue() q:put(1) q:join()" },
  {
    "core/queue.c:put_turn_class", "a turn",
    "local q = neap.sync.queue() while true do q:put(1) q:get_nowait() end",
  },
  {
    "core/queue.c:get_turn_class", "a turn",
    "local q = neap.sync.queue() while true do q:put_nowait(1) q:get() end",
  },
  {
    "core/waitq.c:settle_class", "a turn",
    "while true do require('neap.core').checkturn() end",
  },
  {
    "core/waitq.c:true_class", "a turn",
    udp .. "while true do s:send('x', '127.0.0.1', port) end",
  },
  { "core/gate.c:gate_class", "permit", "local l = neap.sync.lock() l:acquire() l:acquire()" },
  {
    "core/task.c:cancelled_class", "a turn, being cancelled",
    "neap.current_task():cancel() while true do pcall(neap.sleep, 1) end",
  },
  { "io/stream_read.c:np_stream_read_class", "read", pair .. "a:readline()" },
  { "io/stream_read.c:next_class", "read", pair .. "for _ in a:lines() do end" },
  { "io/stream_write.c:write_class", "write", pair .. "a:write(('x'):rep(5000000))" },
  { "io/stream.c:wait_closed_class", "stream close", pair .. "a:wait_closed()" },
  { "io/listener.c:accept_class", "accept", listener .. "l:accept()" },
  { "io/listener.c:incoming_class", "accept", listener .. "for _ in l:incoming() do end" },
  {
    "io/tcp.c:connect_class", "tcp connect",
    listener .. "while true do neap.net.connect('127.0.0.1', port):abort() end",
  },
  {
    "io/pipe.c:connect_class", "unix connect",
    [[local path = os.tmpname()
      os.remove(path)
      local l <close> = neap.net.listen_unix(path)
      neap.spawn(function() for s in l:incoming() do s:abort() end end)
      while true do neap.net.connect_unix(path):abort() end]],
  },
  { "io/dns.c:resolve_class", "resolve", "while true do neap.net.resolve('localhost') end" },
  { "io/reverse.c:reverse_class", "reverse", "while true do neap.net.reverse('127.0.0.1') end" },
  { "io/udp_recv.c:recv_class", "udp recv", udp .. "s:recv()" },
  { "io/udp_recv.c:next_class", "udp recv", udp .. "for _ in s:datagrams() do end" },
  {
    "io/udp_send.c:send_class", "udp send",
    udp .. "refuse_sends() while true do s:send('x', '127.0.0.1', port) end",
  },
  {
    "io/poll.c:classes", "readable",
    pair .. "neap.wait_readable(a:fileno())",
  },
  {
    "io/poll.c:classes", "writable",
    pair .. "neap.spawn(a.write, a, ('x'):rep(5000000)) neap.sleep(0) "
      .. "neap.wait_writable(a:fileno())",
  },
  { "io/signal.c:next_class", "signal", "neap.signal.wait('USR1')" },
  {
    "io/process.c:wait_class", "process",
    "local p <close> = neap.process.spawn({ 'sleep', '100' }) p:wait()",
  },
  { "io/fsreq.c:fs_class", "fs", "while true do neap.fs.realpath('.') end" },
  {
    "io/fetch.c:open_class", "fetch",
    [[local fetch = require("neap.core").fs.fetch
      while true do fetch(nil, "Makefile", 65536) end]],
  },
  {
    "io/fetch.c:read_class", "fetch read",
    [[local f = require("neap.core").fs.fetch(nil, "Makefile", -1)
      while true do f:read(0, 262144) end]],
  },
  {
    "io/fetch.c:load_class", "fetch load",
    [[local f = require("neap.core").fs.fetch(nil, "Makefile", -1)
      while true do f:load(0, 1000) end]],
  },
  {
    "io/fsdir.c:open_class", "scandir",
    "while true do local e <close> = neap.fs.scandir('.') end",
  },
  {
    "io/fsdir.c:next_class", "scandir",
    "while true do for _ in neap.fs.scandir('spec') do end end",
  },
  { "io/fswatch.c:read_class", "file changes", "for _ in neap.fs.watch('.') do end" },
  file("io/file.c:op_class", "file", "f:stat()"),
  file("io/file_read.c:read_class", "read", "f:readall()"),
  file("io/file_read.c:at_once_class", "read", "for _ = 1, 1000 do f:readline() end"),
  file("io/file_read.c:next_class", "read", "for _ in f:lines() do end"),
  file("io/file_write.c:write_class", "write", "f:write(('x'):rep(1000000)) f:sync()"),
  {
    "thread/thread.c:job_class", "thread",
    "while true do neap.thread.run(function() for _ = 1, 100000 do end end) end",
  },
  {
    "thread/channel.c:chan_class", "channel",
    "neap.thread.channel(1):receive()",
  },
  {
    "thread/channel.c:turn_class", "a turn",
    "local c = neap.thread.channel(1) while true do c:send(1) c:receive() end",
  },
  {
    "proto/tls.c:handshake_class", "tls handshake",
    listener .. "neap.net.connect('127.0.0.1', port, { tls = true })",
  },
  {
    "proto/tls.c:hello_class", "tls hello",
    [[local certs = require("spec.support.certs")
      local server = assert(neap.net.serve("127.0.0.1", 0, print, {
        tls = { cert = certs.server.cert, key = certs.server.key,
          sni = function() return nil end },
      }))
      local s = neap.net.connect("127.0.0.1", server:address().port)
      neap.sleep(100)]],
  },
  -- both ends of TLS: before the hello, between it and the answer, in the answer
  { "core/future.c:await_class", "future", hello:gsub("plain:write.*", "neap.future():await()") },
  { "core/future.c:await_class", "future", hello .. "plain:peek(1) neap.future():await()" },
  {
    "core/future.c:await_class", "future",
    hello .. "b:write(plain:readexactly(100)) neap.testing.settle() neap.future():await()",
  },
  { "io/stream_read.c:np_stream_read_class", "read", hello .. "stream:read()" },
  { "io/stream_write.c:write_class", "write", hello .. "stream:write(('x'):rep(200000))" },
  {
    "core/future.c:await_class", "future",
    hello .. "neap.spawn(stream.write, stream, 'x') stream:close() neap.future():await()",
  },
  -- close_notify waits for room: 65448 bytes are records that fill 64 KiB
  {
    "core/future.c:await_class", "future",
    [[local certs = require("spec.support.certs")
      local a, b = neap.testing.stream_pair()
      neap.spawn(b.start_tls, b, { server = true, cert = certs.server.cert, key = certs.server.key })
      assert(a:start_tls({ ca = certs.ca.cert, server_name = "localhost" }))
      neap.testing.settle()
      a:write(("x"):rep(65448))
      a:close()
      neap.future():await()]],
  },
  {
    "proto/http1.c:head_class", "request",
    [[local server = neap.http.app():serve({ host = "127.0.0.1", port = 0 })
      local s = neap.net.connect("127.0.0.1", server:address().port)
      s:write("GET / HT")
      neap.sleep(100)]],
  },
  {
    "proto/http1.c:rest_class", "next request",
    [[local server = neap.http.app():serve({ host = "127.0.0.1", port = 0 })
      local s = neap.net.connect("127.0.0.1", server:address().port)
      neap.sleep(100)]],
  },
  {
    "proto/http1_body.c:body_class", "request body",
    [[local app = neap.http.app()
      app:post("/", function(req) return req:text() end)
      local server = app:serve({ host = "127.0.0.1", port = 0 })
      local s = neap.net.connect("127.0.0.1", server:address().port)
      s:write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
      neap.sleep(100)]],
  },
  {
    "proto/curl_transfer.c:read_class", "http answer",
    listener .. "neap.http.get('http://127.0.0.1:' .. port)",
  },
  {
    "proto/curl_transfer.c:write_class", "http request's body",
    listener .. [[local piece = ("x"):rep(65536)
      neap.http.post("http://127.0.0.1:" .. port, { body = function() return piece end })]],
  },
}

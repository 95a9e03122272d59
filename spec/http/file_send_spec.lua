--- How large files reach sockets: from the kernel's own memory, and what happens
--- where that cannot be. Calls of the system are looked at with strace, which
--- also makes them fail.
local case = require("spec.support.case")
local certs = require("spec.support.certs")
local child = require("spec.support.child")
local neap = require("neap")
local temp = require("spec.support.temp")
local web = require("spec.support.web")

local it, http, fs, net = case.it, neap.http, neap.fs, neap.net
local request = web.request

local MIB = 1024 * 1024

--- A file of which no two pages are the same.
local function make_file(path, size)
  local pages = {}
  for i = 1, size // 4096 do
    pages[i] = ("%015d\n"):format(i):rep(256)
  end
  assert(fs.write_file(path, table.concat(pages)))
end

-- Serves a directory over TCP, and gets a file of it: prints whether it came as
-- it is, or else why not and how much did, and whether a second client got it.
local GET <const> = [[
  local neap = require("neap")
  local dir, name, cert, key, ca = table.unpack(arg, 1, 5)
  local tls = cert and { cert = cert, key = key }
  local app = neap.http.app():static("/", dir)
  local server = assert(app:serve({ host = "127.0.0.1", port = 0, tls = tls, compress = name:match("%.txt$") ~= nil }))
  local text = assert(neap.fs.read_file(dir .. "/" .. name))
  local function get()
    local stream = assert(neap.net.connect("127.0.0.1", server:address().port))
    if tls then
      assert(stream:start_tls({ ca = ca, server_name = "localhost" }))
    end
    stream:write("GET /" .. name .. " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n")
    local head = assert(stream:readuntil("\r\n\r\n", 4096))
    local body, n = {}, 0
    local err
    repeat
      local data
      data, err = stream:read()
      body[#body + 1], n = data, n + #(data or "")
    until not data
    stream:close()
    if head:find("gzip", 1, true) then
      return "packed"
    end
    return table.concat(body) == text and "whole" or ("%s after %d"):format(err and err.code or "an end", n)
  end
  print(get())
  print(get())
  server:close()
]]

-- The same without a look at the file, which comes as something else.
local GET_BLINDLY <const> = GET:gsub("local text = [^\n]+", "local text = 'another'")

--- Runs a script under strace: what it printed, the calls it made, one on a
--- line, and what it complained of. (Leaks cannot be looked for in a process that is traced.)
local function trace(script, how, dir, ...)
  local strace = "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout -k 1 60 strace -f -o " .. dir / "calls "
    .. "-e trace=sendfile,pread64,preadv2,write "
  local out, err, code = child.run_as(strace .. how .. " %s", script, dir / "www", ...)
  assert(code == 0, err)
  return out, assert(fs.read_file(dir / "calls")), err
end

local function traced(how, dir, ...)
  return trace(GET, how, dir, ...)
end

--- Runs a body with a directory and a file in it; where there is no strace it
--- only says so.
local function with_file(size, body)
  return function()
    if not os.execute("strace -o /dev/null true 2>/dev/null") then
      pending("strace is missing or may not trace")
      return
    end
    local dir <close> = temp.dir()
    fs.mkdir(dir / "www")
    make_file(dir / "www/file", size)
    body(dir)
  end
end

--- The bytes that each successful sendfile sent.
local function sent_by(calls)
  local list, sum = {}, 0
  for n in calls:gmatch("sendfile[^\n]* = (%d+)\n") do
    list[#list + 1] = tonumber(n)
    sum = sum + tonumber(n)
  end
  return sum, list
end

--- Whether a directory is on a file system that is in memory as a whole: then it
--- need not tell.
local function is_in_memory(dir)
  local kind <close> = assert(io.popen("stat -f -c %T " .. dir.path))
  return kind:read("l") == "tmpfs"
end

describe("http files over TCP", function()
  it("are sent from the kernel's memory", with_file(16 * MIB, function(dir)
    local out, calls = traced("", dir, "file")
    assert.equal("whole\nwhole\n", out)
    local sum, list = sent_by(calls)
    assert.is_true(sum > 16 * MIB, sum .. " of 2 * 16 MiB")
    local full = calls:find("EAGAIN", 1, true)
    for _, n in ipairs(list) do
      full = full or n % 4096 > 0
    end
    assert.is_truthy(full, "it never had to wait for the client")
  end))

  it("are sent a MiB at a time while others wait", with_file(4 * MIB, function(dir)
    local other = [[
      io.stderr:setvbuf("no")
      require("neap").spawn(function()
        while true do
          io.stderr:write(".")
          require("neap").sleep(0)
        end
      end):set_daemon(true)
    ]]
    local out, calls = trace(other .. GET, "", dir, "file")
    assert.equal("whole\nwhole\n", out)
    assert.is_truthy(calls:find("sendfile", 1, true))
    for turn in calls:gmatch("(.-)write%(2, \"%.\"") do
      local sent = sent_by(turn)
      assert.is_true(sent <= MIB, sent)
    end
  end))

  it("are sent as before if they are small", with_file(65536, function(dir)
    local out, calls = traced("", dir, "file")
    assert.equal("whole\nwhole\n", out)
    assert.is_nil(calls:find("sendfile", 1, true))
  end))

  for what, injected in pairs({
    ["sendfile finds the socket full"] = "sendfile:error=EAGAIN",
    ["sendfile is interrupted"] = "sendfile:error=EINTR:when=1+2",
    ["sendfile cannot read the file"] = "sendfile:error=EIO",
    ["the file system has no sendfile"] = "sendfile:error=EINVAL",
    ["nothing is in memory"] = "preadv2:error=EAGAIN",
    ["the file system cannot tell what is in memory"] = "preadv2:error=EOPNOTSUPP",
  }) do
    it("come whole where " .. what, with_file(4 * MIB, function(dir)
      local out, calls = traced("-e inject=" .. injected, dir, "file")
      assert.equal("whole\nwhole\n", out)
      assert.is_truthy(calls:find("(INJECTED)", 1, true))
      if injected:find("preadv2", 1, true) and not is_in_memory(dir) then
        assert.is_nil(calls:find("sendfile", 1, true))
        assert.is_truthy(calls:find("pread64", 1, true))
      end
    end))
  end

  for _, code in ipairs({ "EPIPE", "ECONNRESET" }) do
    it("end their connection alone where sendfile says " .. code, with_file(4 * MIB, function(dir)
      local out = traced("-e inject=sendfile:error=" .. code .. ":when=2", dir, "file")
      assert.is_truthy(out:find("^[%w ]+ after %d+\nwhole\n$"), out)
    end))
  end

  it("end their connection where the disk fails, and say so", with_file(4 * MIB, function(dir)
    local fails = "-P %s -e inject=sendfile:error=EIO:when=3+ -e inject=preadv2:error=EIO:when=7+"
    fails = fails .. " -e inject=pread64:error=EIO"
    local out, calls, err = trace(GET_BLINDLY, fails:format(dir / "www/file"), dir, "file")
    assert.is_truthy(out:find("^[%w ]+ after %d+\n[%w ]+ after 0\n$"), out)
    assert.is_nil(out:find(4 * MIB, 1, true))
    assert.is_truthy(is_in_memory(dir) or calls:find("sendfile.*EIO.*pread64.*EIO"), calls)
    assert.is_truthy(err:find("GET /file failed", 1, true) and err:find("EIO", 1, true), err)
  end))

  it("have a thread read what is not in memory, and go on as before", with_file(2 * MIB, function(dir)
    local out, calls = traced("-e inject=preadv2:error=EAGAIN:when=6..8", dir, "file")
    assert.equal("whole\nwhole\n", out)
    assert.is_truthy(calls:find("sendfile.*INJECTED.*pread64.*sendfile"), calls)
  end))
end)

--- Drops a file from the kernel's memory but for its first and last byte; false
--- where that cannot be, or cannot be seen.
local function make_hole(path, size)
  local read = "dd if=%s of=/dev/null bs=1 count=1 skip=%d status=none"
  return os.execute(("dd of=%s oflag=nocache conv=notrunc,fdatasync count=0 status=none"):format(path))
    and os.execute(read:format(path, 0))
    and os.execute(read:format(path, size - 1))
    and os.execute(("test $(fincore -b -n -o RES %s) -lt $((%d / 2))"):format(path, size))
end

describe("a part that the kernel has not in memory", function()
  for how, prefix in pairs({
    ["if it counts pages"] = "",
    ["if it does not tell of pages"] = "setpriv --bounding-set -all",
  }) do
    it("is found between two that it has, " .. how, with_file(256 * 1024, function(dir)
      local path = dir / "www/file"
      if prefix ~= "" and not os.execute("command -v setpriv >/dev/null && chown 65534 " .. path .. " 2>/dev/null") then
        pending("needs root, and setpriv")
        return
      elseif not make_hole(path, 256 * 1024) then
        pending("nothing can be dropped from memory here")
        return
      end
      local _, calls = trace(GET_BLINDLY, prefix, dir, "file")
      local sent, read = calls:find("sendfile(", 1, true), calls:find("pread64[^\n]*, 131072, 0%)")
      assert.is_truthy(read and (not sent or read < sent), calls)
    end))
  end
end)

describe("http files do without sendfile", function()
  it("over TLS", with_file(4 * MIB, function(dir)
    local cert = certs.server
    local out, calls = traced("", dir, "file", cert.cert, cert.key, certs.ca.cert)
    assert.equal("whole\nwhole\n", out)
    assert.is_nil(calls:find("sendfile", 1, true))
  end))

  it("if they are compressed", with_file(4 * MIB, function(dir)
    assert(fs.rename(dir / "www/file", dir / "www/file.txt"))
    local out, calls = traced("", dir, "file.txt")
    assert.equal("packed\npacked\n", out)
    assert.is_nil(calls:find("sendfile", 1, true))
  end))
end)

describe("pipelined requests over TCP", function()
  it("are answered in order, files among others", function()
    local dir <close> = temp.dir()
    make_file(dir / "file", 2 * MIB)
    assert(fs.write_file(dir / "small", "small"))
    local server <close> = assert(http.app():static("/", dir.path):serve({ host = "127.0.0.1", port = 0 }))
    local client <close> = assert(net.connect("127.0.0.1", server:address().port))
    local paths = { "/small", "/small", "/file", "/small", "/file" }
    local texts = {}
    for i, path in ipairs(paths) do
      texts[i] = request(path, i == #paths and { "Connection: close" } or nil)
    end
    client:write(table.concat(texts))
    local answers = web.answers(assert(client:readall(8 * MIB)))
    client:close()
    server:close()
    server:wait_closed()
    for i, path in ipairs(paths) do
      assert.is_true(answers[i].body == fs.read_file(dir.path .. path), path)
    end
  end)
end)

-- ---- clients that do not take what they asked for -------------------------------

--- Serves a file of 16 MiB to a client that has asked for it and read its head.
local function with_client(opts, body)
  return function()
    local dir <close> = temp.dir()
    fs.mkdir(dir / "www")
    make_file(dir / "www/file", 16 * MIB)
    opts.host, opts.port = "127.0.0.1", 0
    local server <close> = assert(http.app():static("/", dir / "www"):serve(opts))
    local client <close> = assert(net.connect("127.0.0.1", server:address().port))
    client:write(request("/file"))
    assert.is_truthy(client:readuntil("\r\n\r\n"):find("Content-Length: 16777216", 1, true))
    body(server, client, dir)
    client:close()
    server:close(0)
    server:wait_closed()
  end
end

--- Reads to the end; how much. (A reset that comes with the last bytes may look
--- like an end, so what counts is the length.)
local function read_all(client)
  local n, data = 0, ""
  while data do
    n = n + #data
    data = client:read()
  end
  return n
end

describe("a client of a file over TCP", function()
  it("that takes nothing is given up after write_timeout", with_client({ write_timeout = 0.1 }, function(server, client)
    repeat
      neap.sleep(0.01)
    until server:connections() == 0
    local n = read_all(client)
    assert.is_true(n < 16 * MIB)
  end))

  it("that leaves is no trouble", with_client({}, function(server, client)
    client:abort()
    repeat
      neap.sleep(0)
    until server:connections() == 0
  end))

  it("that takes nothing does not keep a server from closing", with_client({}, function(server, client)
    server:close(0)
    server:wait_closed()
    assert.is_true(read_all(client) < 16 * MIB)
  end))

  it("learns that the file became shorter", with_client({}, function(_, client, dir)
    local said = {}
    neap.loop.set_exception_handler(function(context) said[#said + 1] = tostring(context.error) end)
    assert(fs.write_file(dir / "www/file", "short"))
    local n = read_all(client)
    neap.loop.set_exception_handler(nil)
    assert.is_true(n < 16 * MIB)
    assert.is_truthy(said[1] and said[1]:find("the file became shorter while it was sent", 1, true), said[1])
  end))
end)

describe("http files over Unix sockets", function()
  it("come whole", function()
    local dir <close> = temp.dir()
    make_file(dir / "file", 4 * MIB)
    local app = http.app():static("/", dir.path)
    local server <close> = assert(net.serve_unix(dir / "socket", function(stream)
      require("neap.http.server").serve_stream(app, stream)
    end))
    do
      local client <close> = assert(net.connect_unix(dir / "socket"))
      client:write(request("/file", { "Connection: close" }))
      client:readuntil("\r\n\r\n")
      assert.is_true(client:readall() == fs.read_file(dir / "file"))
    end
    server:close()
    server:wait_closed()
  end)
end)

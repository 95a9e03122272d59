--- The conformance suite of waits, for what the system wakes.
local neap = require("neap")
local waiters = require("spec.support.system_waiter_conformance")

local fs, net = neap.fs, neap.net

local function close_all(list)
  for _, object in ipairs(list) do
    object:close()
    if object.wait_closed then
      object:wait_closed()
    end
  end
end

--- A fifo in a directory of its own.
local function fifo()
  local dir = assert(fs.mkdtemp("neap-spec-"))
  assert(os.execute("mkfifo " .. dir .. "/fifo"))
  return dir, dir .. "/fifo"
end

local function remove(dir)
  assert(fs.rmdir(dir, { recursive = true }))
end

describe("recv of a UDP socket", function()
  waiters.system({
    kept = true,
    new = function()
      return { assert(net.udp({ host = "127.0.0.1" })), assert(net.udp({ host = "127.0.0.1" })) }
    end,
    wait = function(pair) return (pair[1]:recv()) end,
    wake = function(pair) assert(pair[2]:send("x", "127.0.0.1", pair[1]:address().port)) end,
    close = close_all,
  })
end)

describe("accept of a listener", function()
  waiters.system({
    kept = true,
    new = function() return { assert(net.listen("127.0.0.1", 0)) } end,
    wait = function(list)
      local _ <close> = assert(list[1]:accept())
      return true
    end,
    wake = function(list)
      list[#list + 1] = assert(net.connect("127.0.0.1", list[1]:address().port))
    end,
    close = close_all,
  })
end)

describe("accept of a Unix socket", function()
  waiters.system({
    kept = true,
    new = function() return { assert(net.listen_unix("@neap-spec-" .. neap.process.id())) } end,
    wait = function(list)
      local _ <close> = assert(list[1]:accept())
      return true
    end,
    wake = function(list)
      list[#list + 1] = assert(net.connect_unix("@neap-spec-" .. neap.process.id()))
    end,
    close = close_all,
  })
end)

describe("wait_readable", function()
  waiters.system({
    kept = true,
    new = function() return { net.pair() } end,
    wait = function(pair) return neap.wait_readable(pair[1]:fileno()) end,
    wake = function(pair) pair[2]:write("x") end,
    close = close_all,
  })
end)

describe("wait_writable", function()
  waiters.system({
    kept = true,
    new = function()
      local pair = { net.pair() }
      pair.writer = neap.spawn(pair[2].write, pair[2], ("x"):rep(4 << 20))
      neap.testing.settle()
      return pair
    end,
    wait = function(pair) return neap.wait_writable(pair[2]:fileno()) end,
    wake = function(pair)
      pair.reader = neap.spawn(function()
        while pair[1]:read() do end
      end)
    end,
    close = function(pair)
      for _, task in ipairs({ pair.writer, pair.reader }) do
        task:cancel()
      end
      close_all(pair)
    end,
  })
end)

describe("wait of a process", function()
  waiters.system({
    kept = true,
    new = function() return assert(neap.process.spawn({ "sleep", "100" })) end,
    wait = function(process) return select(2, process:wait()) == "KILL" end,
    wake = function(process) process:kill("KILL") end,
    close = function(process)
      process:kill("KILL")
      process:wait()
    end,
  })
end)

describe("an iterator of signals", function()
  waiters.system({
    kept = true,
    new = function() return assert(neap.signal.stream("USR1")) end,
    wait = function(signals) return signals() == "USR1" end,
    wake = function() os.execute("kill -USR1 " .. neap.process.id()) end,
    close = function(signals) signals:close() end,
  })
end)

describe("signal.wait", function()
  waiters.system({
    new = function() return "WINCH" end, -- one that is ignored while nobody waits
    wait = function(name) return neap.signal.wait(name) == name end,
    wake = function(name) os.execute(("kill -%s %d"):format(name, neap.process.id())) end,
    close = function() end,
  })
end)

describe("an iterator of changes", function()
  waiters.system({
    kept = true,
    new = function()
      local dir = assert(fs.mkdtemp("neap-spec-"))
      return { dir = dir, events = assert(fs.watch(dir)) }
    end,
    wait = function(o) return o.events() end,
    wake = function(o) assert(io.open(o.dir .. "/file", "w")):close() end,
    close = function(o)
      o.events:close()
      remove(o.dir)
    end,
  })
end)

describe("a read of a fifo", function()
  waiters.system({
    kept = true,
    new = function()
      local dir, path = fifo()
      return { dir = dir, file = assert(fs.open(path, "r+")), plain = assert(io.open(path, "r+")) }
    end,
    wait = function(o) return o.file:readline() == "x" end,
    wake = function(o)
      o.plain:write("x\n")
      o.plain:flush()
    end,
    close = function(o)
      o.file:close()
      o.plain:close()
      remove(o.dir)
    end,
  })
end)

describe("a write into a fifo that is full", function()
  waiters.system({
    kept = true,
    new = function()
      local dir, path = fifo()
      local o = { dir = dir, file = assert(fs.open(path, "r+")), plain = assert(io.open(path, "r+")) }
      o.file:write(("x"):rep(1 << 16))
      neap.testing.settle()
      return o
    end,
    wait = function(o) return o.file:write(("y"):rep(1 << 17)) and o.file:seek("cur") == nil end,
    wake = function(o)
      o.reader = o.reader or neap.spawn(function()
        local reader <close> = assert(fs.open(o.dir .. "/fifo"))
        while reader:read(1 << 12) do end
      end)
    end,
    close = function(o)
      if o.reader then
        o.reader:cancel()
        neap.wait({ o.reader })
      end
      o.file:close()
      o.plain:close()
      remove(o.dir)
    end,
  })
end)

describe("a file that is opened", function()
  waiters.system({
    kept = true,
    new = function()
      local dir, path = fifo()
      return { dir = dir, path = path }
    end,
    wait = function(o) -- for a reader of the fifo
      local file <close>, err = fs.open(o.path, "w")
      return assert(file, err) and true
    end,
    wake = function(o) o.plain = o.plain or assert(io.open(o.path, "r+")) end,
    close = function(o)
      if o.plain then
        o.plain:close()
      end
      remove(o.dir)
    end,
  })
end)

for name, request in pairs({
  ["a request about a path"] = function() return fs.realpath("/") end,
  ["a file that is read whole"] = function() return fs.read_file("/proc/self/status") end,
  ["a file that is fetched"] = function()
    return require("neap.core").fs.fetch(nil, "Makefile", 65536)
  end,
  ["the entries of a directory"] = function()
    local entries <close> = assert(fs.scandir("/"))
    return entries()
  end,
  ["resolve"] = function() return net.resolve("localhost") end,
  ["reverse"] = function() return net.reverse("127.0.0.1") end,
  ["run"] = function() return neap.process.run({ "true" }) end,
}) do
  describe(name, function()
    waiters.system({
      quick = true,
      new = function() return request end,
      wait = function(fn) return fn() end,
      wake = function() end,
      close = function() end,
    })
  end)
end

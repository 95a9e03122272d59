local case = require("spec.support.case")
local child = require("spec.support.child")
local conformance = require("spec.support.stream_conformance")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, net = case.it, neap.net
local settle = neap.testing.settle

--- A path that nobody else uses.
local function fresh_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function exists(path)
  local ok, _, code = os.rename(path, path)
  assert.is_true(ok or code == 2)
  return ok == true
end

--- A socket file that nobody listens on: of a process that was killed.
local function make_stale(path)
  local _, err, code = child.run([[
    local neap = require("neap")
    assert(neap.net.listen_unix(arg[1]))
    os.exit(3)]], path)
  assert.equal("", err)
  assert.equal(3, code)
  assert.is_true(exists(path))
end

local function pair_at(path)
  local listener <close> = assert(net.listen_unix(path))
  local task = neap.spawn(net.connect_unix, path)
  local a = assert(listener:accept())
  return a, assert(task:await())
end

conformance.run({ name = "a Stream over a Unix socket", make = function() return pair_at(fresh_path()) end })
conformance.run({ name = "a Stream over an abstract Unix socket", make = function()
  return pair_at("@neap" .. fresh_path())
end })

local function echo(stream)
  for data in stream:chunks() do
    stream:write(data)
  end
end

describe("a Unix socket", function()
  for name, path in pairs({ ["with a path"] = fresh_path(), ["with an abstract name"] = "@neap" .. fresh_path() }) do
    it("is served and connected to " .. name, function()
      local server = assert(net.serve_unix(path, echo))

      local client = assert(net.connect_unix(path))
      client:write("hello")

      assert.equal("hello", client:read())
      assert.same({ path = path }, server:address())
      assert.same({ path = path }, client:peername())
      assert.same({ path = "" }, client:sockname())
      assert.matches(path, tostring(server), 1, true)
      client:close()
      server:close()
      server:wait_closed()
    end)
  end

  it("has a file while it listens", function()
    local path = fresh_path()

    local listener = assert(net.listen_unix(path))
    assert.is_true(exists(path))
    listener:close()

    assert.is_false(exists(path))
  end)

  it("has its file removed when the server closes", function()
    local path = fresh_path()
    local server = assert(net.serve_unix(path, echo))

    server:close()
    server:wait_closed()

    assert.is_false(exists(path))
  end)

  it("has its file removed when it is collected", function()
    local path = fresh_path()
    do
      assert(net.listen_unix(path))
    end

    collectgarbage()
    collectgarbage()

    assert.is_false(exists(path))
  end)

  it("has its file removed when the program ends", function()
    local path = fresh_path()

    local _, err, code = child.run([[
      local neap = require("neap")
      assert(neap.net.serve_unix(arg[1], function() end))
      neap.exit(0)]], path)

    assert.equal("", err)
    assert.equal(0, code)
    assert.is_false(exists(path))
  end)

  it("replaces a file that nobody listens on", function()
    local path = fresh_path()
    make_stale(path)

    local server = assert(net.serve_unix(path, echo))
    local client = assert(net.connect_unix(path))
    client:write("alive")

    assert.equal("alive", client:read())
    client:close()
    server:close()
    server:wait_closed()
    assert.is_false(exists(path))
  end)

  it("does not replace one that somebody listens on", function()
    local path = fresh_path()
    local server = assert(net.serve_unix(path, echo))

    local other, err = net.listen_unix(path)

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    assert.equal("listen", err.op)
    assert.equal(path, err.path)
    local client = assert(net.connect_unix(path))
    client:write("still here")
    assert.equal("still here", client:read())
    client:close()
    server:close()
    server:wait_closed()
  end)

  it("does not replace a file of another kind", function()
    local path = os.tmpname()

    local listener, err = net.listen_unix(path)

    assert.is_nil(listener)
    assert.equal("EADDRINUSE", err.code)
    assert.is_true(exists(path))
    os.remove(path)
  end)

  it("leaves a file alone that has taken the place of its own", function()
    local path = fresh_path()
    local old = assert(net.listen_unix(path))
    os.remove(path)
    local new = assert(net.listen_unix(path))

    old:close()
    assert.is_true(exists(path))
    new:close()

    assert.is_false(exists(path))
  end)

  it("does not take an abstract name that is taken", function()
    local name = "@neap" .. fresh_path()
    local listener <close> = assert(net.listen_unix(name))

    local other, err = net.listen_unix(name)

    assert.is_nil(other)
    assert.equal("EADDRINUSE", err.code)
    assert.same({ path = name }, listener:address())
  end)

  it("gives an error that names what was attempted", function()
    local path = fresh_path()

    local stream, err = net.connect_unix(path)

    assert.is_nil(stream)
    assert.equal("ENOENT", err.code)
    assert.equal("connect", err.op)
    assert.equal(path, err.path)
    assert.matches("unix connect " .. path, err.message, 1, true)
  end)

  it("refuses the connection when the file is stale", function()
    local path = fresh_path()
    make_stale(path)

    local stream, err = net.connect_unix(path)

    assert.is_nil(stream)
    assert.equal("ECONNREFUSED", err.code)
    os.remove(path)
  end)

  it("gives an error for a path that is empty or too long", function()
    for code, path in pairs({ EINVAL = "", ENAMETOOLONG = "/tmp/" .. ("x"):rep(200) }) do
      local stream, err = net.connect_unix(path)
      assert.is_nil(stream)
      assert.equal(code, err.code)
      local listener, other = net.listen_unix(path)
      assert.is_nil(listener)
      assert.equal(code, other.code)
    end
  end)

  it("takes a path as long as there may be", function()
    local path = "/tmp/neap" .. tostring({}):match("0x(%x+)")
    path = path .. ("x"):rep(107 - #path)

    local listener <close> = assert(net.listen_unix(path))

    assert.same({ path = path }, listener:address())
  end)

  it("waits while the backlog of the listener is full", function()
    local path = fresh_path()
    local listener = assert(net.listen_unix(path, { backlog = 1 }))
    local first = {}
    for i = 1, 2 do
      first[i] = assert(net.connect_unix(path))
    end
    local task = neap.spawn(net.connect_unix, path)
    settle()
    assert.equal("waiting", task:status())

    for _ = 1, 2 do
      listener:accept():close()
    end
    local stream = assert(task:await())

    listener:accept():close()
    stream:close()
    first[1]:close()
    first[2]:close()
    listener:close()
  end)

  case.timed_sockets("gives TIMEOUT when the backlog stays full", function()
    local path = fresh_path()
    local listener <close> = assert(net.listen_unix(path, { backlog = 1 }))
    local first <close> = assert(net.connect_unix(path))
    local second <close> = assert(net.connect_unix(path))

    local stream, err = net.connect_unix(path, { timeout = 5 })

    assert.is_nil(stream)
    assert.equal("TIMEOUT", err.code)
    assert.equal(path, err.path)
    assert.is_truthy(listener and first and second)
  end)

  it("serves no more than the given number at a time", function()
    local path = fresh_path()
    local server = assert(net.serve_unix(path, echo, { max_connections = 1 }))
    local a, b = assert(net.connect_unix(path)), assert(net.connect_unix(path))
    b:write("b")
    a:write("a")

    assert.equal("a", a:read())
    settle()
    assert.equal(1, server:connections())
    a:close()

    assert.equal("b", b:read())
    b:close()
    server:close()
    server:wait_closed()
  end)

  it("takes the limit for lines", function()
    local path = fresh_path()
    local listener <close> = assert(net.listen_unix(path, { limit = 10 }))
    local a <close> = assert(net.connect_unix(path, { limit = 5 }))
    local b <close> = assert(listener:accept())
    a:write(("x"):rep(11))
    b:write(("x"):rep(6))

    local _, err_a = a:readline()
    local _, err_b = b:readline()

    assert.equal("LIMIT", err_a.code)
    assert.equal("LIMIT", err_b.code)
  end)

  it("refuses bad arguments", function()
    local nop = function() end
    expect.bad_argument("#1 to 'connect_unix'", "got no value", function() net.connect_unix() end)
    expect.bad_argument("#1 to 'connect_unix'", nil, function() net.connect_unix("a\0b") end)
    expect.bad_argument("#2 to 'connect_unix'", nil, function() net.connect_unix("x", { nodelay = true }) end)
    expect.bad_argument("#1 to 'listen_unix'", "got table", function() net.listen_unix({}) end)
    expect.bad_argument("#2 to 'listen_unix'", nil, function() net.listen_unix("x", { backlog = 0 }) end)
    expect.bad_argument("#1 to 'serve_unix'", "got nil", function() net.serve_unix(nil, nop) end)
    expect.bad_argument("#2 to 'serve_unix'", "got no value", function() net.serve_unix("x") end)
    expect.bad_argument("#3 to 'serve_unix'", nil, function() net.serve_unix("x", nop, { port = 1 }) end)
  end)
end)

--- Runs the tutorial programs that serve and those that connect, talks to them,
--- and ends the servers as Ctrl-C does.
local neap = require("neap")
local case = require("spec.support.case")
local program = require("spec.support.program")

local it = case.it

local function start(name, ...)
  return program.start("examples/asyncio/" .. name .. ".lua", ...)
end

local function connect(port)
  return assert(neap.net.connect("127.0.0.1", tonumber(port)))
end

--- The server ends by SIGINT, having printed `last` in the end.
local function interrupt(server, code, last)
  server:kill("INT")
  local out, err, status = server:finish()
  assert.equal("", err)
  assert.equal(last, out)
  assert.equal(code, status)
end

--- The name that a server gives to the client behind the stream.
local function name_of(stream)
  local address = stream:sockname()
  return address.host .. ":" .. address.port
end

describe("the tutorial server", function()
  it("line_echo_server sends lines back, and closes", function()
    local server <close> = start("line_echo_server", 0)
    local client <close> = connect(server:expect("^Serving on 127%.0%.0%.1:(%d+)$"))

    client:write("one\ntwo\nthree")
    client:shutdown()

    assert.equal("one\ntwo\nthree\n", client:readall())
    interrupt(server, 0, "closed\n")
  end)

  it("line_echo_server does not wait for ever for a client that stays", function()
    local server <close> = start("line_echo_server", 0)
    local client <close> = connect(server:expect(":(%d+)$"))
    client:write("x\n")
    assert.equal("x", client:readline())

    interrupt(server, 0, "closed\n")

    assert.is_nil(client:read())
  end)

  it("single_chat answers with the address in front", function()
    local server <close> = start("single_chat", 0)
    local client <close> = connect(server:expect("^Server %(127%.0%.0%.1:(%d+), 0 connections%)$"))
    local name = name_of(client)

    client:write("hello\n")

    assert.equal(name .. "-hello", client:readline())
    assert.equal("+ " .. name, server:line())
    assert.equal("hello", server:line())
    client:close()
    assert.equal("- " .. name, server:line())
    interrupt(server, 130, "closed\n")
  end)

  it("single_chat says goodbye to a client that stays", function()
    local server <close> = start("single_chat", 0)
    local client <close> = connect(server:expect(":(%d+),"))
    server:expect("^%+")

    interrupt(server, 130, ("- %s\nclosed\n"):format(name_of(client)))

    assert.is_nil(client:read())
  end)

  it("group_chat sends to everybody", function()
    local server <close> = start("group_chat", 0)
    local port = server:expect("^Serving on port (%d+)$")
    local ann <close> = connect(port)
    assert.equal("+ " .. name_of(ann), server:line())
    local bob <close> = connect(port)
    assert.equal("+ " .. name_of(bob), server:line())

    ann:write("hi\n")

    local line = name_of(ann) .. "-hi"
    assert.equal(line, ann:readline())
    assert.equal(line, bob:readline())
    assert.equal("hi", server:line())
    bob:write("quit")
    assert.is_nil(bob:readline())
    assert.equal("- " .. name_of(bob), server:line())
    interrupt(server, 0, "closed\n")
  end)

  it("group_chat prints its tasks for a line of its console", function()
    local server <close> = start("group_chat", 0)
    server:line()

    server.stdin:write("who\n")

    server:expect("^Task task%-1: waiting on ")
    server.stdin:write("quit\n")
    local out, err, code = server:finish()
    assert.matches("Task [^\n]*: running\n.*closed\n$", out)
    assert.equal("", err)
    assert.equal(0, code)
  end)

  it("protocol_server says what happens to a connection", function()
    local server <close> = start("protocol_server", 0)
    local client <close> = connect(server:expect("^Serving on port (%d+)$"))
    assert.equal("Connection made.", server:line())

    client:write("hello")

    assert.equal("Received data: hello", server:line())
    client:close()
    assert.equal("Connection lost.", server:line())
    interrupt(server, 130, "closed\n")
  end)

  it("protocol_server loses its connections when it closes", function()
    local server <close> = start("protocol_server", 0)
    local client <close> = connect(server:expect("(%d+)$"))
    assert.equal("Connection made.", server:line())

    interrupt(server, 130, "Connection lost.\nclosed\n")

    assert.is_nil(client:read())
  end)

  it("protocol_echo_server and protocol_echo_client log what happens", function()
    local server <close> = start("protocol_echo_server", 0)
    local port = server:expect("^main: starting up on localhost port (%d+)$", server.stderr)
    local client <close> = start("protocol_echo_client", port)

    local _, log, code = client:finish()

    assert.equal(0, code)
    local before, after = [[
main: waiting for client to complete
EchoClient: connecting to ADDRESS port PORT
EchoClient: sending "This is the message. "
EchoClient: sending "It will be sent "
EchoClient: sending "in parts."
]], "EchoClient: received EOF\nEchoClient: server closed connection\nmain: done\n"
    local address = log:match("connecting to (%S+)")
    before = before:gsub("ADDRESS", address):gsub("PORT", port)
    assert.equal(before, log:sub(1, #before))
    assert.equal(after, log:sub(-#after))
    local received = {}
    for part in log:gmatch('EchoClient: received "([^\n]*)"\n') do
      table.insert(received, part)
    end
    assert.equal("This is the message. It will be sent in parts.", table.concat(received))

    server:kill("INT")
    _, log, code = server:finish()
    assert.equal(0, code)
    local name, rest = log:match("^(EchoServer_%S+_%d+): connection accepted\n(.*)$")
    local text = {}
    for part in rest:gmatch(name:gsub("%p", "%%%0") .. ': sent "([^\n]*)"\n') do
      table.insert(text, part)
    end
    assert.equal("This is the message. It will be sent in parts.", table.concat(text))
    assert.equal(name .. ": received EOF\n" .. name
      .. ": closing\nmain: closing server\nmain: done\n", rest:match("[^\n]* EOF\n.*$"))
  end)

  it("raw_sockets echoes on two ports", function()
    local server <close> = start("raw_sockets", 0, 0)
    local one = server:expect("^listening on (%d+)$")
    local two = server:expect("^listening on (%d+)$")

    for _, port in ipairs({ one, two }) do
      local client <close> = connect(port)
      client:write("hello")
      assert.equal("HELLO", client:readexactly(5))
      assert.equal("accepted client of " .. port, server:line())
      assert.equal('echoing "hello" to client of ' .. port, server:line())
      client:shutdown()
      assert.equal("closing client of " .. port, server:line())
    end
    interrupt(server, 0, "closed\n")
  end)

  it("upper_client talks to raw_sockets", function()
    local server <close> = start("raw_sockets", 0, 0)
    local client <close> = start("upper_client", (server:expect("(%d+)$")))

    client.stdin:write("hello\n\nworld\n")
    local out, err, code = client:finish()

    assert.equal(">>: HELLO\n>>: >>: WORLD\n>>: ", out)
    assert.equal("", err)
    assert.equal(0, code)
    server:kill("INT")
    assert.matches("closed\n$", (server:finish()))
  end)

  it("page_by_protocol prints the answer of a server", function()
    local asked
    local server <close> = assert(neap.net.serve("127.0.0.1", 0, function(stream)
      asked = stream:readuntil("\r\n\r\n")
      stream:write("HTTP/1.0 200 OK\r\n\r\nthe page\n")
    end))
    local client <close> = start("page_by_protocol", "127.0.0.1", server:address().port, "/x")

    local out, err, code = client:finish()

    assert.equal("GET /x HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", asked)
    assert.equal("HTTP/1.0 200 OK\r\n\r\nthe page\n", out)
    assert.equal("", err)
    assert.equal(0, code)
    server:close()
    server:wait_closed()
  end)
end)

--- Runs the examples of WebSockets, and talks to them.
local neap = require("neap")
local program = require("spec.support.program")

local http = neap.http

describe("the example websocket_chat", function()
  it("sends what one says to all, and says goodbye", function()
    local chat <close> = program.start("examples/websocket_chat.lua", "127.0.0.1", 0)
    local address = chat:line():match("open http://([^/]+)/")
    local ann <close> = assert(http.websocket("ws://" .. address .. "/chat?name=Ann"))
    assert.equal("* Ann joined", (ann:receive()))
    local bert <close> = assert(http.websocket("ws://" .. address .. "/chat?name=Bert%20B"))
    assert.equal("* Bert B joined", (bert:receive()))
    assert.equal("* Bert B joined", (ann:receive()))

    bert:send("hello")
    assert.equal("Bert B: hello", (ann:receive()))
    bert:close()
    assert.equal("* Bert B left", (ann:receive()))

    chat.process:kill("TERM")
    assert.is_nil(ann:receive())
    assert.equal(1001, ann.close_code)
    assert.equal("", chat:line(chat.stderr))
    assert.equal(0, (chat.process:wait()))
  end)

  it("serves its page", function()
    local chat <close> = program.start("examples/websocket_chat.lua", "127.0.0.1", 0)
    local port = chat:line():match(":(%d+)/")
    local stream <close> = assert(neap.net.connect("127.0.0.1", port))
    stream:write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    local text = stream:readall()
    assert.matches("^HTTP/1.1 200 OK\r\n", text)
    assert.matches("new WebSocket", text, 1, true)
  end)
end)

--- A program that serves, and the signals that end it.
local case = require("spec.support.case")
local neap = require("neap")
local peer = require("spec.support.peer")
local web = require("spec.support.web")

local serve, stop, read_answer, hello = web.serve, web.stop, web.read_answer, web.hello
local it = case.it
local request = web.request

describe("http.app:run", function()
  local SLOW = [[
    app:get("/", function() return "hello" end)
    app:get("/slow", function()
      print("begun")
      io.stdout:flush()
      neap.sleep(0.2)
      return "slow"
    end)
    app:get("/never", function()
      print("begun")
      io.stdout:flush()
      neap.sleep(math.huge)
    end)
  ]]

  local function connect(program)
    return assert(neap.net.connect("127.0.0.1", program.port))
  end

  for _, name in ipairs({ "TERM", "INT" }) do
    it(("finishes what is under way at SIG%s, closes the rest, and ends with 0"):format(name), function()
      local program <close> = peer.app(SLOW)
      local idle <close> = connect(program)
      idle:write(request("/"))
      read_answer(idle)
      local busy <close> = connect(program)
      busy:write(request("/slow"))
      assert.equal("begun", program.process.stdout:readline())

      program.process:kill(name)

      assert.is_nil((idle:read()))
      local head, body = read_answer(busy)
      assert.equal("slow", body)
      assert.is_truthy(head:find("Connection: close", 1, true))
      assert.equal(0, (program.process:wait()))
    end)
  end

  it("cancels what takes longer than the grace time", function()
    local program <close> = peer.app(SLOW, "grace = 0.1")
    local busy <close> = connect(program)
    busy:write(request("/never"))
    program.process.stdout:readline()

    program.process:kill("TERM")

    assert.equal(0, (program.process:wait()))
    assert.is_nil((busy:read()))
  end)

  it("cancels what is under way at a second signal", function()
    local program <close> = peer.app(SLOW, "grace = 60")
    local busy <close> = connect(program)
    busy:write(request("/never"))
    program.process.stdout:readline()

    program.process:kill("TERM")
    neap.sleep(0.1)
    program.process:kill("TERM")

    assert.equal(0, (program.process:wait()))
  end)

  it("is not kept by tasks that the main one or handlers started", function()
    local program <close> = peer.app([[
      local function forever(name)
        local _ <close> = setmetatable({}, { __close = function() print(name .. " ends") end })
        neap.sleep(math.huge)
      end
      neap.spawn(forever, "main's")
      app:get("/", function()
        neap.spawn(forever, "a handler's")
        return "hello"
      end)
    ]])
    local client <close> = connect(program)
    client:write(request("/"))
    read_answer(client)

    local code, rest = program:stop()
    assert.equal(0, code)
    assert.matches("main's ends\n", rest, nil, true)
    assert.matches("a handler's ends\n", rest, nil, true)
  end)

  it("returns an error for a port that is taken", function()
    local server = serve(hello())

    local ok, err = hello():run({ host = "127.0.0.1", port = server:address().port })

    assert.is_nil(ok)
    assert.equal("EADDRINUSE", err.code)
    stop(server)
  end)
end)

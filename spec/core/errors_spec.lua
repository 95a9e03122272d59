local case = require("spec.support.case")
local expect = require("spec.support.expect")
local neap = require("neap")

local it, timed = case.it, case.timed

describe("neap.error", function()
  it("makes a table with code and message", function()
    local err = neap.error("LIMIT", "too much")

    assert.equal("table", type(err))
    assert.equal("LIMIT", err.code)
    assert.equal("too much", err.message)
  end)

  it("adds fields", function()
    local err = neap.error("ECONNREFUSED", "refused", { op = "connect", host = "h", port = 80 })

    assert.equal("ECONNREFUSED", err.code)
    assert.equal("connect", err.op)
    assert.equal("h", err.host)
    assert.equal(80, err.port)
  end)

  it("leaves the table of fields alone", function()
    local fields = { path = "/x" }

    local err = neap.error("ENOENT", "no such file", fields)

    assert.same({ path = "/x" }, fields)
    assert.is_nil(getmetatable(fields))
    assert.not_equal(fields, err)
  end)

  it("raises nothing", function()
    assert.is_true((pcall(neap.error, "EOF", "end")))
  end)

  it("refuses a code or message that is no string", function()
    expect.bad_argument("#1 to 'error'", "string expected, got no value", function()
      neap.error()
    end)
    expect.bad_argument("#1 to 'error'", "string expected, got nil", function()
      neap.error(nil, "m")
    end)
    expect.bad_argument("#2 to 'error'", "string expected, got table", function()
      neap.error("EOF", {})
    end)
    expect.bad_argument("#3 to 'error'", "table expected, got number", function()
      neap.error("EOF", "m", 42)
    end)
  end)
end)

describe("an error that neap made", function()
  it("becomes CODE: message by tostring", function()
    assert.equal("LIMIT: too much", tostring(neap.error("LIMIT", "too much")))
  end)

  it("keeps every byte of the message", function()
    assert.equal("EOF: 100% %s", tostring(neap.error("EOF", "100% %s")))
    assert.equal("EOF: a\0b", tostring(neap.error("EOF", "a\0b")))
    assert.equal("EOF: a\0b!", neap.error("EOF", "a\0b") .. "!")
  end)

  it("becomes CODE: message by ..", function()
    local err = neap.error("LIMIT", "too much")

    assert.equal("failed: LIMIT: too much", "failed: " .. err)
    assert.equal("LIMIT: too much!", err .. "!")
    assert.equal("LIMIT: too muchLIMIT: too much", err .. err)
    assert.equal("LIMIT: too much 1", err .. " " .. 1)
  end)

  it("is of the same kind when a call raised it", function()
    local future = neap.future()

    local err = expect.code("INVALID_STATE", future.result, future)

    assert.equal("table", type(err))
    assert.equal("INVALID_STATE", err.code)
    assert.equal("string", type(err.message))
    assert.equal("INVALID_STATE: " .. err.message, tostring(err))
  end)

  timed("is of the same kind when it is TIMEOUT or CANCELLED", function()
    local timeout = expect.code("TIMEOUT", neap.timeout, 1, neap.sleep, 2)
    local future = neap.future()
    future:cancel()
    local cancelled = expect.code("CANCELLED", neap.await, future)

    assert.equal("TIMEOUT: " .. timeout.message, tostring(timeout))
    assert.equal("CANCELLED: " .. cancelled.message, tostring(cancelled))
  end)
end)

describe("neap.error_code", function()
  it("is the code of an error that neap made", function()
    assert.equal("EOF", neap.error_code(neap.error("EOF", "end")))
  end)

  it("is nil for any other value", function()
    local values = {
      "CANCELLED", 42, true, {}, { code = "CANCELLED", message = "a look-alike" }, print,
      setmetatable({}, { __index = { code = "EOF" } }), io.stdout,
    }
    for _, value in ipairs(values) do
      assert.is_nil(neap.error_code(value))
    end
    assert.is_nil(neap.error_code(nil))
    assert.is_nil(neap.error_code(false))
  end)
end)

describe("neap.is_cancelled", function()
  it("tells CANCELLED from everything else", function()
    assert.is_true(neap.is_cancelled(neap.error("CANCELLED", "m")))
    assert.is_false(neap.is_cancelled(neap.error("TIMEOUT", "m")))
    assert.is_false(neap.is_cancelled("CANCELLED"))
    assert.is_false(neap.is_cancelled(nil))
    assert.is_false(neap.is_cancelled({ code = "CANCELLED" }))
  end)
end)

describe("an error that a script raises", function()
  local values = {
    ["a string"] = "text",
    ["a table"] = {},
    ["a table with a metatable"] = setmetatable({}, { __tostring = function() return "own" end }),
    ["an error of neap"] = neap.error("EBUSY", "own"),
    ["a function"] = print,
    ["false"] = false,
    ["a number"] = 42,
  }
  local paths = {
    ["a task"] = function(value) neap.await(neap.spawn(error, value, 0)) end,
    ["timeout"] = function(value) neap.timeout(1, error, value, 0) end,
    ["shield"] = function(value) neap.shield(error, value, 0) end,
    ["a group's body"] = function(value)
      neap.task_group(function() error(value, 0) end)
    end,
    ["a group's child"] = function(value)
      neap.task_group(function(group) group:spawn(error, value, 0) end)
    end,
    ["gather"] = function(value) neap.gather({ function() error(value, 0) end }) end,
    ["race"] = function(value) neap.race({ function() error(value, 0) end }) end,
    ["wait_for"] = function(value) neap.wait_for(function() error(value, 0) end, 1) end,
    ["a generator"] = function(value) neap.generator(function() error(value, 0) end)() end,
    ["a lock"] = function(value) neap.sync.lock():with(error, value, 0) end,
    ["run_until_complete"] = function(value)
      neap.loop.run_until_complete(function() error(value, 0) end)
    end,
  }
  for path, run in pairs(paths) do
    timed("travels unchanged through " .. path, function()
      for name, value in pairs(values) do
        local ok, err = pcall(run, value)

        assert.is_false(ok, name)
        assert.equal(value, err, name)
      end
    end)
  end
end)

local expect = require("spec.support.expect")
local headers = require("neap.http.headers")

local function list_of(fields)
  local list = {}
  for name, value in pairs(fields) do
    list[#list + 1] = name .. ": " .. value
  end
  return list
end

describe("http.headers", function()
  it("finds fields whatever the case", function()
    local fields = headers.new({ ["Content-Type"] = "text/plain" })

    assert.equal("text/plain", fields:get("content-type"))
    assert.equal("text/plain", fields["CONTENT-TYPE"])
    assert.is_nil(fields:get("content-length"))
    assert.is_nil(fields["Content-Length"])
  end)

  it("keeps the order and the names of a list", function()
    local fields = headers.new({ { "B", "1" }, { "a", 2 }, { "b", "3" } })

    assert.same({ "B: 1", "a: 2", "b: 3" }, list_of(fields))
    assert.same({ "1", "3" }, fields:get_all("b"))
    assert.equal("1", fields:get("b"))
    assert.equal(3, #fields)
  end)

  it("repeats the name for each value of a list", function()
    local fields = headers.new({ ["Set-Cookie"] = { "a=1", "b=2" } })

    assert.same({ "Set-Cookie: a=1", "Set-Cookie: b=2" }, list_of(fields))
  end)

  it("sets, adds to, removes fields", function()
    local fields = headers.new({ { "X", "1" }, { "Y", "2" }, { "x", "3" } })

    fields:set("x", "4")
    assert.same({ "Y: 2", "x: 4" }, list_of(fields))
    fields:add("X", "5")
    assert.same({ "4", "5" }, fields:get_all("x"))
    fields:remove("X")
    assert.same({ "Y: 2" }, list_of(fields))
    fields["Y"] = nil
    fields["Z"] = { "6", "7" }
    assert.same({ "Z: 6", "Z: 7" }, list_of(fields))
  end)

  it("copies other headers", function()
    local fields = headers.new({ { "X", "1" } })
    local copy = headers.new(fields)
    copy:set("X", "2")

    assert.equal("1", fields:get("X"))
    assert.is_true(headers.is(copy))
    assert.is_false(headers.is({}))
  end)

  describe("of a head", function()
    local HEAD = "GET /A:b HTTP/1.1\r\nHost: x\r\nx-a:  1 \r\nX-AB: 2\r\nX-A: 3\r\nEmpty:\r\n\r\n"
    local ALL = { "Host: x", "x-a: 1", "X-AB: 2", "X-A: 3", "Empty: " }

    it("finds what is asked for", function()
      local fields = headers.of_head(HEAD)

      assert.equal("1", fields:get("X-a"))
      assert.equal("2", fields["x-ab"])
      assert.same({ "1", "3" }, fields:get_all("X-A"))
      assert.equal("", fields.empty)
      assert.is_nil(fields.x)
      assert.is_nil(fields["get /a"])
      assert.is_nil(fields[""])
      assert.same({}, fields:get_all("none"))
      assert.same(ALL, list_of(fields))
    end)

    for name, act in pairs({
      ["a look at all"] = function(fields) return #fields end,
      ["a change"] = function(fields)
        fields:add("new", "4")
        fields:remove("new")
      end,
      ["a copy"] = function(fields) return headers.new(fields) end,
    }) do
      it(("finds the same after %s"):format(name), function()
        local fields = headers.of_head(HEAD)
        act(fields)

        assert.equal("1", fields:get("X-A"))
        assert.same({ "1", "3" }, fields:get_all("x-A"))
        assert.is_nil(fields["get /a"])
        assert.same(ALL, list_of(fields))
      end)
    end

    it("can be changed", function()
      local fields = headers.of_head(HEAD)
      fields["X-A"] = "5"

      assert.same({ "5" }, fields:get_all("x-a"))
      assert.same({ "Host: x", "X-AB: 2", "Empty: ", "X-A: 5" }, list_of(fields))
    end)

    it("may have none", function()
      assert.same({}, list_of(headers.of_head("GET / HTTP/1.1\r\n\r\n")))
      assert.is_nil(headers.of_head("")["a"])
      assert.equal(0, #headers.of_head(""))
    end)
  end)

  it("refuses wrong arguments", function()
    local fields = headers.new()

    expect.bad_argument("#1 to 'new'", "table expected, got number", function()
      headers.new(1)
    end)
    expect.bad_argument("#1 to 'new'", "{ name, value } expected at index 2", function()
      headers.new({ { "a", "b" }, "c" })
    end)
    expect.bad_argument("#1 to 'get'", "string expected, got nil", function()
      fields:get(nil)
    end)
    expect.bad_argument("#2 to 'add'", "value expected, got no value", function()
      fields:add("X")
    end)
  end)
end)

--- JSON: what is sent keeps its digits; writing is the same with and without
--- numbers that are too long for cjson.
local case = require("spec.support.case")
local json = require("neap.http.json")
local writer = require("neap.http.json_writer")

local it = case.it

describe("JSON", function()
  it("keeps all digits of numbers", function()
    for _, text in ipairs({ "123456789012345", "1234567890123456", "-9007199254740991", "0.1", "1e+300" }) do
      assert.equal(text, json.encode((json.decode(text))))
    end
    assert.equal("9223372036854775807", json.encode(math.maxinteger))
    assert.equal("-9223372036854775808", json.encode(math.mininteger))
    assert.equal(1 / 3, (json.decode(json.encode(1 / 3))))
    assert.equal('{"id":1234567890123456}', json.encode({ id = 1234567890123456 }))
    assert.equal('{"-1234567890123456":1}', json.encode({ [-1234567890123456] = 1 }))
  end)

  it("keeps what it reads", function()
    for _, text in ipairs({
      "[]", '{"list":[]}', "[[],[[]],1]", '{"a":{}}', '["[]","a\\"[]"]', "9223372036854775807",
      "-9223372036854775808", "[12345678901234567,-12345678901234567]", '{"id":9007199254740993}',
      '["12345678901234567"]', '{"12345678901234567":[]}', '["\\\\",[]]',
    }) do
      assert.equal(text, json.encode((json.decode(text))))
    end
    assert.equal(0, #json.decode("[ \n ]"))
    assert.equal(9007199254740993, (json.decode(" 9007199254740993 ")))
    assert.same({ 12345678901234568e0, 0.12345678901234567, 12345678901234567e3 },
      (json.decode("[12345678901234567.0,0.12345678901234567,12345678901234567e3]")))
    assert.equal(2.0 ^ 64, (json.decode("18446744073709551616")))
  end)

  it("says what is wrong in the text as it came", function()
    for _, text in ipairs({ "[1", "[[],x]", "[12345678901234567", '["[]', "[0012345678901234567]", "[]]" }) do
      local value, err = json.decode(text)
      assert.same({ nil, "HTTP", 400 }, { value, err.code, err.status })
    end
    assert.is_truthy(select(2, json.decode("[[],x]")).message:find("character 5", 1, true))
  end)

  it("is the same whoever writes it", function()
    local values = {
      "", "a\0\1\b\t\n\f\r\"\\/\127\u{e9}", true, false, 0, -1, 3.0, 1.5, -0.0, 1e14, {}, { {} },
      { 1, 2, 3 }, { 1, nil, 3 }, { a = 1 }, { a = { b = { 1, "x" } } }, { [3] = 1 }, { 1, a = 2 }, { [1.5] = 1 },
    }
    for _, value in ipairs(values) do
      local text = writer.write(value, nil)
      assert.same((json.decode(json.encode(value))), (json.decode(text)))
    end
    assert.equal("null", writer.write(json.null(), json.null()))
    assert.equal("[null]", json.encode({ json.null() }))
  end)

  it("has an empty array for a table that says so", function()
    local empty = setmetatable({}, { __jsontype = "array" })

    assert.equal("{}", json.encode({}))
    assert.equal("[]", json.encode(empty))
    assert.equal('{"list":[]}', json.encode({ list = empty }))
  end)

  it("refuses what has none", function()
    local long = 1234567890123456
    local deep = {}
    deep.deep = deep
    for _, value in ipairs({ 0 / 0, math.huge, print, { print }, { [{}] = 1 }, { [100] = 1 }, deep }) do
      assert.is_false(pcall(json.encode, value))
      assert.is_false(pcall(json.encode, { long, value }))
      assert.is_false(pcall(writer.write, value))
    end
  end)
end)

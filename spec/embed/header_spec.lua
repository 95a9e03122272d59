--- neap.h as other compilers and build systems see it.
local it = require("spec.support.case").it

local build = os.getenv("NEAP_BUILD") or "build"

local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local output = pipe:read("a")
  return output, pipe:close()
end

local function have(program)
  return os.execute("command -v " .. program .. " >/dev/null") == true
end

local flags = "$(pkg-config --cflags lua5.4 libuv 2>/dev/null || pkg-config --cflags lua libuv) "
  .. "-Isrc -fsyntax-only -Wall -Wextra -pedantic -Werror"

--- Uses what is defined in the header itself.
local program = [[
#include <neap.h>
int main(void) {
  neap_options options;
  neap_value value = neap_string("x");
  neap_options_init(&options);
  return value.type == NEAP_STRING && options.abi == NEAP_ABI ? 0 : NEAP_ESTATE;
}
]]

describe("neap.h", function()
  for title, compiler in pairs({
    ["compiles as C99"] = "cc -std=gnu99 -x c",
    ["compiles as C11"] = "cc -std=gnu11 -x c",
    ["compiles as C++"] = "g++ -std=c++11 -x c++",
  }) do
    if have(compiler:match("^%S+")) then
      it(title .. " without a warning", function()
        local output, ok = run(("printf '%%s' '%s' | %s %s -"):format(program, compiler, flags))

        assert.equal("", output)
        assert.is_true(ok)
      end)
    end
  end

  it("declares nothing that libneap.so does not have", function()
    local names, missing = {}, {}
    local file = assert(io.open("src/neap.h"))
    local header = file:read("a"):gsub("/%*.-%*/", "")
    file:close()
    for name in header:gmatch("%f[%w_](neap_[%w_]+)%(") do
      names[name] = true
    end
    local symbols = run(("nm -D --defined-only %s/libneap.so"):format(build))
    for name in pairs(names) do
      if not symbols:find(" T " .. name .. "\n", 1, true) and name ~= "neap_options_init" then
        table.insert(missing, name)
      end
    end

    assert.is_true(next(names) ~= nil)
    assert.same({}, missing)
  end)
end)

describe("doc/embedding.md", function()
  it("shows programs that compile", function()
    local file = assert(io.open("doc/embedding.md"))
    local text = file:read("a")
    file:close()
    local count = 0

    for block in text:gmatch("```c\n(.-)```") do
      local path = os.tmpname()
      local source = assert(io.open(path, "w"))
      source:write(block)
      source:close()
      local output, ok = run(("cc -std=gnu11 -x c %s %s"):format(flags, path))
      os.remove(path)
      count = count + 1
      assert.equal("", output)
      assert.is_true(ok)
    end

    assert.equal(3, count)
  end)
end)

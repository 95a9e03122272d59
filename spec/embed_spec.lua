-- Programs in C that use neap from the inside; the build makes them.
local certs = require("spec.support.certs")
local it = require("support.case").it

local build = os.getenv("NEAP_BUILD") or "build"

--- Runs a program; its output and whether it ended with 0.
local function run(command)
  local pipe = assert(io.popen(build .. "/" .. command .. " 2>&1", "r"))
  local output = pipe:read("a")
  return output, pipe:close()
end

describe("a host that runs out of memory", function()
  it("closes clean when one allocation fails, whichever it is", function()
    local output, ok = run("embed/alloc_fail spec/embed/alloc_fail.lua 7")

    assert.is_true(ok, output)
    assert.matches("%d%d%d runs", output)
  end)

  it("closes clean when all fail from some point on", function()
    local output, ok = run("embed/alloc_fail spec/embed/alloc_fail.lua 37 from")

    assert.is_true(ok, output)
    assert.matches("%d%d runs", output)
  end)
end)

describe("a child of a host that runs out of memory", function()
  it("is ended", function()
    local output, ok = run("embed/alloc_fail spec/embed/alloc_process.lua 1 marked from")

    assert.is_true(ok, output)
    assert.matches("%d%d runs", output)
  end)
end)

-- What OpenSSL allocates is not the host's: it is made to fail as well.
describe("TLS that runs out of memory", function()
  for name, options in pairs({
    ["one allocation fails"] = "3 marked",
    ["all allocations fail from some point on"] = "13 marked from",
    ["one of OpenSSL's fails"] = "331 marked openssl",
    ["all of OpenSSL's fail from some point on"] = "8009 marked openssl from",
  }) do
    it("closes clean when " .. name, function()
      local program = ("%s/embed/alloc_fail spec/embed/alloc_tls.lua %s 2>&1"):format(build, options)
      local pipe = assert(io.popen(("NEAP_CERTS='%s' timeout 120 %s"):format(certs.dir, program)))
      local output = pipe:read("a")

      assert.is_true(pipe:close(), output)
      assert.matches("^%d+ runs\n$", output)
    end)
  end
end)

describe("an application that embeds neap", function()
  --- Runs the example with a script of this text.
  local function run_script(text, arguments)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    local output, ok = run(("examples/embed_host %s %s"):format(path, arguments or ""))
    os.remove(path)
    return output, ok
  end

  it("lets a script wait, and call its functions", function()
    local output, ok = run("examples/embed_host")

    assert.equal("hello, world\n", output)
    assert.is_true(ok)
  end)

  it("gives arguments to the script", function()
    local output = run_script("print(arg[1], ...)", "one two")

    assert.equal("one\tone\ttwo\n", output)
  end)

  it("gets the error of the main chunk with its traceback", function()
    local output, ok = run_script("local function f() error('boom') end f()")

    assert.matches(":1: boom\nstack traceback:\n.*in local 'f'", output)
    assert.is_nil(ok)
  end)

  it("gets the message of a script that does not compile", function()
    local output, ok = run_script("local = 1")

    assert.matches(":1: <name> expected near '='", output)
    assert.is_nil(ok)
  end)

  it("is told of a deadlock", function()
    local output, ok = run_script("require('neap').future():await()")

    assert.matches("DEADLOCK", output)
    assert.is_nil(ok)
  end)
end)

describe("limits of hosts on several threads", function()
  it("hold in each, and in one that moved to another thread", function()
    local output, ok = run("embed/threads")

    assert.equal("threads good, moved good\n", output)
    assert.is_true(ok)
  end)
end)

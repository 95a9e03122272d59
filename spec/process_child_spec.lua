--- Children in their surroundings: what they inherit, whose they are, and what becomes
--- of them when the program ends.
local case = require("spec.support.case")
local child = require("spec.support.child")
local neap = require("neap")
local processes = require("spec.support.processes")
local temp = require("spec.support.temp")

local sh, exists = processes.sh, processes.exists
local it, process = case.it, neap.process

describe("a child of the command", function()
  it("has the old soft limit of descriptors", function()
    local out = child.run_as("ulimit -Sn 200; %s", [[
      local neap = require "neap"
      io.write(neap.process.run("ulimit -Sn", { shell = true }).stdout)
    ]])

    assert.equal("200\n", out)
  end)

  it("has the default action of SIGPIPE", function()
    local result = sh("kill -PIPE $$; echo alive")

    assert.equal("PIPE", result.signal)
  end)

  it("can be started where the first three are closed", function()
    local out = child.run_as("%s <&- >&- 2>/dev/null", [[
      local neap = require "neap"
      local result = neap.process.run({ "cat" }, { input = "text" })
      local file = io.open(arg[1], "w")
      file:write(result.stdout, neap.process.spawn({ "true" }):wait())
      file:close()
    ]], "/tmp/neap-spec-closed-" .. process.id())

    assert.equal("", out)
    local path = "/tmp/neap-spec-closed-" .. process.id()
    local file = assert(io.open(path))
    assert.equal("text0", file:read("a"))
    file:close()
    os.remove(path)
  end)
end)

describe("a child that lives when the program ends", function()
  --- The pid that the script prints of a child, and whether it lives on.
  local function outlives(script, pattern)
    local out = child.run_as(pattern or "timeout -k 1 20 %s 2>/dev/null", script)
    local pid = assert(tonumber(out:match("^%d+")), out)
    local lives = exists(pid)
    if lives then
      os.execute("kill -KILL " .. pid)
    end
    return lives
  end

  local embedded = "timeout -k 1 20 " .. (os.getenv("NEAP_BUILD") or "build")
    .. "/examples/embed_host $(echo %s | cut -d' ' -f2) 2>/dev/null"

  for host, pattern in pairs({ ["the command"] = false, ["an application"] = embedded }) do
    for how, ending in pairs({ ["an error"] = "error('oops')", ["neap.exit"] = "neap.exit(0)" }) do
      it(("is ended after %s in %s"):format(how, host), function()
        assert.is_false(outlives([[
          local neap = require "neap"
          print(neap.process.spawn({ "sleep", "100" }, { stdout = "null", stderr = "null" }).pid)
        ]] .. ending, pattern or nil))
      end)
    end

    it("lives on when it is detached, in " .. host, function()
      assert.is_true(outlives([[
        local neap = require "neap"
        print(neap.process.spawn({ "sleep", "100" },
          { detached = true, stdin = "null", stdout = "null", stderr = "null" }).pid)
        neap.exit(0)
      ]], pattern or nil))
    end)
  end

  it("is killed where it does not heed TERM", function()
    assert.is_false(outlives([[
      local neap = require "neap"
      local p = neap.process.spawn({ "sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done" },
        { stdout = "pipe", stderr = "null" })
      p.stdout:readline()
      print(p.pid)
      neap.exit(0)
    ]]))
  end)

  it("is ended by the task that closes it, before the host closes", function()
    assert.is_false(outlives([[
      local neap = require "neap"
      neap.spawn(function()
        local p <close> = neap.process.spawn({ "sleep", "100" }, { stdout = "null", stderr = "null" })
        print(p.pid)
        neap.sleep(math.huge)
      end)
      neap.sleep(0)
      error("oops")
    ]]))
  end)
end)

describe("another user", function()
  local is_root = sh("id -u").stdout == "0\n"

  it("is what uid and gid make of a child", function()
    if not is_root then
      pending("only root can be somebody else")
      return
    end
    local ids = sh("id -u; id -g; id -G", { uid = 65534, gid = 12345 }).stdout
    assert.equal("65534\n12345\n12345\n", ids)

    local p <close> = process.spawn({ "id", "-u" }, { uid = 65533, stdout = "pipe" })
    assert.equal("65533\n", p.stdout:readall())
  end)

  it("cannot touch what is not its own", function()
    if not is_root then
      pending("only root can be somebody else")
      return
    end
    local dir <close> = temp.dir()
    assert(neap.fs.write_file(dir / "private", "x", { mode = 384 }))
    assert(neap.fs.chmod(dir.path, 493))

    assert.is_true(sh("cat " .. dir / "private", { uid = 65534 }).code > 0)
  end)

  it("is an error for who is not root", function()
    local script = [[
      local neap = require "neap"
      for _, opts in ipairs({ { uid = 0 }, { gid = 0 } }) do
        local p, err = neap.process.run({ "id" }, opts)
        print(p, err, err.op, err.path)
      end
    ]]
    local out, err
    if is_root then
      local dir <close> = temp.dir()
      assert(neap.fs.chmod(dir.path, 493))
      assert(neap.fs.copy(child.interpreter(), dir / "neap"))
      assert(neap.fs.write_file(dir / "script.lua", script, { mode = 420 }))
      local result = process.run({ dir / "neap", dir / "script.lua" }, { uid = 65534, gid = 65534 })
      out, err = result.stdout, result.stderr
    else
      out, err = child.run(script)
    end

    assert.equal("", err)
    local line = 'nil\tEPERM: spawn "id" as another user: operation not permitted\tspawn\tid\n'
    assert.equal(line:rep(2), out)
  end)
end)

describe("in a stock Lua", function()
  it("a child that does not read its input ends nothing", function()
    local out, err = child.run_stock([[
      local neap = require "neap"
      neap.run(function()
        local result = neap.process.run({ "true" }, { input = ("x"):rep(1 << 20) })
        print(result.code, neap.process.run({ "kill", "-PIPE", neap.process.id() }).code)
      end)
    ]])

    assert.equal("", err)
    assert.equal("0\t0\n", out)
  end)
end)

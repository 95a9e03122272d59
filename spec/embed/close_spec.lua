--- Closes a host in a wait of each class (close.lua, close.c), and runs the
--- programs of this folder under valgrind where it is installed: a few waits,
--- or all of them (some minutes) with NEAP_VALGRIND=all.
local it = require("spec.support.case").it
local waits = dofile("spec/embed/close.lua")

local build = os.getenv("NEAP_BUILD") or "build"
local sanitized = build:find("asan", 1, true) ~= nil

local function run(command)
  local pipe = assert(io.popen("timeout 120 " .. command .. " 2>&1", "r"))
  local output = pipe:read("a")
  return output, pipe:close()
end

describe("a host with a task that waits closes, also on a loop that is not its own, and by force", function()
  for i, wait in ipairs(waits) do
    it(("in wait %d, %s"):format(i, wait[1]), function()
      local close = ("%s/embed/close %d"):format(build, i)
      local output = run(("sh -c '%s now & %s async & %s stubborn & wait'"):format(close, close, close))

      assert.equal("ok\nok\nok\n", output)
    end)
  end
end)

local few = {
  ["core/multi.c:multi_class"] = true,
  ["io/stream_write.c:write_class"] = true,
  ["io/fsreq.c:fs_class"] = true,
  ["proto/http1_body.c:body_class"] = true,
}
local all = os.getenv("NEAP_VALGRIND") == "all"

local function with_valgrind(name, command)
  it(name .. " leaves nothing and touches nothing that is not its own", function()
    local output, ok = run("valgrind -q --error-exitcode=9 --leak-check=full "
      .. "--show-leak-kinds=definite,indirect " .. command)

    assert.equal("ok\n", output)
    assert.is_true(ok)
  end)
end

if not sanitized and os.execute("command -v valgrind >/dev/null") then
  describe("under valgrind", function()
    for i, wait in ipairs(waits) do
      -- openssl and others of this kind are not ours to check
      if few[wait[1]] or all and not wait[1]:find("^proto/tls") then
        with_valgrind("closing in " .. wait[1] .. " " .. i, ("%s/embed/close %d now"):format(build, i))
      end
    end
    with_valgrind("a polled host", build .. "/embed/drive 'can be polled while it closes'")
    with_valgrind("a host on a shared loop", build .. "/embed/drive 'shares a loop with another host'")
    with_valgrind("a future of a thread", build .. "/embed/future 'ends from a thread, with several values'")
    with_valgrind("a future that is late", build .. "/embed/future 'outlives the host'")
    with_valgrind("a sandbox", build .. "/embed/options 'hides the inside of neap'")
    with_valgrind("a thread that is late", build .. "/embed/spawn 'refuses the posts of threads that are late'")
  end)
end

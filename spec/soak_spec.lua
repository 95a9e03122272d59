--- A host that lives long among faults. `NEAP_SOAK=3600 SPEC_TIMEOUT=4000 make test
--- SPEC=spec/soak_spec.lua` goes on for an hour, and tells how it goes.
local case = require("spec.support.case")
local neap = require("neap")
local soak = require("spec.support.soak")

local SECONDS <const> = tonumber(os.getenv("NEAP_SOAK"))
local SEED <const> = tonumber(os.getenv("NEAP_SEED")) or SECONDS and os.time() or 1

--- The most that any of some rounds left.
local function most(held, what, first, last)
  local found = 0
  for i = first, last do
    found = math.max(found, held[i][what])
  end
  return found
end

describe("a host among faults", function()
  case.it("does what can be done, and keeps nothing", function()
    local held, operations, failed = soak.run({ seed = 1, width = 15, length = 10, goes_on = function(held)
      return #held < 4
    end })

    local faults = 0
    for _, n in pairs(failed) do
      faults = faults + n
    end
    assert.equal(600, operations)
    assert.is_true(faults > 30, faults) -- which ones, time decides
    assert.is_true(held[4].lua < held[2].lua + 100000)
  end)

  if SECONDS then
    neap.testing.deadline(SECONDS + 240)

    case.it("does so for long", function()
      local ends = os.time() + SECONDS
      local held, operations, failed = soak.run({ seed = SEED, width = 50, length = 50, goes_on = function(held, n)
        local now = held[#held]
        io.stderr:write(("%9d operations, %6d KiB of Lua's, %6d resident\n")
          :format(n, now.lua >> 10, now.resident >> 10))
        return os.time() < ends
      end })

      for code, n in pairs(failed) do
        io.stderr:write(("%9d %s\n"):format(n, code))
      end
      io.stderr:write(("%9d operations, seed %d\n"):format(operations, SEED))
      for _, what in ipairs({ "lua", "resident" }) do
        local before, after = most(held, what, #held // 4 + 1, #held // 2), most(held, what, #held // 2 + 1, #held)
        assert.is_true(after < before * 1.03 + 500000, what)
      end
    end)
  end
end)

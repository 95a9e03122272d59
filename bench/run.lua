-- Measures neap beside bare C and beside other systems, interleaved in one run:
-- each round runs every side of a workload once, and what is printed are the
-- medians and their ratios, which repeat better than the figures.
--
--   make bench                              everything (half an hour)
--   make bench BENCH=tasks                  a group: tasks servers client
--                                           files footprint scale
--   make bench BENCH="'echo 50'"            what begins with that
--   make bench BENCH="--json FILE --rounds 3 --only neap,limit tasks"
package.path = "./?.lua;" .. package.path
local measure = require("bench.measure")

local SIDES <const> = { "neap", "limit", "nginx", "uvloop", "asyncio", "aiohttp", "node", "luv" }
local MODULES <const> = { "tasks", "sockets", "clients", "programs", "footprint", "scale" }

local function usage(problem)
  io.stderr:write("bench: ", problem, "\n",
    "usage: neap bench/run.lua [--json FILE] [--rounds N] [--only SIDE,SIDE] [NAME...]\n")
  os.exit(1)
end

local function parse(words)
  local options = { rounds = 5, names = {} }
  local i = 1
  while i <= #words do
    local word, value = words[i], words[i + 1]
    if word == "--json" then
      options.json = value or usage("--json needs a file")
    elseif word == "--rounds" then
      options.rounds = math.tointeger(tonumber(value)) or usage("--rounds needs a number")
    elseif word == "--only" then
      options.only = "," .. (value or usage("--only needs names")) .. ","
    elseif word:find("^%-") then
      usage("unknown option " .. word)
    else
      options.names[#options.names + 1] = word
    end
    i = i + (word:find("^%-%-") and 2 or 1)
  end
  return options
end

local function is_wanted(options, workload)
  for _, name in ipairs(options.names) do
    if workload.group == name or workload.name:sub(1, #name) == name then
      return true
    end
  end
  return #options.names == 0 and workload.group ~= "scale"
end

local function sides_of(options, workload)
  local sides = {}
  for _, side in ipairs(SIDES) do
    if workload.sides[side] and (not options.only or options.only:find("," .. side .. ",", 1, true)) then
      sides[#sides + 1] = side
    end
  end
  return sides
end

-- The medians by side. A side that fails is left out, and said to have failed.
local function run(workload, sides, rounds)
  local figures, medians = {}, {}
  for _ = 1, rounds do
    for _, side in ipairs(sides) do
      local ok, figure = pcall(workload.sides[side])
      if ok then
        figures[side] = figures[side] or {}
        table.insert(figures[side], figure)
      elseif type(figure) == "table" then
        error(figure, 0) -- it was interrupted
      else
        io.stderr:write(("%s, %s: %s\n"):format(workload.name, side, figure))
      end
    end
  end
  for side, list in pairs(figures) do
    medians[side] = measure.median(list)
  end
  return medians
end

local function format_figure(figure)
  if not figure then
    return "-"
  end
  return (figure >= 100 and "%.0f" or figure >= 1 and "%.1f" or "%.3f"):format(figure)
end

-- neap over the limit: as fast is 1, and more is better for rates only.
local function ratio(medians)
  return medians.neap and medians.limit and medians.neap / medians.limit
end

local group
local function print_row(workload, medians, sides)
  if workload.group ~= group then
    group = workload.group
    print(("\n%-26s %5s %9s %9s %6s"):format(group, "", "neap", "limit", "ratio"))
  end
  local words = {}
  for i, side in ipairs(sides) do
    if i > 2 or side ~= "neap" and side ~= "limit" then
      words[#words + 1] = side .. " " .. format_figure(medians[side])
    end
  end
  local factor = ratio(medians)
  print(("%-26s %5s %9s %9s %6s  %s"):format(workload.name, workload.unit, format_figure(medians.neap),
    format_figure(medians.limit), factor and ("%.2f"):format(factor) or "-", table.concat(words, "  ")))
  io.stdout:flush()
end

local function write_json(path, results)
  local file <close> = assert(io.open(path, "w"))
  file:write(require("cjson").encode({
    machine = (measure.capture("uname -srm") or "?"):gsub("%s+$", ""),
    results = results,
  }), "\n")
end

local options = parse(arg)
local peers, results, known = measure.peers(), {}, false
for _, name in ipairs(MODULES) do
  for _, workload in ipairs(require("bench.workloads." .. name)(peers)) do
    if is_wanted(options, workload) then
      known = true
      local sides = sides_of(options, workload)
      local medians = run(workload, sides, options.rounds)
      print_row(workload, medians, sides)
      results[#results + 1] = {
        name = workload.name, group = workload.group, unit = workload.unit,
        more = workload.more or false, series = workload.series, n = workload.n,
        medians = medians, ratio = ratio(medians),
      }
    end
  end
end
if not known then
  usage("nothing is called so")
end
if options.json then
  write_json(options.json, results)
end

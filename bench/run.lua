-- Measures neap beside bare C and beside other systems, interleaved in one run:
-- each round runs every side of a workload once, and what is printed are the
-- medians and their ratios, which repeat better than the figures.
--
--   make bench                              everything (half an hour), into
--                                           build/bench/results.json
--   make bench BENCH=tasks                  a group: tasks servers http client
--                                           files footprint scale
--   make bench BENCH="'echo 50'"            what begins with that
--   make bench BENCH="--json FILE --rounds 5 --only neap,limit tasks"
--
-- The file is written after each workload. An interrupted run ends everything
-- that it started.
package.path = "./?.lua;" .. package.path
local neap = require("neap")
local measure = require("bench.measure")
local peers = require("bench.peers")
local scratch = require("bench.scratch")

local MODULES <const> = { "tasks", "sockets", "web", "clients", "programs", "footprint", "scale" }
local RESULTS <const> = "build/bench/results.json"

local function fail(problem)
  io.stderr:write("bench: ", problem, "\n")
  os.exit(1)
end

local function usage(problem)
  fail(problem .. "\nusage: neap bench/run.lua [--json FILE] [--rounds N] [--only SIDE,SIDE] [NAME...]")
end

local function parse(words)
  local options = { rounds = 3, names = {} }
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
  if not options.json and not options.only and #options.names == 0 then
    options.json = RESULTS
  end
  return options
end

-- ---- what there is to run ------------------------------------------------------

local function is_wanted(options, workload)
  for _, name in ipairs(options.names) do
    if workload.group == name or workload.name:sub(1, #name) == name then
      return true
    end
  end
  return #options.names == 0
end

local function sides_of(options, workload)
  local sides = {}
  for _, side in ipairs(peers.SIDES) do
    if workload.sides[side] and (not options.only or options.only:find("," .. side .. ",", 1, true)) then
      sides[#sides + 1] = side
    end
  end
  return sides
end

local function plan(options, found)
  local list, known = {}, false
  for _, name in ipairs(MODULES) do
    for _, workload in ipairs(require("bench.workloads." .. name)(found)) do
      local wanted = is_wanted(options, workload)
      workload.order = wanted and sides_of(options, workload)
      known = known or wanted
      if wanted and #workload.order > 0 then
        list[#list + 1] = workload
      end
    end
  end
  if not known then
    usage("nothing is called so")
  end
  return list
end

-- A load or a limit that was not built would fail in each round.
local function check_built()
  for source in measure.capture("ls bench/load_*.c bench/limits/*.c"):gmatch("%S+") do
    local program = "build/" .. source:gsub("%.c$", "")
    if not source:find("tls") and not io.open(program) then
      fail(program .. ' is not there: run "make bench" once, which builds it')
    end
  end
end

-- ---- progress ------------------------------------------------------------------

-- Seconds that a side of a workload takes; the rest is scaled by how long what
-- is done took.
local function cost_of(workload)
  return #workload.order * (workload.seconds or 2)
end

local progress = { done = 0, total = 0, number = 0, is_terminal = neap.stderr:isatty() }

function progress.left()
  local elapsed = neap.loop.time() - progress.start
  local pace = progress.done > 0 and elapsed / progress.done or progress.rounds
  return (progress.total - progress.done) * pace / 60
end

function progress.say(text)
  if progress.is_terminal then
    io.stderr:write(text and ("\r\27[K%s"):format(text) or "\r\27[K")
    io.stderr:flush()
  end
end

-- ---- running -------------------------------------------------------------------

-- One round of a side. A side that failed once is not tried again.
local function try(workload, side, round, outcome)
  progress.say(("[%d/%d, %.0f min left] %s: round %d, %s"):format(
    progress.number, progress.count, progress.left(), workload.name, round, side))
  local ok, figure = pcall(workload.sides[side])
  if ok then
    outcome.runs[side] = outcome.runs[side] or {}
    table.insert(outcome.runs[side], figure)
  elseif type(figure) ~= "string" then
    error(figure, 0) -- it was interrupted
  else
    outcome.failed[side] = figure:sub(1, 200)
    progress.say()
    io.stderr:write(("bench: %s, %s is left out: %s\n"):format(workload.name, side, outcome.failed[side]))
  end
end

local function run(workload, rounds)
  local outcome = { runs = {}, failed = {}, medians = {} }
  local start = neap.loop.time()
  for round = 1, rounds do
    for _, side in ipairs(workload.order) do
      if not outcome.failed[side] then
        try(workload, side, round, outcome)
      end
    end
  end
  for side, list in pairs(outcome.runs) do
    outcome.medians[side] = measure.median(list)
  end
  outcome.seconds = neap.loop.time() - start
  return outcome
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
local function print_row(workload, medians)
  progress.say()
  if workload.group ~= group then
    group = workload.group
    print(("\n%-28s %5s %9s %9s %6s"):format(group, "", "neap", "limit", "ratio"))
  end
  local words = {}
  for _, side in ipairs(workload.order) do
    if side ~= "neap" and side ~= "limit" then
      words[#words + 1] = side .. " " .. format_figure(medians[side])
    end
  end
  local factor = ratio(medians)
  print(("%-28s %5s %9s %9s %6s  %s"):format(workload.name, workload.unit, format_figure(medians.neap),
    format_figure(medians.limit), factor and ("%.2f"):format(factor) or "-", table.concat(words, "  ")))
  io.stdout:flush()
end

local function result_of(workload, outcome)
  return {
    name = workload.name, group = workload.group, unit = workload.unit, more = workload.more or false,
    title = workload.title, limit = workload.limit, series = workload.series, n = workload.n,
    medians = outcome.medians, runs = outcome.runs, ratio = ratio(outcome.medians),
    failed = next(outcome.failed) and outcome.failed, seconds = outcome.seconds,
  }
end

-- Replaced as a whole, so that what was measured is never lost.
local function write_json(path, report)
  local file <close> = assert(io.open(path .. ".new", "w"))
  file:write(require("cjson").encode(report), "\n")
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

local function run_all(options, list, report)
  progress.count, progress.rounds, progress.start = #list, options.rounds, neap.loop.time()
  for _, workload in ipairs(list) do
    progress.total = progress.total + cost_of(workload)
  end
  print(("%d workloads, %d rounds: about %.0f minutes"):format(#list, options.rounds, progress.left()))
  for i, workload in ipairs(list) do
    progress.number = i
    local outcome = run(workload, options.rounds)
    progress.done = progress.done + cost_of(workload)
    print_row(workload, outcome.medians)
    report.results[i] = result_of(workload, outcome)
    if options.json then
      write_json(options.json, report)
    end
  end
  if options.json then
    print(("\nwritten to %s; neap bench/chart.lua %s DIRECTORY draws it"):format(options.json, options.json))
  end
end

local guard <close> = scratch.guard() -- luacheck: ignore 211
local main = neap.current_task()
for _, name in ipairs({ "TERM", "HUP" }) do
  assert(neap.signal.handle(name, function()
    main:cancel()
  end))
end

local options = parse(arg)
check_built()
local found = peers.find()
local list = plan(options, found)
run_all(options, list, {
  machine = measure.machine(),
  date = os.date("!%Y-%m-%d"),
  rounds = options.rounds,
  versions = found.versions,
  results = {},
})

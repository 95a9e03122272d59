-- Draws what bench/run.lua measured as SVG, for light and dark pages.
--
--   build/neap bench/chart.lua FILE.json [DIRECTORY]
--
-- Makes tasks.svg, servers.svg, http.svg and footprint.svg (bars: neap, the
-- limit in C, other systems) and scale.svg (lines: the cost of one as there are
-- more), of those groups that the file has.
local WIDTH <const>, MARGIN <const> = 860, 20
--- Of a bar's row, and of the parts of a panel.
local ROW <const>, HEAD <const>, GAP <const> = 17, 24, 18
local NAMES <const> = {
  limit = "bare C", go = "Go", node = "Node", trio = "Trio", ["nginx-lua"] = "nginx + Lua",
  ["uvloop-protocol"] = "uvloop protocol", ["asyncio-protocol"] = "asyncio protocol",
}

-- Colours by class, so that a page in the dark has its own.
local STYLE <const> = [[
  text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px; fill: #1f2328 }
  .page { fill: #ffffff } .title { font-size: 17px; font-weight: 600 } .name { font-weight: 600 }
  .quiet { fill: #59636e; font-size: 11px } .neap { fill: #2563eb } .limit { fill: #818b98 }
  .peer { fill: #b6c3d1 } .axis { stroke: #d1d9e0; fill: none } .line { stroke: #2563eb; fill: none; stroke-width: 2 }
  .other { stroke: #818b98; fill: none; stroke-width: 1.5; stroke-dasharray: 4 3 } text.neap { font-weight: 600 }
  text.limit { fill: #59636e } text.peer { fill: #1f2328 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .quiet, text.limit { fill: #9198a1 } .neap { fill: #58a6ff }
    .limit { fill: #7d8590 } .peer { fill: #3d4b5c } text.peer { fill: #e6edf3 } .axis { stroke: #3d444d }
    .line { stroke: #58a6ff } .other { stroke: #7d8590 }
  }
]]

-- ---- drawing -------------------------------------------------------------------

local function escape(words)
  return (words:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function text(x, y, words, class, anchor)
  return ('<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>'):format(
    x, y, class or "", anchor or "start", escape(words))
end

local function document(title, note, height, parts)
  return ([[
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<style>%s</style>
<rect class="page" width="100%%" height="100%%" rx="6"/>
%s
%s
%s
</svg>
]]):format(WIDTH, height, WIDTH, height, escape(title), STYLE, text(MARGIN, 32, title, "title"),
    text(MARGIN, 51, note, "quiet"), table.concat(parts, "\n"))
end

-- ---- figures -------------------------------------------------------------------

local function shorten(figure)
  local grown = figure
  for _, suffix in ipairs({ "", " k", " M" }) do
    if grown < 10000 then
      local digits = (grown >= 100 or grown == math.floor(grown)) and "%.0f" or grown >= 10 and "%.1f" or "%.2g"
      return digits:format(grown) .. suffix
    end
    grown = grown / 1000
  end
  return ("%.0f M"):format(grown * 1000)
end

local function count(n)
  return n >= 1000000 and ("%g M"):format(n / 1000000) or n >= 1000 and ("%g k"):format(n / 1000) or ("%g"):format(n)
end

local function name_of(side, result)
  return side == "limit" and result.limit or NAMES[side] or side
end

-- The sides of a workload, the best first.
local function ranking(result)
  local sides = {}
  for side in pairs(result.medians) do
    sides[#sides + 1] = side
  end
  table.sort(sides, function(a, b)
    local x, y = result.medians[a], result.medians[b]
    if x == y then
      return a < b
    elseif result.more then
      return x > y
    end
    return x < y
  end)
  return sides
end

-- ---- bars ----------------------------------------------------------------------

local LABEL <const>, FIGURE <const> = 108, 62

-- A panel's bars have a scale of their own. One that would leave the others
-- too short to see is cut, and its figure says how long it is.
local function scale_of(result, sides)
  local most = 0
  for _, side in ipairs(sides) do
    most = math.max(most, result.medians[side])
  end
  local own = result.medians.neap
  return (not result.more and own) and math.min(most, own * 12) or most
end

local function cut(x, y)
  return ('<path class="page" d="M%.1f %d l5 -13 h4 l-5 13 z"/>'):format(x, y + 13)
end

local function bar(x, y, width, side, result, scale)
  local figure = result.medians[side]
  local class = (side == "neap" or side == "limit") and side or "peer"
  local most = width - LABEL - FIGURE
  local length = math.max(1, math.min(1, figure / scale) * most)
  return table.concat({
    text(x + LABEL - 6, y + 11, name_of(side, result), class, "end"),
    ('<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="1.5"/>'):format(
      class, x + LABEL, y, length, ROW - 4),
    figure > scale and cut(x + LABEL + most - 24, y) or "",
    text(x + LABEL + length + 5, y + 11, shorten(figure), class == "neap" and class or "quiet"),
  }, "\n")
end

local function panel(parts, x, y, width, result)
  local sides = ranking(result)
  local scale = scale_of(result, sides)
  parts[#parts + 1] = text(x, y + 14, ("%s, %s"):format(result.title or result.name, result.unit), "name")
  for i, side in ipairs(sides) do
    parts[#parts + 1] = bar(x, y + HEAD + (i - 1) * ROW, width, side, result, scale)
  end
  return HEAD + #sides * ROW + GAP
end

-- In two columns, each panel in the one that is shorter so far.
local function bars(title, note, results)
  local parts, width = {}, (WIDTH - 3 * MARGIN) / 2
  local ends = { 70, 70 }
  for _, result in ipairs(results) do
    local column = ends[2] < ends[1] and 2 or 1
    local x = MARGIN + (column - 1) * (width + MARGIN)
    ends[column] = ends[column] + panel(parts, x, ends[column], width, result)
  end
  return document(title, note, math.max(ends[1], ends[2]), parts)
end

-- ---- lines ---------------------------------------------------------------------

local PLOT <const> = 110

local function points(series, side, x, y, width, most)
  local places = {}
  local first, last = math.max(series[1].n, 10), series[#series].n
  for _, result in ipairs(series) do
    local figure = result.medians[side]
    if figure then
      local part = math.log(math.max(result.n, first) / first) / math.log(last / first)
      places[#places + 1] = {
        x = x + 14 + part * (width - 50), y = y + PLOT * (1 - figure / most * 0.78), n = result.n, figure = figure,
      }
    end
  end
  return places
end

local function polyline(places, class)
  local corners = {}
  for i, place in ipairs(places) do
    corners[i] = ("%.1f,%.1f"):format(place.x, place.y)
  end
  return ('<polyline class="%s" points="%s"/>'):format(class, table.concat(corners, " "))
end

local function highest(series)
  local most = 0
  for _, result in ipairs(series) do
    for _, figure in pairs(result.medians) do
      most = math.max(most, figure)
    end
  end
  return most
end

local function plot(parts, x, y, width, series)
  local most, first = highest(series), series[1]
  local function add(part)
    parts[#parts + 1] = part
  end
  add(text(x, y + 14, ("%s, %s"):format(first.title or first.series, first.unit), "name"))
  y = y + HEAD
  add(('<path class="axis" d="M%.1f %d h%.1f"/>'):format(x, y + PLOT, width))
  local limit = points(series, "limit", x, y, width, most)
  if #limit > 0 then
    local last = limit[#limit]
    add(polyline(limit, "other"))
    add(text(last.x, last.y + 14, "bare C " .. shorten(last.figure), "quiet", "middle"))
  end
  local own = points(series, "neap", x, y, width, most)
  add(polyline(own, "line"))
  for _, place in ipairs(own) do
    add(('<circle class="neap" cx="%.1f" cy="%.1f" r="3"/>'):format(place.x, place.y))
    add(text(place.x, place.y - 7, shorten(place.figure), "neap", "middle"))
    add(text(place.x, y + PLOT + 14, count(place.n), "quiet", "middle"))
  end
  return HEAD + PLOT + 14 + GAP + 6
end

local function lines(title, note, results)
  local series, order = {}, {}
  for _, result in ipairs(results) do
    local name = result.series
    if name and not series[name] then
      series[name] = {}
      order[#order + 1] = name
    end
    if name then
      table.insert(series[name], result)
    end
  end
  local parts, width, y, height = {}, (WIDTH - 3 * MARGIN) / 2, 70, 0
  for i, name in ipairs(order) do
    local x = MARGIN + (i - 1) % 2 * (width + MARGIN)
    height = plot(parts, x, y, width, series[name])
    y = i % 2 == 0 and y + height or y
  end
  return document(title, note, #order % 2 == 1 and y + height or y, parts)
end

-- ---- the charts ----------------------------------------------------------------

local CHARTS <const> = {
  { "tasks", "Tasks: CPU time of an operation", "Nanoseconds; shorter is better. A cut bar is longer.", bars },
  { "servers", "Servers: operations per second of the server's CPU time", "Longer is better.", bars },
  { "http", "HTTP and WebSocket: requests or messages per second of the server's CPU time", "Longer is better.", bars },
  { "client", "HTTP client: CPU seconds", "Shorter is better.", bars },
  { "files", "Files and processes: seconds", "Shorter is better.", bars },
  { "footprint", "Memory, and time to start", "Shorter is better. A cut bar is longer.", bars },
  { "scale", "The cost of one, as there are more", "Number across, cost up; flat is best.", lines },
}

local path, directory = arg[1], arg[2] or "."
if not path then
  io.stderr:write("usage: neap bench/chart.lua FILE.json [DIRECTORY]\n")
  os.exit(1)
end
local file <close> = assert(io.open(path))
local report = require("cjson").decode(file:read("a"))
for _, chart in ipairs(CHARTS) do
  local group, title, note, draw = table.unpack(chart)
  local some = {}
  for _, result in ipairs(report.results) do
    if result.group == group and result.medians.neap then
      some[#some + 1] = result
    end
  end
  if #some > 0 then
    local out <close> = assert(io.open(("%s/%s.svg"):format(directory, group), "w"))
    local where = ("%s Medians of %d interleaved rounds, %s."):format(note, report.rounds or 1, report.date or "")
    out:write(draw(title, where, some))
    print(("%s/%s.svg"):format(directory, group))
  end
end

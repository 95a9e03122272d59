-- Draws what bench/run.lua measured as SVG.
--
--   build/neap bench/chart.lua FILE.json [DIRECTORY]
--
-- Makes tasks.svg and servers.svg (bars: neap, the limit in C, other systems)
-- and scale.svg (lines: cost of an operation as there are more), of those
-- groups that the file has.
local WIDTH <const>, LABEL <const>, BAR <const>, GAP <const> = 720, 150, 11, 12
local SIDES <const> = { "neap", "limit", "nginx", "uvloop", "asyncio", "node", "luv" }
local COLORS <const> = {
  neap = "#2563eb", limit = "#6b7280", nginx = "#059669", uvloop = "#d97706",
  asyncio = "#fbbf24", node = "#84cc16", luv = "#a855f7",
}
local NAMES <const> = { limit = "bare C" }

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function text(x, y, words, rest)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, rest or "", escape(words))
end

local function document(height, parts)
  return ([[<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">
<rect width="100%%" height="100%%" fill="#ffffff"/>
%s
</svg>
]]):format(WIDTH, height, table.concat(parts, "\n"))
end

local function shorten(figure)
  return (figure >= 100 and "%.0f" or figure >= 1 and "%.1f" or "%.2f"):format(figure)
end

-- One block of bars for each workload, each block with a scale of its own.
local function bars(title, results)
  local parts, y = { text(10, 20, title, 'font-size="15" font-weight="bold"') }, 40
  for _, result in ipairs(results) do
    local most = 0
    for _, figure in pairs(result.medians) do
      most = math.max(most, figure)
    end
    parts[#parts + 1] = text(10, y + BAR, ("%s, %s"):format(result.name, result.unit))
    for _, side in ipairs(SIDES) do
      local figure = result.medians[side]
      if figure then
        local length = figure / most * (WIDTH - LABEL - 150)
        parts[#parts + 1] = ('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>'):format(
          LABEL, y, length, BAR - 2, COLORS[side])
        parts[#parts + 1] = text(LABEL + length + 5, y + BAR - 3,
          ("%s %s"):format(NAMES[side] or side, shorten(figure)), 'font-size="9"')
        y = y + BAR
      end
    end
    y = y + GAP
  end
  return document(y, parts)
end

-- The ways of one series, over a logarithmic axis.
local function points(series, left, top, width, height)
  local most, places = 0, {}
  for _, result in ipairs(series) do
    most = math.max(most, result.medians.neap or 0)
  end
  for _, result in ipairs(series) do
    if result.medians.neap then
      local x = left + math.log(math.max(result.n, 1), 10) / 6 * width
      places[#places + 1] = { x = x, y = top + height * (1 - result.medians.neap / most * 0.8), result = result }
    end
  end
  return places
end

local function lines(title, results)
  local series, order = {}, {}
  for _, result in ipairs(results) do
    local name = result.series .. ", " .. result.unit
    if not series[name] then
      series[name] = {}
      order[#order + 1] = name
    end
    table.insert(series[name], result)
  end
  local parts, top <const>, height <const> = { text(10, 20, title, 'font-size="15" font-weight="bold"') }, 40, 80
  for i, name in ipairs(order) do
    local y, corners = top + (i - 1) * height, {}
    parts[#parts + 1] = text(10, y + height / 2, name)
    parts[#parts + 1] = ('<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#d1d5db"/>'):format(
      LABEL, y + height - 14, WIDTH - 20, y + height - 14)
    for _, place in ipairs(points(series[name], LABEL, y, WIDTH - LABEL - 60, height - 14)) do
      corners[#corners + 1] = ("%.1f,%.1f"):format(place.x, place.y)
      parts[#parts + 1] = ('<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>'):format(place.x, place.y, COLORS.neap)
      parts[#parts + 1] = text(place.x, place.y - 5, shorten(place.result.medians.neap),
        'font-size="9" text-anchor="middle"')
      parts[#parts + 1] = text(place.x, y + height - 4, tostring(place.result.n), 'font-size="8" text-anchor="middle"')
    end
    parts[#parts + 1] = ('<polyline points="%s" fill="none" stroke="%s"/>'):format(
      table.concat(corners, " "), COLORS.neap)
  end
  return document(top + #order * height + 10, parts)
end

local CHARTS <const> = {
  { "tasks", "Tasks: CPU time of one operation (less is better)", bars },
  { "servers", "Servers: operations per second of CPU time (more is better)", bars },
  { "scale", "The cost of one, as there are more", lines },
}

local path, directory = arg[1], arg[2] or "."
if not path then
  io.stderr:write("usage: neap bench/chart.lua FILE.json [DIRECTORY]\n")
  os.exit(1)
end
local file <close> = assert(io.open(path))
local results = require("cjson").decode(file:read("a")).results
for _, chart in ipairs(CHARTS) do
  local name, title, draw = table.unpack(chart)
  local some = {}
  for _, result in ipairs(results) do
    if result.group == name and next(result.medians) then
      some[#some + 1] = result
    end
  end
  if #some > 0 then
    local out <close> = assert(io.open(("%s/%s.svg"):format(directory, name), "w"))
    out:write(draw(title, some))
    print(("%s/%s.svg"):format(directory, name))
  end
end

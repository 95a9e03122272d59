-- Draws a terminal session as an SVG picture: runs a script in this neap and
-- shows what it prints.
--
--   build/neap doc/session.lua examples/tour.lua > doc/session.svg
--
-- `make picture` does just that. Only this colours anything: lines that are not
-- indented are headings.
local neap = require "neap"

local FONT, WIDTH, HEIGHT, PAD = 14, 8.43, 20, 16 -- of a letter and a line, in pixels
local TOP = 34 -- the bar with the three buttons
local INK = { prompt = "#7ee787", heading = "#79c0ff", plain = "#e6edf3" }

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function session(script)
  local result = assert(neap.process.run({ arg[-1], script }))
  assert(result.code == 0, result.stderr)
  local lines = { { "$ neap " .. script, INK.prompt } }
  for line in result.stdout:gmatch("([^\n]*)\n") do
    table.insert(lines, { line, line:find("^%s") and INK.plain or INK.heading })
  end
  return lines
end

local function draw(lines, title)
  local longest = 0
  for _, line in ipairs(lines) do
    longest = math.max(longest, utf8.len(line[1]))
  end
  local width = math.ceil(longest * WIDTH) + 2 * PAD
  local height = TOP + #lines * HEIGHT + PAD
  local out = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">')
      :format(width, height, width, height),
    "<title>" .. escape(title) .. "</title>",
    '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
  }
  for i, colour in ipairs { "#ff5f57", "#febc2e", "#28c840" } do
    table.insert(out, ('<circle cx="%d" cy="17" r="6" fill="%s"/>'):format(PAD + 20 * i - 14, colour))
  end
  table.insert(out, ('<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="%d" xml:space="preserve">')
    :format(FONT))
  for i, line in ipairs(lines) do
    table.insert(out, ('<text x="%d" y="%d" fill="%s">%s</text>')
      :format(PAD, TOP + i * HEIGHT - 6, line[2], escape(line[1])))
  end
  table.insert(out, "</g>\n</svg>\n")
  return table.concat(out, "\n")
end

local script = assert(arg[1], "usage: neap doc/session.lua SCRIPT")
io.write(draw(session(script), "neap " .. script))

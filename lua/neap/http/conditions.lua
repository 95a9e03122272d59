--- Conditional requests and ranges: what If-Match and its kin, and Range, say of
--- a file with a tag and a time. Values and text, no I/O.
local conditions = {}

-- ---- dates -------------------------------------------------------------------

local months = {}
for i, name in ipairs({ "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }) do
  months[name:lower()] = i
end

--- Days from 1970 to a day of the Gregorian calendar.
local function days_since_1970(year, month, day)
  year = month <= 2 and year - 1 or year
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function two_digit_year(text)
  local year = math.tointeger(tonumber(text))
  if #text == 2 then
    year = year + (year < 70 and 2000 or 1900)
  end
  return year
end

--- Seconds since 1970 of an HTTP date, in any of its three forms; nil for what
--- is none.
---@param text string?
---@return integer?
function conditions.parse_date(text)
  text = text or ""
  local day, month, year, h, m, s = text:match("^%a+, (%d%d)[ -](%a%a%a)[ -](%d+) (%d%d):(%d%d):(%d%d) GMT$")
  if not day then
    month, day, h, m, s, year = text:match("^%a%a%a (%a%a%a) ([ %d]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  end
  month = month and months[month:lower()]
  if not month or #year ~= 2 and #year ~= 4 then
    return nil
  end
  local days = days_since_1970(two_digit_year(year), month, math.tointeger(tonumber(day)))
  return days * 86400 + tonumber(h) * 3600 + tonumber(m) * 60 + tonumber(s)
end

-- ---- tags --------------------------------------------------------------------

--- Whether a list of tags has this one; weak ones count only if `weak`.
local function has_tag(list, tag, weak)
  if list:match("^%s*%*%s*$") then
    return true
  end
  local plain = tag:gsub("^W/", "")
  for prefix, one in list:gmatch('(W?/?)("[^"]*")') do
    if one == plain and (weak or prefix == "" and tag == plain) then
      return true
    end
  end
  return false
end

-- A bit of the flags that a head comes with; see http1.c.
local FLAG_CONDITIONAL = 32

--- Whether a request asks for a part, or under conditions: `check` and `ranges`
--- tell.
---@param req neap.http.Request
---@return boolean
function conditions.are_in(req)
  return req._flags & FLAG_CONDITIONAL ~= 0
end

--- The status that the conditions of a request make of 200: 304, 412, or nil.
---@param req neap.http.Request
---@param tag string
---@param mtime integer  seconds
---@return integer?
function conditions.check(req, tag, mtime)
  local headers = req.headers
  local reads = req.method == "GET" or req.method == "HEAD"
  local if_match, if_none_match = headers:get("if-match"), headers:get("if-none-match")
  if if_match then
    if not has_tag(table.concat(headers:get_all("if-match"), ","), tag, false) then
      return 412
    end
  else
    local since = conditions.parse_date(headers:get("if-unmodified-since"))
    if since and mtime > since then
      return 412
    end
  end
  if if_none_match then
    if has_tag(table.concat(headers:get_all("if-none-match"), ","), tag, true) then
      return reads and 304 or 412
    end
    return nil
  end
  local since = reads and conditions.parse_date(headers:get("if-modified-since"))
  return since and mtime <= since and 304 or nil
end

-- ---- ranges ------------------------------------------------------------------

--- Whether If-Range lets a range be answered.
local function range_is_of(req, tag, mtime)
  local text = req.headers:get("if-range")
  if not text then
    return true
  elseif text:find('"', 1, true) then
    return text == tag and tag:sub(1, 2) ~= "W/"
  end
  return conditions.parse_date(text) == mtime
end

-- A set of more ranges, or one with more that overlap, costs more than it is
-- worth to an honest client.
local MAX_RANGES, MAX_OVERLAPS = 64, 2

--- The first and last byte of one range; false if there are none of it, nil if
--- it is none.
local function parse_range(text, size)
  local from, to = text:match("^%s*(%d*)%-(%d*)%s*$")
  if not from or from == "" and to == "" or #from > 15 or #to > 15 then
    return nil
  end
  local first, last = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
  if not first then
    first, last = math.max(size - last, 0), size - 1
    return size > 0 and last >= first and first or false, last
  elseif last and last < first then
    return nil
  elseif first >= size then
    return false
  end
  return first, math.min(last or size - 1, size - 1)
end

--- Whether the ranges are worth sending: not many that overlap, and together
--- not more than the whole.
local function are_fair(ranges, size)
  local sorted, total, overlaps, reached = table.move(ranges, 1, #ranges, 1, {}), 0, 0, -1
  table.sort(sorted, function(a, b) return a[1] < b[1] end)
  for _, range in ipairs(sorted) do
    total = total + range[2] - range[1] + 1
    overlaps = overlaps + (range[1] <= reached and 1 or 0)
    reached = math.max(reached, range[2])
  end
  return #ranges == 1 or total <= size and overlaps <= MAX_OVERLAPS
end

--- The ranges that a request asks for, in its order: { first, last } from 0. The
--- empty list if there are none of them; nil if all is to be sent.
---@param req neap.http.Request
---@param size integer
---@param tag string
---@param mtime integer
---@return integer[][]?
function conditions.ranges(req, size, tag, mtime)
  local text = req.method == "GET" and req.headers:get("range")
  text = text and text:match("^%s*[bB][yY][tT][eE][sS]%s*=(.*)$")
  if not text or not range_is_of(req, tag, mtime) then
    return nil
  end
  local ranges, count = {}, 0
  for item in text:gmatch("[^,]+") do
    if item:find("%S") then
      count = count + 1
      local first, last = parse_range(item, size)
      if first == nil or count > MAX_RANGES then
        return nil
      elseif first then
        ranges[#ranges + 1] = { first, last }
      end
    end
  end
  return count > 0 and are_fair(ranges, size) and ranges or nil
end

return conditions

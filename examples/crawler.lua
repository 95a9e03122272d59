-- Follows the links of a site and tells the dead ones: four workers take pages
-- from a queue until none is left.
--
--   neap examples/crawler.lua URL [most]
--
-- Prints each page's status and URL, then how many there were.
local neap = require("neap")
local url = neap.http.url

local start = arg[1] or error("usage: crawler.lua URL [most]", 0)
local most = tonumber(arg[2]) or 100
local origin = start:match("^https?://[^/]+")

local session <close> = neap.http.session({ timeout = 20 })
local pages, seen, count = neap.sync.queue(), {}, 0

local function add(link)
  link = link:gsub("#.*", "")
  if not seen[link] and count < most and link:sub(1, #origin) == origin then
    seen[link] = true
    count = count + 1
    pages:put(link)
  end
end

local function visit(page)
  local response, err = session:get(page)
  if not response then
    return print("---", page, err)
  end
  print(response.status, page)
  if response.ok and (response.headers["content-type"] or ""):find("^text/html") then
    for link in (response:text() or ""):gmatch('href%s*=%s*"([^"]+)"') do
      add(url.join(response.url, link))
    end
  end
  response:close()
end

add(start)
neap.task_group(function(group)
  for _ = 1, 4 do
    group:spawn(function()
      while true do
        visit(pages:get())
        pages:task_done()
      end
    end)
  end
  pages:join()
  group:cancel()
end)
print(count .. " pages")

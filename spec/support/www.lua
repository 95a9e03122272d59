--- A folder of files that an app serves: those of the specs of static files. Beside
--- `www`, which is served, are files that nobody is to get.
local neap = require("neap")
local temp = require("spec.support.temp")
local web = require("spec.support.web")

local http, fs = neap.http, neap.fs
local request, answer = web.request, web.answer

local www = {}

--- A text that no single read takes whole.
www.LARGE = ("0123456789abcdef"):rep(20000)

--- When they were last changed.
www.WHEN = 1000000000 -- Sun, 09 Sep 2001 01:46:40 GMT

--- A case with a folder of files.
---@param body fun(dir: table, app: neap.http.App)  the app serves the folder's `www`
---@return function
function www.with_files(body)
  return function()
    local dir <close> = temp.dir()
    fs.mkdir(dir / "www/sub", { parents = true })
    fs.mkdir(dir / "www/empty")
    fs.mkdir(dir / "www/.git")
    for name, text in pairs({
      ["www/index.html"] = "<p>index",
      ["www/a.txt"] = "0123456789",
      ["www/large.bin"] = www.LARGE,
      ["www/page.html"] = ("<p>text"):rep(1000),
      ["www/sub/index.html"] = "<p>sub",
      ["www/none"] = "",
      ["www/.secret"] = "secret",
      ["www/.git/config"] = "secret",
      ["www/ä b&<.txt"] = "odd",
      ["secret.txt"] = "secret",
      ["www-more.txt"] = "secret",
    }) do
      assert(fs.write_file(dir / name, text))
      fs.utime(dir / name, www.WHEN, www.WHEN)
    end
    fs.symlink("../secret.txt", dir / "www/link.txt")
    fs.symlink("..", dir / "www/up")
    fs.symlink("a.txt", dir / "www/inner.txt")
    body(dir, http.app():static("/", dir / "www"))
  end
end

--- What an app answers to a GET.
function www.get(app, path, fields)
  return answer(app, request("GET " .. path, fields))
end

return www

--- HTTP: servers (`app`, `response`, `redirect`), clients (`get`, `post`, ...,
--- `request`, `session`) and WebSockets. What a name stands for is loaded when
--- it is first used.

---@class neap.http
local http = {}

-- Name -> module.
local late = {
  app = "neap.http.app",
  response = "neap.http.response",
  redirect = "neap.http.response",
  session = "neap.http.session",
  websocket = "neap.websocket",
  headers = "neap.http.headers",
  url = "neap.http.url",
}
for _, name in ipairs({ "get", "post", "put", "delete", "patch", "head", "options", "request" }) do
  late[name] = "neap.http.client"
end

-- Names that stand for the module itself, and for another name in it.
local whole = { headers = true, url = true }
local renamed = { app = "new", session = "new", websocket = "connect", response = "new" }

return setmetatable(http, {
  __names = function()
    local names = {}
    for name in pairs(late) do
      table.insert(names, name)
    end
    return names
  end,
  __index = function(self, name)
    local path = late[name]
    if not path then
      return nil
    end
    local module = require(path)
    local value = whole[name] and module or module[renamed[name] or name]
    self[name] = value
    return value
  end,
})

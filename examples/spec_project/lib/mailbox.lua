--- What the specs are about: a server that keeps lines for others, and a client
--- that tries again when it gets no answer.
local neap = require("neap")

local mailbox = {}

--- Serves one connection: "put TEXT" keeps a line, "get" waits for one.
---@async
function mailbox.serve(stream, queue)
  for line in stream:lines() do
    local text = line:match("^put (.*)$")
    if text then
      queue:put(text)
      stream:write("ok\n")
    elseif line == "get" then
      stream:write(queue:get(), "\n")
    else
      stream:write("what?\n")
    end
  end
end

--- Calls `ask` until it gives an answer within a second; waits 1, 2, 4, ...
--- seconds between the attempts.
---@async
---@return any? answer
---@return integer attempts
function mailbox.persist(ask, attempts)
  for attempt = 1, attempts do
    local ok, answer = pcall(neap.timeout, 1, ask)
    if ok then
      return answer, attempt
    end
    neap.sleep(2 ^ (attempt - 1))
  end
  return nil, attempts
end

return mailbox

--- Saving an answer's body: into a file beside the one that is asked for, which
--- takes its place once it is complete. To be resumed, what has come of a body
--- that broke off stays in `path.part`, with what identifies it in
--- `path.part.info`; the next save asks the server for the rest.
local fs = require("neap.fs")
local retry = require("neap.http.retry")
local reply = require("neap.http.reply")

local download = {}

---@class neap.http.SaveOptions
---@field resume? boolean  keep what came of a body that breaks off, and go on from there

--- Closes what is left: the answer, the file, which is removed unless it is to
--- stay.
local Guard = {
  __close = function(guard)
    guard.response:close()
    if guard.file then
      guard.file:close()
    end
    if guard.remove then
      require("neap.core").shield(fs.remove, guard.remove)
    end
  end,
}

--- Writes the body to a file opened in `mode`, then puts it in its place.
local function write_body(response, part, mode, path, keep)
  local guard <close> = setmetatable({ response = response, remove = not keep and part or nil }, Guard)
  local file, err = fs.open(part, mode)
  if not file then
    return nil, err
  end
  guard.file = file
  while true do
    local piece, ok
    piece, err = response:read()
    if err then
      return nil, err
    elseif not piece then
      break
    end
    ok, err = file:write(piece)
    if not ok then
      return nil, err
    end
  end
  guard.file = nil
  file:close()
  local ok
  ok, err = fs.rename(part, path)
  if ok then
    guard.remove = nil
  end
  return ok, err
end

-- ---- resuming -----------------------------------------------------------------

--- What tells one version of a body from another, or nil.
local function validator_of(response)
  local etag = response.headers:get("etag")
  if etag and etag:sub(1, 2) ~= "W/" then
    return etag
  end
  return response.headers:get("last-modified")
end

local function is_resumable(response)
  return response._plan.method == "GET" and response.status == 200 and not response._decoders
end

--- How much of this body an earlier save has left; 0 if nothing of use.
local function left_before(response, part, validator)
  local stat = fs.stat(part)
  local length = math.tointeger(tonumber(response.headers:get("content-length")))
  if not stat or stat.size == 0 or fs.read_file(part .. ".info") ~= validator then
    return 0
  end
  return (not length or stat.size < length) and stat.size or 0
end

--- The same request again, for what is behind `from`.
local function ask_again(response, from, validator)
  local plan = response._plan
  local fields = {}
  for _, field in ipairs(plan.fields) do
    if not field:lower():find("^accept%-encoding:") and not field:lower():find("^range:") then
      fields[#fields + 1] = field
    end
  end
  table.insert(fields, "Accept-Encoding: identity")
  table.insert(fields, ("Range: bytes=%d-"):format(from))
  table.insert(fields, "If-Range: " .. validator)
  local session = plan.session._once and require("neap.http.session").make({}) or plan.session
  local again = setmetatable({ session = session, fields = fields, common = false }, { __index = plan })
  local new, err = retry.run(again)
  if session ~= plan.session then
    session._once = true
    session._pool:once()
  end
  return new, err
end

--- The answer to go on from, and how the file is opened for it.
local function continue(response, part, validator)
  local from = left_before(response, part, validator)
  if from == 0 then
    return response, "w"
  end
  response:close()
  local rest, err = ask_again(response, from, validator)
  if not rest then
    return nil, err
  elseif rest.status == 206 and (rest.headers:get("content-range") or ""):find("^bytes " .. from .. "%-") then
    return rest, "a"
  elseif rest.status == 200 then
    return rest, "w"
  end
  rest:close()
  return nil, reply.error(response._plan, "HTTP", "body", ("status %d for the rest of it"):format(rest.status))
end

local function save_resumable(response, path)
  local part, validator = path .. ".part", validator_of(response)
  if not validator or not is_resumable(response) then
    return write_body(response, part, "w", path, false)
  end
  local source, mode = continue(response, part, validator)
  if not source then
    return nil, mode
  end
  if mode == "w" then
    local ok, err = fs.write_file(part .. ".info", validator_of(source) or "")
    if not ok then
      return nil, err
    end
  end
  local ok, err = write_body(source, part, mode, path, true)
  if ok then
    fs.remove(part .. ".info")
  end
  return ok, err
end

local function unique(path)
  return ("%s.%08x.part"):format(path, math.random(0, 0xffffffff))
end

--- Saves the body of an answer: checked arguments in.
---@async
---@return true? ok
---@return neap.Error? err
function download.save(response, path, opts)
  local ok, err
  if opts.resume then
    ok, err = save_resumable(response, path)
  else
    ok, err = write_body(response, unique(path), "w", path, false)
  end
  if not ok then
    return nil, err
  end
  return true
end

return download

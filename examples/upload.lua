-- Takes files from a form and keeps them in a directory. They are written to
-- disk as they come, whatever their size.
--
--   neap examples/upload.lua DIRECTORY [port]
--   curl -F file=@picture.png http://127.0.0.1:8080/
--
-- Prints where it listens, and a line for each file.
local neap = require("neap")

local fs = neap.fs
local directory = assert(arg[1], "usage: neap examples/upload.lua DIRECTORY [port]")

local FORM = [[<!DOCTYPE html>
<meta charset="utf-8">
<title>upload</title>
<form method="post" enctype="multipart/form-data">
<input type="file" name="file" multiple> <button>send</button>
</form>
]]

--- Keeps an uploaded file under a name that is free; its name there.
local function keep(file)
  local name = file.filename:gsub("[^%w._-]", "_"):gsub("^%.*", "")
  local copy, path = assert(fs.mkstemp(directory .. "/" .. name .. "-"))
  copy:close()
  assert(fs.copy(file.path, path))
  print(("%s: %d bytes, %s"):format(path, file.size, file.type))
  io.stdout:flush()
  return path:match("[^/]*$")
end

local app = neap.http.app()

app:get("/", function()
  return { html = FORM }
end)

app:post("/", function(req)
  local files = assert(req:form()).file
  if type(files) ~= "table" then
    return { status = 422, text = "there is no file in the field 'file'\n" }
  end
  local names = {}
  for i, file in ipairs(files.path and { files } or files) do
    names[i] = keep(file)
  end
  return { status = 201, text = table.concat(names, "\n") .. "\n" }
end)

local opts = { host = "127.0.0.1", port = tonumber(arg[2]) or 8080, max_body = 1024 * 1024 * 1024 }
local server <close> = assert(app:serve(opts))
print(("listening on http://127.0.0.1:%d"):format(server:address().port))
io.stdout:flush()
server:serve_forever()

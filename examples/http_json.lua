-- A small REST service: notes that are made, listed, changed and removed. What
-- a client sends is checked; what is wrong with it is answered with 400 or 422.
--
--   neap examples/http_json.lua [port]
--   curl -d '{"text":"buy milk"}' http://127.0.0.1:8080/notes
--   curl http://127.0.0.1:8080/notes/1
--
-- Prints where it listens.
local neap = require("neap")

local http = neap.http
local notes, last_id = {}, 0

--- The note in a request's body, or an answer that says what is wrong with it.
local function read_note(req)
  local body = assert(req:json()) -- no JSON: answered with 400
  if type(body) ~= "table" or type(body.text) ~= "string" or body.text == "" then
    return nil, { status = 422, json = { error = "'text' must be a string that is not empty" } }
  end
  return { text = body.text, done = body.done == true }
end

local function find(req)
  return notes[tonumber(req.params.id)], { status = 404, json = { error = "no such note" } }
end

local app = http.app()

app:get("/notes", function()
  local list = {}
  for id, note in pairs(notes) do
    list[#list + 1] = { id = id, text = note.text, done = note.done }
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return { json = { count = #list, notes = list } }
end)

app:post("/notes", function(req)
  local note, wrong = read_note(req)
  if not note then
    return wrong
  end
  last_id = last_id + 1
  notes[last_id] = note
  return { status = 201, json = note, headers = { Location = "/notes/" .. last_id } }
end)

app:get("/notes/{id:%d+}", function(req)
  local note, missing = find(req)
  return note and { json = note } or missing
end)

app:put("/notes/{id:%d+}", function(req)
  local note, missing = find(req)
  local new, wrong = read_note(req)
  if note and new then
    note.text, note.done = new.text, new.done
  end
  return not note and missing or wrong or { json = note }
end)

app:delete("/notes/{id:%d+}", function(req)
  local note, missing = find(req)
  notes[tonumber(req.params.id)] = nil
  return not note and missing or nil -- nothing: 204
end)

local server <close> = assert(app:serve({ host = "127.0.0.1", port = tonumber(arg[1]) or 8080 }))
print(("listening on http://127.0.0.1:%d"):format(server:address().port))
io.stdout:flush()
server:serve_forever()

--- Runs the examples of the network, and checks what they print.
local child = require("spec.support.child")

local function read(name)
  local file = assert(io.open("examples/" .. name .. ".lua", "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- What an example printed, after a look at how it ended.
local function check(out, err, code)
  assert.equal("", err)
  assert.equal(0, code)
  return out
end

local function run(name, ...)
  return check(child.run(read(name), ...))
end

local function contains(out, expected)
  for _, line in ipairs(expected) do
    assert.is_truthy(out:find(line, 1, true), line .. " is missing in:\n" .. out)
  end
end

-- A web server on a free port while the command runs; it says its port first.
local WITH_WEB_SERVER = [[
command -v python3 >/dev/null || exit 127
dir=$(mktemp -d) && mkfifo "$dir/out" && mkdir "$dir/web" &&
echo "the page" > "$dir/web/page.txt" && exec 3<>"$dir/out" &&
{ python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$dir/web" >&3 2>/dev/null & } &&
server=$! && read -r _ _ _ _ _ port _ <&3;
timeout -k 1 20 %s 127.0.0.1 "$port" /page.txt; code=$?;
kill $server; rm -r "$dir"; (exit $code)]]

describe("the example", function()
  it("protocol_echo sends a message in parts and gets it back", function()
    local out = run("protocol_echo")

    contains(out, {
      "client: sending This is the message. \n",
      "client: sending in parts.\n",
      "server: connection accepted\n",
      "server: received the end\n",
      "server: closing\n",
      "client: the server closed the connection\n",
    })
    local text = {}
    for part in out:gmatch("client: received ([^\n]*)\n") do
      table.insert(text, part)
    end
    assert.equal("This is the message. It will be sent in parts.", table.concat(text))
    assert.matches("the client is done\n$", out)
  end)

  it("protocol_http_get fetches a page", function()
    local out = check(child.run_as(WITH_WEB_SERVER, read("protocol_http_get")))

    assert.matches("^HTTP/1.%d 200 OK\n%d+ headers, 9 bytes\nthe page\n$", out)
  end)

  it("udp_ping pings three times, and hears of the end", function()
    local out = run("udp_ping")

    assert.matches("^ping 1: [%d.]+ ms\nping 2: [%d.]+ ms\nping 3: [%d.]+ ms\n", out)
    assert.matches("after the end: ECONNREFUSED\n$", out)
  end)
end)

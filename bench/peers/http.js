// A web server as a user of Node would write it: "hello" and 1 KB of JSON.
// Prints its port.
const http = require("http");

function items() {
  return Array.from({ length: 20 }, (_, i) => ({
    id: i + 1, name: `item ${i + 1}`, price: (i + 1) * 1.25, done: i % 2 === 1,
  }));
}

const server = http.createServer((request, response) => {
  if (request.url === "/json") {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ items: items() }));
  } else {
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end("hello\n");
  }
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));

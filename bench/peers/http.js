// A web server as a user of Node would write it. Prints its port.
const http = require("http");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end("hello\n");
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));

// An echo server as a user of Node would write it. Prints its port.
const net = require("net");

const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));

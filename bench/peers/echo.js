// An echo server as a user of Node would write it; with a certificate and a key,
// over TLS. Prints its port.
//   echo.js [CERT KEY]
const fs = require("fs");
const net = require("net");
const tls = require("tls");

const [cert, key] = process.argv.slice(2);

function serve(socket) {
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.pipe(socket);
}

const server = cert
  ? tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, serve)
  : net.createServer(serve);
server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", 1024, () => console.log(server.address().port));

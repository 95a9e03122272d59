// A datagram echo server as a user of Node would write it. Prints its port.
const socket = require("dgram").createSocket("udp4");

socket.on("message", (data, from) => socket.send(data, from.port, from.address));
socket.bind(0, "127.0.0.1", () => console.log(socket.address().port));

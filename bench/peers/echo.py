"""An echo server as an asyncio user would write it, on streams or as a protocol;
with a certificate and a key, over TLS. Prints its port.

echo.py asyncio|uvloop streams|protocol [CERT KEY]
"""
import asyncio
import ssl
import sys


async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main(kind, cert=None, key=None):
    options = {"backlog": 1024}
    if cert:
        options["ssl"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["ssl"].load_cert_chain(cert, key)
    if kind == "protocol":
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, **options)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main(*sys.argv[2:]))

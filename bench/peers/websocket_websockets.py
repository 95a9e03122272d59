"""A WebSocket echo server as a user of websockets would write it, on uvloop.
Prints its port.
"""
import asyncio

import uvloop
import websockets


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, compression=None, backlog=1024) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()


uvloop.install()
asyncio.run(main())

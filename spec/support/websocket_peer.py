"""The library `websockets` as the other end: `client URL` checks an echo server
and prints what it found out; `server` prints its port and echoes until its input
ends (`/refuse` is refused, `/close` closes, `/fail` fails, `/parts` sends parts)."""
import asyncio
import http
import sys

import websockets

try:  # what `websockets` means since version 14
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve
    NEW = True
except ImportError:
    from websockets import connect, serve
    NEW = False


async def check_messages(url, compression):
    async with connect(url, compression=compression, max_size=None, subprotocols=["v1"]) as ws:
        print("subprotocol", ws.subprotocol)
        extensions = ws.protocol.extensions if NEW else ws.extensions
        print("extensions", [extension.name for extension in extensions])
        for message in ["", "x", "grüß dich €", b"", b"\xff\x00", "y" * 70000, b"z" * 900000]:
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["in ", "three ", "parts"])
        assert await ws.recv() == "in three parts"
        for i in range(200):
            await ws.send(f"message {i} " * (i % 20))
        for i in range(200):
            assert await ws.recv() == f"message {i} " * (i % 20)
        await asyncio.wait_for(await ws.ping(), 5)
        await ws.close(4000, "enough")
        print("closed", ws.close_code, ws.close_reason)


async def check_end(url, path, *sends):
    async with connect(url + path) as ws:
        try:
            for message in sends:
                await ws.send(message)
            while True:
                await ws.recv()
        except websockets.ConnectionClosed as e:
            print(path, e.rcvd.code, e.rcvd.reason)


async def client(url):
    for compression in ["deflate", None]:
        await check_messages(url + "/echo", compression)
    await check_end(url, "/bye")
    await check_end(url, "/fail")
    await check_end(url, "/small", "x" * 2000)
    await check_end(url, "/small", b"x" * 2000)
    try:
        await connect(url + "/nowhere")
    except websockets.InvalidHandshake as e:
        print("nowhere", e.response.status_code if NEW else e.status_code)


async def refuse(first, request):
    if NEW:
        return first.respond(http.HTTPStatus.FORBIDDEN, "no") if request.path == "/refuse" else None
    return (http.HTTPStatus.FORBIDDEN, [], b"no") if first == "/refuse" else None


def select(first, second):
    offered = second if NEW else first
    return "v1" if "v1" in offered else None


async def handle(ws):
    path = ws.request.path if NEW else ws.path
    if path == "/close":
        await ws.close(4001, "tschüß")
    elif path == "/fail":
        raise RuntimeError("on purpose")
    elif path == "/parts":
        await ws.send(["a" * 1000, "b" * 1000, "c"])
    elif path == "/ping":
        await asyncio.wait_for(await ws.ping(b"are you there"), 5)
        await ws.send("answered")
    else:
        async for message in ws:
            await ws.send(message)


async def server():
    compression = None if "plain" in sys.argv else "deflate"
    async with serve(handle, "127.0.0.1", 0, process_request=refuse, subprotocols=["v1"],
                     select_subprotocol=select, compression=compression, max_size=None) as srv:
        print(srv.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(client(sys.argv[2]) if sys.argv[1] == "client" else server())

"""An echo server as a Trio user would write it. Prints its port."""
import functools

import trio


async def serve(stream):
    try:
        async for data in stream:
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def main():
    async with trio.open_nursery() as nursery:
        listen = functools.partial(trio.serve_tcp, serve, 0, host="127.0.0.1", backlog=1024)
        listeners = await nursery.start(listen)
        print(listeners[0].socket.getsockname()[1], flush=True)


trio.run(main)

"""A web server as an aiohttp user would write it, on uvloop: "hello", 1 KB of
JSON, and the files of a directory. Prints its port.

http_aiohttp.py [DIRECTORY]
"""
import asyncio
import sys

import uvloop
from aiohttp import web


async def hello(request):
    return web.Response(text="hello\n")


async def items(request):
    return web.json_response({"items": [
        {"id": i, "name": f"item {i}", "price": i * 1.25, "done": i % 2 == 0} for i in range(1, 21)
    ]})


async def main():
    app = web.Application()
    app.add_routes([web.get("/", hello), web.get("/json", items)])
    if len(sys.argv) > 1:
        app.add_routes([web.static("/static", sys.argv[1])])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


uvloop.install()
asyncio.run(main())

"""The requests of bench/client.lua by aiohttp, on uvloop; prints the CPU seconds.

client_aiohttp.py URL REQUESTS AT_ONCE
"""
import asyncio
import sys
import time

import aiohttp
import uvloop

url, left, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
size = 0


async def run(session):
    global left, size
    while left > 0:
        left -= 1
        async with session.get(url) as response:
            async for piece in response.content.iter_any():
                size += len(piece)


async def main():
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        await asyncio.gather(*[run(session) for _ in range(at_once)])
    print("%.3f %d" % (time.process_time(), size))


uvloop.install()
asyncio.run(main())

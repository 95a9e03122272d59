"""The operations of bench/ops.lua in Trio; prints the CPU seconds.

ops_trio.py NAME N
"""
import sys
import time

import trio


async def nothing():
    pass


async def all_of(count, fn, *words):
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(fn, *words)


async def turns(n):
    for _ in range(n):
        await trio.sleep(0)


async def switch(n):
    await all_of(2, turns, n // 2)


async def switch_many(n):
    await all_of(10000, turns, n // 10000)


async def spawn(n):
    for _ in range(n):
        await all_of(1, nothing)


async def gather(n):
    for _ in range(n // 10000):
        await all_of(10000, nothing)


async def lock_contended(n):
    lock = trio.Lock()

    async def use():
        for _ in range(n // 100):
            async with lock:
                await trio.sleep(0)

    await all_of(100, use)


async def queue_bounded(n):
    put, get = trio.open_memory_channel(10)

    async def produce():
        for i in range(n):
            await put.send(i)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        for _ in range(n):
            await get.receive()


async def timeout(n):
    for _ in range(n):
        with trio.fail_after(1):
            pass


async def main():
    start = time.process_time()
    await globals()[sys.argv[1]](int(sys.argv[2]))
    print("%.6f" % (time.process_time() - start))


trio.run(main)

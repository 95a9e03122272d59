"""The operations of bench/ops.lua in asyncio; prints the CPU seconds.

ops.py asyncio|uvloop NAME N
"""
import asyncio
import sys
import time


async def nothing():
    pass


async def switch(n):
    async def turns():
        for _ in range(n // 2):
            await asyncio.sleep(0)

    await asyncio.gather(turns(), turns())


async def switch_many(n):
    async def turns():
        for _ in range(n // 10000):
            await asyncio.sleep(0)

    await asyncio.gather(*[turns() for _ in range(10000)])


async def spawn(n):
    for _ in range(n):
        await asyncio.create_task(nothing())


async def gather(n):
    for _ in range(n // 10000):
        await asyncio.gather(*[nothing() for _ in range(10000)])


async def lock_contended(n):
    lock = asyncio.Lock()

    async def use():
        for _ in range(n // 100):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*[use() for _ in range(100)])


async def queue_bounded(n):
    queue = asyncio.Queue(10)

    async def produce():
        for i in range(n):
            await queue.put(i)

    task = asyncio.create_task(produce())
    for _ in range(n):
        await queue.get()
    await task


async def event(n):
    done = asyncio.Event()

    async def wait():
        for _ in range(n):
            await done.wait()
            done.clear()

    task = asyncio.create_task(wait())
    for _ in range(n):
        await asyncio.sleep(0)
        done.set()
    await task


async def main():
    start = time.process_time()
    await globals()[sys.argv[2]](int(sys.argv[3]))
    print("%.6f" % (time.process_time() - start))


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())

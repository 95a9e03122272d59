"""The operations of bench/ops.lua in asyncio; prints the CPU seconds.

ops.py asyncio|uvloop NAME N
"""
import asyncio
import os
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


async def await_done(n):
    task = asyncio.create_task(nothing())
    await task
    for _ in range(n):
        await task


async def lock(n):
    lock = asyncio.Lock()
    for _ in range(n):
        async with lock:
            pass


async def lock_contended(n):
    lock = asyncio.Lock()

    async def use():
        for _ in range(n // 100):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*[use() for _ in range(100)])


async def through(queue, n):
    async def produce():
        for i in range(n):
            await queue.put(i)

    task = asyncio.create_task(produce())
    for _ in range(n):
        await queue.get()
    await task


async def queue(n):
    await through(asyncio.Queue(), n)


async def queue_bounded(n):
    await through(asyncio.Queue(10), n)


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


async def timeout(n):
    for _ in range(n):
        async with asyncio.timeout(1):
            pass


async def sleeps(n):
    await asyncio.gather(*[asyncio.sleep((i * 7919 % 1000 + 1) / 1000) for i in range(n)])


async def timers(n):
    loop = asyncio.get_running_loop()
    handles = [loop.call_later(i * 7919 % 100000 + 10, nothing) for i in range(n)]
    for i in range(n):
        handles[i * 7919 % n].cancel()


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


async def sleeping(n):
    before = resident()
    tasks = [asyncio.create_task(asyncio.sleep(1e6)) for _ in range(n)]
    await asyncio.sleep(0)
    print((resident() - before) // len(tasks), flush=True)
    os._exit(0)


async def main():
    start = time.process_time()
    await globals()[sys.argv[2]](int(sys.argv[3]))
    print("%.6f" % (time.process_time() - start))


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())

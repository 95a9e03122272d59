"""What bench/io.lua does with files and processes, in asyncio, where reading a
file is a thread's; prints the seconds.

io.py asyncio|uvloop copy FILE | read DIR N | read_many DIR N | spawn N
"""
import asyncio
import sys
import time


def copy_lines(path):
    with open(path) as source, open(path + ".copy", "w") as to:
        for line in source:
            to.write(line)


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


async def copy(path):
    await asyncio.to_thread(copy_lines, path)


async def read(directory, n):
    for i in range(1, int(n) + 1):
        await asyncio.to_thread(read_file, f"{directory}/{i}")


async def read_many(directory, n):
    numbers = iter(range(1, int(n) + 1))

    async def work():
        for i in numbers:
            await asyncio.to_thread(read_file, f"{directory}/{i}")

    await asyncio.gather(*[work() for _ in range(16)])


async def spawn(n):
    for _ in range(int(n)):
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()


async def main(name, *words):
    start = time.monotonic()
    await globals()[name](*words)
    print("%.6f" % (time.monotonic() - start))


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main(*sys.argv[2:]))

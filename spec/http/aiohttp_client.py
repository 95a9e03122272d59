"""A client for spec/http/peers_spec.lua: aiohttp_client.py URL"""
import asyncio
import hashlib
import sys

import aiohttp

URL = sys.argv[1]


async def produce():
    for i in range(100):
        yield b"%d," % i


async def main():
    jar = aiohttp.CookieJar(unsafe=True)  # also of addresses
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(URL + "/") as r:
            assert (r.status, await r.text()) == (200, "hello"), r
            assert r.content_type == "text/plain" and r.charset == "utf-8"

        async with session.get(URL + "/json", params={"a": "ü &"}) as r:
            assert await r.json() == {"a": "ü &"}

        async with session.post(URL + "/echo", data=produce()) as r:
            assert await r.read() == b"".join([b"%d," % i for i in range(100)])

        body = bytes(range(256)) * 4096
        async with session.post(URL + "/sum", data=body) as r:
            assert await r.text() == str(sum(body)), r

        form = aiohttp.FormData(quote_fields=False)
        form.add_field("a", "1")
        form.add_field("file", body, filename="ä.bin", content_type="image/png")
        async with session.post(URL + "/form", data=form) as r:
            assert await r.json() == {"a": "1", "name": "ä.bin", "type": "image/png", "size": len(body)}, await r.text()

        async with session.get(URL + "/stream") as r:
            digest = hashlib.sha256()
            async for piece in r.content.iter_any():
                digest.update(piece)
            assert digest.hexdigest() == hashlib.sha256(b"".join(b"line %d\n" % i for i in range(1, 20001))).hexdigest()

        async with session.head(URL + "/") as r:
            assert r.status == 200 and r.headers["Content-Length"] == "5"

        async with session.get(URL + "/none") as r:
            assert r.status == 404

        async with session.get(URL + "/text") as r:
            assert r.headers["Content-Encoding"] in ("gzip", "deflate")
            assert await r.text() == "some text " * 500

        async with session.get(URL + "/cookie") as r:
            pass
        async with session.get(URL + "/cookie") as r:
            assert await r.text() == "v"

        async def one(i):
            async with session.get(URL + "/json", params={"a": str(i)}) as r:
                return (await r.json())["a"]

        assert await asyncio.gather(*[one(i) for i in range(200)]) == [str(i) for i in range(200)]
    print("fine")


asyncio.run(main())

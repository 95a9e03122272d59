"""A server for specs of the HTTP client, by aiohttp; and a proxy.

peer_server.py [CERT KEY]   prints the ports: HTTP, raw, proxy, HTTPS
The raw one is no HTTP server: its answers are what no library would send.
"""
import asyncio
import base64
import gzip
import logging
import socket
import ssl
import struct
import sys
import zlib

from aiohttp import web

counts = {}


async def echo(request):
    body = await request.read()
    return web.json_response({
        "method": request.method,
        "path": request.raw_path,
        "headers": {k.lower(): v for k, v in request.headers.items()},
        "fields": [[k, v] for k, v in request.headers.items()],
        "body": body.decode("latin-1"),
        "port": request.transport.get_extra_info("peername")[1],
    })


async def form(request):
    out = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            data = value.file.read()
            value = [value.filename, value.content_type, len(data), data[:20].decode("latin-1")]
        out[name] = value
    return web.json_response(out)


async def chain(request):
    left = int(request.match_info["n"])
    if left == 0:
        return web.Response(text="the end")
    return web.Response(status=302, headers={"Location": f"/chain/{left - 1}"}, text="moved " * 20)


async def redirect(request):
    return web.Response(status=int(request.query["status"]), headers={"Location": request.query["to"]})


async def cookie_set(request):
    response = web.Response(text="set")
    for name, value in request.query.items():
        response.set_cookie(name, value, path="/cookies")
    return response


async def cookie_show(request):
    return web.json_response(dict(request.cookies))


async def slow(request):
    response = web.StreamResponse()
    await asyncio.sleep(float(request.query.get("before", 0)))
    await response.prepare(request)
    await response.write(b"first")
    await asyncio.sleep(float(request.query.get("after", 0)))
    await response.write(b"second")
    return response


async def chunks(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for i in range(int(request.query["n"])):
        await response.write(b"chunk %d\n" % i)
    return response


async def large(request):
    size = int(request.query["size"])
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    block = b"0123456789abcdef" * 4096
    sent = 0
    while sent < size:
        n = min(len(block), size - sent)
        await response.write(block[:n])
        sent += n
        counts["large"] = sent
    return response


async def compressed(request):
    kind = request.query["as"]
    data = b"compressed text " * 10000
    if kind == "gzip":
        out = gzip.compress(data)
    elif kind == "deflate":
        out = zlib.compress(data)
    elif kind == "raw":
        c = zlib.compressobj(wbits=-15)
        out = c.compress(data) + c.flush()
        kind = "deflate"
    elif kind == "both":
        out = gzip.compress(zlib.compress(data))
        kind = "deflate, gzip"
    elif kind == "broken":
        out, kind = gzip.compress(data)[:200] + b"\xff" * 50, "gzip"
    elif kind == "cut":
        out, kind = gzip.compress(data)[:-20], "gzip"
    elif kind == "bomb":
        c = zlib.compressobj(9, wbits=31)
        out = b"".join(c.compress(bytes(1 << 20)) for _ in range(100)) + c.flush()
        kind = "gzip"
    else:
        out = data
    return web.Response(body=out, headers={"Content-Encoding": kind})


async def basic(request):
    want = "Basic " + base64.b64encode(b"user:pa:ss").decode()
    if request.headers.get("Authorization") != want:
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    return web.Response(text="welcome")


async def flaky(request):
    """Fails so many times."""
    key = request.query["key"]
    counts[key] = counts.get(key, 0) + 1
    if counts[key] <= int(request.query["fails"]):
        return web.Response(status=503, headers={"Retry-After": "0"})
    return web.Response(text=str(counts[key]))


async def count(request):
    return web.Response(text=str(counts.get(request.query["key"], 0)))


async def status(request):
    return web.Response(status=int(request.match_info["n"]), text="status")


RANGED = b"".join(b"%09d\n" % i for i in range(30000))


async def ranged(request):
    """A file with ranges; with ?cut=N the connection ends after N bytes."""
    etag = '"%s"' % request.query.get("etag", "v1")
    start, code = 0, 200
    wanted = request.headers.get("Range")
    counts["ranges"] = counts.get("ranges", 0) + (1 if wanted else 0)
    if wanted and request.headers.get("If-Range", etag) == etag:
        start, code = int(wanted[6:].split("-")[0]), 206
    data = RANGED[start:]
    fields = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Length": str(len(data))}
    if code == 206:
        fields["Content-Range"] = f"bytes {start}-{len(RANGED) - 1}/{len(RANGED)}"
    response = web.StreamResponse(status=code, headers=fields)
    await response.prepare(request)
    cut = int(request.query.get("cut", 0))
    if cut and not wanted:
        await response.write(data[:cut])
        request.transport.close()
        return response
    await response.write(data)
    return response


async def hang_up_once(request):
    """Answers, and closes the connection a moment later."""
    asyncio.get_running_loop().call_later(0.05, request.transport.close)
    return web.Response(text="bye")


async def early(request):
    """Answers without reading the body."""
    return web.Response(status=413, text="too much")


RAW = {
    "nothing": b"",
    "garbage": b"this is no HTTP\r\n\r\n",
    "head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "badchunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "old": b"HTTP/1.0 200 Fine\r\n\r\nuntil the end",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "bighead": b"HTTP/1.1 200 OK\r\n" + b"X-Field: " + b"x" * 1000 + b"\r\n" + (b"X-F: " + b"y" * 1000 + b"\r\n") * 400,
    "noreason": b"HTTP/1.1 204\r\n\r\n",
}


async def raw(reader, writer):
    try:
        line = await reader.readline()
        name = line.split(b" ")[1].decode().strip("/").split("?")[0] if b" " in line else ""
        while (await reader.readline()).strip():
            pass
        if name == "mute":
            await reader.read()
        elif name == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif name in RAW:
            writer.write(RAW[name])
            await writer.drain()
    except (ConnectionError, IndexError):
        pass
    finally:
        writer.close()


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def proxy(reader, writer):
    """CONNECT and absolute URLs; a password is asked for below /needs-password."""
    try:
        line = (await reader.readline()).decode()
        fields = []
        while (field := await reader.readline()).strip():
            fields.append(field)
        method, where, _ = line.split()
        text = b"".join(fields).lower()
        counts["proxy"] = counts.get("proxy", 0) + 1
        counts["proxy-auth"] = text.count(b"proxy-authorization: basic " + base64.b64encode(b"me:secret").lower())
        if "forbidden" in where:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            host, port = where.rsplit(":", 1)
            there = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            address, path = where.split("//", 1)[1].split("/", 1)
            there = await asyncio.open_connection("127.0.0.1", int(address.rsplit(":", 1)[1]))
            kept = [f for f in fields if not f.lower().startswith((b"proxy-", b"connection"))]
            there[1].write(f"{method} /{path} HTTP/1.1\r\nVia: test\r\nConnection: close\r\n".encode())
            there[1].write(b"".join(kept) + b"\r\n")
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))
    except (ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def main():
    app = web.Application(client_max_size=1 << 30)
    for path, handler in [
        ("/echo", echo), ("/form", form), ("/chain/{n}", chain), ("/redirect", redirect),
        ("/cookies/set", cookie_set), ("/cookies/show", cookie_show), ("/slow", slow), ("/chunks", chunks),
        ("/large", large), ("/compressed", compressed), ("/basic", basic), ("/flaky", flaky), ("/count", count),
        ("/status/{n}", status), ("/ranged", ranged), ("/bye", hang_up_once), ("/early", early),
    ]:
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    servers = []
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    servers.append(site._server)
    servers.append(await asyncio.start_server(raw, "127.0.0.1", 0))
    servers.append(await asyncio.start_server(proxy, "127.0.0.1", 0))
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        secure = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await secure.start()
        servers.append(secure._server)
    print(*[s.sockets[0].getsockname()[1] for s in servers], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # no cleanup of the runner: it would wait for the handlers that are left


logging.disable()  # clients go away as they like
asyncio.run(main())

"""A connection that sends no request, or half of one, is closed; one that is answered slowly isn't."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from slowtask.cli.serve import listen

pytestmark = pytest.mark.server
HEAD = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


def serve(monkeypatch, check):
    """Run *check* with what connects to a server, and an event that its page /late waits for."""
    monkeypatch.setattr(listen, "HEAD_LIMIT", 0.3)

    async def run():
        go_on = asyncio.Event()

        async def late(request):
            await go_on.wait()
            return PlainTextResponse("late")

        async def soon(request):
            return PlainTextResponse("soon")

        server = listen.make_server(Starlette(routes=[Route("/late", late), Route("/soon", soon)]))
        listener = listen.bind("127.0.0.1", 0)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(60):
                await check(lambda: asyncio.open_connection(*listener.getsockname()), go_on)
        finally:
            server.should_exit = True
            await running

    asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", HEAD[:12]], ids=["nothing", "half a request"])
@pytest.mark.parametrize("before", [False, True], ids=["at first", "after a request"])
def test_a_connection_that_does_not_go_on_is_closed(monkeypatch, sent, before):
    async def check(connect, _):
        reader, writer = await connect()
        if before:
            writer.write(HEAD % b"soon")
            await reader.readuntil(b"soon")
        writer.write(sent)

        assert await reader.read() == b""

        writer.close()

    serve(monkeypatch, check)


def test_a_slow_answer_is_not_cut_off(monkeypatch):
    async def check(connect, go_on):
        reader, writer = await connect()
        writer.write(HEAD % b"soon")
        await reader.readuntil(b"soon")
        writer.write(HEAD % b"late")
        idle, other = await connect()
        assert await idle.read() == b""  # so long ago, the limit has passed
        other.close()
        go_on.set()

        assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")

        writer.close()

    serve(monkeypatch, check)
